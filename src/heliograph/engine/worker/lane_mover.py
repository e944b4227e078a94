"""Moves lanes to the new connection of their destination. Only the lanes' current owner moves them (docs/design/queue.md, section 8).

If the page that saved the destination moved them, a lane in flight would have two owners. A lane in flight settles first; idle lanes and
those of paused connections move too.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field

from heliograph.domain.delivery.slots import may_settle, slot_of
from heliograph.engine.worker.config_view import ConfigView
from heliograph.engine.worker.shared_lanes import SharedLanes
from heliograph.engine.worker.slot_ownership import Ownership
from heliograph.store import configuration_versions
from heliograph.store.database import Database
from heliograph.store.queue.lane_reads import StoredLane, lock_lanes, misplaced, move
from heliograph.store.queue.outcome_store import move_actions
from heliograph.store.queue.slot_leases import fence

CHUNK = 500
CHECK_AGAIN_AFTER = (5.0, 15.0)
"""Seconds after a move at which lanes are checked again: a change recorded just before the move may have woken a lane at the old connection."""


@dataclass(slots=True)
class LaneMover:
    """Runs on the settling thread and its connection."""

    db: Database
    view: ConfigView
    ownership: Ownership
    memory: SharedLanes
    _later: deque[tuple[float, int, int]] = field(default_factory=deque)

    def turn(self) -> None:
        """Moves lanes of every changed destination, one chunk each."""
        now = time.monotonic()
        destinations: dict[tuple[int, int], None] = {}
        while self.memory.to_move:
            destinations[self.memory.to_move.popleft()] = None
        for _ in range(len(self._later)):
            at, account, destination = self._later.popleft()
            if at <= now:
                destinations[account, destination] = None
            else:
                self._later.append((at, account, destination))
        for account, destination in destinations:
            if self._move(account, destination):
                self.memory.to_move.append((account, destination))

    def _move(self, account: int, destination: int) -> bool:
        """Moves a chunk of a destination's lanes. True if there are more."""
        self.view.refresh(self.db)
        connection = self.view.connection_of(account, destination)
        if connection is None:
            return False
        rows = misplaced(self.db, destination, connection, self.ownership.owned, CHUNK)
        if not rows:
            return False
        idle_lanes = [stored for stored in rows if self.memory.enter(stored.lane.id)]
        try:
            if idle_lanes:
                self._commit(account, destination, idle_lanes)
        finally:
            for stored in idle_lanes:
                self.memory.leave(stored.lane.id)
        now = time.monotonic()
        self._later.extend((now + wait, account, destination) for wait in CHECK_AGAIN_AFTER)
        return len(rows) == CHUNK or len(idle_lanes) < len(rows)

    def _commit(self, account: int, destination: int, idle_lanes: list[StoredLane]) -> None:
        """Moves the lanes that are still where they were read, in one transaction."""
        with self.db.transaction():
            configuration_versions.lock_shared(self.db, [account])
            self.view.refresh(self.db)
            connection = self.view.connection_of(account, destination)
            if connection is None:
                return
            epochs = fence(self.db, {stored.slot for stored in idle_lanes})
            own_slots = {
                stored.lane.id: stored.slot
                for stored in idle_lanes
                if may_settle(self.ownership.settling_epoch(stored.slot), epochs.get(stored.slot))
            }
            # A lane whose slot has changed since it was read is not ours, whoever owns the old slot now.
            lanes = {lane: stored for lane, stored in lock_lanes(self.db, own_slots).items() if stored.slot == own_slots[lane]}
            to_move = [lane for lane, stored in lanes.items() if stored.connection != connection]
            move(self.db, to_move, connection, slot_of(connection))
            former = {lane: lanes[lane].connection for lane in to_move}
            move_actions(self.db, former, connection)
