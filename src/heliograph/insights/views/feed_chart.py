"""The chart above the Activity Feed: what became of each hour or day, and a link from each to its changes (X4)."""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.translation import gettext as _

from heliograph.deliveries import outcome_numbers as numbers
from heliograph.deliveries.account_reader import AccountReader
from heliograph.deliveries.outcome_hours import HOUR, OutcomeHours, outcome_columns
from heliograph.domain.delivery.retry_policy import MINUTE
from heliograph.insights.feed_lines import FeedFilter, FeedResult, ends_of_day, overlap
from heliograph.insights.period import MOST_COLUMNS, PARAMETERS
from heliograph.insights.replay_share import ReplayShare
from heliograph.insights.views.delivered_text import delivered_text
from heliograph.insights.views.feed_time import FeedTime
from heliograph.insights.views.insights_frame import Frame
from heliograph.store.instants import from_micros
from heliograph.web.charts import Bucket, OutcomePlots, Series, Tone, outcomes
from heliograph.web.cursor import address
from heliograph.web.date_texts import date_text
from heliograph.web.templatetags.moments import clock_minute, day, minute

HOURS: Final = 24
"""The hours of the chart, if no time is chosen: the last ones."""
MOST_HOURS: Final = 49
"""The longest period that is shown by hour: two days, of which one may have 25 hours."""
NAMED_DAYS: Final = 14
"""The most columns of days whose labels name the day of the week."""


class ColumnUnit(Enum):
    """What a column of the chart is."""

    MINUTES = 1
    HOUR = 2
    DAY = 3
    DAYS = 4

    @property
    def heading(self) -> str:
        """The chart's name, for the button that opens it on a phone."""
        if self is ColumnUnit.MINUTES:
            return _("By minute")
        return _("By hour") if self is ColumnUnit.HOUR else _("By day")

    @property
    def caption(self) -> str:
        """The sentence that says what a click does."""
        match self:
            case ColumnUnit.HOUR:
                return _("Each hour opens its changes.")
            case ColumnUnit.DAY:
                return _("Each day opens its changes.")
            case _:
                return _("Each column opens its changes.")


@dataclass(frozen=True, slots=True)
class FeedChart:
    """The chart, for components/chart_outcomes.html, and the sentence above it."""

    plots: OutcomePlots
    legend: list[tuple[str, Tone, int, str]]
    unit: ColumnUnit
    answer: str
    """What was delivered in the period, compared with the one before; "" without a period, and for a part of it."""


def feed_chart(frame: Frame, reader: AccountReader, feed_filter: FeedFilter, time: FeedTime) -> FeedChart | None:
    """The outcomes of the chosen day, or of the period, or of the last 24 hours.

    None if nothing was to be sent in any column, or with a filter that figures do not know: a text, an event, replays.
    """
    if feed_filter.text or feed_filter.event is not None or feed_filter.replays is not ReplayShare.ALL:
        return None
    now = reader.db.now()
    since, until = span = _span(time, now)
    unit, edges = _columns(time, since, until)
    counted = _outcomes(reader, feed_filter, edges)
    if not any(counted.delivered) and not any(counted.undelivered):
        return None
    answer = ""
    if time.window and span == time.period and feed_filter.result not in (FeedResult.FAILURE, FeedResult.VALIDATION):
        before = time.window.before(ZoneInfo(frame.request.account.timezone), now)
        answer = delivered_text(counted.sent, _outcomes(reader, feed_filter, before.edges).sent, frame.before_text)
    skipped = frame.columns_before_account(edges, counted.delivered, counted.undelivered)
    delivered, undelivered = _series(counted, feed_filter.result, skipped)
    buckets = [
        Bucket(
            _label(begin, unit, len(edges)),
            stretch_words(begin, end),
            _href(frame, unit, begin, end),
            is_chosen=unit is ColumnUnit.HOUR and begin // HOUR == time.hour,
        )
        for begin, end in pairwise(edges[skipped:])
    ]
    plots = outcomes(buckets, delivered, undelivered, title=_("Delivered, and not delivered"), buckets_of_undelivered=buckets)
    names = {"ink": _("Delivered"), "wait": _("Waiting"), "failed": _("Failed"), "invalid": _("Invalid")}
    legend = [(names[each.tone], each.tone, sum(each.values), "") for each in (delivered, *undelivered) if any(each.values)]
    return FeedChart(plots, legend, unit, answer)


def stretch_words(since: int, until: int) -> str:
    """A column in words: "30 November 2026", "30 November 2026, 13:00 to 14:00", or both ends with their days."""
    begin, end = (from_micros(at) for at in (since, until))
    local = timezone.localtime(begin)
    if (since, until) == ends_of_day(local.date(), timezone.get_current_timezone()):
        return day(begin)
    if local.date() == timezone.localtime(end - datetime.timedelta(microseconds=1)).date():
        return _("%(day)s, %(since)s to %(until)s") % {"day": day(begin), "since": clock_minute(begin), "until": clock_minute(end)}
    return _("%(since)s to %(until)s") % {"since": minute(begin), "until": minute(end)}


def _span(time: FeedTime, now: int) -> tuple[int, int]:
    """The ends of the chart (microseconds): those of the chosen day or period.

    Of an hour in a period that is shown by day, those of its day. Without a period, the last 24 hours, or the day of an hour before them.
    """
    if time.window:
        by_hour = time.window.until - time.window.since <= MOST_HOURS * HOUR
        span = overlap(time.period, time.day or (None if by_hour else time.day_of_hour))
    else:
        last = (now // HOUR + 1) * HOUR
        span = last - HOURS * HOUR, last
        if time.day or (time.hour is not None and not span[0] <= time.hour * HOUR < last):
            span = time.day or time.day_of_hour
    assert span is not None, "a period or a day was given"
    return span


def _columns(time: FeedTime, since: int, until: int) -> tuple[ColumnUnit, Sequence[int]]:
    """The columns of a chart: hours for up to two days, else days, and minutes for a period of few hours."""
    if time.window and (since, until) == time.period and time.window.step < HOUR:
        return ColumnUnit.MINUTES, time.window.edges
    if until - since <= MOST_HOURS * HOUR:
        return ColumnUnit.HOUR, (since, *range((since // HOUR + 1) * HOUR, until, HOUR), until)
    zone = timezone.get_current_timezone()
    first, last = (from_micros(at).astimezone(zone).date() for at in (since, until - 1))
    count = (last - first).days + 1
    step = math.ceil(count / MOST_COLUMNS)
    midnights = (ends_of_day(first + datetime.timedelta(days=n), zone)[0] for n in range(step, count, step))
    return ColumnUnit.DAY if step == 1 else ColumnUnit.DAYS, (since, *midnights, until)


def _outcomes(reader: AccountReader, feed_filter: FeedFilter, edges: Sequence[int]) -> OutcomeHours:
    return outcome_columns(reader.db, reader.account, feed_filter.mode, edges, flow=feed_filter.flow, connection=feed_filter.connection)


def _href(frame: Frame, unit: ColumnUnit, since: int, until: int) -> str:
    """This feed with only the changes of a column; "" if they are removed (X6). The chosen period stays around an hour or a day."""
    if since < frame.kept_since:
        return ""
    changed: dict[str, object] = dict.fromkeys(("at", "jump", "paused"))
    match unit:
        case ColumnUnit.HOUR:
            changed |= {"hour": since // HOUR}
        case ColumnUnit.DAY:
            changed |= {"hour": None, "date": timezone.localtime(from_micros(since)).date().isoformat()}
        case _:
            changed |= {**dict.fromkeys((*PARAMETERS, "hour", "date")), "since": since // MINUTE, "until": until // MINUTE}
    return address(frame.request, **changed)


def _label(since: int, unit: ColumnUnit, count: int) -> str:
    """What the axis says below a column.

    count: how many columns the chart has
    """
    local = timezone.localtime(from_micros(since))
    if unit in (ColumnUnit.DAY, ColumnUnit.DAYS):
        return date_text(local, "D j" if unit is ColumnUnit.DAY and count <= NAMED_DAYS + 1 else "j M")
    return date_text(local, "D H:i" if count > HOURS + 2 else "H:i")


def _series(counted: OutcomeHours, result: FeedResult, skipped: int) -> tuple[Series, list[Series]]:
    """What was delivered, and what was not, as far as a result has it.

    skipped: the number of columns that are left out at the beginning
    """
    delivered = Series("ink", counted.delivered[skipped:], numbers.delivered)
    nothing = Series("ink", (0,) * len(delivered.values), numbers.delivered)
    waiting, failed = Series("wait", counted.waiting[skipped:], numbers.waiting), Series("failed", counted.failed[skipped:], numbers.failed)
    invalid = Series("invalid", counted.invalid[skipped:], numbers.invalid)
    match result:
        case FeedResult.SUCCESS:
            return delivered, []
        case FeedResult.FAILURE:
            return nothing, [waiting, failed, invalid]
        case FeedResult.VALIDATION:
            return nothing, [invalid]
        case _:
            return delivered, [waiting, failed, invalid]
