"""The tables that are moved, their columns, and their order: a table after those that it refers to.

PostgreSQL says the columns' types; of SQLite's schema the references are read, also those by which triggers keep rows of one account together
(`store.tenancy`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Final

from heliograph.domain.errors import HeliographError
from heliograph.store.database import Database
from heliograph.store.schema_fingerprint import expected

MADE_BY_MIGRATIONS: Final = frozenset({"django_migrations", "django_content_type", "auth_permission"})
"""Tables whose rows the migrations make on each database."""
OF_ONE_DATABASE: Final = frozenset({"sequence", "deferred_index", "move_progress", "moved_away", "worker"})
"""Tables that only one of the databases has, and the processes that use it."""
_COLUMNS: Final = (
    "SELECT c.table_name, c.column_name, c.data_type FROM information_schema.columns c JOIN pg_class p ON p.relname = c.table_name"
    " AND p.relnamespace = current_schema()::regnamespace WHERE c.table_schema = current_schema() AND p.relkind IN ('r', 'p') AND NOT p.relispartition"
    " ORDER BY c.table_name, c.ordinal_position"
)
_KEYS: Final = (
    "SELECT c.relname, a.attname FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_attribute a ON a.attrelid = c.oid"
    " AND a.attnum = ANY(i.indkey) WHERE i.indisprimary AND c.relnamespace = current_schema()::regnamespace"
    " ORDER BY c.relname, array_position(i.indkey, a.attnum)"
)
_PARENT: Final = re.compile(r'FROM "(\w+)" p WHERE p\.id = NEW')


class SchemasDiffer(HeliographError):
    """The two databases do not have the same tables and columns. Bring both up to date with `heliograph migrate`."""


@dataclass(frozen=True, slots=True)
class TablePlan:
    """A table to copy."""

    name: str
    columns: tuple[str, ...]
    kinds: tuple[str, ...]
    """PostgreSQL's type of each column."""
    key: tuple[str, ...]
    """The columns of the primary key, in whose order the rows are read."""

    @property
    def key_places(self) -> tuple[int, ...]:
        """Where the key's columns stand in a row."""
        return tuple(self.columns.index(column) for column in self.key)

    @property
    def listed(self) -> str:
        """The columns for SQL, quoted: some are named like words of SQL."""
        return ", ".join(f'"{column}"' for column in self.columns)


def table_plans(sqlite: Database, postgres: Database) -> list[TablePlan]:
    """The tables to copy, in their order. Raises SchemasDiffer."""
    columns: dict[str, dict[str, str]] = {}
    for table, column, kind in postgres.all(_COLUMNS):
        columns.setdefault(table, {})[column] = kind
    keys: dict[str, list[str]] = {}
    for table, column in postgres.all(_KEYS):
        keys.setdefault(table, []).append(column)
    left_out = MADE_BY_MIGRATIONS | OF_ONE_DATABASE | {"registration_search"}  # triggers write the search index
    known = {line.removeprefix("column ").partition(".")[0] for line in expected("postgresql") if line.startswith("column ")} - left_out
    names = columns.keys() & known  # a program that copies the database may have tables of its own in it
    there = {name: _sqlite_columns(sqlite, name) for name in _sqlite_tables(sqlite) & known}
    if names != there.keys() or any(set(columns[name]) != there[name] for name in names):
        raise SchemasDiffer
    # The key of a content table has a time besides on PostgreSQL, where the key of a partitioned table must have it.
    return [TablePlan(name, tuple(columns[name]), tuple(columns[name].values()), tuple(keys[name])) for name in _ordered(sqlite, names)]


def _sqlite_tables(db: Database) -> set[str]:
    rows = db.all(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        " AND name NOT LIKE 'registration\\_search%' ESCAPE '\\'"
    )
    return {name for (name,) in rows}


def _sqlite_columns(db: Database, table: str) -> set[str]:
    return {name for (name,) in db.all("SELECT name FROM pragma_table_info(:table)", {"table": table})}


def _ordered(sqlite: Database, names: set[str] | Mapping[str, object]) -> list[str]:
    parents: dict[str, set[str]] = {name: set() for name in sorted(names)}
    for name in parents:
        rows = sqlite.all('SELECT "table" FROM pragma_foreign_key_list(:table)', {"table": name})
        parents[name] |= {parent for (parent,) in rows}
    for table, sql in sqlite.all("SELECT tbl_name, sql FROM sqlite_master WHERE type = 'trigger'"):
        match = _PARENT.search(sql)
        if match and table in parents:
            parents[table].add(match[1])
    known = {name: {parent for parent in above if parent in parents and parent != name} for name, above in parents.items()}
    return list(TopologicalSorter(known).static_order())
