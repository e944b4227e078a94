"""Django's SQLite backend, with every write behind the write lock (docs/design/sqlite.md, section 2).

A transaction takes the write lock when it begins and frees it at commit, rollback and close. A write outside a transaction (login's `last_login`,
a session's DELETE) takes it for itself. Both wait for the disk afterwards, when others may write again (section 3). The alias `read` never
takes the write lock: OPTIONS {"query_only": True}.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

from django.db.backends.sqlite3 import base

from heliograph.store.log import Log
from heliograph.store.sqlite_database import set_up_sqlite
from heliograph.store.write_lock import WriteLock

_READS = ("SELECT", "EXPLAIN", "PRAGMA", "WITH", "SAVEPOINT", "RELEASE", "ROLLBACK", "BEGIN", "COMMIT")


class LockingCursor(base.SQLiteCursorWrapper):
    """Takes the write lock for a write in autocommit. SQLite commits `INSERT … RETURNING` once its last row is read, so the rows are read at once and
    kept."""

    write_lock: WriteLock
    log: Log
    _rows: Iterator[Any] | None = None

    def execute(self, query: str, params: Any = None) -> Any:
        self._rows = None
        if self.connection.in_transaction or query.lstrip()[:9].upper().startswith(_READS):
            return super().execute(query, params)
        with self.write_lock:
            done = super().execute(query, params)
            if self.description is not None:
                self._rows = iter(super().fetchall())
        self.log.force()
        return done

    def executemany(self, query: str, param_list: Iterable[Any]) -> Any:
        self._rows = None
        if self.connection.in_transaction:
            return super().executemany(query, param_list)
        with self.write_lock:
            done = super().executemany(query, param_list)
        self.log.force()
        return done

    def fetchone(self) -> Any:
        return super().fetchone() if self._rows is None else next(self._rows, None)

    def fetchmany(self, size: int | None = 1) -> list[Any]:
        return super().fetchmany(size) if self._rows is None else list(islice(self._rows, size))

    def fetchall(self) -> list[Any]:
        return super().fetchall() if self._rows is None else list(self._rows)

    def __next__(self) -> Any:
        return super().__next__() if self._rows is None else next(self._rows)


class DatabaseWrapper(base.DatabaseWrapper):
    """See the module's docstring. OPTIONS: `query_only` makes the connection read-only."""

    transaction_mode: str | None

    def __init__(self, settings_dict: dict[str, Any], alias: str = "default") -> None:
        super().__init__(settings_dict, alias)
        self._write_lock: WriteLock | None = None
        self._log: Log | None = None
        self._holds_write_lock = False
        self._is_unlocked = False

    @contextmanager
    def unlocked(self) -> Iterator[None]:
        """Transactions inside the block take no write lock: they read one state of the file, and write temporary tables only."""
        self.ensure_connection()
        mode, self.transaction_mode = self.transaction_mode, None
        self._is_unlocked = True
        try:
            yield
        finally:
            self._is_unlocked, self.transaction_mode = False, mode

    def get_connection_params(self) -> dict[str, Any]:
        params: dict[str, Any] = super().get_connection_params()
        self._query_only = params.pop("query_only", False)
        return params

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        connection = super().get_new_connection(conn_params)
        set_up_sqlite(connection)
        if self._query_only:
            connection.execute("PRAGMA query_only = 1")
        elif not self.is_in_memory_db():
            self._write_lock, self._log = WriteLock(self.settings_dict["NAME"]), Log(self.settings_dict["NAME"])
            connection.execute("PRAGMA synchronous = NORMAL")  # `Log.force` syncs the log once the write lock is free
        return connection

    def is_usable(self) -> bool:
        """False, so that the connection is opened anew: Django asks only after an error, for example of the disk."""
        return False

    def create_cursor(self, name: str | None = None) -> Any:
        if self._write_lock is None or self._log is None:
            return super().create_cursor(name)
        cursor = self.connection.cursor(factory=LockingCursor)
        cursor.write_lock, cursor.log = self._write_lock, self._log
        return cursor

    def _start_transaction_under_autocommit(self) -> None:
        self._take()
        try:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]
        except BaseException:
            self._free()
            raise

    def _take(self) -> None:
        if self._write_lock is not None and not self._holds_write_lock and not self._is_unlocked:
            self._write_lock.acquire()
            self._holds_write_lock = True

    def _free(self) -> None:
        if self._write_lock is not None and self._holds_write_lock:
            self._holds_write_lock = False
            self._write_lock.release()

    def _commit(self) -> Any:
        # A commit that fails keeps the write lock: Django then rolls back, which frees it.
        done = super()._commit()  # type: ignore[misc]
        self._free()
        if self._log is not None:
            with self.wrap_database_errors:  # after a failure Django drops the hooks of `on_commit`
                self._log.force()
        return done

    def _rollback(self) -> Any:
        try:
            return super()._rollback()  # type: ignore[misc]
        finally:
            self._free()

    def _close(self) -> Any:
        try:
            return super()._close()  # type: ignore[misc]
        finally:
            self._free()
            if self._log is not None:
                self._log.close()
