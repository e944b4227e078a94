"""The times by which the Activity Feed is filtered: the period above it, a day, and an hour of its chart (X4)."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Final

from django.utils import timezone

from heliograph.deliveries.outcome_hours import HOUR
from heliograph.domain.delivery.retry_policy import MINUTE
from heliograph.insights.feed_lines import ends_of_day, overlap
from heliograph.insights.period import PARAMETERS, Window
from heliograph.store.instants import from_micros, to_micros
from heliograph.web.list_filters import Filter, IdFilter

LAST_HOUR: Final = 4_102_444_800 // 3600
"""The beginning of the year 2100, in hours since 1970; a later hour is no hour."""


class HourFilter(IdFilter):
    """An hour, as the number of hours since 1970 in UTC. The chart's links set it."""

    def read(self, text: str) -> int | None:
        hour = super().read(text)
        return hour if hour is not None and hour < LAST_HOUR else None


class PeriodFilter(Filter):
    """A parameter of the period, for the form and the links of the list. `Frame` reads them together, and refuses what is none."""

    def __init__(self, param: str = "") -> None:
        super().__init__(param=param, place="view")

    def read(self, text: str) -> str:
        return text.strip()[: self.longest]


@dataclass(frozen=True, slots=True)
class FeedTime:
    """The chosen times. A change of the feed lies within all of them."""

    window: Window | None
    """The period; None for any time."""
    date: datetime.date | None
    hour: int | None
    """See `HourFilter`."""
    jump: datetime.datetime | None
    """Where the feed begins, going back."""

    @property
    def period(self) -> tuple[int, int] | None:
        """[from, before) of the period, in microseconds; None for any time."""
        return (self.window.since, self.window.until) if self.window else None

    @property
    def day(self) -> tuple[int, int] | None:
        """[from, before) of the day; None if none is chosen."""
        return ends_of_day(self.date, timezone.get_current_timezone()) if self.date else None

    @property
    def hour_span(self) -> tuple[int, int] | None:
        """[from, before) of the hour; None if none is chosen."""
        return (self.hour * HOUR, (self.hour + 1) * HOUR) if self.hour is not None else None

    @property
    def day_of_hour(self) -> tuple[int, int] | None:
        """[from, before) of the day in which the hour begins, or as much of it as lies in the period; None if none is chosen."""
        begun = overlap(self.hour_span, self.period)
        if self.hour is None or begun is None:
            return None
        zone = timezone.get_current_timezone()
        return ends_of_day(from_micros(begun[0]).astimezone(zone).date(), zone)

    @property
    def between(self) -> tuple[int, int] | None:
        """What all have in common; None for any time."""
        return overlap(self.period, self.day, self.hour_span)

    @property
    def superseded(self) -> list[str]:
        """The parameters of a time that excludes all of a time that was chosen after it. The page removes them, so that no two contradict each other.

        A link to another period keeps no day, hour or jump, and the chart's hours lie within the chosen day. So the period is older than these,
        and the hour is older than the day.
        """
        if _are_apart(self.day, self.hour_span):
            return ["hour"]
        at = to_micros(self.jump) if self.jump else None
        jumps_before = self.window is not None and at is not None and at + MINUTE <= self.window.since
        if jumps_before or _are_apart(self.period, overlap(self.day, self.hour_span)):
            return list(PARAMETERS)
        return []


def _are_apart(one: tuple[int, int] | None, other: tuple[int, int] | None) -> bool:
    if one is None or other is None:
        return False
    return max(one[0], other[0]) >= min(one[1], other[1])
