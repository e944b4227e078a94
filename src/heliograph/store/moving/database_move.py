"""Copies one database into another (O15). No process may use either of them meanwhile.

Each piece of a table is one transaction of the new database, together with how far it came. A move that was interrupted is run again and goes on
there. At the end every table is read again from the new database, and must have the same rows: their number and a digest of their values.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from heliograph.domain.errors import HeliographError
from heliograph.store import deferred_indexes
from heliograph.store.bulk_copy import copy_rows
from heliograph.store.database import SEQUENCES, Database
from heliograph.store.moving.row_values import MODULUS, digest, from_sqlite, to_sqlite
from heliograph.store.moving.table_plan import TablePlan, table_plans
from heliograph.store.schema import is_whole

PIECE: Final = 2_000
"""Rows that are copied in one transaction."""
MADE_ROWS: Final = frozenset({"slot", "secret"})
"""Tables that have rows in an empty installation: the slots, and what proves the key. Those of the original replace them."""
_PROGRESS: Final = (
    "CREATE TABLE IF NOT EXISTS move_progress (name varchar(100) PRIMARY KEY, last text, n bigint NOT NULL, digest text NOT NULL,"
    " done integer NOT NULL, origin text NOT NULL)"
)
_SET_SEQUENCE: Final = "SELECT setval(pg_get_serial_sequence(:table, :column), :last)"


class NotMoved(HeliographError):
    """The database was not moved."""


class RowsDiffer(NotMoved):
    """A table of the new database does not have the rows of the original. The original is as it was."""


@dataclass(frozen=True, slots=True)
class MovedTable:
    """A table that was moved."""

    name: str
    rows: int


@dataclass(slots=True)
class DatabaseMove:
    """A move from one database to the other. One of them is SQLite, the other one PostgreSQL.

    origin: names the original, so that a move that was interrupted goes on only from the same one
    on_piece: called with the name of the table and the number of its rows so far
    """

    source: Database
    target: Database
    origin: str
    on_piece: Callable[[str, int], None] = lambda _table, _rows: None

    def run(self) -> list[MovedTable]:
        """Copies and checks everything. Raises NotMoved, SchemasDiffer."""
        plans = self._checked_plans()
        with self.target.transaction():
            self.target.run(_PROGRESS)
        self._check_is_empty(plans)
        moved = [self._move_table(plan) for plan in plans]
        for plan, table in zip(plans, moved, strict=True):
            self._compare(plan, table)
        self._move_sequences(plans)
        with self.target.transaction():
            self.target.run("DROP TABLE move_progress")
        deferred_indexes.renew_statistics(self.target)
        return moved

    # --- what speaks against it

    def _checked_plans(self) -> list[TablePlan]:
        for db, name in ((self.source, "original"), (self.target, "new database")):
            if not is_whole(db):
                raise NotMoved(f"The schema of the {name} is not up to date. Run `heliograph migrate` with its settings first.")
        sqlite, postgres = (self.source, self.target) if self.source.vendor == "sqlite" else (self.target, self.source)
        plans = table_plans(sqlite, postgres)
        now = self.source.now()
        for db, name in ((self.source, "original"), (self.target, "new database")):
            if db.all("SELECT id FROM worker WHERE until > :now LIMIT 1", {"now": now}):
                raise NotMoved(f"A worker uses the {name}. Stop every process of Heliograph first; a killed one counts for up to a minute.")
        return plans

    def _check_is_empty(self, plans: Sequence[TablePlan]) -> None:
        begun: dict[str, str] = dict(self.target.all("SELECT name, origin FROM move_progress"))
        if any(origin != self.origin for origin in begun.values()):
            raise NotMoved("The new database has part of a move from another original. Empty it first.")
        fresh = [plan for plan in plans if plan.name not in begun]
        for plan in fresh:
            if plan.name not in MADE_ROWS and self.target.all(f'SELECT 1 FROM "{plan.name}" LIMIT 1'):
                raise NotMoved(f"The new database is not empty: its table {plan.name} has rows. A move never mixes two installations.")
        for plan in fresh:
            if plan.name in MADE_ROWS:
                with self.target.transaction():
                    self.target.run(f'DELETE FROM "{plan.name}"')

    # --- copying

    def _move_table(self, plan: TablePlan) -> MovedTable:
        rows = self.target.all("SELECT last, n, digest, done FROM move_progress WHERE name = :name", {"name": plan.name})
        last, count, total, done = (json.loads(rows[0][0]), rows[0][1], int(rows[0][2], 16), rows[0][3]) if rows else (None, 0, 0, 0)
        if not done:
            for piece in _pieces(self.source, plan, last):
                count, total = count + len(piece), (total + digest(piece, plan.kinds)) % MODULUS
                with self.target.transaction():
                    copy_rows(self.target, f'"{plan.name}"', plan.listed, (_written(self.target, plan, row) for row in piece))
                    self._note(plan, [piece[-1][place] for place in plan.key_places], count, total, done=0)
                self.on_piece(plan.name, count)
            with self.target.transaction():
                self._note(plan, None, count, total, done=1)
        return MovedTable(plan.name, count)

    def _note(self, plan: TablePlan, last: Sequence[Any] | None, count: int, total: int, *, done: int) -> None:
        self.target.run(
            "INSERT INTO move_progress (name, last, n, digest, done, origin) VALUES (:name, :last, :n, :digest, :done, :origin)"
            " ON CONFLICT (name) DO UPDATE SET last = excluded.last, n = excluded.n, digest = excluded.digest, done = excluded.done",
            {"name": plan.name, "last": json.dumps(last), "n": count, "digest": f"{total:x}", "done": done, "origin": self.origin},
        )

    def _move_sequences(self, plans: Sequence[TablePlan]) -> None:
        """Numbers go on where they were, also those of rows that are gone."""
        with self.target.transaction():
            if self.target.vendor == "postgresql":
                lasts: dict[str, int] = dict(self.source.all("SELECT name, last FROM sequence"))
                for name in SEQUENCES:
                    if lasts.get(name):
                        self.target.all(f"SELECT setval('{name}_seq', :last)", {"last": lasts[name]})
                numbered: dict[str, int] = dict(self.source.all("SELECT name, seq FROM sqlite_sequence"))
                for plan in plans:
                    if numbered.get(plan.name) and self.target.all(
                        "SELECT 1 WHERE pg_get_serial_sequence(:table, 'id') IS NOT NULL", {"table": plan.name}
                    ):
                        self.target.all(_SET_SEQUENCE, {"table": plan.name, "column": "id", "last": numbered[plan.name]})
                return
            for name in SEQUENCES:
                ((last, is_called),) = self.source.all(f"SELECT last_value, is_called FROM {name}_seq")
                self.target.run("UPDATE sequence SET last = :last WHERE name = :name", {"last": last if is_called else 0, "name": name})
            for plan in plans:
                if "id" not in plan.columns:
                    continue
                rows = self.source.all("SELECT pg_get_serial_sequence(:table, 'id')", {"table": plan.name})
                if rows[0][0] is None:
                    continue
                ((last, is_called),) = self.source.all(f"SELECT last_value, is_called FROM {rows[0][0]}")
                self.target.run("DELETE FROM sqlite_sequence WHERE name = :name", {"name": plan.name})
                if is_called:
                    self.target.run("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :seq)", {"name": plan.name, "seq": last})

    # --- checking

    def _compare(self, plan: TablePlan, moved: MovedTable) -> None:
        ((expected,),) = self.target.all("SELECT digest FROM move_progress WHERE name = :name", {"name": plan.name})
        count, total = 0, 0
        for piece in _pieces(self.target, plan, None):
            count, total = count + len(piece), (total + digest(piece, plan.kinds)) % MODULUS
        if (count, total) != (moved.rows, int(expected, 16)):
            raise RowsDiffer(f"The table {plan.name} of the new database differs from the original: {count:,} rows of {moved.rows:,}.")


def _pieces(db: Database, plan: TablePlan, last: Sequence[Any] | None) -> Iterator[list[tuple[Any, ...]]]:
    """The rows of a table in pieces, in the order of its key, in the form of PostgreSQL.

    last: the key behind which they begin; None for the first row
    """
    is_sqlite = db.vendor == "sqlite"
    kinds = dict(zip(plan.columns, plan.kinds, strict=True))
    columns = plan.listed if is_sqlite else ", ".join(_read(column, kinds[column]) for column in plan.columns)
    # PostgreSQL sorts texts by the rules of a language; here both must sort alike.
    key = ", ".join(f'"{column}"' + ("" if is_sqlite or kinds[column] not in _TEXTS else ' COLLATE "C"') for column in plan.key)
    names = ", ".join(f":k{number}" for number in range(len(plan.key)))
    while True:
        where = "" if last is None else f" WHERE ({key}) > ({names})"
        params = {f"k{number}": part for number, part in enumerate(last or ())}
        rows = db.all(f'SELECT {columns} FROM "{plan.name}"{where} ORDER BY {key} LIMIT {PIECE}', params)
        if not rows:
            return
        if is_sqlite:
            rows = [tuple(from_sqlite(value, kind) for value, kind in zip(row, plan.kinds, strict=True)) for row in rows]
        yield rows
        last = [rows[-1][place] for place in plan.key_places]


_TEXTS: Final = frozenset({"text", "character varying", "character"})


def _read(column: str, kind: str) -> str:
    """SQL that reads a column of PostgreSQL as the other database has it."""
    if kind == "jsonb":
        return f'"{column}"::text'
    return f'host("{column}")' if kind == "inet" else f'"{column}"'


def _written(db: Database, plan: TablePlan, row: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(row) if db.vendor == "postgresql" else tuple(to_sqlite(value, kind) for value, kind in zip(row, plan.kinds, strict=True))
