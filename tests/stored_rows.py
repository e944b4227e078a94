"""All rows of a database, to be put into other migrated databases: an account is created by the services once per run instead of in each test."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from tests.databases import DatabaseFacts
from tests.pristine import OVERGROWN, Pristine


class StoredRows:
    """The rows of a database at one moment."""

    def __init__(self, facts: DatabaseFacts) -> None:
        self._rows: Pristine | bytes
        if facts.vendor == "postgresql":
            self._rows = Pristine(facts.url)
        else:
            # Not by reading the file: to close it would end SQLite's locks in this process, and the next process would take away its WAL.
            with closing(sqlite3.connect(facts.data / "heliograph.db")) as db:
                self._rows = db.serialize()

    def put(self, facts: DatabaseFacts) -> None:
        """Replaces the rows of a migrated database without connections by these."""
        if isinstance(self._rows, Pristine):
            # What has grown within a test is made anew at its end.
            restored = self._rows.restore(facts.url, most=8 * OVERGROWN)
            assert restored, "more than rows differ, or deleted ones have left too much room (tests/pristine.py)"
        else:
            # A new file, as in Databases.restore: a process that still has the old one open cannot damage it.
            file = facts.data / "heliograph.db"
            fresh = file.with_suffix(".fresh")
            fresh.write_bytes(self._rows)
            for leftover in ("-wal", "-shm"):
                file.with_name(file.name + leftover).unlink(missing_ok=True)
            fresh.replace(file)
