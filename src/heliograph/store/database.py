"""A thin interface over the two databases, for plain SQL on a connection that someone else opened.

SQL names its parameters `:name` on both; lists are passed as they are and matched by `member()`. Nothing commits unless it calls
`transaction()`, which only owners of a connection do (engine, jobs): a page passes Django's own connection inside its own transaction.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Literal, Protocol

from heliograph.domain.errors import HeliographError

Row = tuple[Any, ...]
Params = Mapping[str, Any]
SEQUENCES = ("subject_id", "registration_serial", "lane_pos", "change_id", "run_id", "action_id")


class DatabaseError(HeliographError):
    """The database refused or lost a statement."""


class Database(Protocol):
    """What record(), the engine and jobs need from a database. Times are microseconds since the epoch."""

    vendor: ClassVar[Literal["sqlite", "postgresql"]]
    for_update: ClassVar[str]  # appended to a SELECT that locks rows
    is_shared: ClassVar[bool]  # several workers may send from it, and divide its slots
    covering_index_suffices: ClassVar[bool]  # an index with all columns of a query is read alone; PostgreSQL reads most rows, too

    def all(self, sql: str, params: Params | None = None) -> list[Row]:
        """Runs a statement and fetches its rows."""

    def ask(self, sql: str, params: Params | None = None) -> Callable[[], list[Row]]:
        """Runs a statement and returns a function that fetches its rows. Inside `together`, several such statements wait for the server only
        once."""

    def run(self, sql: str, params: Params | None = None) -> int:
        """Runs a statement and returns how many rows it touched."""

    def many(self, sql: str, rows: Iterable[Params]) -> None:
        """Runs a statement once per row, pipelined. Each row of an UPDATE must concern a different database row; their order is undefined."""

    def ask_many(self, sql: str, rows: Sequence[Params]) -> Callable[[], list[Row]]:
        """Like `many`, for an INSERT … VALUES … RETURNING. Returns a function that fetches the returned rows, in no particular order."""

    def draw(self, counts: Mapping[str, int]) -> dict[str, Sequence[int]]:
        """New numbers of sequences (SEQUENCES), ascending, in one statement. counts: how many of each."""

    def now(self) -> int:
        """The database's clock; it also advances inside a transaction."""

    def member(self, column: str, name: str) -> str:
        """SQL: the column is one of the values of list parameter `name`.

        If the query also filters by account, write `+account_id = :account`: SQLite estimates ten rows per account, and the plus keeps it
        from using the account's index and reading all its rows.
        """

    def listed(self, name: str, table: str, column: str) -> str:
        """SQL for a FROM clause: the numbers of list parameter `name`, as the only column of a table."""

    def for_each(self, listed: str, columns: str, source: str) -> str:
        """SQL of a query that runs once for each row of a list, one after the other.

        listed: the list, as `listed` returns it
        source: the query behind FROM, which names the list's column
        """

    def data_version(self) -> int | None:
        """A number that changes with each commit of another connection; None on PostgreSQL, which has no such number."""

    def django_time(self, at: datetime) -> object:
        """An instant in the form in which Django stores it: a timestamp on PostgreSQL, on SQLite a text in UTC without a time zone."""

    def lock(self, scope: int, key: int) -> None:
        """Takes the lock of these two 32-bit numbers until the transaction ends. Does nothing on SQLite, which has one writer anyway."""

    def try_lock(self, scope: int, key: int) -> bool:
        """Takes that lock if it is free, without waiting. Returns False if another transaction holds it. Always True on SQLite."""

    def limit_statements(self, milliseconds: int) -> None:
        """Cancels statements of this transaction that take longer. Does nothing on SQLite, whose statements wait for nobody."""

    def allow_long_pauses(self) -> None:
        """Lets this connection be idle amid a transaction for as long as it takes. For what has no lease. SQLite waits anyway."""

    def together(self) -> contextlib.AbstractContextManager[object]:
        """Inside the block, `many` and `run` do not wait for the server: the wait comes when rows are read, or when the block ends. SQLite
        never waits."""

    def transaction(self, *, together: bool = False) -> contextlib.AbstractContextManager[None]:
        """A write transaction: begins, then commits, or rolls back on an exception. On SQLite it holds the write lock.

        together: True if the whole transaction is as inside `together`; then `run` does not return how many rows it touched
        """

    def savepoint(self) -> contextlib.AbstractContextManager[object]:
        """A block inside the caller's transaction that an exception undoes, with its locks. Does nothing on SQLite, which has no other
        writer."""

    def force(self) -> None:
        """Waits until everything that this connection has read is on disk. Call it before a request is sent: a power cut must not undo its
        data."""

    def check_room(self) -> None:
        """Writes a megabyte to the disk of the database, and takes it away again; changes no row. Raises what the driver raises, such as that the disk is
        full."""

    def takes_no_writes(self) -> bool:
        """True if the server can only be read: it follows another one, or begins its sessions read-only. Not for a session of ours that only reads.
        SQLite has no server."""

    @property
    def is_lost(self) -> bool:
        """True if the session with the server has ended, so that only `reopen` helps. SQLite has none."""

    def reopen(self) -> None:
        """Begins another session in place of a lost one, for all who hold this object. Raises what the driver raises. Only its owner may call it."""

    def close(self) -> None:
        """Closes the connection. Only its owner may call it."""
