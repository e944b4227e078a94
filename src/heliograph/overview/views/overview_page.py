"""Signal's home (N2): its title is the answer to "is all well?"."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from heliograph.accounts.actors import Actors
from heliograph.accounts.audit import Deed
from heliograph.accounts.models import Role, StartPage
from heliograph.accounts.roles import AccountRequest, may
from heliograph.connections import connection_words as words
from heliograph.deliveries import delivery_words
from heliograph.deliveries.account_reader import AccountReader, account_reader
from heliograph.domain.connection.connection_health import Health
from heliograph.flows.views.first_steps import steps_of
from heliograph.overview.account_overview import AccountOverview, DestinationToday, SavesTogether
from heliograph.overview.views.need_rows import later_row, need_rows
from heliograph.recipes.recipe_file import recipe_of
from heliograph.recipes.views.recipe_list_page import recipe_link
from heliograph.sources.models import Source
from heliograph.store.instants import from_micros
from heliograph.web.charts import hour_bars
from heliograph.web.enumerations import enumeration
from heliograph.web.list_count import ListCount, many
from heliograph.web.pages import page
from heliograph.web.percentages import difference, percent
from heliograph.web.templatetags.moments import ago, clock_minute, day, soon

SHOWN_FLOWS = 3
"""How many flows are named below a destination; of more, the number."""
SHOWN_RETRIES = 3
FIRST_RECIPES = ("slack", "teams", "sheet", "hubspot", "google-chat", "webhook")
"""The recipes that a new account begins with; the page of recipes has all."""
SHOWN_LATER = 5
"""How many causes of failed items are listed; Retry has all."""
QUIET = (Health.ANSWERS, Health.REACHED, Health.CONNECTED, Health.UNTRIED)
"""States that the table of destinations need not name."""
_DEEDS = {
    Deed.CREATED: lambda kind: _("added the %(kind)s") % {"kind": kind},
    Deed.CHANGED: lambda kind: _("changed the %(kind)s") % {"kind": kind},
    Deed.DELETED: lambda kind: _("deleted the %(kind)s") % {"kind": kind},
    Deed.MERGED: lambda kind: _("merged the %(kind)s") % {"kind": kind},
    Deed.SWITCHED_ON: lambda kind: _("switched on the %(kind)s") % {"kind": kind},
    Deed.SWITCHED_OFF: lambda kind: _("switched off the %(kind)s") % {"kind": kind},
    Deed.CONNECTED: lambda kind: _("connected the %(kind)s") % {"kind": kind},
}
_START_PAGES = {StartPage.OVERVIEW: "overview", StartPage.FLOWS: "flow-list"}
_PLACES = {"flow": "flow", "connection": "connection", "mapping": "mapping", "source": "source"}


@require_safe
def start(request: AccountRequest) -> HttpResponse:
    """The start page of Signal: the one that the account has chosen, or the four steps while there is no flow."""
    with account_reader(request.account.pk) as reader:
        page_name = _START_PAGES[StartPage(request.account.start_page)] if reader.config.flows else "signal-first"
    return HttpResponseRedirect(reverse(page_name))


@require_safe
def overview(request: AccountRequest) -> HttpResponse:
    """The page of the Overview. It fetches itself again every 30 seconds."""
    administers = may(request.user, Role.ADMINISTRATOR)
    with account_reader(request.account.pk, snapshot=True) as reader:
        at_a_glance = AccountOverview(reader, ZoneInfo(request.account.timezone))
        needs = at_a_glance.needs
        rows = need_rows(needs.needs, reader, request.user)
        now, destinations = at_a_glance.now, at_a_glance.destinations()
        retried = [(group.next_due, group.connection_name) for group in needs.retrying if group.next_due and group.next_due > now]
        context: dict[str, Any] = {
            "needs": rows,
            "retrying": _retrying(sum((group.count for group in needs.retrying), ListCount()), retried),
            "later": [later_row(group, reader, request.user) for group in needs.later[:SHOWN_LATER]],
            "later_more": max(0, len(needs.later) - SHOWN_LATER) + needs.further_later,
            "destinations": [_destination(row) for row in destinations],
            "elsewhere": _elsewhere(at_a_glance.delivered_elsewhere(destinations)),
            "people_known": at_a_glance.people is not None,
            "delivered": _delivered(at_a_glance),
            "tested": _tested(at_a_glance),
            "tested_href": reverse("insights", query={"mode": "test", "period": "today"}),
            "saves": _saves(request, at_a_glance.saves(), reader),
            "steps": [] if reader.config.flows else steps_of(reader, administers=administers),
            "recipes": [] if reader.config.flows or not administers else [recipe_link(recipe_of(key)) for key in FIRST_RECIPES],
        }
        is_new = not reader.config.flows
    count = len(rows)
    title = ngettext("%(n)d thing needs you", "%(n)d things need you", count) % {"n": count} if count else _("All is well")
    lead = _lead(count)
    if is_new and not count:
        title = _("Welcome, %(name)s") % {"name": request.user.name.partition(" ")[0]}
        lead = _("Heliograph tells your other tools when somebody registers. Let’s send the first one.")
    return page(
        request,
        "overview/overview.html",
        here="overview",
        heading=title,
        is_new=is_new,
        lead=lead,
        **context,
    )


def _lead(count: int) -> str:
    now = timezone.now()
    facts = {"day": day(now), "time": clock_minute(now)}
    return (_("%(day)s, %(time)s. Everything else is running.") if count else _("%(day)s, %(time)s. Everything is running.")) % facts


def _retrying(count: ListCount, retried: Iterable[tuple[int, str]]) -> str:
    """ "2 more are tried again automatically: Lobby display at 14:33, Slack at 14:37."

    retried: when each group is due next (microseconds), with the name of its connection. What is due already is not in it: its connection is
        paused, or its target does not answer
    """
    if count.is_none:
        return ""
    facts = {"n": many(count)}
    text = ngettext("%(n)s is tried again automatically", "%(n)s are tried again automatically", count.number) % facts
    next_due: dict[str, int] = {}
    for due, name in sorted(retried):
        next_due.setdefault(name, due)
    named = [
        _("%(name)s at %(time)s") % {"name": delivery_words.isolated(name), "time": soon(from_micros(due))}
        for name, due in list(next_due.items())[:SHOWN_RETRIES]
        if name
    ]
    return _("%(text)s: %(named)s.") % {"text": text, "named": ", ".join(named)} if named else f"{text}."


def _delivered(at_a_glance: AccountOverview) -> str:
    """ "2,216 for 1,980 people by 14:32, 8 % more than yesterday by this time"."""
    sent, before = at_a_glance.today.total.sent, at_a_glance.delivered_yesterday
    facts = {"n": intcomma(sent), "time": clock_minute(from_micros(at_a_glance.now))}
    if sent and at_a_glance.people is not None:
        people = at_a_glance.people.number()
        facts["n"] = ngettext("%(n)s for %(people)s person", "%(n)s for %(people)s people", people) % {
            "n": facts["n"],
            "people": intcomma(people),
        }
    facts["share"] = difference(sent, before)
    if not facts["share"]:
        return _("%(n)s by %(time)s") % facts
    if sent == before:
        return _("%(n)s by %(time)s, as many as yesterday by this time") % facts
    if sent > before:
        return _("%(n)s by %(time)s, %(share)s more than yesterday by this time") % facts
    return _("%(n)s by %(time)s, %(share)s fewer than yesterday by this time") % facts


def _elsewhere(delivered: int) -> str:
    """ "3 more over connections that are not listed, such as deleted ones."; "" for none."""
    if not delivered:
        return ""
    text = ngettext(
        "%(n)s more over connections that are not listed, such as deleted ones.",
        "%(n)s more over connections that are not listed, such as deleted ones.",
        delivered,
    )
    return text % {"n": intcomma(delivered)}


def _tested(at_a_glance: AccountOverview) -> str:
    """ "4 by Test flows"; "" if a flow is Live and no Test flow delivered anything today."""
    sent = at_a_glance.delivered_by_tests
    return _("%(n)s by Test flows") % {"n": intcomma(sent)} if sent or at_a_glance.has_only_tests else ""


def _destination(row: DestinationToday) -> dict[str, Any]:
    hours, connection = row.hours, row.connection
    names = [name or _("Without a name") for _id, name in row.flows]
    retry = f"{reverse('retry')}?connection={row.connection.id}&status="
    invalid = sum(hours.invalid)
    return {
        "name": connection.connection.name,
        "href": reverse("connection-overview", args=(connection.id,)),
        "flows": enumeration(names, SHOWN_FLOWS),
        "state": "" if connection.health in QUIET else words.headline(connection),
        "tone": words.TONES[connection.health],
        "icon": words.ICONS.get(connection.health, ""),
        "bars": hour_bars(hours.delivered, hours.undelivered, columns=24),
        "label": _("%(name)s today: %(sent)s delivered, %(rest)s not delivered")
        % {"name": connection.connection.name, "sent": intcomma(hours.sent), "rest": intcomma(hours.due - hours.sent)},
        "hours_href": f"{reverse('feed')}?connection={connection.id}",
        "people": row.people,
        "people_href": reverse("records", args=("people",), query={"period": "today", "connection": connection.id}) if row.people else "",
        "sent": hours.sent,
        "sent_href": reverse("records", args=("success",), query={"period": "today", "connection": connection.id}),
        "rate": percent(hours.rate) if hours.rate is not None else "",
        "held": words.held_text(connection),
        "held_href": reverse("connection-overview", args=(connection.id,)),
        "waits": ngettext("%(n)s waiting", "%(n)s waiting", connection.waiting) % {"n": many(connection.waiting_count)}
        if connection.waiting
        else "",
        "waits_href": f"{retry}waiting",
        "failed": ngettext("%(n)s failed", "%(n)s failed", connection.failed) % {"n": many(connection.failed_count)}
        if connection.failed
        else "",
        "failed_href": f"{retry}Failed",
        "invalid": ngettext("%(n)s invalid", "%(n)s invalid", invalid) % {"n": intcomma(invalid)} if invalid else "",
        "invalid_href": reverse("records", args=("validation",), query={"period": "today", "connection": connection.id}),
        "last": from_micros(row.last_delivery) if row.last_delivery else None,
    }


def _saves(request: AccountRequest, groups: Sequence[SavesTogether], reader: AccountReader) -> list[dict[str, Any]]:
    actors, config = Actors.from_stored(request.account, [group.newest.by for group in groups]), reader.config
    saved_sources = [group.newest.object_id for group in groups if group.newest.kind == "source"]
    sources = set(Source.objects.filter(pk__in=saved_sources, deleted_at=None).values_list("pk", flat=True))
    there: dict[str, Container[int]] = {
        "flow": config.flows,
        "connection": config.connections,
        "mapping": config.mappings,
        "source": sources,
    }
    rows = []
    for group in groups:
        entry = group.newest
        deed = _DEEDS.get(Deed(entry.what)) if entry.what in set(Deed) else None
        rows.append(
            {
                "at": entry.at,
                "when": ago(entry.at),
                "who": actors.name(entry.by),
                "did": (deed or _DEEDS[Deed.CHANGED])(_(entry.kind)),
                "name": entry.name or _("Without a name"),
                "href": reverse(_PLACES[entry.kind], args=(entry.object_id,)) if entry.object_id in there.get(entry.kind, ()) else "",
                "others": _others(group),
            }
        )
    return rows


def _others(group: SavesTogether) -> str:
    """ "and 10 more"; "" for the saves of one object."""
    if group.is_more:
        return _("… and more")
    number = group.others
    return ngettext("and %(n)s more", "and %(n)s more", number) % {"n": intcomma(number)} if number else ""
