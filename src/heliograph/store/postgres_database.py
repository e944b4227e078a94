"""PostgreSQL behind the interface of database.py.

Only what opens a PostgreSQL database imports this module, and psycopg with it: on SQLite a process starts a tenth of a second sooner without.
"""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Literal

import psycopg
from psycopg.pq import TransactionStatus

from heliograph.store.bulk_insert import Statement, put, taken_apart
from heliograph.store.database import Params, Row
from heliograph.store.disk_room import SMALL
from heliograph.store.pg_arrays import ArrayColumn, column_of
from heliograph.store.postgres_connection import connection_string


@functools.lru_cache(maxsize=1024)
def pyformat(sql: str) -> str:
    return re.sub(r"(?<!:):([a-z_]\w*)", r"%(\1)s", sql.replace("%", "%%"))


class PostgresDatabase:
    """PostgreSQL through psycopg 3."""

    vendor: ClassVar[Literal["sqlite", "postgresql"]] = "postgresql"
    for_update: ClassVar[str] = " FOR NO KEY UPDATE"
    is_shared: ClassVar[bool] = True
    covering_index_suffices: ClassVar[bool] = False

    def __init__(self, connection: psycopg.Connection[Any], connect: Callable[[], psycopg.Connection[Any]] | None = None) -> None:
        """connect: opens another session like this one; None if the connection is somebody else's, as Django's"""
        self.connection = connection
        self._connect = connect

    def _cursor(self) -> psycopg.Cursor[Row]:
        return psycopg.Cursor(self.connection)  # server-side parameters, also on Django's connection

    def all(self, sql: str, params: Params | None = None) -> list[Row]:
        with self._cursor() as cursor:
            return cursor.execute(pyformat(sql), as_arrays(params)).fetchall()

    def ask(self, sql: str, params: Params | None = None) -> Callable[[], list[Row]]:
        return self._cursor().execute(pyformat(sql), as_arrays(params)).fetchall

    def run(self, sql: str, params: Params | None = None) -> int:
        with self._cursor() as cursor:
            return cursor.execute(pyformat(sql), as_arrays(params)).rowcount

    def many(self, sql: str, rows: Iterable[Params]) -> None:
        """Writes all rows in one statement, with a list for each column. A statement for each row would cost server and driver thirty times
        as much."""
        row_list = rows if isinstance(rows, list) else list(rows)
        statement = self._at_once(sql, row_list)
        with self._cursor() as cursor:
            if statement is None:
                cursor.executemany(pyformat(sql), row_list)
            else:
                cursor.execute(*statement)

    def ask_many(self, sql: str, rows: Sequence[Params]) -> Callable[[], list[Row]]:
        statement = self._at_once(sql, rows)
        if statement is not None:
            return self._cursor().execute(*statement).fetchall
        fetches = [self.ask(sql, row) for row in rows]
        return lambda: [row for fetch in fetches for row in fetch()]

    @staticmethod
    def _at_once(sql: str, rows: Sequence[Params]) -> tuple[str, list[ArrayColumn]] | None:
        at_once = taken_apart(sql) if len(rows) > 1 else None
        return None if at_once is None else _of_lists(at_once, rows)

    def draw(self, counts: Mapping[str, int]) -> dict[str, Sequence[int]]:
        positive_counts = {name: n for name, n in counts.items() if n}
        drawn_numbers: dict[str, Sequence[int]] = dict.fromkeys(counts, ())
        if positive_counts:
            arrays = ", ".join(f"ARRAY(SELECT nextval('{name}_seq') FROM generate_series(1, :{name}))" for name in sorted(positive_counts))
            (row,) = self.all(f"SELECT {arrays}", positive_counts)
            drawn_numbers |= {name: sorted(numbers) for name, numbers in zip(sorted(positive_counts), row, strict=True)}
        return drawn_numbers

    def now(self) -> int:
        ((now,),) = self.all("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
        return int(now)

    def force(self) -> None:
        """PostgreSQL shows commits only after they are on disk."""

    def member(self, column: str, name: str) -> str:
        return f"{column} = ANY(:{name})"

    def listed(self, name: str, table: str, column: str) -> str:
        return f"unnest(:{name}::bigint[]) {table}({column})"

    def for_each(self, listed: str, columns: str, source: str) -> str:
        # OFFSET keeps PostgreSQL from reading the source's whole table first, and searching all of it for each row of the list.
        return f"SELECT f.* FROM {listed} CROSS JOIN LATERAL (SELECT {columns} FROM {source} OFFSET 0) f"

    def data_version(self) -> int | None:
        return None

    def django_time(self, at: datetime) -> object:
        return at

    def lock(self, scope: int, key: int) -> None:
        self.all("SELECT pg_advisory_xact_lock(:scope, :key)", {"scope": scope, "key": key})

    def try_lock(self, scope: int, key: int) -> bool:
        ((is_held,),) = self.all("SELECT pg_try_advisory_xact_lock(:scope, :key)", {"scope": scope, "key": key})
        return bool(is_held)

    def limit_statements(self, milliseconds: int) -> None:
        self.run(f"SET LOCAL statement_timeout = {int(milliseconds)}")

    def allow_long_pauses(self) -> None:
        self.run("SET idle_in_transaction_session_timeout = 0")

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
        """Not psycopg's own `transaction()`: if Django has begun a transaction without sending anything yet, that would be the transaction
        itself."""
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
        """A transaction whose BEGIN and COMMIT go out with its statements. psycopg's own would wait for the server before and after each of
        them."""
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
        """Makes psycopg forget its prepared statements, after a pipeline that failed and was not rolled back as a whole.

        The server skips the rest of such a pipeline, including statements to prepare. psycopg counts them as prepared all the same, so each
        later use would fail with "prepared statement does not exist". Only a rollback by psycopg's own methods resets its count; one that is
        executed as a statement does so only sometimes.
        """
        with self.connection.transaction(force_rollback=True):
            pass

    def check_room(self) -> None:
        """The server keeps rows that exceed `work_mem` in a temporary file, on the disk of its data."""
        with self.connection.transaction():
            self.run("SET LOCAL work_mem = '64kB'")
            self.all(
                f"WITH filler AS MATERIALIZED (SELECT repeat('x', 8192) FROM generate_series(1, {SMALL // 8192})) SELECT count(*) FROM filler"
            )

    def takes_no_writes(self) -> bool:
        ((is_read_only,),) = self.all("SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean")
        return bool(is_read_only)

    @property
    def is_lost(self) -> bool:
        return self.connection.closed

    def reopen(self) -> None:
        assert self._connect is not None, "this session belongs to Django"
        self.connection.close()
        self.connection = self._connect()

    def close(self) -> None:
        self.connection.close()


def as_arrays(params: Params | None) -> Params | None:
    if not params:
        return params
    return {k: _list(v) if isinstance(v, (list, tuple, set, frozenset)) else v for k, v in params.items()}


def _list(values: Iterable[Any]) -> ArrayColumn | list[Any]:
    listed = list(values)
    return column_of(listed) or listed


def _of_lists(statement: Statement, rows: Sequence[Mapping[str, Any]]) -> tuple[str, list[ArrayColumn]] | None:
    """The statement with a list for each parameter (`%s`), and the lists. None if values have a type that a list cannot have."""
    names = dict.fromkeys(statement.names)
    lists = [column_of([row[name] for row in rows]) for name in names]
    if any(isinstance(column, list) for column in lists):
        return None
    columns = [column for column in lists if isinstance(column, ArrayColumn)]
    return _of_known(statement, tuple(column is not None for column in lists)), columns


@functools.lru_cache(maxsize=1024)
def _of_known(statement: Statement, known: tuple[bool, ...]) -> str:
    """The statement with NULL for the columns that are NULL in every row: a list of NULLs would have no type that fits the column."""
    names = dict.fromkeys(statement.names)
    columns = {name: f"v.column{n}" if is_known else "NULL" for n, (name, is_known) in enumerate(zip(names, known, strict=True), 1)}
    lists, column_names = ", ".join(["%s"] * sum(known)), ", ".join(f"column{n}" for n, is_known in enumerate(known, 1) if is_known)
    source = f" FROM unnest({lists}) v({column_names})"
    if statement.row is not None:
        return f"{_sealed(statement.before)} SELECT {put(_sealed(statement.row), columns)}{source}{_sealed(statement.after)}"
    return f"{put(_sealed(statement.before), columns)}{source}{put(_sealed(statement.after), columns)}"


def _sealed(sql: str) -> str:
    return sql.replace("%", "%%")


def open_postgres(dsn: str, *, read_only: bool = False, idle_timeout_ms: int = 5000) -> PostgresDatabase:
    """A new connection. The server ends a session that stalls inside a transaction, before any lease runs out."""
    settings = {**POSTGRES_SETTINGS, "idle_in_transaction_session_timeout": str(idle_timeout_ms)}
    if read_only:
        settings["default_transaction_read_only"] = "on"

    def connect() -> psycopg.Connection[Any]:
        connection = psycopg.connect(connection_string(dsn), autocommit=True, application_name="heliograph")
        apply_settings(connection, settings)
        return connection

    return PostgresDatabase(connect(), connect)


def apply_settings(connection: psycopg.Connection[Any], settings: Mapping[str, str]) -> None:
    """Sets the session's settings by a statement. PgBouncer refuses them among the options of a new connection."""
    listed = {"names": list(settings), "values": list(settings.values())}
    connection.execute("SELECT set_config(name, value, false) FROM unnest(%(names)s::text[], %(values)s::text[]) t(name, value)", listed)


POSTGRES_SETTINGS: Mapping[str, str] = {
    "TimeZone": "UTC",
    "default_transaction_isolation": "read committed",
    # Every statement finds few rows by an index. A plan made while tables are new and without statistics would scan them, and a prepared
    # statement keeps its plan while they grow.
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "plan_cache_mode": "force_generic_plan",  # planned each time, the shortest statements took five times as long
    "jit": "off",  # compiling costs more than it saves a statement of a millisecond
}
