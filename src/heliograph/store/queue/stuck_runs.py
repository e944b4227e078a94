"""Statements on stuck runs: which are due, what becomes of them, and what makes them due (F7, D7, D8; docs/design/queue.md, section 9).

In the caller's transaction. `recording` inserts them with their change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from heliograph.domain.delivery.action import NotSubmittable, QueueStatus, StuckRun, submit_run
from heliograph.domain.delivery.outcomes import Cause
from heliograph.domain.delivery.retry_policy import Category
from heliograph.domain.figures import of_reconsidered
from heliograph.store.database import Database
from heliograph.store.queue.figures import put_deltas

AT_ONCE: Final = 50
"""Runs that are decided again in one transaction."""
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
        "WITH RECURSIVE a(id) AS (SELECT min(account_id) FROM stuck_run WHERE queue < 3 AND due_at >= 0 UNION ALL"
        " SELECT (SELECT min(j.account_id) FROM stuck_run j WHERE j.queue < 3 AND j.due_at >= 0 AND j.account_id > a.id) FROM a WHERE a.id IS NOT NULL)"
        " SELECT a.id FROM a WHERE a.id IS NOT NULL"
        " AND EXISTS (SELECT 1 FROM stuck_run d WHERE d.queue < 3 AND d.account_id = a.id AND d.due_at <= :now)",
        {"now": db.now()},
    )
    return [account for (account,) in rows]


def events_with_due(db: Database, account: int) -> list[int]:
    """The events of the runs that are due next."""
    rows = db.all(
        "SELECT DISTINCT event_id FROM (SELECT event_id FROM stuck_run WHERE account_id = :account AND queue < 3 AND due_at <= :now"
        " ORDER BY due_at, id LIMIT :most) x",
        {"account": account, "now": db.now(), "most": AT_ONCE},
    )
    return [event for (event,) in rows]


def lock_due(db: Database, account: int, events: Sequence[int], now: int) -> list[DueRun]:
    """Locks runs of these events that are due. A row that a page is submitting now is left for the next turn: pages lock in another order."""
    update = " FOR UPDATE OF j SKIP LOCKED" if db.vendor == "postgresql" else ""
    rows = db.all(
        "SELECT j.id, j.queue, j.category, j.cause, j.due_at, j.tries, j.account_id, j.change_id, j.flow_id, j.registration_id, j.event_id, j.mode, r.at"
        " FROM stuck_run j JOIN run r ON r.id = j.run_id WHERE j.account_id = :account AND j.queue < 3 AND j.due_at <= :now"
        f" AND {db.member('j.event_id', 'events')} ORDER BY j.due_at, j.id LIMIT :most{update}",
        {"account": account, "now": now, "most": AT_ONCE, "events": events},
    )
    return [DueRun(_stuck_run(row[:6]), *row[6:]) for row in rows]


def store_decided(db: Database, after: StuckRun, now: int, *, triggered: bool, reason: str, message: str) -> None:
    """Stores a run that was decided again. reason: the run's new one; "" = as it was."""
    if triggered:
        db.run("UPDATE run SET decision = 2, reason = '' WHERE id = :run", {"run": after.id})
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


def end(db: Database, run: int, cause: Cause, now: int) -> None:
    """Ends a run as Failed, because what it needs is gone."""
    db.run(
        "UPDATE stuck_run SET queue = :queue, cause = :cause, due_at = NULL, ended = :now WHERE id = :id",
        {"id": run, "queue": QueueStatus.FAILED.code, "cause": cause.value, "now": now},
    )


def end_of_flow(db: Database, account: int, flow: int, cause: Cause) -> None:
    """Ends the waiting runs of a deleted flow (P12)."""
    rows = db.all(
        "UPDATE stuck_run SET queue = 3, due_at = NULL, cause = :cause, ended = :now WHERE account_id = :account AND flow_id = :flow AND queue < 3"
        " RETURNING run_id",
        {"account": account, "flow": flow, "cause": cause.value, "now": db.now()},
    )
    _count(db, account, [run for (run,) in rows], was_open=True, is_open=False)


_UNTAGGED: Final = "UPDATE stuck_run SET due_at = :now WHERE account_id = :account AND queue < 3 AND due_at > :now AND cause = :cause"


def untagged_are_due(db: Database, account: int, flow: int | None = None) -> int:
    """Makes waiting untagged runs due, after tags were assigned or a flow was saved (D7). Returns how many."""
    return db.run(
        _UNTAGGED + ("" if flow is None else " AND flow_id = :flow"),
        {"account": account, "now": db.now(), "cause": Cause.UNTAGGED.value} | ({} if flow is None else {"flow": flow}),
    )


def untagged_with_are_due(db: Database, account: int, part: StatePart, field: StateField, id: int) -> None:
    """Makes those untagged runs due whose change left this status, or this property among others, in that part of the state after it."""
    number = int(id)
    if db.vendor == "sqlite":
        has_it = (
            f"EXISTS (SELECT 1 FROM json_each(x.after, '$.{part}.{field}') WHERE value = {number})"
            if field == "properties"
            else f"json_extract(x.after, '$.{part}.{field}') = {number}"
        )
    elif field == "properties":
        has_it = f"(x.after::jsonb #> '{{{part},{field}}}') @> '{number}'::jsonb"
    else:
        has_it = f"(x.after::jsonb #>> '{{{part},{field}}}') = '{number}'"
    db.run(
        f"{_UNTAGGED} AND EXISTS"
        f" (SELECT 1 FROM change c JOIN change_content x ON x.change_id = c.id AND x.at = c.at WHERE c.id = stuck_run.change_id AND {has_it})",
        {"account": account, "now": db.now(), "cause": Cause.UNTAGGED.value},
    )


def submit_runs(db: Database, account: int, runs: Sequence[int]) -> dict[int, str]:
    """Submit to Retry Queue for runs without an action (D8): they are decided again at once. run id -> "" or a sentence that says why not."""
    rows = db.all(
        f"SELECT id, queue, category, cause, due_at, tries FROM stuck_run WHERE {db.member('id', 'ids')} AND +account_id = :account"
        f" ORDER BY id{db.for_update}",
        {"ids": list(runs), "account": account},
    )
    said = {run: "There is no such item." for run in runs if run not in {row[0] for row in rows}}
    reopened: list[int] = []
    for row in rows:
        before = _stuck_run(row)
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
    _count(db, account, reopened, was_open=False, is_open=True)
    return said


def _count(db: Database, account: int, runs: Sequence[int], *, was_open: bool, is_open: bool) -> None:
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


def _stuck_run(row: Sequence[Any]) -> StuckRun:
    """From (id, queue, category, cause, due_at, tries)."""
    number, queue, category, cause, due_at, tries = row
    status, kind = QueueStatus.of_code(queue), Category.of_code(category)
    assert status is not None
    assert kind is not None
    return StuckRun(number, status, kind, Cause(cause), due_at, tries)
