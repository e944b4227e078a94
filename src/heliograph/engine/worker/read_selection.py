"""The choice of the connections for the next read, and of the number of lanes (docs/design/queue.md, section 4; D9)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

from heliograph.domain.delivery.action import Rank
from heliograph.domain.delivery.lanes import LaneState
from heliograph.engine.worker.connection_limiter import LEAST_SHARE, ConnectionLimiter
from heliograph.store.queue.lane_reads import LaneWant, StoredLane

MOST_IN_MEMORY = 3000
"""Lanes in memory of one worker, of all connections together."""


@dataclass(slots=True)
class ReadSelection:
    """Chooses what a read asks for, and remembers which connections have more lanes than were read."""

    _unread: set[int] = field(default_factory=set)
    """Connections whose last read returned as many lanes as it asked for, so there may be more."""
    _full: set[int] = field(default_factory=set)
    """Connections that have work but were left out, because enough of their lanes are in memory."""
    _turn: int = 0

    @property
    def waits_for_space(self) -> bool:
        """Whether a connection has more lanes than fit into memory; outcomes that are settled give the space back. Callable from any thread."""
        return bool(self._unread or self._full)

    @property
    def has_unread(self) -> bool:
        return bool(self._unread)

    def waits_for(self, connections: AbstractSet[int]) -> bool:
        """Whether one of these connections has lanes that the last read left."""
        return not (self._unread.isdisjoint(connections) and self._full.isdisjoint(connections))

    def choose(
        self, now: float, work: Mapping[int, frozenset[Rank | None]], limiters: Mapping[int, ConnectionLimiter[Any]]
    ) -> list[LaneWant]:
        """The lanes to ask for. Each connection comes first from time to time, and a target that answers gets more than one that does not.

        now: monotonic seconds.
        work: connections of this worker that have work, with the ranks of their lanes; None: a retry is due.
        limiters: those of the connections whose lanes were in memory before. Of any other connection one lane is asked for, since nothing is
        known of it yet.
        """
        connections = list(work)
        answering = sum((limiter := limiters.get(connection)) is None or not limiter.is_slow(now) for connection in connections)
        share = max(LEAST_SHARE, MOST_IN_MEMORY // 2 // max(1, answering))
        self._turn += 1
        start = self._turn % len(connections) if connections else 0
        wants: list[LaneWant] = []
        self._full = set()
        for connection in connections[start:] + connections[:start]:
            limiter = limiters.get(connection)
            if limiter is None:
                wants += [LaneWant(connection, rank, 1) for rank in work[connection]]
            elif limiter.may_send(now):
                fitting = limiter.wants(now, share)
                wants += [want for want in fitting if want.rank in work[connection]]
                if not fitting:
                    self._full.add(connection)
        return wants

    def note_read(self, wants: Sequence[LaneWant], lanes: Iterable[StoredLane]) -> None:
        """Notes which connections have more lanes than the read returned.

        lanes: all lanes that were read for these wants
        """
        counts = Counter((stored.connection, stored.lane.rank if stored.lane.state is LaneState.READY else None) for stored in lanes)
        self._unread -= {want.connection for want in wants}
        self._unread |= {want.connection for want in wants if counts[want.connection, want.rank] >= want.limit}
