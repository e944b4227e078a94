"""The hours in which nobody wants to be told anything (B4)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

DAY_MINUTES: Final = 24 * 60
_LOOKED: Final = 15 * DAY_MINUTES
_SATURDAY: Final = 5


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Quiet hours of each day, in the account's time zone. first == last: none."""

    first: int = 0
    """Minutes since midnight at which they begin; in the evening, if they last over midnight."""
    last: int = 0
    """Minutes since midnight at which they end."""
    weekend: bool = False
    """All of Saturday and Sunday is quiet, too."""

    def contains(self, local: datetime) -> bool:
        """Whether this local time is quiet."""
        minute = local.hour * 60 + local.minute
        if self.weekend and local.weekday() >= _SATURDAY:
            return True
        if self.first < self.last:
            return self.first <= minute < self.last
        return self.first != self.last and (minute >= self.first or minute < self.last)

    def end(self, at: datetime, zone: tzinfo) -> datetime:
        """The first instant from `at` on that is not quiet; `at` itself if it is not.

        at: aware

        Without any loud minute within two weeks, which no settings can make, `at` itself: what nobody ever reads is of no use.
        """
        if not self.contains(at.astimezone(zone)):
            return at
        begun = at.astimezone(UTC).replace(second=0, microsecond=0)
        for minutes in range(1, _LOOKED):  # minute by minute: a change of the clocks moves the end
            later = begun + timedelta(minutes=minutes)
            if not self.contains(later.astimezone(zone)):
                return later
        return at


NEVER_QUIET: Final = QuietHours()
