"""The database behind Django's connections."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from django.db import connections, transaction

from heliograph.store.database import Database
from heliograph.store.sqlite_database import SqliteDatabase

ROOM_COUNTS: Final = 1.0
"""Seconds for which room on the database's disk counts."""
_had_room_at = float("-inf")


def of_django(connection: Any) -> Database:
    """The database behind a Django connection, inside the caller's open transaction."""
    connection.close_if_health_check_failed()  # as Django does before its own statements: else a thread would keep a lost session
    connection.ensure_connection()
    raw = connection.connection
    if connection.vendor == "sqlite":
        return SqliteDatabase(raw)
    from heliograph.store.postgres_database import PostgresDatabase  # noqa: PLC0415 -- with psycopg

    return PostgresDatabase(raw)


@contextmanager
def read_database(*, snapshot: bool = False) -> Iterator[Database]:
    """A short transaction on the read-only connection.

    snapshot: True if all its statements read the same state of the database, so that numbers agree with each other
    """
    with transaction.atomic(using="read"):
        db = of_django(connections["read"])
        if snapshot and db.vendor == "postgresql":  # on SQLite each transaction is a snapshot
            db.run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield db


def check_database() -> None:
    """Raises what the driver raises if the database does not answer or its disk is full. Room on the disk counts for a second, so that a flood of
    requests does not write a megabyte for each."""
    global _had_room_at  # noqa: PLW0603 -- of all threads
    with read_database() as db:
        db.all("SELECT 1")
        if time.monotonic() >= _had_room_at + ROOM_COUNTS:
            db.check_room()
            _had_room_at = time.monotonic()
