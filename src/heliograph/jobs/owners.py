"""The processes that run jobs, and whether they still live (docs/design/processes.md, section 4).

A process that runs jobs holds a lock under its name as long as it lives:

    SQLite       a locked file beside the database; the kernel frees it when the process dies
    PostgreSQL   an advisory lock of a session of its own; the server frees it when the session ends

So other processes see the death at once and do not wait for the lease. Only if a machine disappears without closing its connections does the lease
decide (`control.LEASE`).
"""

from __future__ import annotations

import atexit
import fcntl
import functools
import itertools
import os
import socket
import threading
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from django.conf import settings

if TYPE_CHECKING:
    import psycopg

MARK: Final = "lock-"
"""Prefix of the key in the name of an owner that holds a lock. Owners without it are judged by their lease alone."""
ADVISORY: Final = 7
"""The class of the advisory locks on PostgreSQL. The others: 1 and 2 for configuration, 3 folding, 4 migrations, 5 retention, 6 an account’s jobs, 8 plans."""
_NUMBERS = itertools.count(1)


class OwnerLocks(Protocol):
    """The locks of all owners of one database."""

    def hold(self) -> None:
        """Takes this process's lock, or takes it again if it was lost. Raises OSError or psycopg.Error; the next call tries again."""

    def is_free(self, key: str) -> bool:
        """Whether nobody holds the lock of this key."""


class FileLocks:
    """Locked files in a folder beside the SQLite file."""

    def __init__(self, folder: Path, key: str) -> None:
        self._folder, self._key = folder, key
        self._file: int | None = None
        self._guard = threading.Lock()

    def hold(self) -> None:
        with self._guard:
            if self._file is not None:
                return
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            # The file gets its name once it is locked, so that no other process takes it for a dead owner's.
            unlocked = self._folder / f"new-{self._key}"
            file = os.open(unlocked, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                unlocked.rename(self._folder / self._key)
            except OSError:
                os.close(file)
                raise
            self._file = file
            for path in self._folder.glob("[0-9a-f]" * 8):  # dead owners' files, which nobody else would remove
                if path.name != self._key:
                    self.is_free(path.name)

    def is_free(self, key: str) -> bool:
        path = self._folder / key
        try:
            file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return True
        except OSError:  # unknown, for example with too many open files: the lease decides
            return False
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return False
        finally:
            os.close(file)
        path.unlink(missing_ok=True)
        return True


class SessionLocks:
    """Advisory locks of PostgreSQL sessions. A session that was lost is opened again at the next `hold`. Raises psycopg.Error."""

    def __init__(self, dsn: str, key: str) -> None:
        self._dsn, self._key = dsn, key
        self._session: psycopg.Connection[tuple[int]] | None = None
        self._guard = threading.Lock()

    def hold(self) -> None:
        with self._guard:
            self._open_session()

    def is_free(self, key: str) -> bool:
        with self._guard:
            row = (
                self._open_session()
                .execute(
                    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = %s AND objid = %s AND objsubid = 2"
                    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
                    (ADVISORY, int(key, 16)),
                )
                .fetchone()
            )
        assert row is not None  # a count has one row
        return not row[0]

    def _open_session(self) -> psycopg.Connection[tuple[int]]:
        """The session with this process's lock, proved to be alive."""
        import psycopg  # noqa: PLC0415 -- SQLite does without

        from heliograph.store.postgres_connection import connection_string  # noqa: PLC0415

        if self._session is not None:
            try:
                self._session.execute("SELECT 1")
            except psycopg.Error:
                self._session.close()
                self._session = None
        if self._session is None:
            session = psycopg.connect(connection_string(self._dsn), autocommit=True, application_name="heliograph jobs")
            number = int(self._key, 16)
            session.execute("SELECT pg_advisory_lock(%s, %s)", (ADVISORY, number - (1 << 32) if number >= 1 << 31 else number))
            self._session = session
            atexit.register(session.close)
        return self._session


@functools.cache
def _key() -> str:
    """This process's key: eight hexadecimal digits."""
    return uuid.uuid4().hex[:8]


def locks() -> OwnerLocks:
    """The locks of the owners of this database."""
    options = settings.HELIOGRAPH
    return _file_locks(f"{options.sqlite_file}-owners") if options.on_sqlite else _session_locks(options.database_url)


@functools.cache
def _file_locks(folder: str) -> FileLocks:
    return FileLocks(Path(folder), _key())


@functools.cache
def _session_locks(dsn: str) -> SessionLocks:
    return SessionLocks(dsn, _key())


def new_owner() -> str:
    """A name for another owner in this process: "machine:7:lock-1f2e3d4c:1"."""
    return f"{socket.gethostname()[:20]}:{os.getpid()}:{MARK}{_key()}:{next(_NUMBERS)}"


def is_dead(owner: str) -> bool:
    """True if the owner's process is known to have died."""
    parts = owner.split(":")
    key = parts[2].removeprefix(MARK) if len(parts) > 2 and parts[2].startswith(MARK) else ""  # a machine may be called lock-… as well
    return bool(key) and locks().is_free(key)
