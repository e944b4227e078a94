"""The question before a source is removed: what becomes of its registrations (S1)."""

from __future__ import annotations

from typing import Final

from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods

from heliograph.accounts.models import Role
from heliograph.accounts.roles import AccountRequest, needs
from heliograph.jobs.models import Job
from heliograph.jobs.page import JobPage, Sum
from heliograph.setup.services.setup_save import saving
from heliograph.setup.views.setup_frame import settings_page
from heliograph.sources import source_removal as service
from heliograph.sources.models import Source
from heliograph.sources.services.sources import source_row
from heliograph.sources.source_list import source_rows
from heliograph.sources.source_removal import Afterwards, RemovalPreview
from heliograph.store.django_database import read_database
from heliograph.web.confirmation import Breaks, LinkedThing, Moving, is_agreed, question, with_fields
from heliograph.web.form_fields import Radios
from heliograph.web.forms import Form, member_of, posted
from heliograph.web.shown_fields import Choice
from heliograph.web.toasts import say

ENTRY: Final = "sources"


class RemovalForm(Form):
    """What becomes of the registrations of a source."""

    then = Radios(
        gettext_lazy("What happens to its registrations?"),
        options=[
            Choice(
                Afterwards.KEEP.value,
                gettext_lazy("They stay as they are"),
                sub=gettext_lazy("From now on they are edited by hand, by file or by the API"),
            ),
            Choice(
                Afterwards.INACTIVE.value,
                gettext_lazy("They become inactive, and flows act"),
                sub=gettext_lazy("Each counts as one change, as if made by hand. Below you see what flows would send"),
            ),
            Choice(
                Afterwards.QUIET.value,
                gettext_lazy("They become inactive quietly"),
                sub=gettext_lazy("No flow acts: your applications get nothing"),
            ),
        ],
        initial=Afterwards.KEEP.value,
    )


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMINISTRATOR)
def source_remove(request: AccountRequest, id: int) -> HttpResponse:
    """Asks what happens to its registrations, and removes a source."""
    source = source_row(id)
    with read_database() as db:
        (row,) = source_rows(db, [source])
        preview = service.preview(db, request.account.pk, id)
    href = reverse("source", args=(id,))
    form = RemovalForm(posted(request))
    confirmation = question(
        _("Remove “%(name)s”?") % {"name": source.name},
        lead=_("Nothing more comes from it, and its address no longer answers. You can’t undo this. For a break, pause it instead."),
        crumbs=[(_("Sources"), reverse("sources")), (source.name, href)],
        breaks=[*_kept_calls(row.day.waiting + row.day.stored, href), *_registrations(preview)],
        thing=(source.pk, source.name),
        button=_("Remove the source"),
        button_class="danger",
        cancel=_("Keep it"),
        cancel_href=href,
    )
    if form.is_valid() and is_agreed(request, confirmation):
        afterwards = member_of(Afterwards, form.cleaned_data["then"], Afterwards.KEEP)
        with saving(request.account.pk, by=request.user.actor) as transaction:
            job = service.remove_source(transaction, id, afterwards, preview.count.own)
        say(request, _("“%(name)s” is removed.") % {"name": source.name})
        return HttpResponseRedirect(reverse("job", args=(job.pk,)) if job is not None else reverse("sources"))
    return settings_page(
        request, "confirmation.html", entry=ENTRY, **(with_fields(confirmation, form) if preview.count.own else confirmation)
    )


def _kept_calls(waits: int, href: str) -> list[Breaks]:
    if not waits:
        return []
    words = ngettext("%(n)s stored call is never recorded.", "%(n)s stored calls are never recorded.", waits) % {"n": intcomma(waits)}
    return [Breaks(_("Stored but not recorded"), Moving(words), tone="wait", items=[LinkedThing(_("Its calls"), href)])]


def _registrations(preview: RemovalPreview) -> list[Breaks]:
    """What came by it, who changed it since, and what flows would send."""
    count = preview.count
    if not count.own and not count.shared:
        return [Breaks(_("No registration came only by it"), _("Nothing else changes."))]
    own = ngettext("%(n)s active registration came only by it", "%(n)s active registrations came only by it", count.own)
    sentences = [own % {"n": intcomma(count.own)}]
    if count.by_hand:
        by_hand = ngettext("%(n)s of them was changed by hand since", "%(n)s of them were changed by hand since", count.by_hand)
        sentences.append(by_hand % {"n": intcomma(count.by_hand)})
    text = "; ".join(sentences) + "."
    if not count.is_whole:
        text += " " + _("There may be more: only the first 100,000 registrations of the account are counted here.")
    if count.shared:
        shared = ngettext(
            "%(n)s more came by it and was changed by another source, a file or a program: it stays in any case.",
            "%(n)s more came by it and were changed by another source, a file or a program: they stay in any case.",
            count.shared,
        )
        text += " " + shared % {"n": intcomma(count.shared)}
    breaks = [Breaks(_("Its registrations"), Moving(text))]
    if preview.acts:
        names = ", ".join(sorted(name or _("Without a name") for name in preview.acts))
        times = ", ".join(f"{name or _('Without a name')} {intcomma(n)}" for name, n in preview.acts.most_common())
        tried = ngettext("Of the first %(n)s: %(times)s.", "Of the first %(n)s: %(times)s.", preview.tried) % {
            "n": intcomma(preview.tried),
            "times": times,
        }
        breaks.append(Breaks(_("If flows act, these send: %(names)s") % {"names": names}, Moving(tried), tone="wait"))
    elif count.own:
        breaks.append(Breaks(_("If flows act, none would send anything")))
    if count.own:
        undo = _("You can set each one active again on its page, but not all at once. What was sent stays sent.")
        breaks.append(Breaks(_("You can’t undo this for all at once"), undo))
    return breaks


def job_page(job: Job) -> JobPage:
    """The contents of the job's page."""
    changed, refused = int(job.counts.get("changed", 0)), int(job.counts.get("refused", 0))
    source = Source.objects.filter(pk=int(job.parameters["source"])).first()
    sums = [Sum(_("Inactive now"), changed)]
    if refused:
        sums.append(Sum(_("Left as they are"), refused, _("Somebody saved them at that very moment"), tone="failed"))
    sums.append(Sum(_("Registrations"), int(job.parameters["total"]), total=True))
    return JobPage(
        heading=_("The registrations are inactive") if job.is_over else _("Setting registrations inactive"),
        lead=_("Those that came only by “%(name)s”, which was removed.") % {"name": source.name if source else ""},
        crumbs=[(_("Sources"), reverse("sources"))],
        label=_("Setting inactive"),
        sums=sums,
        refused=None,
        links=[(_("Back to Sources"), reverse("sources"), "primary")],
        stop_note=_("Changes made so far stay."),
    )
