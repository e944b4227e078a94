"""The page of a connection (C3, C8): how it is, what it delivered in the last 24 hours, its last deliveries, and who uses it."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
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
from heliograph.connections.connection_list import ConnectionRow
from heliograph.connections.views.connection_list_page import get_row, menu, standing
from heliograph.connections.views.connection_tabs import connection_tabs
from heliograph.connections.views.trouble_callout import trouble_callout
from heliograph.deliveries import delivery_words
from heliograph.deliveries import outcome_numbers as numbers
from heliograph.deliveries.account_reader import AccountReader, account_reader
from heliograph.deliveries.outcome_hours import HOUR, OutcomeHours, outcome_hours
from heliograph.domain.delivery.retry_policy import MINUTE
from heliograph.domain.flow import sentence
from heliograph.store.instants import from_micros
from heliograph.web.charts import Bucket, Plot, Series, plot
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
        hours, edges = _hours(reader, row.id)
        pace = pace_of(reader, row.id)
        good, bad = _charts(hours, edges, row.connection.name)
        context: dict[str, Any] = {
            "trouble": trouble_callout(reader, row, request.user, pace, on_setup=False),
            "tiles": _tiles(row, hours, pace),
            "period": _("%(since)s to %(until)s") % {"since": short_moment(edges[0]), "until": short_moment(from_micros(reader.db.now()))},
            "good": good,
            "bad": bad,
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


def _hours(reader: AccountReader, connection: int) -> tuple[OutcomeHours, list[datetime.datetime]]:
    """The outcomes of the last 24 hours, the running one included, of both modes; and the beginning of each hour."""
    now = reader.db.now()
    since = (now // HOUR - HOURS + 1) * HOUR
    period = outcome_hours(reader.db, reader.account, None, since, -(-(now + 1) // MINUTE) * MINUTE)
    hours = period.by_connection.get(connection, OutcomeHours.nothing(period.count))
    return hours, [from_micros((period.first + number) * HOUR) for number in range(period.count)]


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
        {
            "name": _("Waiting"),
            "value": row.waiting,
            "href": f"{retry}waiting" if row.waiting else "",
            "sub": _("in Retry now"),
            "tone": "wait" if row.waiting else "",
        },
        {
            "name": _("Failed"),
            "value": row.failed,
            "href": f"{retry}Failed" if row.failed else "",
            "sub": _("in Retry now"),
            "tone": "failed" if row.failed else "",
        },
        {
            "name": _("Typical answer"),
            "value": _time(pace.median) if pace.median is not None else "–",
            "href": "",
            "sub": _("95 %% within %(time)s") % {"time": _time(pace.slowest)} if pace.slowest is not None else _("none in 24 hours"),
            "tone": "",
        },
    ]


def _time(micros: int) -> str:
    return _("%(n)s ms") % {"n": intcomma(delivery_words.milliseconds(micros))}


def _charts(hours: OutcomeHours, edges: Sequence[datetime.datetime], name: str) -> tuple[Plot, Plot | None]:
    """What was delivered by hour; and what was not, on a scale of its own, or None if everything was."""
    buckets = [
        Bucket(
            clock_minute(begin),
            _("%(since)s to %(until)s") % {"since": clock_minute(begin), "until": clock_minute(begin + datetime.timedelta(hours=1))},
            "",
        )
        for begin in edges
    ]
    good = [Series("ink", hours.delivered, numbers.delivered)]
    bad = [
        Series("wait", hours.waiting, numbers.waiting),
        Series("failed", hours.failed, numbers.failed),
        Series("invalid", hours.invalid, numbers.invalid),
    ]
    return plot(buckets, good, title=_("%(name)s: delivered by hour") % {"name": name}, height=96, steps=2), (
        plot(buckets, bad, title=_("%(name)s: not delivered by hour") % {"name": name}, height=56, steps=2)
        if hours.due != hours.sent
        else None
    )


def _delivery(delivery: ConnectionDelivery) -> dict[str, Any]:
    attempt = delivery.attempt
    tone, state = delivery_words.attempt_state(attempt.state)
    answer = str(attempt.status) if attempt.status is not None else attempt.message
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
            "sentence": sentence.parts(reader.config.flows[id], names, _),
            "off": not reader.config.flows[id].active,
        }
        for id, name in row.flows
        if id in reader.config.flows
    ]
