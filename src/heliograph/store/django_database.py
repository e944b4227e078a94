"""The database behind Django's connections."""

from __future__ import annotations

from typing import Any

from heliograph.store.database import Database
from heliograph.store.sqlite_database import SqliteDatabase


def of_django(connection: Any) -> Database:
    """The database behind a Django connection, inside the caller's open transaction."""
    connection.ensure_connection()
    raw = connection.connection
    if connection.vendor == "sqlite":
        return SqliteDatabase(raw)
    from heliograph.store.postgres_database import PostgresDatabase  # noqa: PLC0415 -- with psycopg

    return PostgresDatabase(raw)
