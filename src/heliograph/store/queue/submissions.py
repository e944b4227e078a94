"""Stores a person's Submit to Retry Queue (guide: Submitting to the Queue; D8). In the caller's transaction; the rules are those of
`domain.delivery.lanes`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from heliograph.domain.delivery import lanes as rules
from heliograph.domain.delivery.action import Does, NotSubmittable, QueueStatus, StuckRun, submit_run
from heliograph.domain.delivery.lanes import Settlement
from heliograph.domain.delivery.outcomes import Cause
from heliograph.domain.delivery.retry_policy import Category
from heliograph.domain.figures import of_reconsidered
from heliograph.store.database import Database
from heliograph.store.queue.figures import put_deltas
from heliograph.store.queue.lanes import StoredAction, StoredLane, lock_lanes, open_actions
from heliograph.store.queue.outcomes import Settled, store

type DoesOf = Callable[[int], Does]
"""What a destination does, by its id."""


def submit(
    db: Database, account: int, actions: Sequence[int], does_of: DoesOf, *, as_of: Mapping[int, int] = MappingProxyType({})
) -> dict[int, str]:
    """Submit to Retry Queue (D8). action id -> result: "" = moved to the front, else a sentence that says why not.

    Actions of other accounts are ignored. For an item that newer data has superseded the sentence says so; the item ends as Done.
    as_of: by action, the version of the account's configuration whose mappings that try uses (D8); all others use today's.
    """
    rows = db.all(
        f"SELECT id, lane_id FROM action WHERE {db.member('id', 'ids')} AND +account_id = :account",
        {"ids": list(actions), "account": account},
    )
    lane_of_action: dict[int, int] = dict(rows)
    said = {action: "There is no such item." for action in actions if action not in lane_of_action}
    lanes = lock_lanes(db, lane_of_action.values())
    opened = open_actions(db, lanes, also=lane_of_action)
    now = db.now()
    for number, lane in sorted(lanes.items(), key=lambda item: item[1].lane.order):
        stored, about = lane, opened[number]
        for item in sorted(a for a, where in lane_of_action.items() if where == number):
            try:
                wish = rules.submit(does_of(stored.lane.destination), stored.lane, [a.action for a in about], item, now)
            except NotSubmittable as error:
                said[item] = str(error)
                continue
            # None: it is already at the front, together with another item
            after = next((m.new for m in wish.moves if m.old.id == item), None)
            said[item] = (
                "" if after is None or after.state.is_open else "Newer data of this registration has been sent already; this item is done."
            )
            store(db, [Settled(wish, stored, about)], now)
            stored, about = _after(stored, about, wish)
    _use_mappings_of(db, [item for item, text in said.items() if not text], as_of)
    return said


def _use_mappings_of(db: Database, items: Sequence[int], as_of: Mapping[int, int]) -> None:
    """Notes by which mappings submitted items are sent (D8). Their lanes are locked."""
    if items:
        db.run(f"UPDATE action SET as_of = NULL WHERE {db.member('id', 'ids')} AND as_of IS NOT NULL", {"ids": list(items)})
    wanted = [{"id": item, "as_of": as_of[item]} for item in items if item in as_of]
    if wanted:
        db.many("UPDATE action SET as_of = :as_of WHERE id = :id", wanted)


def _after(stored: StoredLane, about: Sequence[StoredAction], settlement: Settlement) -> tuple[StoredLane, list[StoredAction]]:
    new = {m.new.id: m.new for m in settlement.moves}
    lane = replace(stored, lane=settlement.lane)
    return lane, [replace(a, action=new.get(a.id, a.action)) for a in about]


def submit_runs(db: Database, account: int, runs: Sequence[int]) -> dict[int, str]:
    """Submit to Retry Queue for runs without an action: they are reconsidered at once. run id -> "" or a sentence that says why not."""
    rows = db.all(
        f"SELECT id, queue, category, cause, due_at, tries FROM stuck_run WHERE {db.member('id', 'ids')} AND +account_id = :account"
        f" ORDER BY id{db.for_update}",
        {"ids": list(runs), "account": account},
    )
    said = {run: "There is no such item." for run in runs if run not in {row[0] for row in rows}}
    reopened: list[int] = []
    for row in rows:
        before = stuck_run_of(row)
        try:
            after = submit_run(before)
        except NotSubmittable as error:
            said[row[0]] = str(error)
            continue
        said[row[0]] = ""
        db.run(
            "UPDATE stuck_run SET queue = :queue, due_at = :due, ended = NULL WHERE id = :id",
            {"id": after.id, "queue": after.queue.code, "due": after.due_at},
        )
        if not before.is_open:
            reopened.append(after.id)
    count_stuck(db, account, reopened, was_open=False, is_open=True)
    return said


def count_stuck(db: Database, account: int, runs: Sequence[int], *, was_open: bool, is_open: bool) -> None:
    """Updates the In Retry Queue figure when these runs leave or join the queue (X2). Their changes were counted as processed at the time:
    no other figure changes."""
    if runs:
        rows = db.all(f"SELECT at, mode, flow_id FROM run WHERE {db.member('id', 'runs')}", {"runs": list(runs)})
        put_deltas(
            db,
            (
                delta
                for at, mode, flow in rows
                for delta in of_reconsidered(account, at, mode, flow, triggered=False, was_open=was_open, is_open=is_open)
            ),
        )


def stuck_run_of(row: tuple[int, int, int, str, int | None, int]) -> StuckRun:
    """A stuck run from (id, queue, category, cause, due_at, tries)."""
    number, queue, category, cause, due_at, tries = row
    status, kind = QueueStatus.of_code(queue), Category.of_code(category)
    assert status is not None
    assert kind is not None
    return StuckRun(number, status, kind, Cause(cause), due_at, tries)
