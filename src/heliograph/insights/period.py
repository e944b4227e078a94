"""The period that Insights shows (guide: Account Insights; X1, X3): a rolling one, a number of days, or a range of whole days.

Periods have whole minutes. A rolling one ends with the current minute. A link to records contains the absolute ends of the period, so that a
reload shows the same records. Instants are microseconds.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext as _

from heliograph.domain.delivery.retry_policy import MINUTE
from heliograph.domain.errors import HeliographError
from heliograph.domain.ids import read_id
from heliograph.store.instants import from_micros, to_micros
from heliograph.web.forms import member_of

HOUR: Final = 60 * MINUTE
"""Microseconds."""
DAY: Final = 24 * 60
"""Minutes of a day on which the clocks are not changed."""
MOST_DAYS: Final = 400
"""The longest period, in days. Older rows are deleted (X6)."""
FIRST_YEAR, LAST_YEAR = 2000, 2099
"""The years in which a range of days can lie."""
PARAMETERS: Final = {"since": "ends", "until": "ends", "from": "range", "to": "range", "days": "days", "period": "rolling"}
"""The parameters of a URL that ask for a period, each with the kind of period."""
MOST_COLUMNS: Final = 31
"""The most columns of a chart over days."""


class Rolling(StrEnum):
    """The periods that end now (X1)."""

    MINUTES_15 = "15m"
    HOUR = "1h"
    HOURS_4 = "4h"
    DAY = "1d"
    WEEK = "7d"
    MONTH = "30d"

    @property
    def minutes(self) -> int:
        return _MINUTES[self][0]

    @property
    def step(self) -> int:
        """The width of a chart's column, in minutes."""
        return _MINUTES[self][1]


_MINUTES: Final = {
    Rolling.MINUTES_15: (15, 1),
    Rolling.HOUR: (60, 5),
    Rolling.HOURS_4: (240, 10),
    Rolling.DAY: (DAY, 60),
    Rolling.WEEK: (7 * DAY, 360),
    Rolling.MONTH: (30 * DAY, DAY),
}


class CalendarPeriod(StrEnum):
    """The periods that begin at midnight, in the account's time zone."""

    TODAY = "today"
    YESTERDAY = "yesterday"
    WEEK = "week"
    """From Monday on."""


@dataclass(frozen=True, slots=True)
class Window:
    """A period, with the columns of its charts."""

    edges: tuple[int, ...]
    """The instants at which columns begin and end, including the two ends of the period."""
    rolling: Rolling | None = None
    """The rolling period that it is; else None."""
    calendar: CalendarPeriod | None = None
    """The period of the calendar that it is; else None."""
    days: int = 0
    """The number of days that was typed; else 0."""
    first: datetime.date | None = None
    """The first of a range of whole days; else None."""
    last: datetime.date | None = None
    """The last of a range of whole days; else None."""
    fixed: bool = False
    """True if the URL contains the two ends."""

    @property
    def since(self) -> int:
        return self.edges[0]

    @property
    def until(self) -> int:
        """The end, exclusive."""
        return self.edges[-1]

    @property
    def step(self) -> int:
        """The width of the widest column, in microseconds. The first and the last may be shorter."""
        return max(after - before for before, after in pairwise(self.edges))

    @property
    def unit(self) -> int:
        """The largest number of minutes that divides the width of every column but the first and the last."""
        return math.gcd(*((end - self.edges[1]) // MINUTE for end in self.edges[1:-1])) or 60

    def before(self, zone: ZoneInfo, now: int | None = None) -> Window:
        """The period before, in one column: as long, and for one of the calendar as far into its day or week.

        now: of a range of days that has not ended, only what has passed is compared
        """
        if not self._days_back:
            return Window((2 * self.since - self.until, self.since))
        end = self.until if now is None else min(self.until, (now // MINUTE + 1) * MINUTE)
        since, until = self._before((self.since, end), zone)
        return Window((since, max(until, since + MINUTE)))

    def whole_edges(self, zone: ZoneInfo) -> tuple[int, ...]:
        """The edges of its columns, of today and this week with those that are still to come."""
        if self.calendar not in (CalendarPeriod.TODAY, CalendarPeriod.WEEK):
            return self.edges
        begin = from_micros(self.since).astimezone(zone).date()
        end = _midnight(begin + datetime.timedelta(days=self._days_back), zone)
        return _edges(self.since, end, 60 if self.calendar is CalendarPeriod.TODAY else 360)

    def edges_before(self, zone: ZoneInfo) -> tuple[int, ...]:
        """The edges of the period before that correspond to `whole_edges`. Where the clocks were changed, a column may have no width."""
        return self._before(self.whole_edges(zone), zone)

    @property
    def _days_back(self) -> int:
        """How many days before it the period before lies; 0 if that is just as long, and ends where it begins."""
        if self.calendar:
            return {CalendarPeriod.WEEK: 7}.get(self.calendar, 1)
        return (self.last - self.first).days + 1 if self.first and self.last else 0

    def _before(self, instants: Sequence[int], zone: ZoneInfo) -> tuple[int, ...]:
        if not self._days_back:
            return tuple(at + self.since - self.until for at in instants)
        return tuple(_shifted(at, self._days_back, zone) for at in instants)


class WrongPeriod(HeliographError):
    """A URL asks for a period that does not exist. The message says why, translated.

    parameter: the parameter of the URL to correct: "days", "from", "to", "period" or "since"
    """

    def __init__(self, parameter: str, message: str) -> None:
        super().__init__(message)
        self.parameter = parameter


def window_of(query: Mapping[str, str], now: int, zone: ZoneInfo) -> Window:
    """The period that a URL asks for; the last day if it names none.

        since, until   the ends, in minutes since 1970
        from, to       the first and the last of a range of days
        days           a number of days until now
        period         a rolling period, such as "4h", or "today", "yesterday" or "week"

    Raises WrongPeriod if there is no such period, or if the URL names two. No other period is shown in its place.
    """
    typed = {name: text for name in PARAMETERS if (text := query.get(name, "").strip())}
    if len({PARAMETERS[name] for name in typed}) > 1:
        raise WrongPeriod(next(iter(typed)), _("This link asks for two periods at once. Choose one above."))
    if "since" in typed or "until" in typed:
        since, until = read_id(typed.get("since", "")), read_id(typed.get("until", ""))
        if since is None or until is None or not 0 < until - since <= MOST_DAYS * DAY + DAY or until > _LAST_MINUTE:
            raise WrongPeriod("since", _("We can’t read the period in this link. It may be incomplete: choose a period above."))
        return fixed_window(since * MINUTE, until * MINUTE)
    if "from" in typed or "to" in typed:
        return _range(typed, zone)
    if "days" in typed:
        days = read_id(typed["days"])
        if days is None or not 1 <= days <= MOST_DAYS:
            raise WrongPeriod("days", _("Give a whole number of days from 1 to %(most)d.") % {"most": MOST_DAYS})
        until = (now // MINUTE + 1) * MINUTE
        step = 60 if days <= 1 else 360 if days * 4 <= MOST_COLUMNS else DAY * math.ceil(days / MOST_COLUMNS)
        return Window(_edges(until - days * DAY * MINUTE, until, step), days=days)
    if calendar := member_of(CalendarPeriod, typed.get("period", ""), None):
        return calendar_window(calendar, now, zone)
    rolling = member_of(Rolling, typed.get("period", Rolling.DAY.value), None)
    if rolling is None:
        raise WrongPeriod("period", _("This link asks for a period that does not exist. Choose one above."))
    return rolling_window(rolling, now)


def rolling_window(rolling: Rolling, now: int) -> Window:
    """The window that ends with the current minute."""
    until = (now // MINUTE + 1) * MINUTE
    return Window(_edges(until - rolling.minutes * MINUTE, until, rolling.step), rolling=rolling)


def calendar_window(calendar: CalendarPeriod, now: int, zone: ZoneInfo) -> Window:
    """A period of the calendar. Today and this week end with the current minute."""
    today = from_micros(now).astimezone(zone).date()
    until = (now // MINUTE + 1) * MINUTE
    match calendar:
        case CalendarPeriod.TODAY:
            return Window(_edges(_midnight(today, zone), until, 60), calendar=calendar)
        case CalendarPeriod.YESTERDAY:
            return Window(_edges(_midnight(today - datetime.timedelta(days=1), zone), _midnight(today, zone), 60), calendar=calendar)
        case CalendarPeriod.WEEK:
            return Window(_edges(_midnight(today - datetime.timedelta(days=today.weekday()), zone), until, 360), calendar=calendar)


def whole_days(first: datetime.date, last: datetime.date, zone: ZoneInfo) -> Window:
    """The window from the beginning of one day to the end of another, in a time zone. A day may have 23 or 25 hours."""
    count = min((last - first).days + 1, MOST_DAYS)
    last = first + datetime.timedelta(days=count - 1)
    if count <= 2:
        begin, end = (_midnight(day, zone) for day in (first, last + datetime.timedelta(days=1)))
        return Window(_edges(begin, end, 60), first=first, last=last)
    step = math.ceil(count / MOST_COLUMNS)
    edges = [_midnight(first + datetime.timedelta(days=n), zone) for n in (*range(0, count, step), count)]
    return Window(tuple(edges), first=first, last=last)


def fixed_window(since: int, until: int) -> Window:
    """The window between two whole minutes, with columns of a suitable width."""
    minutes = (until - since) // MINUTE
    step = next(
        (step for step in (1, 5, 10, 60, 360, DAY) if minutes <= step * MOST_COLUMNS), DAY * math.ceil(minutes / DAY / MOST_COLUMNS)
    )
    return Window(_edges(since, until, step), fixed=True)


def _range(typed: Mapping[str, str], zone: ZoneInfo) -> Window:
    first, last = _day(typed, "from"), _day(typed, "to")
    if last < first:
        raise WrongPeriod("to", _("The period ends before it begins. Choose a later end."))
    count = (last - first).days + 1
    if count > MOST_DAYS:
        words = {"n": intcomma(count), "most": MOST_DAYS}
        raise WrongPeriod(
            "to", _("These are %(n)s days. A period has at most %(most)d; choose a later beginning or an earlier end.") % words
        )
    return whole_days(first, last, zone)


_LAST_MINUTE: Final = 4_102_444_800 // 60
"""The beginning of the year 2100; a later end is refused."""


def _edges(since: int, until: int, step: int) -> tuple[int, ...]:
    """The edges of the columns.

    Columns of an hour or more begin with a whole hour, whose figures are read at once. So the first and the last may be shorter.
    """
    if step < 60:
        return (*range(since, until, step * MINUTE), until)
    first = since // HOUR * HOUR + HOUR
    return (since, *range(first if since % HOUR else since + step * MINUTE, until, step * MINUTE), until)


def _day(typed: Mapping[str, str], name: str) -> datetime.date:
    text = typed.get(name, "")
    if not text:
        raise WrongPeriod(name, _("Choose the day on which it begins.") if name == "from" else _("Choose the day on which it ends."))
    try:
        day = datetime.date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or not FIRST_YEAR <= day.year <= LAST_YEAR:
        words = {"text": text[:40], "first": FIRST_YEAR, "last": LAST_YEAR}
        raise WrongPeriod(name, _("“%(text)s” is not a day of the years %(first)d to %(last)d. Give one like 2027-01-31.") % words)
    return day


def _shifted(at: int, days: int, zone: ZoneInfo) -> int:
    """The same time of day so many days before, which is no fixed time before where the clocks were changed."""
    local = from_micros(at).astimezone(zone)
    return to_micros((local - datetime.timedelta(days=days)).astimezone(datetime.UTC)) // MINUTE * MINUTE


def _midnight(day: datetime.date, zone: ZoneInfo) -> int:
    at = datetime.datetime.combine(day, datetime.time(), zone)
    return int(at.timestamp()) // 60 * MINUTE


def minutes_of(end: datetime.datetime | None) -> str:
    """An end of a period as `window_of` reads it; "" for None. One that is no whole minute is none that it can read."""
    if end is None:
        return ""
    minutes, rest = divmod(round(end.timestamp() * 1_000_000), MINUTE)
    return f"{minutes}.{rest}" if rest else str(minutes)
