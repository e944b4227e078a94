"""Keeps SQLite's write-ahead log small (docs/design/sqlite.md, section 4).

Passive checkpoints alone never reset the log under continuous writes: it grew to 1.8 GB in 40 s. So passive checkpoints run beside the
writers, and above LARGEST the log is reset: two more passive checkpoints (the second for what was written during the first), then a final
one that holds the write lock.

The file keeps its size and is overwritten, because syncing it then allocates no new blocks. It is truncated only after a long read let it
grow far beyond.
"""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import Final

import structlog

from heliograph.store.sqlite_database import SqliteDatabase, open_sqlite
from heliograph.store.write_lock import WriteLock

log = structlog.get_logger(__name__)

LARGEST: Final = 64 * 1024 * 1024
GROWN: Final = 4 * LARGEST
_FRAME: Final = 4096 + 24
"""Bytes of SQLite's default page and its header in the log."""
LONG_ENOUGH: Final = 50
LONGEST_WAIT: Final = 500
"""Milliseconds that the write lock is held while readers still use the log; the longer limit applies once it has GROWN. If they take longer, the
log keeps growing and the next pass tries again."""
EVERY: Final = 1.0


def care(path: Path, stop: threading.Event) -> None:
    """Checkpoints this database's log until `stop` is set. One per database; the engine runs it on a thread."""
    database = open_sqlite(path)
    try:
        while not stop.wait(EVERY):
            try:
                tend(path, database)
            except sqlite3.OperationalError as error:  # disk full, or busy: the next pass tries again
                log.warning("checkpoint_failed", message=str(error))
    finally:
        database.close()


def tend(path: Path, database: SqliteDatabase) -> None:
    """One pass over the log."""
    frames = _checkpoint(database, "PASSIVE")
    if frames * _FRAME < LARGEST:
        return
    _checkpoint(database, "PASSIVE")
    has_grown = Path(f"{path}-wal").stat().st_size > GROWN
    database.run(f"PRAGMA busy_timeout = {LONGEST_WAIT if has_grown else LONG_ENOUGH}")
    with WriteLock(path):
        _checkpoint(database, "TRUNCATE" if has_grown else "RESTART")


def empty(path: Path) -> None:
    """Truncates the log, so that nothing that was deleted stands in it any more (B7). If readers use it for longer than LONGEST_WAIT, it is
    overwritten as it is used."""
    database = open_sqlite(path)
    try:
        database.run(f"PRAGMA busy_timeout = {LONGEST_WAIT}")
        with WriteLock(path):
            _checkpoint(database, "TRUNCATE")
    finally:
        database.close()


def _checkpoint(database: SqliteDatabase, how: str) -> int:
    """Checkpoints and returns the frames left in the log. If readers make it time out, it has still done what it could."""
    ((_is_busy, frames, _done),) = database.all(f"PRAGMA wal_checkpoint({how})")
    return int(frames)
