"""The notes of an import between its chunks: a small SQLite database of its own, so that memory stays flat and kill -9 loses nothing.

It stores the codes that the file has used (a second use is refused), the census of the file, the refused rows, and the first rows of each outcome
of a dry run. All are keyed by line, so that a repeated chunk gives the same result.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from heliograph.registrations.imports.refusal_file import RefusedRow

_TABLES = """
CREATE TABLE IF NOT EXISTS used (event TEXT, code TEXT, line INTEGER, row INTEGER, PRIMARY KEY (event, code)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS twice (line INTEGER PRIMARY KEY, first INTEGER, row INTEGER);
CREATE TABLE IF NOT EXISTS refused (line INTEGER PRIMARY KEY, row TEXT);
CREATE TABLE IF NOT EXISTS compared (line INTEGER PRIMARY KEY, row INTEGER, outcome TEXT, event TEXT, code TEXT);
CREATE TABLE IF NOT EXISTS kept (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class ComparedRow:
    """A row of the file, and what a dry run says that it would do."""

    line: int
    row: int
    outcome: str
    """An ItemOutcome."""
    event: str
    """The event's code."""
    code: str
    """The registration's code."""


class Notes:
    """The notes of one job, in its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            self._open()
        except sqlite3.DatabaseError:  # a power cut may have damaged them: reading the file again recreates them
            (folder / "notes.db").unlink(missing_ok=True)
            self._open()

    def _open(self) -> None:
        self._db = sqlite3.connect(self.folder / "notes.db", isolation_level=None)
        try:
            self._db.execute("PRAGMA journal_mode = TRUNCATE")
            self._db.execute("PRAGMA synchronous = OFF")  # this is enough against a killed process
            self._db.execute("PRAGMA cache_size = -8000")
            self._db.executescript(_TABLES)
        except sqlite3.DatabaseError:
            self._db.close()
            raise

    def close(self) -> None:
        """Closes the database."""
        self._db.close()

    def forget(self) -> None:
        """Deletes everything except the report."""
        self._db.close()
        for name in ("notes.db", "notes.db-journal"):
            (self.folder / name).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.folder.rmdir()  # if there is no report

    # --- first reading

    def note_scan(self, codes: Iterable[tuple[str, str, int, int]], state: Mapping[str, Any]) -> None:
        """Stores the codes of a chunk, as (event, code, line, row), their second uses, and where reading continues, in one transaction."""
        self._db.execute("BEGIN")
        for event, code, line, row in codes:
            added = self._db.execute("INSERT OR IGNORE INTO used VALUES (?, ?, ?, ?)", (event, code, line, row)).rowcount
            if not added:
                ((first, at),) = self._db.execute("SELECT line, row FROM used WHERE event = ? AND code = ?", (event, code))
                if first != line:
                    self._db.execute("INSERT OR IGNORE INTO twice VALUES (?, ?, ?)", (line, first, at))
        self._db.execute("INSERT OR REPLACE INTO kept VALUES ('scan', ?)", (json.dumps(state),))
        self._db.execute("COMMIT")

    def scan_state(self) -> dict[str, Any] | None:
        """Where reading continues, with the counts so far; None at the beginning."""
        row = self._db.execute("SELECT value FROM kept WHERE name = 'scan'").fetchone()
        return json.loads(row[0]) if row else None

    def used_before(self, first: int, last: int) -> dict[int, tuple[int, int]]:
        """Line -> (line, row) of the first use of its code, for the lines from first to last."""
        rows = self._db.execute("SELECT line, first, row FROM twice WHERE line BETWEEN ? AND ?", (first, last))
        return {line: (before, row) for line, before, row in rows}

    # --- refused rows

    def refuse(self, rows: Iterable[RefusedRow]) -> None:
        """Stores refused rows. A row of the same line is replaced, because a chunk may be repeated."""
        self._db.execute("BEGIN")
        self._db.executemany("INSERT OR REPLACE INTO refused VALUES (?, ?)", ((r.line, r.as_json()) for r in rows))
        self._db.execute("COMMIT")

    def refused(self) -> Iterator[RefusedRow]:
        """Refused rows in file order."""
        for line, text in self._db.execute("SELECT line, row FROM refused ORDER BY line"):
            yield RefusedRow.from_json(line, text)

    # --- compared rows

    def note_compared(self, rows: Iterable[ComparedRow]) -> None:
        """Stores rows of a dry run. A row of the same line is replaced, because a chunk may be repeated."""
        self._db.execute("BEGIN")
        self._db.executemany(
            "INSERT OR REPLACE INTO compared VALUES (?, ?, ?, ?, ?)", ((r.line, r.row, r.outcome, r.event, r.code) for r in rows)
        )
        self._db.execute("COMMIT")

    def compared(self) -> Iterator[ComparedRow]:
        """Rows of a dry run in file order."""
        for line, row, outcome, event, code in self._db.execute("SELECT line, row, outcome, event, code FROM compared ORDER BY line"):
            yield ComparedRow(line, row, outcome, event, code)

    def forget_after(self, line: int) -> None:
        """Deletes the refused and compared rows after the last committed line: they are processed again."""
        self._db.execute("DELETE FROM refused WHERE line > ?", (line,))
        self._db.execute("DELETE FROM compared WHERE line > ?", (line,))
