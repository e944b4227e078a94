"""The database behind Django's connections."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections, transaction

from heliograph.store.database import Database
from heliograph.store.sqlite_database import SqliteDatabase


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
