"""What a piece of work costs, counted rather than timed: the same on any machine, however busy it is.

with counting(db, reader) as cost:
    ...
cost.statements, cost.rows
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from types import CodeType
from typing import Any, Final

import psycopg
from django.db import connections
from psycopg import pq

import heliograph
from heliograph.store.database import Database
from heliograph.store.django_database import of_django
from heliograph.store.postgres_database import PostgresDatabase
from heliograph.store.sqlite_database import SqliteDatabase

_TOOL: Final = 3
OURS: Final = str(Path(heliograph.__file__).parent)
_TRANSACTION: Final = ("BEGIN", "COMMIT", "ROLLBACK")


@dataclass(slots=True)
class Cost:
    """statements: without those that begin and end transactions. waits: how often a database's answer was waited for (PostgreSQL). rows:
    inserted, updated and deleted. wakes: calls that wake a thread which waits. calls: of functions of ours."""

    statements: int = 0
    waits: int = 0
    rows: int = 0
    transactions: int = 0
    wakes: int = 0
    calls: int = 0
    texts: list[str] = field(default_factory=list, repr=False)
    """The statements, for whoever looks for one too many."""
    places: list[str] = field(default_factory=list, repr=False)
    """Where threads were woken from."""


@contextmanager
def counting_pages() -> Iterator[Cost]:
    """Counts the statements of pages and REST in the block: those of Django's models, and those that are run without them."""
    cost = Cost()
    with ExitStack() as stack:
        for alias in ("default", "read"):
            stack.enter_context(_traced(of_django(connections[alias]), cost))
        yield cost


@contextmanager
def counting(*databases: Database, wakers: Mapping[object, str]) -> Iterator[Cost]:
    """Counts what is done in the block, on all threads, and on these connections alone. wakers: functions that wake a thread, by name."""
    cost = Cost()
    with ExitStack() as stack:
        for database in databases:
            stack.enter_context(_traced(database, cost))
        stack.enter_context(_calls(cost, wakers))
        yield cost


def _traced(database: Database, cost: Cost) -> AbstractContextManager[None]:
    return _on_sqlite(database, cost) if isinstance(database, SqliteDatabase) else _on_postgres(database, cost)


@contextmanager
def _on_sqlite(database: SqliteDatabase, cost: Cost) -> Iterator[None]:
    connection, last = database.connection, ""

    def ran(text: str) -> None:
        nonlocal last
        if text.startswith(_TRANSACTION):
            cost.transactions += text.startswith("COMMIT")
        elif text != last:  # a trigger is reported as the statement that fires it
            cost.statements += 1
            cost.texts.append(text)
        last = text

    before = connection.total_changes
    connection.set_trace_callback(ran)
    yield
    connection.set_trace_callback(None)
    cost.rows += connection.total_changes - before


_WAIT: Final = "-- waits for the server"
_MESSAGE: Final = re.compile(r"^([FB])\t\d+\t(\w+)(?:\t(.*))?$")


@contextmanager
def _on_postgres(database: Database, cost: Cost) -> Iterator[None]:
    """Reads libpq's own trace of the protocol."""
    assert isinstance(database, PostgresDatabase)
    connection = database.connection.pgconn
    assert isinstance(database.connection, psycopg.Connection)
    with tempfile.NamedTemporaryFile() as file:
        connection.trace(file.fileno())
        connection.set_trace_flags(pq.Trace.SUPPRESS_TIMESTAMPS)
        yield
        connection.untrace()
        text = Path(file.name).read_text("utf-8", "replace")
    told = len(cost.texts)
    for line in text.splitlines():
        found = _MESSAGE.match(line)
        if found is None:
            continue
        match found[1], found[2], found[3] or "":
            case "F", "Parse" | "Query", what:
                cost.texts += [what, _WAIT] if found[2] == "Query" else [what]
            case "F", "Sync" | "Flush", _:
                cost.texts.append(_WAIT)
            case "B", "CommandComplete", tag:
                _completed(tag.strip().strip('"'), cost)
    cost.waits += sum(1 for said, after in pairwise([*cost.texts[told:], ""]) if said == _WAIT != after)


def _completed(tag: str, cost: Cost) -> None:
    """tag: such as INSERT 0 64."""
    name, *numbers = tag.split()
    if name in _TRANSACTION:
        cost.transactions += name == "COMMIT"
        return
    cost.statements += 1
    if name in ("INSERT", "UPDATE", "DELETE"):
        cost.rows += int(numbers[-1])


@contextmanager
def _calls(cost: Cost, wakers: Mapping[object, str]) -> Iterator[None]:
    on = sys.monitoring

    def started(code: CodeType, _offset: int) -> object:
        if OURS not in code.co_filename:
            return on.DISABLE
        cost.calls += 1
        return None

    def called(code: CodeType, _offset: int, function: Any, _first: object) -> object:
        if OURS not in code.co_filename:
            return on.DISABLE
        if (name := wakers.get(_plain(function))) is not None:
            cost.wakes += 1
            cost.places.append(f"{name} by {code.co_qualname}")
        return None

    events: Mapping[int, Callable[..., object]] = {on.events.PY_START: started, on.events.CALL: called}
    on.use_tool_id(_TOOL, "counted")
    try:
        for event, callback in events.items():
            on.register_callback(_TOOL, event, callback)
        on.restart_events()
        on.set_events(_TOOL, sum(events))
        yield
    finally:
        on.set_events(_TOOL, 0)
        for event in events:
            on.register_callback(_TOOL, event, None)
        on.free_tool_id(_TOOL)


def _plain(function: Any) -> object:
    """The function behind a bound method; None if it cannot be looked up."""
    found = getattr(function, "__func__", function)
    try:
        hash(found)
    except TypeError:
        return None
    return found
