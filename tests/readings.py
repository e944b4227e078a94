"""What somebody else does while a request is under way."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, Self

from django.db import connections


class Readings:
    """Counts the queries by which requests read outside of a transaction that writes, and does something once, right after one of them.

    at: the number of that query, from 1; then: what is done, in another thread with connections of its own.
    """

    def __init__(self, at: int = 0, then: Callable[[], object] | None = None) -> None:
        self.n, self.at, self.then = 0, at, then
        self.first_save: int | None = None
        """How many there were before the first transaction that writes; None where there was none."""

    def __enter__(self) -> Self:
        self._hooks = ExitStack()
        for alias in ("default", "read"):
            self._hooks.enter_context(connections[alias].execute_wrapper(self._read))
        return self

    def __exit__(self, *_error: object) -> None:
        self._hooks.close()

    def _read(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        found = execute(sql, params, many, context)
        if connections["default"].in_atomic_block and self.first_save is None:
            self.first_save = self.n
        if sql.startswith("SELECT") and not connections["default"].in_atomic_block:
            self.n += 1
            if self.then is not None and self.n == self.at:
                with ThreadPoolExecutor(1) as another:
                    another.submit(self._elsewhere, self.then).result()
        return found

    @staticmethod
    def _elsewhere(then: Callable[[], object]) -> None:
        try:
            then()
        finally:
            connections.close_all()


class Gaps:
    """Counts the moments at which a request begins to read and holds no transaction that writes, and does something once, in one of them.

    at: the number of that moment, from 1; then: what is done, in another thread with connections of its own. On SQLite all statements are
    seen; on PostgreSQL those of Django's own queries.
    """

    def __init__(self, at: int = 0, then: Callable[[], object] | None = None) -> None:
        self.n, self.at, self.then = 0, at, then

    def __enter__(self) -> Self:
        self._hooks = ExitStack()
        for alias in ("default", "read"):
            connection = connections[alias]
            connection.ensure_connection()
            if connection.vendor == "sqlite":
                connection.connection.set_trace_callback(lambda sql, alias=alias: self._begins(alias, sql))
                self._hooks.callback(connection.connection.set_trace_callback, None)
            else:
                self._hooks.enter_context(
                    connection.execute_wrapper(lambda execute, *given, alias=alias: self._reads(alias, execute, *given))
                )
        return self

    def __exit__(self, *_error: object) -> None:
        self._hooks.close()

    def _begins(self, alias: str, sql: str) -> None:
        outside = not connections[alias].connection.in_transaction
        if outside and (sql.startswith("SELECT") or (alias == "read" and sql.startswith("BEGIN"))):
            self._moment()

    def _reads(self, alias: str, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("SELECT"):
            self._moment()
        return execute(sql, params, many, context)

    def _moment(self) -> None:
        if connections["default"].in_atomic_block:
            return
        self.n += 1
        if self.then is not None and self.n == self.at:
            with ThreadPoolExecutor(1) as another:
                another.submit(Readings._elsewhere, self.then).result()
