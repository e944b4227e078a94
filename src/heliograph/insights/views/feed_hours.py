"""The chart above the Activity Feed: what became of each hour, and a link from each hour to its changes (X4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.utils import formats, timezone
from django.utils.translation import gettext as _

from heliograph.accounts.roles import AccountRequest
from heliograph.deliveries import outcome_numbers as numbers
from heliograph.deliveries.account_reader import AccountReader
from heliograph.deliveries.outcome_hours import HOUR, OutcomeHours, outcome_hours
from heliograph.insights.feed_lines import FeedFilter, FeedResult, ends_of_day
from heliograph.insights.replay_share import ReplayShare
from heliograph.insights.views.insights_frame import FEWEST_COLUMNS
from heliograph.store.instants import from_micros, to_micros
from heliograph.web.charts import Bucket, OutcomePlots, Series, Tone, outcomes
from heliograph.web.cursor import address
from heliograph.web.list_filters import IdFilter
from heliograph.web.templatetags.moments import day

HOURS: Final = 24
"""The hours of the chart, if no day is chosen: the last ones."""
LAST_HOUR: Final = 4_102_444_800 // 3600
"""The beginning of the year 2100, in hours since 1970; a later hour is no hour."""


class HourFilter(IdFilter):
    """An hour, as the number of hours since 1970 in UTC. The chart's links set it."""

    def read(self, text: str) -> int | None:
        hour = super().read(text)
        return hour if hour is not None and hour < LAST_HOUR else None


@dataclass(frozen=True, slots=True)
class FeedHours:
    """The chart, for components/chart_outcomes.html."""

    plots: OutcomePlots
    legend: list[tuple[str, Tone, int, str]]


def feed_hours(request: AccountRequest, reader: AccountReader, feed_filter: FeedFilter, hour: int | None) -> FeedHours | None:
    """The outcomes of the hours of the chosen day, or of the last 24 hours.

    hour: the chosen hour; the chart then has its neighbours, too

    None if nothing was to be sent in any of them, or with a filter that figures do not know: a text, an event, replays.
    """
    if feed_filter.text or feed_filter.event is not None or feed_filter.replays is not ReplayShare.ALL:
        return None
    since, until = _period(feed_filter, hour, reader.db.now(), to_micros(request.account.created))
    of_period = outcome_hours(
        reader.db, reader.account, feed_filter.mode, since, until, flows=None if feed_filter.flow is None else [feed_filter.flow]
    )
    counted = of_period.total if feed_filter.connection is None else of_period.by_connection.get(feed_filter.connection)
    if counted is None or (not any(counted.delivered) and not any(counted.undelivered)):
        return None
    buckets = [
        Bucket(_label(each), hour_words(each), address(request, hour=each, at=None, date=None, jump=None, paused=None))
        for each in range(of_period.first, of_period.first + of_period.count)
    ]
    delivered, undelivered = _series(counted, feed_filter.result)
    plots = outcomes(buckets, delivered, undelivered, title=_("Delivered, and not delivered"), buckets_of_undelivered=buckets)
    names = {"ink": _("Delivered"), "wait": _("Waiting"), "failed": _("Failed"), "invalid": _("Invalid")}
    return FeedHours(plots, [(names[each.tone], each.tone, sum(each.values), "") for each in (delivered, *undelivered) if any(each.values)])


def hour_words(hour: int) -> str:
    """An hour in words: "30 Nov 2026, 13:00 to 14:00"."""
    begin, end = (from_micros(each * HOUR) for each in (hour, hour + 1))
    return _("%(day)s, %(since)s to %(until)s") % {
        "day": day(begin),
        "since": _label(hour),
        "until": formats.date_format(timezone.localtime(end), "H:i"),
    }


def _period(feed_filter: FeedFilter, hour: int | None, now: int, created: int) -> tuple[int, int]:
    """The ends of the chart (microseconds): those of the chosen day, of the last 24 hours, or of the day of an hour before them.

    created: when the account was created (microseconds); the last hours begin with it, so that a new account's chart fits its age
    """
    last = (now // HOUR + 1) * HOUR
    first = min(max(last - HOURS * HOUR, created // HOUR * HOUR), last - FEWEST_COLUMNS * HOUR)
    if hour is None:
        return feed_filter.between or (first, last)
    if first <= hour * HOUR < last:
        return first, last
    zone = timezone.get_current_timezone()
    return ends_of_day(from_micros(hour * HOUR).astimezone(zone).date(), zone)


def _series(counted: OutcomeHours, result: FeedResult) -> tuple[Series, list[Series]]:
    """What was delivered, and what was not, as far as a result has it."""
    delivered = Series("ink", counted.delivered, numbers.delivered)
    nothing = Series("ink", (0,) * len(counted.delivered), numbers.delivered)
    waiting, failed = Series("wait", counted.waiting, numbers.waiting), Series("failed", counted.failed, numbers.failed)
    invalid = Series("invalid", counted.invalid, numbers.invalid)
    match result:
        case FeedResult.SUCCESS:
            return delivered, []
        case FeedResult.FAILURE:
            return nothing, [waiting, failed, invalid]
        case FeedResult.VALIDATION:
            return nothing, [invalid]
        case _:
            return delivered, [waiting, failed, invalid]


def _label(hour: int) -> str:
    return formats.date_format(timezone.localtime(from_micros(hour * HOUR)), "H:i")
