"""The page on which it is said what event of Certain a source reads (S5)."""

from __future__ import annotations

from typing import Final

from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from heliograph.accounts.languages import translated
from heliograph.accounts.models import Role
from heliograph.accounts.roles import AccountRequest, needs
from heliograph.domain.ids import read_id
from heliograph.domain.mapping.json_bodies import BodyError
from heliograph.domain.source.certain import CERTAIN, CertainEvent
from heliograph.setup.services.setup_save import saving
from heliograph.setup.setup_errors import Invalid
from heliograph.setup.views.setup_frame import form_page
from heliograph.setup.views.shared_form import SharedForm
from heliograph.sources.services import certain_events
from heliograph.sources.services.sources import platform_row
from heliograph.sources.views.connection_choices import connection_choices
from heliograph.web.form_fields import Select, TextLine
from heliograph.web.forms import posted
from heliograph.web.shown_fields import Choice
from heliograph.web.toasts import say

ENTRY: Final = "sources"


class CertainForm(SharedForm):
    """One event at Certain."""

    pairs = (("account", "event"),)

    server = TextLine(
        gettext_lazy("Server"),
        required=True,
        autocomplete="off",
        help=gettext_lazy("As in the address of its pages, such as https://app.certain.com."),
    )
    connection = Select(
        gettext_lazy("Connection"), options=(), initial="", help=gettext_lazy("With Basic Authentication, and on the same server.")
    )
    account = TextLine(gettext_lazy("Account code"), required=True, autocomplete="off")
    event = TextLine(gettext_lazy("Event code"), required=True, autocomplete="off")
    part = Select(
        gettext_lazy("What is read"),
        options=[
            Choice("registrations", gettext_lazy("Registrations, with answers and properties")),
            Choice("sessions", gettext_lazy("The sessions of registrations")),
        ],
        initial="registrations",
        required=True,
        help=gettext_lazy(
            "Sessions are another list at Certain: add a second source for them. Sessions of a registration wait until the registration is here."
        ),
    )
    event_here = TextLine(
        gettext_lazy("Event here"), optional=True, autocomplete="off", help=gettext_lazy("The code of the event here. Blank: the same.")
    )
    zone = TextLine(
        gettext_lazy("Time zone"),
        optional=True,
        autocomplete="off",
        help=gettext_lazy(
            "The time zone of Certain’s times, such as America/Los_Angeles. If it is blank, each reading begins 26 hours earlier."
        ),
    )


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMINISTRATOR)
@never_cache
def source_certain(request: AccountRequest, id: int) -> HttpResponse:
    """Shows and saves which event is read. Its list and its mapping follow from it."""
    source = platform_row(id, CERTAIN)
    event = certain_events.certain_event(source)
    stored = {name: "" if value is None else str(value) for name, value in event.to_body().items()} if event else {}
    form = CertainForm(posted(request), stored=stored)
    form.say("connection", options=connection_choices())
    if form.is_valid():
        try:
            typed = CertainEvent.from_body(form.cleaned_data | {"connection": read_id(form.cleaned_data["connection"])})
            with saving(request.account.pk, by=request.user.actor) as transaction:
                certain_events.save_event(transaction, id, typed)
        except BodyError as error:
            form.add_error(error.where or None, translated(error.reason))
        except Invalid as error:
            form.refuse(error)
        else:
            say(request, _("Saved. Fetch a sample answer now, because the name of its list is not documented. Then test it."))
            return HttpResponseRedirect(reverse("source-list-form", args=(id,)))
    href = reverse("source", args=(id,))
    return form_page(
        request,
        form,
        _("The event at Certain"),
        entry=ENTRY,
        crumbs=[(_("Sources"), reverse("sources")), (source.name, href)],
        lead=_(
            "These settings come from Certain’s public documentation and were never run against the real service. Test the "
            "source before you switch it on. A source reads one event. Saving describes the list again."
        ),
        cancel_href=href,
    )
