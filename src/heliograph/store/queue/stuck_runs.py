"""Statements on stuck runs: which are due, what becomes of them, and what makes them due (F7, D7, D8; docs/design/queue.md, section 9).

A stuck run has the id of its run. `recording` inserts it with its change; the rest is done here, in the caller's transaction. Whoever locks
several rows does so by id, and waits for those that are locked. Only `lock_due` takes them by when they are due: it skips locked rows, so it
never waits for one.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from heliograph.domain.delivery.action import NotSubmittable, QueueStatus, StuckRun, ended_run, submit_run
from heliograph.domain.delivery.outcomes import Cause
from heliograph.domain.delivery.retry_policy import Category
from heliograph.domain.figures import of_reconsidered
from heliograph.domain.flow.decision import FlowVerdict, Reason
from heliograph.store.database import Database
from heliograph.store.queue.figure_deltas import put_deltas
from heliograph.store.row_states import STUCK_RUN_WAITING

AT_ONCE: Final = 50
"""Runs that are decided again in one transaction."""
COMPARED: Final = 500
"""Waiting runs that are compared with a saved fix in one transaction."""
type StatePart = Literal["registration", "session", "event"]
type StateField = Literal["status", "properties"]


@dataclass(frozen=True, slots=True)
class DueRun:
    """A stuck run that is due, with what it is about. at: when its change was recorded."""

    stuck: StuckRun
    account: int
    change: int
    flow: int
    registration: int | None
    event: int
    mode: int
    at: int


def accounts_with_due(db: Database) -> list[int]:
    """Accounts with due runs. A loose index scan: its cost does not grow with the number of waiting runs."""
    rows = db.all(
        f"WITH RECURSIVE a(id) AS (SELECT min(account_id) FROM stuck_run WHERE {STUCK_RUN_WAITING} AND due_at >= 0 UNION ALL"
        f" SELECT (SELECT min(j.account_id) FROM stuck_run j WHERE j.{STUCK_RUN_WAITING} AND j.due_at >= 0 AND j.account_id > a.id) FROM a WHERE a.id IS NOT NULL)"
        " SELECT a.id FROM a WHERE a.id IS NOT NULL"
        f" AND EXISTS (SELECT 1 FROM stuck_run d WHERE d.{STUCK_RUN_WAITING} AND d.account_id = a.id AND d.due_at <= :now)",
        {"now": db.now()},
    )
    return [account for (account,) in rows]


def events_with_due(db: Database, account: int) -> list[int]:
    """The events of the runs that are due next."""
    rows = db.all(
        f"SELECT DISTINCT event_id FROM (SELECT event_id FROM stuck_run WHERE account_id = :account AND {STUCK_RUN_WAITING} AND due_at <= :now"
        " ORDER BY due_at, id LIMIT :most) x",
        {"account": account, "now": db.now(), "most": AT_ONCE},
    )
    return [event for (event,) in rows]


def lock_due(db: Database, account: int, events: Sequence[int], now: int) -> list[DueRun]:
    """Locks the due runs of these events. It skips rows that a page is submitting, because pages lock in another order; they are left for the
    next turn."""
    update = " FOR UPDATE OF j SKIP LOCKED" if db.vendor == "postgresql" else ""
    rows = db.all(
        "SELECT j.id, j.queue, j.category, j.cause, j.due_at, j.tries, j.account_id, j.change_id, j.flow_id, j.registration_id, j.event_id, j.mode, r.at"
        f" FROM stuck_run j JOIN run r ON r.id = j.run_id WHERE j.account_id = :account AND j.{STUCK_RUN_WAITING} AND j.due_at <= :now"
        f" AND {db.member('j.event_id', 'events')} ORDER BY j.due_at, j.id LIMIT :most{update}",
        {"account": account, "now": now, "most": AT_ONCE, "events": events},
    )
    return [DueRun(_stuck_run(row[:6]), *row[6:]) for row in rows]


def store_decided(db: Database, after: StuckRun, now: int, *, triggered: bool, reason: str, message: str) -> None:
    """Stores a run that was decided again. reason: the run's new one; "" = as it was."""
    if triggered:
        db.run(f"UPDATE run SET decision = {FlowVerdict.TRIGGERED.code}, reason = '' WHERE id = :run", {"run": after.id})
    elif reason:
        db.run("UPDATE run SET reason = :reason WHERE id = :run", {"run": after.id, "reason": reason})
    db.run(
        "UPDATE stuck_run SET queue = :queue, category = :category, cause = :cause, tries = :tries, due_at = :due, message = :message, ended = :ended"
        " WHERE id = :id",
        {
            "id": after.id,
            "queue": after.queue.code,
            "category": after.category.code,
            "cause": after.cause.value,
            "tries": after.tries,
            "due": after.due_at,
            "message": message,
            "ended": None if after.is_open else now,
        },
    )


REASON_OF_END: Final = {
    Cause.FLOW_DELETED: Reason.FLOW_DELETED,
    Cause.ERASED: Reason.CONTENT_REMOVED,
    Cause.CONTENT_REMOVED: Reason.CONTENT_REMOVED,
}
"""The reason of a run that cannot be judged any more."""


def end(db: Database, run: DueRun, cause: Cause, now: int) -> StuckRun:
    """Ends a run whose flow or content is gone. The caller adds the figures."""
    after = ended_run(run.stuck, cause)
    store_decided(db, after, now, triggered=False, reason=REASON_OF_END[cause].value, message="")
    return after


def lock_waiting(db: Database, changes: Collection[int]) -> None:
    """Locks the runs of these changes that wait for a tag until the transaction ends. On SQLite the transaction itself keeps other writers
    out."""
    if changes and db.vendor == "postgresql":
        db.all(
            f"SELECT id FROM stuck_run WHERE {db.member('change_id', 'changes')} AND {STUCK_RUN_WAITING} AND due_at IS NULL ORDER BY id FOR UPDATE",
            {"changes": sorted(changes)},
        )


def end_runs_of_changes(db: Database, changes: Collection[int]) -> int:
    """Ends the runs of these changes that wait for a tag, because retention removes the changes' content (X6). Returns how many."""
    where = f"{db.member('change_id', 'changes')} AND {STUCK_RUN_WAITING} AND due_at IS NULL"
    return _end_waiting(db, where, {"changes": sorted(changes)}, Cause.CONTENT_REMOVED) if changes else 0


def end_runs_of_erased(db: Database, changes: Collection[int]) -> int:
    """Ends all runs of these changes that wait for a tag or for another try, because their person is erased (B7). Returns how many."""
    where = f"{db.member('change_id', 'changes')} AND {STUCK_RUN_WAITING}"
    ended = _end_waiting(db, where, {"changes": sorted(changes)}, Cause.ERASED)
    db.run(f"UPDATE stuck_run SET message = '' WHERE {db.member('change_id', 'changes')} AND message <> ''", {"changes": sorted(changes)})
    return ended


def _end_waiting(db: Database, where: str, params: dict[str, object], cause: Cause) -> int:
    rows = db.all(f"SELECT {_COLUMNS}, account_id FROM stuck_run WHERE {where} ORDER BY id{db.for_update}", params)
    if not rows:
        return 0
    moves = [(row[6], before, ended_run(before, cause)) for row in rows for before in [_stuck_run(row)]]
    ids = {"ids": [after.id for _account, _before, after in moves]}
    db.run(
        f"UPDATE stuck_run SET queue = :queue, due_at = NULL, cause = :cause, message = '', ended = :now WHERE {db.member('id', 'ids')}",
        {**ids, "queue": QueueStatus.DONE.code, "cause": cause.value, "now": db.now()},
    )
    db.run(f"UPDATE run SET reason = :reason WHERE {db.member('id', 'ids')}", {**ids, "reason": REASON_OF_END[cause].value})
    _count(db, moves)
    return len(moves)


# ---- saved fixes -----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TaggedObject:
    """A status or property that got its first tag, and where the state after a change names it."""

    part: StatePart
    field: StateField
    id: int


def note_tagged(db: Database, account: int, objects: Iterable[TaggedObject]) -> None:
    """Notes that objects got their first tag: the worker looks for the runs that wait for exactly these objects (D7)."""
    if written := [[each.part, each.field, each.id] for each in objects]:
        _note(db, account, None, written)


def note_flow_saved(db: Database, account: int, flow: int | None) -> None:
    """Notes that a flow was saved or deleted: the worker decides again the runs of this flow that wait for a tag.

    flow: None for all flows of the account
    """
    _note(db, account, flow, [])


def _note(db: Database, account: int, flow: int | None, objects: Sequence[Sequence[str | int]]) -> None:
    waits = db.all(
        "SELECT 1 FROM stuck_run WHERE account_id = :account AND queue = :retry LIMIT 1",
        {"account": account, "retry": QueueStatus.RETRY.code},
    )
    if waits:
        db.run(
            "INSERT INTO saved_cure (account_id, flow_id, objects_tagged, reached, created) VALUES (:account, :flow, :objects, 0, :now)",
            {"account": account, "flow": flow, "objects": json.dumps(objects), "now": db.now()},
        )


def accounts_with_cures(db: Database) -> list[int]:
    """Accounts with a saved fix that not all waiting runs have been compared with. The table is almost always empty."""
    return [account for (account,) in db.all("SELECT DISTINCT account_id FROM saved_cure")]


def compare_next(db: Database, account: int) -> int:
    """Compares the next COMPARED waiting runs with the account's oldest saved fix, and makes those due that it can cure. Returns 0 if no
    fix was left, else at least 1.

    The one who saves holds the configuration exclusively, so every run that was judged without the fix is stored before the fix is.
    """
    locked = " FOR UPDATE" if db.vendor == "postgresql" else ""
    cures = db.all(
        f"SELECT id, flow_id, objects_tagged, reached FROM saved_cure WHERE account_id = :account ORDER BY id LIMIT 1{locked}",
        {"account": account},
    )
    if not cures:
        return 0
    cure, flow, objects, reached = cures[0]
    params: dict[str, object] = {"account": account, "retry": QueueStatus.RETRY.code, "reached": reached, "most": COMPARED}
    ((last, compared),) = db.all(
        "SELECT max(id), count(*) FROM (SELECT id FROM stuck_run WHERE account_id = :account AND queue = :retry AND id > :reached"
        " ORDER BY id LIMIT :most) waiting",
        params,
    )
    if compared:
        _make_due(db, params | {"last": last}, flow, {(part, field, id) for part, field, id in json.loads(objects)})
    if compared < COMPARED:
        db.run("DELETE FROM saved_cure WHERE id = :id", {"id": cure})
    else:
        db.run("UPDATE saved_cure SET reached = :last WHERE id = :id", {"id": cure, "last": last})
    return max(int(compared), 1)


def _make_due(db: Database, params: dict[str, object], flow: int | None, objects: set[tuple[str, str, int]]) -> None:
    """Makes waiting runs in a range of ids due.

    With objects: the runs whose change names one of them. Otherwise: the runs of the flow, or of all flows if it is None.
    """
    waits = "j.account_id = :account AND j.queue = :retry AND j.id > :reached AND j.id <= :last AND j.cause = :cause AND j.due_at IS NULL"
    waits += "" if flow is None else " AND j.flow_id = :flow"
    params = params | {"cause": Cause.UNTAGGED.value, "flow": flow}
    locked = " FOR UPDATE OF j" if db.vendor == "postgresql" else ""
    if not objects:
        ids = [id for (id,) in db.all(f"SELECT j.id FROM stuck_run j WHERE {waits} ORDER BY j.id{locked}", params)]
    else:
        rows = db.all(
            f"SELECT j.id, {', '.join(_NAMED[db.vendor])} FROM stuck_run j JOIN change c ON c.id = j.change_id"
            f" JOIN change_content x ON x.change_id = c.id AND x.at = c.at WHERE {waits} ORDER BY j.id{locked}",
            params,
        )
        ids = [id for id, *named in rows if not objects.isdisjoint(_objects(named))]
    if ids:
        db.run(f"UPDATE stuck_run SET due_at = :now WHERE {db.member('id', 'ids')}", {"ids": ids, "now": db.now()})


_STATUSES: Final[tuple[StatePart, ...]] = ("registration", "session", "event")
_NAMED: Final = {
    "sqlite": [f"json_extract(x.after, '$.{part}.status')" for part in _STATUSES] + ["json_extract(x.after, '$.registration.properties')"],
    "postgresql": [f"x.after::jsonb #>> '{{{part},status}}'" for part in _STATUSES] + ["x.after::jsonb #>> '{registration,properties}'"],
}
"""The statuses and the properties that the state after a change names; properties as JSON."""


def _objects(named: Sequence[Any]) -> set[tuple[str, str, int]]:
    *statuses, properties = named
    objects = {(part, "status", int(status)) for part, status in zip(_STATUSES, statuses, strict=True) if status is not None}
    return objects | {("registration", "properties", int(id)) for id in json.loads(properties or "[]")}


# ---- by hand ---------------------------------------------------------------------------------------------------------------------


def submit_runs(db: Database, account: int, runs: Sequence[int]) -> dict[int, str]:
    """Submit to Retry Queue for runs without an action (D8): they are decided again at once. run id -> "" or a sentence that says why not."""
    # `+`: by id, not by the account's index
    rows = db.all(
        f"SELECT {_COLUMNS} FROM stuck_run WHERE {db.member('id', 'ids')} AND +account_id = :account ORDER BY id{db.for_update}",
        {"ids": list(runs), "account": account},
    )
    sentences = {run: "There is no such item." for run in runs if run not in {row[0] for row in rows}}
    moves: list[tuple[int, StuckRun, StuckRun]] = []
    for row in rows:
        before = _stuck_run(row)
        try:
            after = submit_run(before)
        except NotSubmittable as error:
            sentences[row[0]] = str(error)
            continue
        sentences[row[0]] = ""
        db.run(
            "UPDATE stuck_run SET queue = :queue, due_at = :due, ended = NULL WHERE id = :id",
            {"id": after.id, "queue": after.queue.code, "due": after.due_at},
        )
        moves.append((account, before, after))
    _count(db, moves)
    return sentences


def _count(db: Database, moves: Sequence[tuple[int, StuckRun, StuckRun]]) -> None:
    """Counts runs that changed their state, each with its account, before and after (X2). Their changes were counted as processed at the time: no
    other figure changes."""
    moved = {after.id: (account, before.state, after.state) for account, before, after in moves if before.state is not after.state}
    if not moved:
        return
    rows = db.all(f"SELECT id, at, mode, flow_id FROM run WHERE {db.member('id', 'runs')}", {"runs": sorted(moved)})
    put_deltas(
        db,
        (
            delta
            for id, at, mode, flow in rows
            for account, old, new in [moved[id]]
            for delta in of_reconsidered(account, at, mode, flow, old, new)
        ),
    )


_COLUMNS: Final = "id, queue, category, cause, due_at, tries"


def _stuck_run(row: Sequence[Any]) -> StuckRun:
    """From _COLUMNS."""
    id, queue, category, cause, due_at, tries, *_more = row
    status, kind = QueueStatus.of_code(queue), Category.of_code(category)
    assert status is not None
    assert kind is not None
    return StuckRun(id, status, kind, Cause(cause), due_at, tries)
