"""The period that Insights shows (guide: Account Insights; X1, X3): a rolling one, a number of days, or a range of whole days.

Periods have whole minutes. A rolling one ends with the minute that runs now; a link to records carries its absolute ends, so that a reload
shows the same. Instants are microseconds.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from heliograph.domain.delivery.retry_policy import MINUTE
from heliograph.domain.ids import read_id
from heliograph.web.forms import member_of

HOUR: Final = 60 * MINUTE
"""Microseconds."""
DAY: Final = 24 * 60
"""Minutes of a day on which the clocks are not changed."""
MOST_DAYS: Final = 400
"""Older rows are deleted (X6)."""
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


@dataclass(frozen=True, slots=True)
class Window:
    """A period with the edges of its charts' columns, its two ends among them.

    rolling: which one it is; days: of a typed number, 0 for none; first, last: of a range of whole days. fixed: its ends stand in the address.
    """

    edges: tuple[int, ...]
    rolling: Rolling | None = None
    days: int = 0
    first: datetime.date | None = None
    last: datetime.date | None = None
    fixed: bool = False

    @property
    def since(self) -> int:
        return self.edges[0]

    @property
    def until(self) -> int:
        """The end, exclusive."""
        return self.edges[-1]

    @property
    def step(self) -> int:
        """The width of the columns, in microseconds: of the widest, since the first and the last may be shorter."""
        return max(after - before for before, after in pairwise(self.edges))

    @property
    def unit(self) -> int:
        """The largest number of minutes that divides the width of every column but the first and the last."""
        return math.gcd(*((edge - self.edges[1]) // MINUTE for edge in self.edges[1:-1])) or 60


def window_of(query: Mapping[str, str], now: int, zone: ZoneInfo) -> Window:
    """What an address asks for: since and until (minutes of the epoch), from and to (days), days, or period; one day if it asks for none of these."""
    if fixed := _fixed(query):
        return fixed
    first, last = _day(query.get("from", "")), _day(query.get("to", ""))
    if first and last:
        return whole_days(min(first, last), max(first, last), zone)
    days = read_id(query.get("days", "").strip())
    if days:
        return _of_days(min(days, MOST_DAYS), now)
    return rolling_window(member_of(Rolling, query.get("period"), Rolling.DAY), now)


def rolling_window(rolling: Rolling, now: int) -> Window:
    """The window that ends with the current minute."""
    until = (now // MINUTE + 1) * MINUTE
    return Window(_edges(until - rolling.minutes * MINUTE, until, rolling.step), rolling=rolling)


def whole_days(first: datetime.date, last: datetime.date, zone: ZoneInfo) -> Window:
    """From the beginning of one day to the end of another, by the clocks of a time zone: a day may have 23 or 25 hours."""
    last = min(last, first + datetime.timedelta(days=MOST_DAYS - 1))
    count = (last - first).days + 1
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


def _of_days(days: int, now: int) -> Window:
    until = (now // MINUTE + 1) * MINUTE
    step = 60 if days <= 1 else 360 if days * 4 <= MOST_COLUMNS else DAY * math.ceil(days / MOST_COLUMNS)
    return Window(_edges(until - days * DAY * MINUTE, until, step), days=days)


def _fixed(query: Mapping[str, str]) -> Window | None:
    since, until = read_id(query.get("since", "")), read_id(query.get("until", ""))
    if since is None or until is None or not 0 < until - since <= MOST_DAYS * DAY + DAY or until > _LAST_MINUTE:
        return None
    return fixed_window(since * MINUTE, until * MINUTE)


_LAST_MINUTE: Final = 4_102_444_800 // 60
"""The beginning of the year 2100; a later end is refused."""


def _edges(since: int, until: int, step: int) -> tuple[int, ...]:
    """The edges of the columns. Those of an hour or more begin with a whole hour, whose figures are read at once; the first and the last may be
    shorter."""
    if step < 60:
        return (*range(since, until, step * MINUTE), until)
    first = since // HOUR * HOUR + HOUR
    return (since, *range(first if since % HOUR else since + step * MINUTE, until, step * MINUTE), until)


def _day(text: str) -> datetime.date | None:
    try:
        found = datetime.date.fromisoformat(text)
    except ValueError:
        return None
    return found if 2000 <= found.year < 2100 else None


def _midnight(day: datetime.date, zone: ZoneInfo) -> int:
    at = datetime.datetime.combine(day, datetime.time(), zone)
    return int(at.timestamp()) // 60 * MINUTE
