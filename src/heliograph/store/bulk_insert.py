"""Turns a statement for one row into a statement for many (`Database.many`).

SQLite takes several rows of values. PostgreSQL takes a list for each parameter and plans the statement once, however many rows there are.
Both save the cost of one statement per row, which is more than most rows take.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from heliograph.store.pg_arrays import ArrayColumn, column_of


@dataclass(frozen=True, slots=True)
class Statement:
    """A parsed INSERT or UPDATE. names: its parameters, one for each `?` of a row of values, or for each list.

    insert: the text before the row, the row, and the text after it. An update has no row; its parameters stand in both other parts.
    """

    before: str
    row: str | None
    after: str
    names: tuple[str, ...]


_NAME = re.compile(r"(?<![:\w]):([a-z_]\w*)")
_INSERT = re.compile(r"(INSERT INTO .*?) VALUES \((.*?)\)((?: ON CONFLICT .*)?)", re.DOTALL)
_UPDATE = re.compile(r"(UPDATE \w+ SET .*?)( WHERE .*)", re.DOTALL)


@functools.lru_cache(maxsize=256)
def taken_apart(sql: str) -> Statement | None:
    """Parses the statement; None if it is neither a plain INSERT nor an UPDATE."""
    insert = _INSERT.fullmatch(sql)
    if insert is not None and not _NAME.search(insert[3]):
        return Statement(insert[1], insert[2], insert[3], tuple(_NAME.findall(insert[2])))
    update = _UPDATE.fullmatch(sql)
    if update is None:
        return None
    return Statement(update[1], None, update[2], tuple(dict.fromkeys(_NAME.findall(sql))))


@functools.lru_cache(maxsize=1024)  # returns the same string each time, because the driver caches statements by it
def of_values(statement: Statement, rows: int) -> str:
    """The statement for `rows` rows of values, their parameters in sequence (`?`)."""
    if statement.row is not None:
        row = f"({_NAME.sub('?', statement.row)})"
        return f"{statement.before} VALUES {', '.join([row] * rows)}{statement.after}"
    columns = {name: f"v.column{n}" for n, name in enumerate(statement.names, 1)}
    row = f"({', '.join('?' * len(columns))})"
    return f"{_put(statement.before, columns)} FROM (VALUES {', '.join([row] * rows)}) v{_put(statement.after, columns)}"


def of_lists(statement: Statement, rows: Sequence[Mapping[str, Any]]) -> tuple[str, list[ArrayColumn]] | None:
    """The statement with a list for each parameter (`%s`), and the lists. None if a value has a type that cannot be in a list."""
    names = dict.fromkeys(statement.names)
    lists = [column_of([row[name] for row in rows]) for name in names]
    if any(isinstance(found, list) for found in lists):
        return None
    columns = [found for found in lists if isinstance(found, ArrayColumn)]
    return _of_known(statement, tuple(found is not None for found in lists)), columns


@functools.lru_cache(maxsize=1024)
def _of_known(statement: Statement, known: tuple[bool, ...]) -> str:
    """Writes a column that is NULL in every row as NULL: a list of nothing else would have no type that fits the column."""
    names = dict.fromkeys(statement.names)
    columns = {name: f"v.column{n}" if is_known else "NULL" for n, (name, is_known) in enumerate(zip(names, known, strict=True), 1)}
    lists, shown = ", ".join(["%s"] * sum(known)), ", ".join(f"column{n}" for n, is_known in enumerate(known, 1) if is_known)
    source = f" FROM unnest({lists}) v({shown})"
    if statement.row is not None:
        return f"{_sealed(statement.before)} SELECT {_put(_sealed(statement.row), columns)}{source}{_sealed(statement.after)}"
    return f"{_put(_sealed(statement.before), columns)}{source}{_put(_sealed(statement.after), columns)}"


def _sealed(sql: str) -> str:
    return sql.replace("%", "%%")


def _put(sql: str, columns: Mapping[str, str]) -> str:
    return _NAME.sub(lambda found: columns[found[1]], sql)
