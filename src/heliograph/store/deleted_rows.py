"""Overwrites what is deleted, where the database would leave it in free pages until they are used again (B7).

PostgreSQL has no such switch: its autovacuum frees the rows. SQLite overwrites deleted rows, if asked to, and its log can be emptied.
"""

from __future__ import annotations

from pathlib import Path

from heliograph.store import search_index, wal
from heliograph.store.database import Database


def begin_overwriting(db: Database) -> None:
    """From now on this connection overwrites what it deletes. In the caller's transaction."""
    if db.vendor == "sqlite":
        db.all("PRAGMA secure_delete = ON")


def end_overwriting(db: Database) -> None:
    """No longer overwrites what this connection deletes."""
    if db.vendor == "sqlite":
        db.all("PRAGMA secure_delete = OFF")


def overwrite_searched(db: Database, overwrites: bool) -> None:
    """The same for the search index, for all connections from the caller's commit on."""
    search_index.overwrite_deleted(db, overwrites)


def empty_log(db: Database, file: Path) -> None:
    """Empties the log of the database file, in which deleted rows still stand."""
    if db.vendor == "sqlite":
        wal.empty(file)
