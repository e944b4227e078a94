"""One bounded walk along an index, which every long list takes: from a place on, in either direction, over so many rows at most.

    walk = Walk("registration r", Where("r.account_id = :account", account=5), ("r.modified", "r.id"), after=(1791980768000000, 4711))
    end = walk.end(db, 30_000)
    rows = walk.read(db, "SELECT r.modified, r.id, r.code FROM registration r", Where("r.is_test"), 25, end=end)

Few rows of the index may match the other conditions, so a page or a count is bounded by the place where its walk ends. The next page goes on
behind it. Rows that are added or removed in between do not move a place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from heliograph.store.database import Database, Row
from heliograph.store.where import Where

type Key = tuple[int | str, ...]
"""The place of a row: its values in a walk's columns, of which the last is unique: (1791980768000000, 4711)."""

BEFORE_ALL: Final = 0
AFTER_ALL: Final = 2**62
"""Ids below and above those of all rows."""


@dataclass(frozen=True, slots=True)
class WalkedRows[R]:
    """Rows of a list from a place on, nearest first."""

    rows: Sequence[R]
    scan_end: Key | None = None
    """The place where the walk ended before the list did; None if the list ends there, or if there are as many rows as were asked for."""


@dataclass(frozen=True, slots=True)
class Walk:
    """A walk along one index of a table."""

    table: str
    """The table with its alias."""
    where: Where
    """The conditions that the index serves: all rows of the walk."""
    columns: tuple[str, ...]
    """The columns of the index by which the list is sorted, without those that `where` compares with one value."""
    after: Key | None = None
    """The walk begins behind this place; None for the start of the list."""
    ascends: bool = False
    """False if the greatest values come first."""
    since: int | None = None
    """The least value of the first column; None for no bound."""
    until: int | None = None
    """The end of the values of the first column, exclusive; None for no bound."""

    @property
    def order(self) -> str:
        """The list of an ORDER BY clause."""
        way = "ASC" if self.ascends else "DESC"
        return ", ".join(f"{column} {way}" for column in self.columns)

    def bounds(self, end: Key | None = None) -> Where:
        """The rows from the start of the walk to its end. Each side has its nearest bound alone, because SQLite uses only one at each side.

        end: the last place; None for the end of the list
        """
        lower, upper = (self.after, end) if self.ascends else (end, self.after)
        where = Where()
        if lower is not None and (self.since is None or lower >= (self.since,)):
            where &= self._beside(lower, ">" if self.ascends else ">=", "lower")
        elif self.since is not None:
            where &= Where(f"{self.columns[0]} >= :since", since=self.since)
        if upper is not None and (self.until is None or upper < (self.until,)):
            where &= self._beside(upper, "<=" if self.ascends else "<", "upper")
        elif self.until is not None:
            where &= Where(f"{self.columns[0]} < :until", until=self.until)
        return where

    @property
    def behind(self) -> Where:
        """The rows behind the start, for a statement that is bounded otherwise: the sign keeps SQLite from using these bounds instead."""
        return Where() if self.after is None else self._beside(self.after, ">" if self.ascends else "<", "after", sign="+")

    def _beside(self, key: Key, side: str, name: str, sign: str = "") -> Where:
        params = {f"{name}{n}": value for n, value in enumerate(key)}
        columns, values = sign + ", ".join(self.columns), ", ".join(f":{name}" for name in params)
        return Where(f"({columns}) {side} ({values})" if len(key) > 1 else f"{columns} {side} {values}", **params)

    def end(self, db: Database, rows: int) -> Key | None:
        """The place of the row behind the next `rows` rows of the index; None if there are not so many."""
        within = self.where & self.bounds()
        select = f"SELECT {', '.join(self.columns)} FROM {self.table}"
        keys = db.all(f"{select} WHERE {within.sql} ORDER BY {self.order} LIMIT 1 OFFSET {int(rows)}", within.params)
        return keys[0] if keys else None

    def read(self, db: Database, select: str, where: Where, limit: int, *, end: Key | None = None) -> list[Row]:
        """Up to `limit` rows that also satisfy `where`, nearest first.

        select: the statement up to its FROM clause, which contains the walk's table
        """
        return db.all(*self.statement(select, where, limit, end=end))

    def statement(self, select: str, where: Where, limit: int, *, end: Key | None = None) -> tuple[str, Mapping[str, object]]:
        """The statement of `read` and its parameters, for one that merges several walks."""
        within = self.where & self.bounds(end) & where
        return f"{select} WHERE {within.sql} ORDER BY {self.order} LIMIT {int(limit)}", within.params

    def page(self, db: Database, select: str, where: Where, limit: int, *, scan_limit: int | None) -> WalkedRows[Row]:
        """The same, broken off behind `scan_limit` rows of the index; None for no limit."""
        end = None if scan_limit is None else self.end(db, scan_limit)
        rows = self.read(db, select, where, limit, end=end)
        return WalkedRows(rows, None if len(rows) == limit else end)

    def count(self, db: Database, tables: str, where: Where, most: int, *, end: Key | None = None) -> int:
        """The number of rows that also satisfy `where`, at most `most`.

        tables: a FROM clause that contains the walk's table
        """
        within = self.where & self.bounds(end) & where
        rows = f"SELECT 1 FROM {tables} WHERE {within.sql} LIMIT {int(most)}"
        ((count,),) = db.all(f"SELECT count(*) FROM ({rows}) counted", within.params)
        return int(count)
