"""Keeping SQLite's write-ahead log small (protocols section 1).

Passive checkpoints alone never reset the log under continuous writes: it grew to 1.8 GB in 40 s. So a passive pass goes on beside
the writers, and above LARGEST one pass truncates the log while it holds the write gate (14-53 ms).
"""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import Final

import structlog

from heliograph.store.database import SqliteDatabase, open_sqlite
from heliograph.store.gate import Gate

log = structlog.get_logger(__name__)

LARGEST: Final = 64 * 1024 * 1024
EVERY: Final = 1.0


def care(path: Path, stop: threading.Event) -> None:
    """Until `stop`: the log of this database is written back. One per database; the engine runs it on a thread."""
    database = open_sqlite(path)
    try:
        while not stop.wait(EVERY):
            try:
                tend(path, database)
            except sqlite3.OperationalError as error:  # full, or busy: the next pass will see
                log.warning("checkpoint_failed", message=str(error))
    finally:
        database.close()


def tend(path: Path, database: SqliteDatabase) -> None:
    """One pass."""
    database.all("PRAGMA wal_checkpoint(PASSIVE)")
    wal = Path(f"{path}-wal")
    if wal.exists() and wal.stat().st_size > LARGEST:
        with Gate(path):
            database.all("PRAGMA wal_checkpoint(TRUNCATE)")
