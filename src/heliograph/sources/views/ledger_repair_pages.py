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
from heliograph.setup.views.setup_frame import settings_page
from heliograph.sources import ledger_words as words
from heliograph.sources.services import ledger_repairs
from heliograph.sources.source_ledger import GapFilter, filtered_gaps, ledger_of
from heliograph.sources.views.ledger_pages import ENTRY, GapFilters, event_url
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


@require_POST
@needs(Role.ADMINISTRATOR)
def ledger_repair(request: AccountRequest) -> HttpResponse:
    """Begins the repair of one gap."""
    form = RepairForm(posted(request))
    event, key = (str(form.posted.get(name, ""))[:LONGEST] for name in ("event", "gap"))
    with read_database() as db:
        gaps = [gap for gap in filtered_gaps(ledger_of(db, request.account.pk), GapFilter(event)) if gap.key == key]
    done = ledger_repairs.repair(request.account.pk, gaps, by=request.user.actor)
    say(request, words.repaired(done.begun, done.not_begun, done.refused))
    return HttpResponseRedirect(event_url(event))


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMINISTRATOR)
@never_cache
def ledger_repair_all(request: AccountRequest) -> HttpResponse:
    """Asks for confirmation, and begins the repair of all gaps of a kind."""
    filters = GapFilters(request)
    event, kind = filters.cleaned_data["event"], filters.cleaned_data["kind"]
    if kind is None:
        raise Http404
    with read_database() as db:
        gaps = filtered_gaps(ledger_of(db, request.account.pk), filters.gap_filter)
    href, count = event_url(event, kind=kind), len(gaps)
    numbers = {"n": intcomma(count), "kind": words.KINDS[kind], "event": words.event_name(event)}
    ways = {gap.verdict.repair for gap in gaps}
    confirmation = question(
        ngettext("Repair %(n)s gap of %(event)s?", "Repair %(n)s gaps of %(event)s?", count) % numbers,
        lead=_("“%(kind)s”: each is repaired by what its button does.") % numbers,
        crumbs=[(_("Sources"), reverse("sources")), (_("Ledger"), reverse("ledger")), (words.event_name(event), href)],
        breaks=[Breaks(str(words.REPAIRS[way]), Moving(_DOES[way])) for way in Repair if way in ways and way is not Repair.NONE],
        thing=(event, kind, count),
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
