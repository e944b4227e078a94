"""record() for those who own their connection: transactions that adapt when the database refuses (protocols section 2).

A batch that the data spoils (SQLSTATE 22, 23) is halved, so that one bad item never fails its neighbours; any other failure is
tried again whole; items are never run one by one, since 200 fsyncs for one bad item would be an attack.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import psycopg

from heliograph.domain.snapshot import Source
from heliograph.recording.items import Answer, Item, Outcome
from heliograph.recording.record import record
from heliograph.store.database import Database, PostgresDatabase

TRIES = 3
KEY_WAIT = "5s"  # I3: as long as a repeated key waits for the first one's answer
LONGEST = "30s"

_LOST = (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected, psycopg.errors.QueryCanceled)


def record_batch(db: Database, items: Sequence[Item], source: Source, *, endpoint: str = "") -> list[Answer]:
    """Records in transactions of its own; an answer each. Raises the driver's error where the database itself fails (O7: nothing is acknowledged then)."""
    if not items:
        return []
    for attempt in range(TRIES):
        try:
            with db.transaction():
                if isinstance(db, PostgresDatabase):
                    db.run(f"SET LOCAL statement_timeout = '{LONGEST}'")
                    db.run(f"SET LOCAL lock_timeout = '{KEY_WAIT}'")
                return record(db, items, source, endpoint=endpoint)
        except psycopg.errors.LockNotAvailable:
            return _without_held(db, items, source, endpoint)
        except (psycopg.DataError, psycopg.IntegrityError, sqlite3.IntegrityError, sqlite3.DataError):
            return _halved(db, items, source, endpoint)
        except _LOST:
            if attempt == TRIES - 1:
                raise
    raise AssertionError("unreachable")


def _halved(db: Database, items: Sequence[Item], source: Source, endpoint: str) -> list[Answer]:
    if len(items) == 1:
        return [Answer(Outcome.REFUSED)]
    middle = len(items) // 2
    return [
        *record_batch(db, items[:middle], source, endpoint=endpoint),
        *record_batch(db, items[middle:], source, endpoint=endpoint),
    ]


def _without_held(db: Database, items: Sequence[Item], source: Source, endpoint: str) -> list[Answer]:
    """A lock did not come within its time and names no key: finds the keys that others hold, answers those "running", records the rest."""
    held = _held_keys(db, items, endpoint)
    rest = [item for item in items if (item.account, item.key) not in held]
    if len(rest) == len(items):  # the holder is done by now
        return record_batch(db, items, source, endpoint=endpoint)
    answers = iter(record_batch(db, rest, source, endpoint=endpoint))
    return [Answer(Outcome.RUNNING) if (item.account, item.key) in held else next(answers) for item in items]


def _held_keys(db: Database, items: Sequence[Item], endpoint: str) -> set[tuple[int, str | None]]:
    """Tries each key in a savepoint of its own, sorted, with next to no patience; nothing of it is kept."""
    held: set[tuple[int, str | None]] = set()
    if not isinstance(db, PostgresDatabase):
        return held
    with db.connection.transaction(force_rollback=True):
        db.run("SET LOCAL lock_timeout = '5ms'")
        for account, key in sorted({(item.account, item.key) for item in items if item.key is not None}):
            try:
                with db.connection.transaction():
                    db.run(
                        "INSERT INTO idempotency (account_id, endpoint, key, request_hash, at) VALUES (:a, :e, :k, '', 0) ON CONFLICT DO NOTHING",
                        {"a": account, "e": endpoint, "k": key},
                    )
            except psycopg.errors.LockNotAvailable:
                held.add((account, key))
    return held
