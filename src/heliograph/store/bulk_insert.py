"""Turns a statement for one row into a statement for many (`Database.many`).

SQLite takes several rows of values. PostgreSQL takes a list for each parameter (postgres_database.py), and plans the statement once, however many
rows there are. Both save the cost of one statement per row, which is more than most rows take.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass


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
    return f"{put(statement.before, columns)} FROM (VALUES {', '.join([row] * rows)}) v{put(statement.after, columns)}"


def put(sql: str, columns: Mapping[str, str]) -> str:
    """The SQL with each parameter replaced by its column."""
    return _NAME.sub(lambda match: columns[match[1]], sql)
