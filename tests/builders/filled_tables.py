"""Rows for the tables that grow with traffic, written by the database itself: what plans are asked for with, thousands in a moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from heliograph.domain.delivery.action import Does
from heliograph.domain.delivery.lanes import Flight, settle
from heliograph.domain.delivery.outcomes import Delivered, Refused
from heliograph.domain.delivery.retry_policy import RetryPolicy
from heliograph.store.database import Database
from heliograph.store.queue.action_rows import StoredAction
from heliograph.store.queue.lane_reads import StoredLane
from heliograph.store.queue.outcome_store import Settled, StoredExchange

CONNECTIONS: Final = 40
ID: Final = "1000000 + i"
OF = f"i % {CONNECTIONS}"
READY, DUE, STUCK = "i % 20 = 0", "i % 20 = 1", "i % 50 = 2"
FILLING: Final = {
    "registration": {
        "id": ID, "account_id": ":a", "event_id": ":e", "code": "'Z' || i", "serial": ID, "version": "1", "state": "'{}'", "status_id": "0",
        "is_active": "true", "is_test": "false", "name": "''", "organization": "''", "search": "'x' || i", "created": "i", "modified": "i",
    },
    "lane": {
        "id": ID, "destination_id": f"5 + {OF}", "subject_id": ID, "account_id": ":a", "connection_id": f"100 + {OF}", "slot": f"(100 + {OF}) % 64",
        "state": f"CASE WHEN {READY} THEN 1 WHEN {DUE} THEN 2 ELSE 0 END", "rank": "20", "pos": "i", "due_at": f"CASE WHEN {DUE} THEN i END",
    },
    "change": {
        "id": ID, "account_id": ":a", "kind": "1", "subject_id": ID, "registration_id": ID, "event_id": ":e", "version": "1", "facets": "1", "mode": "1",
        "processed": "true", "quiet": "false", "at": "i", "by": "'test'", "account_version": "1", "event_version": "1",
    },
    "change_content": {"change_id": "5000000 + i", "account_id": ":a", "at": "i", "after": "'{}'", "before": "''"},
    "run": {
        "id": ID, "account_id": ":a", "change_id": ID, "flow_id": "7 + i % 50", "flow_number": "1", "decision": f"CASE WHEN {STUCK} THEN 1 ELSE 2 END",
        "reason": "'untagged'", "mode": "1", "at": "i",
    },
    "stuck_run": {
        "id": ID, "account_id": ":a", "run_id": ID, "change_id": ID, "flow_id": "7 + i % 50", "registration_id": ID, "event_id": ":e", "mode": "1",
        "queue": f"CASE WHEN {STUCK} THEN 1 ELSE 4 END", "category": "5", "tries": "0", "due_at": f"CASE WHEN {STUCK} THEN i END", "cause": "'untagged'",
        "message": "''", "created": "i",
    },
    "action": {
        "id": ID, "account_id": ":a", "uid": "'msg_' || i", "lane_id": ID, "run_id": ID, "change_id": ID, "registration_id": ID, "event_id": ":e",
        "flow_id": "7 + i % 50", "destination_id": f"5 + {OF}", "mode": "1", "version": "1", "rank": "20",
        "state": f"CASE WHEN {READY} THEN 1 WHEN {DUE} THEN 2 ELSE 10 END", "queue": f"CASE WHEN {DUE} THEN 1 ELSE 0 END",
        "category": f"CASE WHEN {DUE} THEN 5 END", "cause": f"CASE WHEN {DUE} THEN 'flow_inactive' ELSE '' END", "due_at": f"CASE WHEN {DUE} THEN i END", "created": "i",
    },
    "attempt": {
        "id": ID, "account_id": ":a", "action_id": ID, "n": "5", "kind": "CASE WHEN i % 100 = 7 THEN 2 ELSE 1 END", "at": "i", "took": "1",
        "state": f"CASE WHEN {DUE} THEN 2 WHEN i % 100 = 13 THEN 11 WHEN i % 100 = 14 THEN 12 ELSE 10 END", "category": f"CASE WHEN {DUE} THEN 5 END",
        "message": "''", "flow_id": "7 + i % 50", "connection_id": f"100 + {OF}", "versions": "''",
    },
    "attempt_content": {"action_id": ID, "n": "5", "account_id": ":a", "at": "i", "request": "''", "response": "''"},
    "session_registration": {
        "id": "3000000 + i", "account_id": ":a", "registration_id": ID, "session_id": "1", "status_id": "1", "version": "1", "created": "i", "modified": "i",
    },
    "config_history": {
        "id": ID, "account_id": ":a", "scope": "1", "scope_id": ID, "kind": "'account'", "entity_id": ID, "number": "1", "body": "'{}'", "since": "1", "at": "i",
        "by": "'test'",
    },
    "idempotency": {"account_id": ":a", "endpoint": "'rest'", "key": "'k' || i", "request_hash": "''", "answer": "'{}'", "at": "i"},
}  # fmt: skip
"""For each table, its columns as SQL of a row's number `i`, the account (`:a`) and the event (`:e`)."""


def fill(db: Database, account: int, event: int, rows: int, start: int = 1) -> None:
    """Writes rows `start` to `rows` of each table, in the caller's transaction. Every 20th lane is ready, the next one due."""
    numbers = f"WITH RECURSIVE n(i) AS (SELECT {start} WHERE {start} <= {rows} UNION ALL SELECT i + 1 FROM n WHERE i < {rows})"
    for table, columns in FILLING.items():
        sql = f"INSERT INTO {table} ({', '.join(columns)}) {numbers} SELECT {', '.join(columns.values())} FROM n"
        db.run(sql, {name: value for name, value in (("a", account), ("e", event)) if f":{name}" in sql})


def ready_lanes(count: int = 20) -> list[int]:
    """The ids of the first lanes that are ready; their actions have the same."""
    return [1_000_000 + n for n in range(20, 20 * count + 1, 20)]


def settlements(
    held: Mapping[int, StoredLane], about: Mapping[int, Sequence[StoredAction]], now: int, outcome: Callable[[int], Delivered | Refused]
) -> list[Settled]:
    """What is to be stored of these lanes, after the first action of each has had the outcome that there is for its place."""
    exchange = StoredExchange(1, 1, None, None, 200, "", 1, "", "", "")
    settled = []
    for n, (number, stored) in enumerate(held.items()):
        actions = about[number]
        wish = settle(Does.UPDATES, stored.lane, actions, Flight(actions[0], outcome(n)), now, RetryPolicy())
        settled.append(Settled(wish, stored, about[number], exchange))
    return settled
