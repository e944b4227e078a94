"""A thin interface over the two databases, for plain SQL on a connection that someone else opened.

SQL names its parameters `:name` on both; lists are passed as they are and matched by `member()`. Nothing commits unless it calls
`transaction()`, which only owners of a connection do (engine, jobs): a page passes Django's own connection inside its own transaction.
"""

from __future__ import annotations

import contextlib
import functools
import json
import re
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

import psycopg
from psycopg.pq import TransactionStatus

from heliograph.domain.errors import HeliographError
from heliograph.store.bulk_insert import of_lists, of_values, taken_apart
from heliograph.store.gate import WriteGate
from heliograph.store.log import Log
from heliograph.store.pg_arrays import ArrayColumn, column_of

Row = tuple[Any, ...]
Params = Mapping[str, Any]
SEQUENCES = ("subject_id", "registration_serial", "lane_pos", "change_id", "run_id", "action_id")


class DatabaseError(HeliographError):
    """The database refused or lost a statement."""


class Database(Protocol):
    """What record(), the engine and jobs need from a database. Times are microseconds since the epoch."""

    vendor: ClassVar[Literal["sqlite", "postgresql"]]
    for_update: ClassVar[str]  # appended to a SELECT that locks rows

    def all(self, sql: str, params: Params | None = None) -> list[Row]:
        """Runs a statement and fetches its rows."""

    def ask(self, sql: str, params: Params | None = None) -> Callable[[], list[Row]]:
        """Runs a statement; the result fetches its rows. Inside `together`, what is asked meanwhile shares the wait for the server."""

    def run(self, sql: str, params: Params | None = None) -> int:
        """Runs a statement and returns how many rows it touched."""

    def many(self, sql: str, rows: Iterable[Params]) -> None:
        """Runs a statement once per row, pipelined. Each row of an UPDATE must concern a different database row; their order is undefined."""

    def ask_many(self, sql: str, rows: Sequence[Params]) -> Callable[[], list[Row]]:
        """Like `many`, for an INSERT ... VALUES ... RETURNING; the result fetches what the rows returned, in no order."""

    def draw(self, counts: Mapping[str, int]) -> dict[str, Sequence[int]]:
        """New numbers of several sequences (SEQUENCES), as many of each as given, ascending. One statement."""

    def now(self) -> int:
        """The database's clock; it also advances inside a transaction."""

    def member(self, column: str, name: str) -> str:
        """SQL: the column is one of the values of list parameter `name`.

        If the query also filters by account, write `+account_id = :account`: SQLite estimates ten rows per account, and the plus keeps it
        from using the account's index and reading all its rows.
        """

    def together(self) -> contextlib.AbstractContextManager[object]:
        """Inside, `many` and `run` do not wait for the server until rows are read or the block ends. SQLite never waits anyway."""

    def transaction(self, *, together: bool = False) -> contextlib.AbstractContextManager[None]:
        """A write transaction of its own: begin, then commit, or roll back on an exception. On SQLite under the gate. together: as in
        `together`, from its beginning to its end; `run` does not know how many rows it touched."""

    def savepoint(self) -> contextlib.AbstractContextManager[object]:
        """Inside the caller's transaction: an exception undoes the block and frees its locks. SQLite needs none: it has no other writer."""

    def force(self) -> None:
        """Returns once everything this connection has read is on disk: no request may be sent for data that a power cut could undo."""

    def close(self) -> None:
        """Closes the connection. Only its owner may call it."""


_ROWS_AT_ONCE = (64, 16, *range(8, 1, -1))


@functools.lru_cache(maxsize=64)
def _drawing(names: Sequence[str]) -> str:
    """names: sorted. On SQLite a parameter is the number of the sequence of its name."""
    added = " ".join(f"WHEN '{name}' THEN :{name}" for name in names)
    listed = ", ".join(f"'{name}'" for name in names)
    return f"UPDATE sequence SET last = last + CASE name {added} END WHERE name IN ({listed}) RETURNING name, last"


@functools.lru_cache(maxsize=1024)
def _pyformat(sql: str) -> str:
    return re.sub(r"(?<!:):([a-z_]\w*)", r"%(\1)s", sql.replace("%", "%%"))


class SqliteDatabase:
    """SQLite through the standard library's driver, isolation_level None."""

    vendor: ClassVar[Literal["sqlite", "postgresql"]] = "sqlite"
    for_update: ClassVar[str] = ""

    def __init__(self, connection: sqlite3.Connection, gate: WriteGate | None = None, log: Log | None = None) -> None:
        """gate and log: for the owner of a connection. It frees the gate for others before it syncs its commit to disk."""
        self.connection = connection
        self._gate, self._log = gate, log
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
        """Inserts several rows per statement: the driver lets other threads run after each statement, and continues only when they yield."""
        wanted = rows if isinstance(rows, list) else list(rows)
        at, _returned = self._several(sql, wanted)
        if at < len(wanted):
            self.connection.executemany(sql, wanted[at:])

    def ask_many(self, sql: str, rows: Sequence[Params]) -> Callable[[], list[Row]]:
        at, found = self._several(sql, rows)
        for row in rows[at:]:
            found += self.all(sql, row)
        return lambda: found

    def _several(self, sql: str, rows: Sequence[Params]) -> tuple[int, list[Row]]:
        """Runs the statement for as many rows as can go together. Returns for how many, and what they returned."""
        at_once, at = taken_apart(sql), 0
        found: list[Row] = []
        if at_once is None:
            return at, found
        for size in _ROWS_AT_ONCE:
            while len(rows) - at >= size:
                values = [row[name] for row in rows[at : at + size] for name in at_once.names]
                found += self.connection.execute(of_values(at_once, size), values)
                at += size
        return at, found

    def draw(self, counts: Mapping[str, int]) -> dict[str, Sequence[int]]:
        wanted = {name: n for name, n in counts.items() if n}
        found: dict[str, Sequence[int]] = dict.fromkeys(counts, ())
        for name, last in self.all(_drawing(tuple(sorted(wanted))), wanted) if wanted else ():
            found[name] = range(last - wanted[name] + 1, last + 1)
        return found

    def now(self) -> int:
        """This machine's clock is the database's: asking SQLite for it would be a statement. Milliseconds, as SQLite's own."""
        return time.time_ns() // 1_000_000 * 1_000

    def member(self, column: str, name: str) -> str:
        return f"{column} IN (SELECT value FROM json_each(:{name}))"

    def together(self) -> contextlib.AbstractContextManager[object]:
        return contextlib.nullcontext()

    def savepoint(self) -> contextlib.AbstractContextManager[object]:
        return contextlib.nullcontext()

    @contextlib.contextmanager
    def admitted(self) -> Iterator[None]:
        """Waits for the gate and for the disk on this thread; transactions of this connection inside the block then need not, whatever
        thread they run on.

        So a thread that has other work to do never waits for other writers. Commits made inside are durable when the block ends.
        """
        with self._gate or contextlib.nullcontext():
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
        if self._admitted or self._gate is None:
            with self._raw_transaction():
                yield
            return
        with self._gate, self._raw_transaction():
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

    def close(self) -> None:
        self.connection.close()
        if self._log is not None:
            self._log.close()


class PostgresDatabase:
    """PostgreSQL through psycopg 3."""

    vendor: ClassVar[Literal["sqlite", "postgresql"]] = "postgresql"
    for_update: ClassVar[str] = " FOR NO KEY UPDATE"

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection

    def _cursor(self) -> psycopg.Cursor[Row]:
        return psycopg.Cursor(self.connection)  # server-side parameters, also on Django's connection

    def all(self, sql: str, params: Params | None = None) -> list[Row]:
        with self._cursor() as cursor:
            return cursor.execute(_pyformat(sql), _lists(params)).fetchall()

    def ask(self, sql: str, params: Params | None = None) -> Callable[[], list[Row]]:
        return self._cursor().execute(_pyformat(sql), _lists(params)).fetchall

    def run(self, sql: str, params: Params | None = None) -> int:
        with self._cursor() as cursor:
            return cursor.execute(_pyformat(sql), _lists(params)).rowcount

    def many(self, sql: str, rows: Iterable[Params]) -> None:
        """All rows in one statement, with a list per column: a statement per row costs server and driver as much as thirty rows in a list."""
        wanted = rows if isinstance(rows, list) else list(rows)
        found = self._at_once(sql, wanted)
        with self._cursor() as cursor:
            if found is None:
                cursor.executemany(_pyformat(sql), wanted)
            else:
                cursor.execute(*found)

    def ask_many(self, sql: str, rows: Sequence[Params]) -> Callable[[], list[Row]]:
        found = self._at_once(sql, rows)
        if found is not None:
            return self._cursor().execute(*found).fetchall
        asked = [self.ask(sql, row) for row in rows]
        return lambda: [row for fetch in asked for row in fetch()]

    @staticmethod
    def _at_once(sql: str, rows: Sequence[Params]) -> tuple[str, list[ArrayColumn]] | None:
        at_once = taken_apart(sql) if len(rows) > 1 else None
        return None if at_once is None else of_lists(at_once, rows)

    def draw(self, counts: Mapping[str, int]) -> dict[str, Sequence[int]]:
        wanted = {name: n for name, n in counts.items() if n}
        found: dict[str, Sequence[int]] = dict.fromkeys(counts, ())
        if wanted:
            drawn = ", ".join(f"ARRAY(SELECT nextval('{name}_seq') FROM generate_series(1, :{name}))" for name in sorted(wanted))
            (row,) = self.all(f"SELECT {drawn}", wanted)
            found |= {name: sorted(numbers) for name, numbers in zip(sorted(wanted), row, strict=True)}
        return found

    def now(self) -> int:
        ((now,),) = self.all("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
        return int(now)

    def force(self) -> None:
        """PostgreSQL shows commits only after they are on disk."""

    def member(self, column: str, name: str) -> str:
        return f"{column} = ANY(:{name})"

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        if self.connection.info.pipeline_status:  # another one inside would make its own wait
            yield
            return
        try:
            with self.connection.pipeline():
                yield
        except BaseException:
            if self.connection.info.transaction_status is TransactionStatus.IDLE:  # no caller's transaction, which would be rolled back
                self._forget_prepared()
            raise

    @contextlib.contextmanager
    def savepoint(self) -> Iterator[None]:
        """psycopg's own `transaction()` would be the transaction itself where Django has begun one without sending anything yet."""
        self.run("SAVEPOINT heliograph")
        try:
            yield
        except BaseException as error:
            if not isinstance(error, psycopg.Error):  # after which the caller's transaction is lost as a whole
                self.run("ROLLBACK TO SAVEPOINT heliograph")
                self._forget_prepared()
            raise
        self.run("RELEASE SAVEPOINT heliograph")

    @contextlib.contextmanager
    def transaction(self, *, together: bool = False) -> Iterator[None]:
        with self._pipelined() if together else self.connection.transaction():
            yield

    @contextlib.contextmanager
    def _pipelined(self) -> Iterator[None]:
        """psycopg's own transaction waits for the server before and after each of BEGIN and COMMIT; these two go out with the others."""
        try:
            with self.connection.pipeline():
                self.run("BEGIN")
                yield
                self.run("COMMIT")
        except BaseException:
            if self.connection.info.transaction_status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
                self.connection.rollback()
            raise

    def _forget_prepared(self) -> None:
        """After a pipeline that failed, and whose transaction was not rolled back as a whole.

        The server skips the rest of such a pipeline, also what it should have prepared; psycopg counts that as prepared, and each later use
        fails: "prepared statement does not exist". Only a rollback by psycopg's own methods makes it forget them; one that is executed
        as a statement does so now and then.
        """
        with self.connection.transaction(force_rollback=True):
            pass

    def close(self) -> None:
        self.connection.close()


def _lists(params: Params | None) -> Params | None:
    if not params:
        return params
    return {k: _list(v) if isinstance(v, (list, tuple, set, frozenset)) else v for k, v in params.items()}


def _list(values: Iterable[Any]) -> ArrayColumn | list[Any]:
    found = list(values)
    return column_of(found) or found


def of_django(connection: Any) -> Database:
    """The database behind a Django connection, inside the caller's open transaction."""
    connection.ensure_connection()
    raw = connection.connection
    return SqliteDatabase(raw) if connection.vendor == "sqlite" else PostgresDatabase(raw)


def open_sqlite(path: str | Path, *, read_only: bool = False) -> SqliteDatabase:
    """A new connection to the database file, set up like all of ours (docs/design/sqlite.md, section 1)."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=5.0, check_same_thread=False, cached_statements=512)
    set_up_sqlite(connection)
    if read_only:
        connection.execute("PRAGMA query_only = 1")
        return SqliteDatabase(connection, log=Log(path))
    # A commit writes the log here, and `Log.force` syncs it once the gate is free: other writers need not wait for the disk too.
    connection.execute("PRAGMA synchronous = NORMAL")
    return SqliteDatabase(connection, WriteGate(path), Log(path))


def open_postgres(dsn: str, *, read_only: bool = False, idle_timeout_ms: int = 5000) -> PostgresDatabase:
    """A new connection. The server ends a session that stalls inside a transaction, before any lease runs out."""
    settings = {**POSTGRES_SETTINGS, "idle_in_transaction_session_timeout": str(idle_timeout_ms)}
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    connection = psycopg.connect(dsn, autocommit=True, options=options, application_name="heliograph")
    if read_only:
        connection.execute("SET default_transaction_read_only = on")
    return PostgresDatabase(connection)


POSTGRES_SETTINGS: Mapping[str, str] = {
    "TimeZone": "UTC",
    "default_transaction_isolation": r"read\ committed",
    # Every statement finds few rows by an index. A plan made while tables are new and without statistics would scan them, and a prepared
    # statement keeps its plan while they grow.
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "plan_cache_mode": "force_generic_plan",  # planned each time, the shortest statements took five times as long
    "jit": "off",  # compiling costs more than it saves a statement of a millisecond
}


def set_up_sqlite(connection: sqlite3.Connection) -> None:
    """Applies the settings that every connection to the file needs."""
    ((pages,),) = connection.execute("PRAGMA page_count")
    if not pages:
        # must come before the first table exists, or a purged file never shrinks; later it only waits for the write lock
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    for pragma in SQLITE_PRAGMAS:
        connection.execute(pragma)


SQLITE_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA fullfsync = 1",  # macOS: makes fsync reach the disk
    "PRAGMA wal_autocheckpoint = 0",  # the engine checkpoints: `store.wal`
    "PRAGMA foreign_keys = ON",
    "PRAGMA busy_timeout = 5000",
    "PRAGMA cache_size = -16000",
    "PRAGMA temp_store = MEMORY",
)
