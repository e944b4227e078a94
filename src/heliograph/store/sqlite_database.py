"""SQLite behind the interface of database.py (docs/design/sqlite.md)."""

from __future__ import annotations

import contextlib
import functools
import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, Literal

from heliograph.store.bulk_insert import of_values, taken_apart
from heliograph.store.database import Params, Row
from heliograph.store.disk_room import check_room
from heliograph.store.log import Log
from heliograph.store.write_lock import WriteLock

_ROWS_AT_ONCE = (64, 16, *range(8, 1, -1))


@functools.lru_cache(maxsize=64)
def _drawing(names: Sequence[str]) -> str:
    """names: sorted. On SQLite a parameter is the number of the sequence of its name."""
    added = " ".join(f"WHEN '{name}' THEN :{name}" for name in names)
    listed = ", ".join(f"'{name}'" for name in names)
    return f"UPDATE sequence SET last = last + CASE name {added} END WHERE name IN ({listed}) RETURNING name, last"


class SqliteDatabase:
    """SQLite through the standard library's driver, isolation_level None."""

    vendor: ClassVar[Literal["sqlite", "postgresql"]] = "sqlite"
    for_update: ClassVar[str] = ""
    is_shared: ClassVar[bool] = False
    covering_index_suffices: ClassVar[bool] = True

    def __init__(self, connection: sqlite3.Connection, write_lock: WriteLock | None = None, log: Log | None = None) -> None:
        """write_lock, log: for the owner of a connection. It frees the write lock for others before it syncs its commit to disk."""
        self.connection = connection
        self._write_lock, self._log = write_lock, log
        self._admitted = False

    @staticmethod
    def _bound(params: Params | None) -> Params:
        if not params:
            return {}
        return {k: json.dumps(list(v)) if isinstance(v, (list, tuple, set, frozenset)) else v for k, v in params.items()}

    def all(self, sql: str, params: Params | None = None) -> list[Row]:
        return self.connection.execute(sql, self._bound(params)).fetchall()

    def ask(self, sql: str, params: Params | None = None) -> Callable[[], list[Row]]:
        rows = self.all(sql, params)
        return lambda: rows

    def run(self, sql: str, params: Params | None = None) -> int:
        return self.connection.execute(sql, self._bound(params)).rowcount

    def many(self, sql: str, rows: Iterable[Params]) -> None:
        """Inserts several rows for each statement. The driver lets other threads run after every statement, and only continues when they
        yield."""
        row_list = rows if isinstance(rows, list) else list(rows)
        at, _returned = self._several(sql, row_list)
        if at < len(row_list):
            self.connection.executemany(sql, row_list[at:])

    def ask_many(self, sql: str, rows: Sequence[Params]) -> Callable[[], list[Row]]:
        at, fetched = self._several(sql, rows)
        for row in rows[at:]:
            fetched += self.all(sql, row)
        return lambda: fetched

    def _several(self, sql: str, rows: Sequence[Params]) -> tuple[int, list[Row]]:
        """Runs the statement for as many rows as fit into one. Returns how many rows that were, and what the statement returned."""
        at_once, at = taken_apart(sql), 0
        fetched: list[Row] = []
        if at_once is None:
            return at, fetched
        for size in _ROWS_AT_ONCE:
            while len(rows) - at >= size:
                values = [row[name] for row in rows[at : at + size] for name in at_once.names]
                fetched += self.connection.execute(of_values(at_once, size), values)
                at += size
        return at, fetched

    def draw(self, counts: Mapping[str, int]) -> dict[str, Sequence[int]]:
        positive_counts = {name: n for name, n in counts.items() if n}
        numbers: dict[str, Sequence[int]] = dict.fromkeys(counts, ())
        for name, last in self.all(_drawing(tuple(sorted(positive_counts))), positive_counts) if positive_counts else ():
            numbers[name] = range(last - positive_counts[name] + 1, last + 1)
        return numbers

    def now(self) -> int:
        """This machine's clock, which is the database's; asking SQLite for it would take a statement. Whole milliseconds, as SQLite's own."""
        return time.time_ns() // 1_000_000 * 1_000

    def member(self, column: str, name: str) -> str:
        return f"{column} IN (SELECT value FROM json_each(:{name}))"

    def listed(self, name: str, table: str, column: str) -> str:
        return f"(SELECT value AS {column} FROM json_each(:{name})) {table}"

    def for_each(self, listed: str, columns: str, source: str) -> str:
        return f"SELECT {columns} FROM {listed} CROSS JOIN {source}"

    def data_version(self) -> int | None:
        ((version,),) = self.all("PRAGMA data_version")
        return int(version)

    def django_time(self, at: datetime) -> object:
        return at.astimezone(UTC).replace(tzinfo=None).isoformat(" ")

    def lock(self, scope: int, key: int) -> None:
        pass

    def try_lock(self, scope: int, key: int) -> bool:
        return True

    def limit_statements(self, milliseconds: int) -> None:
        pass

    def allow_long_pauses(self) -> None:
        pass

    def together(self) -> contextlib.AbstractContextManager[object]:
        return contextlib.nullcontext()

    def savepoint(self) -> contextlib.AbstractContextManager[object]:
        return contextlib.nullcontext()

    @contextlib.contextmanager
    def admitted(self) -> Iterator[None]:
        """Waits on this thread for the write lock at the beginning, and for the disk at the end. Transactions of this connection inside the
        block, on whatever thread, wait for neither.

        So a thread with other work never waits for other writers. Commits inside the block are durable when it ends.
        """
        with self._write_lock or contextlib.nullcontext():
            self._admitted = True
            try:
                yield
            finally:
                self._admitted = False
        self.force()

    def force(self) -> None:
        if self._log is not None:
            self._log.force()

    @contextlib.contextmanager
    def transaction(self, *, together: bool = False) -> Iterator[None]:
        if self._admitted or self._write_lock is None:
            with self._raw_transaction():
                yield
            return
        with self._write_lock, self._raw_transaction():
            yield
        self.force()

    @contextlib.contextmanager
    def _raw_transaction(self) -> Iterator[None]:
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")

    def check_room(self) -> None:
        file = next(file for _number, name, file in self.all("PRAGMA database_list") if name == "main")
        try:
            check_room(Path(file).parent)
        except OSError as error:
            raise sqlite3.OperationalError(f"the folder of the database takes no file: {error.strerror}") from error

    def takes_no_writes(self) -> bool:
        return False

    @property
    def is_lost(self) -> bool:
        return False

    def reopen(self) -> None:
        """SQLite has no session that could be lost."""

    def close(self) -> None:
        self.connection.close()
        if self._log is not None:
            self._log.close()


def open_sqlite(path: str | Path, *, read_only: bool = False) -> SqliteDatabase:
    """A new connection to the database file, set up like all of ours (docs/design/sqlite.md, section 1)."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=5.0, check_same_thread=False, cached_statements=512)
    try:
        set_up_sqlite(connection)
    except sqlite3.Error:
        connection.close()
        raise
    if read_only:
        connection.execute("PRAGMA query_only = 1")
        return SqliteDatabase(connection, log=Log(path))
    # A commit writes the log here, and `Log.force` syncs it once the write lock is free: other writers need not wait for the disk too.
    connection.execute("PRAGMA synchronous = NORMAL")
    return SqliteDatabase(connection, WriteLock(path), Log(path))


def set_up_sqlite(connection: sqlite3.Connection) -> None:
    """Applies the settings that every connection to the file needs."""
    ((pages,),) = connection.execute("PRAGMA page_count")
    if not pages:
        # must come before the first table exists, or a purged file never shrinks; later it only waits for the write lock
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    for pragma in SQLITE_PRAGMAS:
        connection.execute(pragma)


LONG_LOG = 32_768
"""Pages of the write-ahead log (128 MB) from which any writer checkpoints at its commit. The engine does it at half of that, beside the writers
(`store.wal`); while the engine hangs or is not there, the log would otherwise fill the disk."""
SQLITE_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA fullfsync = 1",  # macOS: makes fsync reach the disk
    f"PRAGMA wal_autocheckpoint = {LONG_LOG}",
    "PRAGMA foreign_keys = ON",
    "PRAGMA busy_timeout = 5000",
    "PRAGMA cache_size = -16000",
    "PRAGMA temp_store = MEMORY",
)
