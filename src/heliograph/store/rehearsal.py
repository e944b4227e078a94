"""A rehearsal: statements that save, run on temporary copies of an account's tables, so that they hold no lock that others need.

A temporary table hides the table of the same name on both databases. So services save as ever, read what they have saved, and change nothing
that anybody else can see. On SQLite a rehearsal takes no write lock, and a write to a table that is not hidden is refused. On PostgreSQL it
takes no lock of the configuration (`configuration_versions.lock_exclusive`); a table that is not hidden would be written and rolled back.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection, transaction

from heliograph.store import configuration_versions
from heliograph.store.database import Database
from heliograph.store.django_database import of_django

_REFERENCES: Final = re.compile(r'\s+REFERENCES\s+"?\w+"?\s*\("?\w+"?\)(\s+DEFERRABLE INITIALLY DEFERRED)?', re.IGNORECASE)
_WRITES: Final = (sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE)


@dataclass(frozen=True, slots=True)
class HiddenTable:
    """A table that a rehearsal writes."""

    name: str
    where: str | None = None
    """The condition of the rows that are copied, with the parameter :account, and {schema} before another table; None for an empty copy: the
    rehearsal only adds to it."""


@contextmanager
def rehearsal() -> Iterator[None]:
    """Opens a transaction on one state of the database, which is rolled back at its end. What it saves must come after `hide_tables`."""
    unlocked: AbstractContextManager[None] = connection.unlocked() if connection.vendor == "sqlite" else nullcontext()  # type: ignore[attr-defined]
    with configuration_versions.without_locks(), unlocked, transaction.atomic():
        try:
            yield
        finally:
            if connection.vendor == "sqlite":
                connection.connection.set_authorizer(None)
            transaction.set_rollback(True)


def hide_tables(account: int, tables: Iterable[HiddenTable]) -> None:
    """Hides tables behind temporary copies of their rows until the rehearsal ends. Called once, inside `rehearsal`."""
    db = of_django(connection)
    if db.vendor == "sqlite":
        _hide_on_sqlite(db, account, {table.name: table for table in tables})
        connection.connection.set_authorizer(_refuse_other_writes)
    else:
        _hide_on_postgresql(db, account, {table.name: table for table in tables})


def _hide_on_sqlite(db: Database, account: int, tables: dict[str, HiddenTable]) -> None:
    """Foreign keys are left out: they would lead to tables that are not hidden. New rows get ids that no row of any account has."""
    schema = db.all(
        f"SELECT type, tbl_name, sql FROM main.sqlite_master WHERE sql IS NOT NULL AND {db.member('tbl_name', 'names')} ORDER BY type DESC",
        {"names": list(tables)},
    )
    for kind, _table, sql in schema:
        if kind == "table":
            db.run(re.sub(r"^CREATE TABLE\s+", "CREATE TEMP TABLE ", _REFERENCES.sub("", sql)))
    for table in tables.values():
        if table.where is not None:
            db.run(
                f'INSERT INTO temp."{table.name}" SELECT * FROM main."{table.name}" WHERE {table.where.format(schema="main")}',
                {"account": account},
            )
    for kind, _table, sql in schema:
        if kind == "index":
            db.run(re.sub(r'^(CREATE (?:UNIQUE )?INDEX)\s+("?\w+"?)', r"\1 temp.\2", sql))
    db.run("DELETE FROM temp.sqlite_sequence")
    db.run(
        f"INSERT INTO temp.sqlite_sequence SELECT name, seq FROM main.sqlite_sequence WHERE {db.member('name', 'names')}",
        {"names": list(tables)},
    )


def _refuse_other_writes(action: int, _table: str | None, _column: str | None, database: str | None, _trigger: str | None) -> int:
    return sqlite3.SQLITE_DENY if action in _WRITES and database == "main" else sqlite3.SQLITE_OK


def _hide_on_postgresql(db: Database, account: int, tables: dict[str, HiddenTable]) -> None:
    """New rows get their ids from the tables' own sequences, which is not rolled back."""
    columns: dict[str, list[Any]] = {}
    for schema, table, column, sequence in db.all(
        "SELECT quote_ident(n.nspname), c.relname, quote_ident(a.attname), pg_get_serial_sequence(quote_ident(n.nspname) || '.' || quote_ident(c.relname), a.attname)"
        " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid"
        f" WHERE n.nspname = current_schema() AND {db.member('c.relname::text', 'names')} AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''"
        " ORDER BY a.attnum",
        {"names": list(tables)},
    ):
        columns.setdefault(table, []).append((schema, column, sequence))
    for name, table in tables.items():
        if name not in columns:  # a table of SQLite only
            continue
        schema = columns[name][0][0]
        db.run(
            f'CREATE TEMP TABLE "{name}" (LIKE {schema}."{name}" INCLUDING DEFAULTS INCLUDING GENERATED INCLUDING INDEXES) ON COMMIT DROP'
        )
        for _schema, column, sequence in columns[name]:
            if sequence is not None:
                db.run(f"ALTER TABLE pg_temp.\"{name}\" ALTER COLUMN {column} SET DEFAULT nextval('{sequence}')")
        if table.where is not None:
            listed = ", ".join(column for _schema, column, _sequence in columns[name])
            db.run(
                f'INSERT INTO pg_temp."{name}" ({listed}) SELECT {listed} FROM {schema}."{name}" WHERE {table.where.format(schema=schema)}',
                {"account": account},
            )
