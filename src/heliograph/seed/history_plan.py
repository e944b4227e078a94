"""The size of the history to invent, and its period."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from heliograph.domain.delivery.retry_policy import DAY, HOUR, MINUTE

PERIOD: Final = 30 * DAY
MANY: Final = 50_000
"""Changes per copy: a history of this many is written once, of twice as many twice, and so on up to MOST_COPIES."""
MOST_COPIES: Final = 20
_RETIRED: Final = 20 * HOUR
_HELD: Final = 26 * HOUR
"""How long before the end the partners' flow was switched off, and the badge printer paused."""


@dataclass(frozen=True, slots=True)
class HistoryPlan:
    """The sizes and times of the history to invent."""

    changes: int
    """Changes of all copies, a multiple of `copies`."""
    until: int
    """The end of the history in microseconds, a whole minute."""
    seed: int = 1
    period: int = PERIOD
    """The length of the history in microseconds."""
    copies: int = 1
    """How often each registration is written, each time for another guest."""

    @classmethod
    def for_changes(cls, changes: int, until: int, seed: int) -> HistoryPlan:
        """A plan with one copy for every `MANY` changes, at most `MOST_COPIES`. The changes are rounded up to a multiple of the copies."""
        copies = max(1, min(MOST_COPIES, changes // MANY))
        return cls(-(-changes // copies) * copies, until, seed, copies=copies)

    @property
    def since(self) -> int:
        """The beginning of the history, which is that of the last copy."""
        return self.until - self.period

    @property
    def first_since(self) -> int:
        """When the first copy begins: each further one begins a minute earlier."""
        return self.since + (self.copies - 1) * MINUTE

    @property
    def retired_from(self) -> int:
        """When the partners' flow was switched off."""
        return self.until - _RETIRED * self.period // PERIOD

    @property
    def held_from(self) -> int:
        """When the badge printer was paused."""
        return self.until - _HELD * self.period // PERIOD
