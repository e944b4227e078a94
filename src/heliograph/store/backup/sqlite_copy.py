"""Copies one instant of a SQLite database while others write to it (O13; docs/design/backup.md, section 1).

A read transaction keeps the instant. Inside it, SQLite's backup interface copies page after page: it never begins anew, since a reader in WAL mode
sees nothing that is written later, and it never takes the write lock. `VACUUM INTO` has the same instant, but takes two to three times as long,
and cannot count rows in the same transaction.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from heliograph.domain.errors import HeliographError
from heliograph.store.backup.manifest import SnapshotFacts
from heliograph.store.backup.snapshot_facts import read_facts, table_counts
from heliograph.store.log import to_disk
from heliograph.store.sqlite_database import SqliteDatabase, open_sqlite

PAGES: Final = 500
"""Pages of 4 KB that are copied in one step. After each the disk gets them, so that no commit of others waits for a gigabyte of the copy."""


class DamagedDatabase(HeliographError):
    """The copied database is damaged."""


def copy_database(source: Path, target: Path) -> SnapshotFacts:
    """Copies the database into a new file, and returns what its instant holds. The copy has no write-ahead log."""
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    with contextlib.closing(open_sqlite(source, read_only=True)) as db, contextlib.closing(_open_copy(target)) as copy:
        instant = db.now()
        db.connection.execute("BEGIN")
        facts = read_facts(db, instant)  # its first read fixes the instant
        file = os.open(target, os.O_RDWR | os.O_CLOEXEC)
        try:
            db.connection.backup(copy, pages=PAGES, progress=lambda *_: to_disk(file), sleep=0)
            db.connection.execute("COMMIT")
            copy.execute("PRAGMA journal_mode = DELETE")
            to_disk(file)
        finally:
            os.close(file)
    return facts


def check_database(file: Path, facts: SnapshotFacts) -> None:
    """Opens a copy, checks it as a whole, and compares its counts. Raises DamagedDatabase."""
    try:
        with contextlib.closing(_open_copy(file)) as connection:
            problems = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(3)")]
            counts = table_counts(SqliteDatabase(connection)) if problems == ["ok"] else {}
    except sqlite3.Error as error:
        problems, counts = [str(error)], {}
    if problems != ["ok"]:
        raise DamagedDatabase(f"The copied database is damaged: {'; '.join(problems)}.")
    check_counts(counts, facts.counts)


def check_counts(counts: Mapping[str, int], expected: Mapping[str, int]) -> None:
    """Compares rows by table. Raises DamagedDatabase."""
    for table in sorted({*counts, *expected}):
        if counts.get(table) != expected.get(table):
            raise DamagedDatabase(f"The copied database is damaged: {table} has {counts.get(table)} rows, not {expected.get(table)}.")


def _open_copy(file: Path) -> sqlite3.Connection:
    """A connection to a copy, which nobody else uses yet."""
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")  # the caller syncs the file
    connection.execute("PRAGMA temp_store = FILE")  # a check sorts nothing, but never in memory
    return connection
