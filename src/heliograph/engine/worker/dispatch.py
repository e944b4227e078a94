"""Chooses the action to send for each lane that was read, and reads its change (docs/design/queue.md, section 4)."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from heliograph.domain.delivery.lanes import choose
from heliograph.engine.worker.request_builder import ReadContent, RequestBuilder
from heliograph.engine.worker.shared_lanes import TakenLane
from heliograph.store.database import Database
from heliograph.store.queue import lanes as table
from heliograph.store.queue.lanes import StoredLane


def choose_actions(
    db: Database, builder: RequestBuilder, mine: Sequence[tuple[StoredLane, int]], clock: int, between: Callable[[], object]
) -> tuple[list[TakenLane], ReadContent]:
    """Takes lanes into memory with the action that each sends next, and reads the changes of these actions.

    mine: lanes with the epochs of their slots. clock: the database's current time. between: called between two reads.
    """
    actions = table.open_actions(db, [stored.lane.id for stored, _ in mine])
    between()
    taken = []
    for stored, epoch in mine:
        about = actions[stored.lane.id]
        does = builder.view.does(stored.account, stored.lane.destination)
        choice = choose(does, stored.lane.begun_version, [a.action for a in about], clock)
        action = next((a for a in about if choice.action is not None and a.id == choice.action.id), None)
        policy = builder.view.policy_of(stored.account, stored.connection)
        taken.append(TakenLane(stored, epoch, does, policy, action, time.monotonic()))
    between()
    sent = [each.action for each in taken if each.action is not None and not each.stored.lane.is_poison]
    return taken, builder.content(db, sent)
