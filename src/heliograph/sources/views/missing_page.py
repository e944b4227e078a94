"""The question about registrations that are missing at the platform: a sweep missed more than a tenth of all (S3)."""

from __future__ import annotations

from typing import Final

from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from heliograph.accounts.models import Role
from heliograph.accounts.roles import AccountRequest, needs
from heliograph.setup.services.setup_save import saving
from heliograph.setup.views.setup_frame import settings_page
from heliograph.sources.services import list_readings
from heliograph.sources.services.sources import source_row
from heliograph.sources.source_list import progress_of
from heliograph.web.confirmation import is_agreed, question, with_fields
from heliograph.web.form_fields import Radios
from heliograph.web.forms import Form
from heliograph.web.shown_fields import Choice
from heliograph.web.toasts import say

KEEP, INACTIVE = "keep", "inactive"
ENTRY: Final = "sources"


class MissingForm(Form):
    """What becomes of the registrations that are missing."""

    then = Radios(
        gettext_lazy("What should happen to them?"),
        options=[
            Choice(
                KEEP,
                gettext_lazy("They stay as they are"),
                sub=gettext_lazy("The next comparison checks again, and asks if they are still missing"),
            ),
            Choice(
                INACTIVE,
                gettext_lazy("They become inactive"),
                sub=gettext_lazy("Each is requested once more first. Flows act on those changes"),
            ),
        ],
        initial=KEEP,
    )


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMINISTRATOR)
@never_cache
def source_missing(request: AccountRequest, id: int) -> HttpResponse:
    """Asks what becomes of registrations that a source no longer lists, and does it."""
    source = source_row(id)
    progress = progress_of(source)
    if not progress.missing:
        raise Http404
    href = reverse("source", args=(id,))
    numbers = {"missing": intcomma(progress.missing), "known": intcomma(progress.known)}
    form = MissingForm(request.POST if request.method == "POST" else None)
    confirmation = question(
        _("%(missing)s of %(known)s registrations are missing at the platform") % numbers,
        lead=_("The last comparison did not find them. If the platform sent only a part of its list, they still exist. Check there first."),
        crumbs=[(_("Sources"), reverse("sources")), (source.name, href)],
        thing=(source.pk, progress.missing, progress.known),
        button=_("Decide"),
        cancel=_("Not now"),
        cancel_href=href,
    )
    if form.is_valid() and is_agreed(request, confirmation):
        inactive = form.cleaned_data["then"] == INACTIVE
        with saving(request.account.pk, by=request.user.actor) as transaction:
            list_readings.answer_missing(transaction, id, set_inactive=inactive, seen=progress.missing)
        say(request, _("They become inactive, one after the other.") if inactive else _("They stay as they are."))
        return HttpResponseRedirect(href)
    return settings_page(request, "confirmation.html", entry=ENTRY, **with_fields(confirmation, form))
