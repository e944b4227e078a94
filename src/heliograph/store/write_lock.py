"""The write lock of SQLite: a fair lock around every write transaction, across threads and processes.

SQLite alone lets a writer that returns at once overtake one that sleeps in its back-off: beside 3,000 changes a second a page's write then
waits p99 3.7 s, and 28 ms with the write lock. The kernel frees both locks when a process dies.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import structlog

log = structlog.get_logger(__name__)
LONG_HOLD = 2.0  # seconds; a longer hold is logged with its holder

_EXPECTED = threading.local()


@contextlib.contextmanager
def expecting_long_holds() -> Iterator[None]:
    """Holds of this thread are not logged, however long they are: nothing else runs while a schema is updated."""
    _EXPECTED.is_on = True
    try:
        yield
    finally:
        _EXPECTED.is_on = False


class _Files:
    """A thread's open files of a write lock, closed when the thread or the write lock is gone: under load a new write lock is created every second."""

    def __init__(self, paths: tuple[str, str]) -> None:
        self.turn, self.main = (os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600) for path in paths)
        self.pid = os.getpid()
        self.depth = 0
        self.since = 0.0

    def __del__(self) -> None:
        for name in ("turn", "main"):
            with contextlib.suppress(AttributeError, OSError):  # never opened, or closed at interpreter exit
                os.close(getattr(self, name))


@dataclass(frozen=True, slots=True)
class Holder:
    """A process, and the ticket number of its current hold."""

    pid: int
    ticket: str


class WriteLock:
    """The write lock of one database file. Each thread has its own descriptors, because flock excludes open files, not threads."""

    def __init__(self, database: str | Path) -> None:
        self._paths = (f"{database}.turn", f"{database}.main")
        self._local = threading.local()

    def _files(self) -> _Files:
        files: _Files | None = getattr(self._local, "files", None)
        if files is None or files.pid != os.getpid():  # a fork shares open files, and thus the lock
            files = self._local.files = _Files(self._paths)
        return files

    def acquire(self) -> None:
        """Waits for the write lock. A waiter holds `turn`, so a greedy holder cannot return first. Re-entrant within a thread."""
        files = self._files()
        if files.depth == 0:
            fcntl.flock(files.turn, fcntl.LOCK_EX)
            try:
                _sign(files.turn)
                fcntl.flock(files.main, fcntl.LOCK_EX)
            finally:
                fcntl.flock(files.turn, fcntl.LOCK_UN)
            _sign(files.main)
            files.since = time.monotonic()
        files.depth += 1

    def release(self) -> None:
        """Frees the write lock when the outermost call ends."""
        files = self._files()
        files.depth -= 1
        if files.depth == 0:
            seconds_held = time.monotonic() - files.since
            fcntl.flock(files.main, fcntl.LOCK_UN)
            if seconds_held > LONG_HOLD and not getattr(_EXPECTED, "is_on", False):
                log.warning("write_lock_held_long", seconds=round(seconds_held, 1), pid=os.getpid(), thread=threading.current_thread().name)

    @property
    def is_held(self) -> bool:
        """True if this thread holds the write lock."""
        return self._files().depth > 0

    @staticmethod
    def holder(database: str | Path) -> int | None:
        """The pid that holds the write lock of this database now, if any."""
        holding = WriteLock.holding(database)
        return holding.pid if holding else None

    @staticmethod
    def holding(database: str | Path) -> Holder | None:
        """The current holder of the write lock of this database, if any. The supervisor ends a child that holds it too long.

        Also reports a process that holds only the `turn` lock: if it is stopped while it waits, it blocks all others although nobody is
        inside. A busy writer shows up at every look but with a new ticket; only an unchanged ticket means a long hold. A process that has
        just entered may be reported with its predecessor's ticket.
        """
        return _holder(f"{database}.main") or _holder(f"{database}.turn")

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(self, *exc: object) -> None:
        self.release()


_SIGNED: Final = 44  # characters: process and ticket


def _sign(file: int) -> None:
    os.pwrite(file, f"{os.getpid()} {time.monotonic_ns()}".ljust(_SIGNED).encode(), 0)


def _holder(path: str) -> Holder | None:
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid, _, ticket = os.pread(file, _SIGNED, 0).decode(errors="replace").strip().partition(" ")
        return Holder(int(pid), ticket) if pid.isdigit() else None
    finally:
        os.close(file)
    return None
