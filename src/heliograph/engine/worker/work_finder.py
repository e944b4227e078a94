"""Finds the connections that have work. The longer a search takes, the less often it runs (docs/design/queue.md, section 4; D9)."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from heliograph.domain.delivery.action import Rank
from heliograph.store.database import Database
from heliograph.store.queue.lane_reads import work_by_connection

CHEAP = 0.001
"""A search that takes at most this many seconds runs before each read."""
PAUSE_FACTOR = 8.0
"""The pause after a longer search, in durations of that search: with a thousand connections one takes milliseconds. During the pause the
connections that are known to have more work are read."""
LONGEST_PAUSE = 0.05
"""Longest pause in seconds between two searches."""


@dataclass(slots=True)
class WorkFinder:
    """The result of the last search, without the connections that have been emptied since."""

    work: Mapping[int, frozenset[Rank | None]] = field(default_factory=dict)
    """Connections that have lanes to send, with the ranks of these lanes; None: a retry is due."""
    again_at: float = 0.0
    """When the next search may begin; monotonic seconds."""

    def search(self, db: Database, clock: int) -> bool:
        """Searches. False if it is too early. clock: the database's time in microseconds."""
        began = time.monotonic()
        if began < self.again_at:
            return False
        self.work = work_by_connection(db, clock)
        ended = time.monotonic()
        took = ended - began
        self.again_at = ended + min(LONGEST_PAUSE, PAUSE_FACTOR * took) if took > CHEAP else began
        return True

    def drop_emptied(self, read: Collection[int], with_lanes: Collection[int]) -> None:
        """Drops the connections of which a read returned no lanes. The next search finds their next work."""
        self.work = {connection: ranks for connection, ranks in self.work.items() if connection in with_lanes or connection not in read}
