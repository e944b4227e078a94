"""Which connections have work: looked for in the queue, less often where a look is dear (docs/design/queue.md, section 4; D9)."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass, field

from heliograph.store.database import Database
from heliograph.store.queue.lanes import connections_with_work

CHEAP = 0.001
"""Seconds that a look may take and still be made before each read."""
LONGEST_REST = 0.05
"""Seconds between two looks at most, else eight times as long as the one before took: a thousand connections that have work cost milliseconds, and those that are
known to have more are read meanwhile."""


@dataclass(slots=True)
class WorkFinder:
    """What the last look found, without what was read dry since."""

    found: list[int] = field(default_factory=list)
    _next: float = 0.0

    def look(self, db: Database, now: float, clock: int) -> bool:
        """Looks, unless it is too early: then False, and there may be news. now: monotonic seconds; clock: the database's."""
        if now < self._next:
            return False
        self.found = connections_with_work(db, clock)
        took = time.monotonic() - now
        self._next = now + took + min(LONGEST_REST, 8 * took) if took > CHEAP else now
        return True

    def read(self, asked: Collection[int], answered: Collection[int]) -> None:
        """Connections that were asked for lanes, and those that had some: the others' next work is for the next look to find."""
        self.found = [c for c in self.found if c in answered or c not in asked]
