"""Chooses the action to send for each lane that was read, and reads its change (docs/design/queue.md, section 4)."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from heliograph.domain.delivery.lanes import choose
from heliograph.engine.worker.request_builder import ReadContent, RequestBuilder
from heliograph.engine.worker.shared_lanes import TakenLane
from heliograph.store.database import Database
from heliograph.store.queue import lane_reads as table
from heliograph.store.queue.lane_reads import StoredLane


def choose_actions(
    db: Database, builder: RequestBuilder, lanes_with_epochs: Sequence[tuple[StoredLane, int]], clock: int, between: Callable[[], object]
) -> tuple[list[TakenLane], ReadContent]:
    """Chooses the action that each lane sends next, and reads the changes of these actions.

    lanes_with_epochs: lanes, each with the epoch of its slot.
    clock: the database's time in microseconds.
    between: called between two reads, so that another thread's work goes in between.
    """
    open_actions = table.open_actions(db, [stored.lane.id for stored, _ in lanes_with_epochs])
    between()
    taken_lanes = []
    for stored, epoch in lanes_with_epochs:
        candidates = open_actions[stored.lane.id]
        does = builder.view.does(stored.account, stored.lane.destination)
        choice = choose(does, stored.lane.begun_version, candidates, clock)
        action = next((candidate for candidate in candidates if choice.action is not None and candidate.id == choice.action.id), None)
        policy = builder.view.policy_of(stored.account, stored.connection)
        taken_lanes.append(TakenLane(stored, epoch, does, policy, action, time.monotonic()))
    between()
    to_send = [taken.action for taken in taken_lanes if taken.action is not None and not taken.stored.lane.is_poison]
    return taken_lanes, builder.content(db, to_send)
