"""The page of a connection (C3, C8): how it is, what it delivered in the last 24 hours, its last deliveries, and who uses it."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from heliograph.accounts.models import Role
from heliograph.accounts.names_of_users import names_of_users
from heliograph.accounts.roles import AccountRequest, may
from heliograph.connections import connection_words
from heliograph.connections.connection_deliveries import ConnectionDelivery, ConnectionPace, last_deliveries, pace_of
from heliograph.connections.connection_list import MOST_HELD, ConnectionRow
from heliograph.connections.views.connection_list_page import get_row, menu, standing
from heliograph.connections.views.connection_tabs import connection_tabs
from heliograph.connections.views.trouble_callout import trouble_callout
from heliograph.deliveries import delivery_words
from heliograph.deliveries import outcome_numbers as numbers
from heliograph.deliveries.account_reader import AccountReader, account_reader
from heliograph.deliveries.message_words import message_words
from heliograph.deliveries.outcome_hours import HOUR, OutcomeHours, outcome_hours
from heliograph.domain.delivery.retry_policy import MINUTE
from heliograph.domain.flow import sentence
from heliograph.domain.flow.flow import Mode
from heliograph.store.instants import from_micros, to_micros
from heliograph.web.charts import Bucket, Series, outcomes
from heliograph.web.field_names import flow_parts
from heliograph.web.list_count import many
from heliograph.web.pages import page
from heliograph.web.percentages import percent
from heliograph.web.templatetags.moments import ago, clock_minute, short_moment

HOURS: Final = 24
"""Hours of the chart, with the one that runs."""


@require_safe
def connection_overview(request: AccountRequest, connection: int) -> HttpResponse:
    """How a connection is."""
    row = get_row(request, connection)
    people = names_of_users(request.account.pk, [row.pause.by] if row.pause else [])
    with account_reader(request.account.pk) as reader:
        hours = _hours(reader, row.id)
        pace = pace_of(reader, row.id)
        context = _charts(hours, row.id, row.connection.name) | {
            "trouble": trouble_callout(reader, row, request.user, pace, on_setup=False),
            "tiles": _tiles(row, hours.total, pace),
            "period": _("%(since)s to %(until)s")
            % {"since": short_moment(hours.edges[0]), "until": short_moment(from_micros(reader.db.now()))},
            "deliveries": [_delivery(delivery) for delivery in last_deliveries(reader, row.id)],
            "used": _used(reader, row),
        }
    return page(
        request,
        "connections/overview.html",
        here="connections",
        id=row.id,
        name=row.connection.name,
        standing=standing(row, people),
        kind=connection_words.kind(row.connection),
        host=row.connection.shown,
        tabs=connection_tabs(row.id, "overview", administers=may(request.user, Role.ADMINISTRATOR)),
        menu=menu(row) if may(request.user, Role.ADMINISTRATOR) else [],
        **context,
    )


@dataclass(frozen=True, slots=True)
class _Hours:
    """The outcomes of the last 24 hours, the running one included."""

    first: int
    """The first hour, counted from the epoch in UTC."""
    live: OutcomeHours
    test: OutcomeHours

    @property
    def total(self) -> OutcomeHours:
        """The outcomes of both modes together."""
        return self.live + self.test

    @property
    def are_mixed(self) -> bool:
        """Whether an hour has both modes: its list has the Live ones only (`_buckets`)."""
        of_live = zip(self.live.delivered, self.live.undelivered, strict=True)
        of_test = zip(self.test.delivered, self.test.undelivered, strict=True)
        return any(live and test for lives, tests in zip(of_live, of_test, strict=True) for live, test in zip(lives, tests, strict=True))

    @property
    def edges(self) -> list[datetime.datetime]:
        """The beginning of each hour."""
        return [from_micros((self.first + number) * HOUR) for number in range(len(self.live.delivered))]


def _hours(reader: AccountReader, connection: int) -> _Hours:
    now = reader.db.now()
    since, until = (now // HOUR - HOURS + 1) * HOUR, -(-(now + 1) // MINUTE) * MINUTE
    periods = {mode: outcome_hours(reader.db, reader.account, mode, since, until) for mode in Mode}
    live, test = (periods[mode].by_connection.get(connection, OutcomeHours.nothing(periods[mode].count)) for mode in (Mode.LIVE, Mode.TEST))
    return _Hours(periods[Mode.LIVE].first, live, test)


def _held_tile(row: ConnectionRow) -> list[dict[str, Any]]:
    """What the connection holds; without any, no tile."""
    if not row.held_count:
        return []
    value = _("more than %(n)s") % {"n": intcomma(MOST_HELD)} if row.held_count > MOST_HELD else row.held_count
    return [{"name": _("Held"), "value": value, "href": "", "sub": _("not tried yet"), "tone": "wait"}]


def _tiles(row: ConnectionRow, hours: OutcomeHours, pace: ConnectionPace) -> list[dict[str, Any]]:
    retry = f"{reverse('retry')}?connection={row.id}&status="
    return [
        {
            "name": _("Delivered"),
            "value": hours.sent,
            "href": "",
            "sub": _("%(rate)s of what was due in 24 hours") % {"rate": percent(hours.rate)}
            if hours.rate is not None
            else _("in 24 hours"),
            "tone": "",
        },
        *_held_tile(row),
        {
            "name": _("Waiting"),
            "value": many(row.waiting_count) if row.is_more else row.waiting,
            "href": f"{retry}waiting" if row.waiting or row.is_more else "",
            "sub": _("in Retry now"),
            "tone": "wait" if row.waiting else "",
        },
        {
            "name": _("Failed"),
            "value": many(row.failed_count) if row.is_more else row.failed,
            "href": f"{retry}Failed" if row.failed or row.is_more else "",
            "sub": _("in Retry now"),
            "tone": "failed" if row.failed else "",
        },
        {
            "name": _("Typical answer"),
            "value": _time(pace.median) if pace.median is not None else "–",
            "href": "",
            "sub": _("%(share)s within %(time)s") % {"share": percent(0.95), "time": _time(pace.slowest)}
            if pace.slowest is not None
            else _("none in 24 hours"),
            "tone": "",
        },
    ]


def _time(micros: int) -> str:
    return _("%(n)s ms") % {"n": intcomma(delivery_words.milliseconds(micros))}


def _charts(hours: _Hours, connection: int, name: str) -> dict[str, Any]:
    """What was delivered by hour, and what was not, for components/chart_outcomes.html."""
    total = hours.total
    delivered = Series("ink", total.delivered, numbers.delivered)
    undelivered = [
        Series("wait", total.waiting, numbers.waiting),
        Series("failed", total.failed, numbers.failed),
        Series("invalid", total.invalid, numbers.invalid),
    ]
    plots = outcomes(
        _buckets(hours, connection, "success", hours.live.delivered),
        delivered,
        undelivered,
        title=_("%(name)s: delivered, and not delivered, by hour") % {"name": name},
        buckets_of_undelivered=_buckets(hours, connection, "failures", hours.live.undelivered),
    )
    words = {"ink": _("Delivered"), "wait": _("Waiting"), "failed": _("Failed"), "invalid": _("Invalid")}
    legend = [(words[each.tone], each.tone, sum(each.values), "") for each in (delivered, *undelivered) if any(each.values)]
    caption = _("Each column counts Live and Test flows, and opens the records of Live ones.") if hours.are_mixed else ""
    return {"plots": plots, "legend": legend, "said": caption}


def _buckets(hours: _Hours, connection: int, records: str, live: Sequence[int]) -> list[Bucket]:
    """The hours, each with the page of its records. A list has one mode: Test only where nothing was Live.

    records: the kind of the list
    live: how many of its records are Live, by hour
    """
    buckets = []
    for begin, number in zip(hours.edges, live, strict=True):
        end = begin + datetime.timedelta(hours=1)
        query = {"since": to_micros(begin) // MINUTE, "until": to_micros(end) // MINUTE, "connection": connection}
        words = _("%(since)s to %(until)s") % {"since": clock_minute(begin), "until": clock_minute(end)}
        href = reverse("records", args=(records,), query=query if number else {**query, "mode": "test"})
        buckets.append(Bucket(clock_minute(begin), words, href))
    return buckets


def _delivery(delivery: ConnectionDelivery) -> dict[str, Any]:
    attempt = delivery.attempt
    tone, state = delivery_words.delivery_state(delivery.state)
    answer = delivery_words.answered(attempt.status) if attempt.status is not None else message_words(attempt.message)
    at = from_micros(attempt.at)
    return {
        "at": at,
        "when": ago(at, timezone.now()),
        "code": delivery.person.code if delivery.person else delivery.event,
        "who": delivery.person.name if delivery.person else "",
        "href": reverse("retry-item", args=(f"a{attempt.action}",)),
        "flow": delivery.flow,
        "tone": tone,
        "state": state,
        "answer": _("%(status)s “%(says)s”") % {"status": answer, "says": delivery.says} if delivery.says else answer,
        "took": _time(attempt.took) if attempt.status is not None else "",
    }


def _used(reader: AccountReader, row: ConnectionRow) -> list[dict[str, Any]]:
    names = sentence.SentenceNames.from_config(reader.config)
    return [
        {
            "name": name or _("Without a name"),
            "href": reverse("flow", args=(id,)),
            "sentence": flow_parts(reader.config.flows[id], names),
            "off": not reader.config.flows[id].active,
        }
        for id, name in row.flows
        if id in reader.config.flows
    ]
