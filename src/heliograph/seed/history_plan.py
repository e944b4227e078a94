"""How much history to invent, and of what time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from heliograph.domain.delivery.retry_policy import DAY, HOUR, MINUTE

PERIOD: Final = 30 * DAY
MANY: Final = 50_000
"""Changes for each twin."""
MOST_TWINS: Final = 20
_RETIRED: Final = 20 * HOUR
_HELD: Final = 26 * HOUR
"""How long before the end the partners' flow was switched off, and the badge printer paused."""


@dataclass(frozen=True, slots=True)
class HistoryPlan:
    """What to invent. until: microseconds, a whole minute. twins: of each registration; the changes are a multiple of it."""

    changes: int
    until: int
    seed: int = 1
    period: int = PERIOD
    twins: int = 1

    @classmethod
    def of(cls, changes: int, until: int, seed: int) -> HistoryPlan:
        """A plan with as many twins as its size needs to be written soon. changes: rounded up."""
        twins = max(1, min(MOST_TWINS, changes // MANY))
        return cls(-(-changes // twins) * twins, until, seed, twins=twins)

    @property
    def since(self) -> int:
        """The beginning of the history. The first twins begin later, so that all others fit in."""
        return self.until - self.period

    @property
    def first_since(self) -> int:
        return self.since + (self.twins - 1) * MINUTE

    @property
    def retired_from(self) -> int:
        """When the partners' flow was switched off."""
        return self.until - _RETIRED * self.period // PERIOD

    @property
    def held_from(self) -> int:
        """When the badge printer was paused."""
        return self.until - _HELD * self.period // PERIOD
