"""Finds the connections that have work. The longer a look takes, the less often it looks (docs/design/queue.md, section 4; D9)."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass, field

from heliograph.store.database import Database
from heliograph.store.queue.lanes import connections_with_work

CHEAP = 0.001
"""A look that takes at most so many seconds is made before each read."""
LONGEST_REST = 0.05
"""Longest pause in seconds between two looks; usually eight times the time of the last look, which takes milliseconds with a thousand connections.
Connections known to have more work are read meanwhile."""


@dataclass(slots=True)
class WorkFinder:
    """What the last look found, without the connections that have been emptied since."""

    found: list[int] = field(default_factory=list)
    _next: float = 0.0

    def look(self, db: Database, now: float, clock: int) -> bool:
        """Looks for work. False if it is too early to look. now: monotonic seconds; clock: the database's."""
        if now < self._next:
            return False
        self.found = connections_with_work(db, clock)
        took = time.monotonic() - now
        self._next = now + took + min(LONGEST_REST, 8 * took) if took > CHEAP else now
        return True

    def read(self, asked: Collection[int], answered: Collection[int]) -> None:
        """Forgets connections that were read and had no lanes: the next look finds their next work."""
        self.found = [c for c in self.found if c in answered or c not in asked]
