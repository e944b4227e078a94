"""Syncs SQLite's write-ahead log to disk, separately from the commit that wrote it.

With `synchronous = FULL` a commit waits for the disk while it blocks all other writers. With `NORMAL` the sync is ours: a commit is durable
once the log file is synced (sqlite.org/wal.html, "Avoiding Excessively Large WAL Files" and `PRAGMA synchronous`; the log is never unlinked
while a connection is open, and frames count up to the last whole commit). So a writer frees the write lock, syncs the log, and only then reports
its transaction as recorded. The sync also covers all earlier commits.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from pathlib import Path


class Log:
    """The write-ahead log of one database file, for one connection. Opened at the first sync."""

    def __init__(self, database: str | Path) -> None:
        self._path = f"{database}-wal"
        self._file: int | None = None
        self._lock = threading.Lock()

    def force(self) -> None:
        """Syncs everything that is committed to disk. Raises sqlite3.OperationalError, like a commit."""
        try:
            with self._lock:
                if self._file is None:
                    self._file = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
                file = self._file
            to_disk(file)
        except OSError as error:
            raise sqlite3.OperationalError(f"disk I/O error: the log: {error.strerror}") from error

    def close(self) -> None:
        """May be called more than once."""
        with self._lock:
            file, self._file = self._file, None
        if file is not None:
            os.close(file)


def to_disk(file: int) -> None:
    if hasattr(fcntl, "F_FULLFSYNC"):  # macOS, where fsync leaves data in the drive's cache
        fcntl.fcntl(file, fcntl.F_FULLFSYNC)
    else:
        os.fdatasync(file)
