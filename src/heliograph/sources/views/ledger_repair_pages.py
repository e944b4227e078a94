"""Repairing the gaps of the ledger, one or all of a kind, and comparing its sources now (S9)."""

from __future__ import annotations

from typing import Final

from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from heliograph.accounts.models import Role
from heliograph.accounts.roles import AccountRequest, needs
from heliograph.domain.source.ledger_rules import Repair
from heliograph.registrations.imports.preparation import load_known
from heliograph.setup.views.setup_frame import settings_page
from heliograph.sources import ledger_words as words
from heliograph.sources.call_targets import CallTargets
from heliograph.sources.ledger_gaps import Gap
from heliograph.sources.services import ledger_repairs
from heliograph.sources.source_ledger import GapFilter, filtered_gaps, ledger_of
from heliograph.sources.views.ledger_pages import ENTRY, GapFilters, event_url
from heliograph.store.config_cache import Committed
from heliograph.store.database import Database
from heliograph.store.django_database import read_database
from heliograph.web.confirmation import Breaks, Moving, is_agreed, question
from heliograph.web.form_fields import TextLine
from heliograph.web.forms import Form, posted
from heliograph.web.toasts import say

LONGEST: Final = 200


class RepairForm(Form):
    """The gap that is repaired."""

    event = TextLine()
    gap = TextLine()


class CompareForm(Form):
    """The event whose sources are compared."""

    event = TextLine()


def _posted_gap(request: AccountRequest) -> tuple[str, list[Gap]]:
    """The event whose ledger was open, and the gap whose button was pressed, if it still exists."""
    form = RepairForm(posted(request))
    event, key = (str(form.posted.get(name, ""))[:LONGEST] for name in ("event", "gap"))
    with read_database() as db:
        return event, _gaps_named(db, request.account.pk, event, key)


def _gaps_named(db: Database, account: int, event: str, key: str) -> list[Gap]:
    """The gap of an event with this key, if it still exists."""
    return [gap for gap in filtered_gaps(ledger_of(db, account), GapFilter(event)) if gap.key == key]


@require_POST
@needs(Role.ADMINISTRATOR)
def ledger_repair(request: AccountRequest) -> HttpResponse:
    """Begins the repair of one gap."""
    event, gaps = _posted_gap(request)
    done = ledger_repairs.repair(request.account.pk, gaps, by=request.user.actor)
    say(request, words.repaired(done.begun, done.not_begun, done.refused))
    return HttpResponseRedirect(event_url(event))


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMINISTRATOR)
@never_cache
def ledger_leave_out(request: AccountRequest) -> HttpResponse:
    """Asks for confirmation, and leaves out a refused row of a watched folder."""
    event, key = (request.GET.get(name, "")[:LONGEST] for name in ("event", "gap"))
    with read_database() as db:
        gap = next(iter(_gaps_named(db, request.account.pk, event, key)), None)
        why, place = ("", "") if gap is None else words.reason(gap, CallTargets(load_known(db, Committed(db), request.account.pk)))
    confirmation = question(
        _("Leave this row out?") if gap is None or gap.is_of_row else _("Leave this file out?"),
        lead=f"{why} {place}",
        notes=[_("The ledger no longer counts it as a gap. If the row comes again and is refused again, it is a new gap.")],
        crumbs=[(_("Sources"), reverse("sources")), (_("Ledger"), reverse("ledger")), (words.event_name(event), event_url(event))],
        thing=key,
        button=_("Leave it out") if gap is not None else "",
        cancel_href=event_url(event),
    )
    if gap is None or is_agreed(request, confirmation):
        left_out = 0 if gap is None else ledger_repairs.leave_out(request.account.pk, [gap], by=request.user.actor)
        say(request, words.left_out(left_out))
        return HttpResponseRedirect(event_url(event))
    return settings_page(request, "confirmation.html", entry=ENTRY, **confirmation)


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMINISTRATOR)
@never_cache
def ledger_repair_all(request: AccountRequest) -> HttpResponse:
    """Asks for confirmation, and begins the repair of all gaps of a kind that match the filters."""
    filters = GapFilters(request)
    event, kind = filters.cleaned_data["event"], filters.cleaned_data["kind"]
    if kind is None:
        raise Http404
    if refusal := filters.refuse_unread(event_url(event)):
        return refusal
    with read_database() as db:
        gaps = filtered_gaps(ledger_of(db, request.account.pk), filters.gap_filter)
    href, count = filters.address(reverse("ledger-event")), len(gaps)
    numbers = {"n": intcomma(count), "kind": words.KINDS[kind], "event": words.event_name(event)}
    ways = {gap.verdict.repair for gap in gaps}
    confirmation = question(
        ngettext("Repair %(n)s gap of %(event)s?", "Repair %(n)s gaps of %(event)s?", count) % numbers,
        lead=_("“%(kind)s”: each is repaired by what its button does.") % numbers,
        crumbs=[(_("Sources"), reverse("sources")), (_("Ledger"), reverse("ledger")), (words.event_name(event), href)],
        breaks=[Breaks(str(words.REPAIRS[way]), Moving(_DOES[way])) for way in Repair if way in ways and way is not Repair.NONE],
        thing=(event, kind, filters.cleaned_data["source"], count),
        button=_("Repair them") if gaps else "",
        cancel_href=href,
    )
    if is_agreed(request, confirmation):
        done = ledger_repairs.repair(request.account.pk, gaps, by=request.user.actor)
        say(request, words.repaired(done.begun, done.not_begun, done.refused))
        return HttpResponseRedirect(event_url(event))
    return settings_page(request, "confirmation.html", entry=ENTRY, **confirmation)


_DOES: Final = {
    Repair.RUN_AGAIN: gettext_lazy("The calls are recorded with today’s mapping. Flows act on what changes."),
    Repair.IMPORT_AGAIN: gettext_lazy("The files with the refused rows are put into the folder again. Flows act on what changes."),
    Repair.READ: gettext_lazy("The sources are read once more. Flows act on what changes."),
    Repair.SET_INACTIVE: gettext_lazy("The sources are asked for each once more. Missing ones become inactive, and flows act on that."),
    Repair.RETRY: gettext_lazy("The messages are sent next on their connections."),
}


@require_POST
@needs(Role.ADMINISTRATOR)
def ledger_compare(request: AccountRequest) -> HttpResponse:
    """Has the sources of an event compared now."""
    form = CompareForm(posted(request))
    event = str(form.posted.get("event", ""))[:LONGEST]
    count = ledger_repairs.compare_event(request.account.pk, event, by=request.user.actor)
    if count:
        say(request, ngettext("%(n)s source is being compared.", "%(n)s sources are being compared.", count) % {"n": intcomma(count)})
    else:
        say(request, _("No source of this event can be read now."))
    return HttpResponseRedirect(event_url(event))
