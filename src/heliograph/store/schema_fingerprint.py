"""Whether the tables are those that the migrations of this release make (O3), beside which migrations were applied (`schema`).

A database that another build has made can have all migrations by name and other tables all the same: its processes would fail at some statement,
again and again. So a start compares the columns with their types, the triggers and the unique indexes with a list in schema_lists. An index that is
not unique only makes queries fast, so one that is missing stops nothing: doctor names it. Tests write the lists (tests/contract/test_catalogue.py).
Partitions are left out, because retention makes and drops them.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

from heliograph.domain.errors import HeliographError
from heliograph.store.database import Database

LISTS: Final = Path(__file__).parent / "schema_lists"
_SQLITE_TABLES: Final = (
    "(SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!' AND sql NOT LIKE 'CREATE TABLE ''%') m"
)
"""The tables of a full-text index, whose names SQLite quotes by apostrophes, are its own."""
_POSTGRES_TABLES: Final = "c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
_EXISTING: Final = {
    "sqlite": "SELECT 'column ' || m.name || '.' || p.name || ' ' || lower(p.type) || CASE p.\"notnull\" WHEN 1 THEN ' not null' ELSE ' null' END"
    f" FROM {_SQLITE_TABLES} JOIN pragma_table_info(m.name) p"
    " UNION ALL SELECT 'trigger ' || name FROM sqlite_master WHERE type = 'trigger'"
    # What a constraint has made has a number as its name, which depends on the order in the statement.
    " UNION ALL SELECT CASE i.\"unique\" WHEN 1 THEN 'unique ' ELSE 'index ' END || m.name"
    " || CASE i.origin WHEN 'c' THEN '.' || i.name ELSE '' END || ' (' || (SELECT group_concat(coalesce(x.name, 'expression'), ', ')"
    " FROM pragma_index_info(i.name) x) || ')' || CASE i.partial WHEN 1 THEN ' partial' ELSE '' END"
    f" FROM {_SQLITE_TABLES} JOIN pragma_index_list(m.name) i",
    "postgresql": "SELECT 'column ' || c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)"
    " || CASE WHEN a.attnotnull THEN ' not null' ELSE ' null' END FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
    f" WHERE {_POSTGRES_TABLES} AND a.attnum > 0 AND NOT a.attisdropped"
    f" UNION ALL SELECT 'trigger ' || t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE {_POSTGRES_TABLES} AND NOT t.tgisinternal"
    " UNION ALL SELECT CASE WHEN i.indisunique THEN 'unique ' ELSE 'index ' END || c.relname || '.' || n.relname || ' ('"
    " || (SELECT string_agg(coalesce(a.attname, 'expression'), ', ' ORDER BY k.place) FROM unnest(i.indkey::int2[]) WITH ORDINALITY k(number, place)"
    " LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number) || ')' || CASE WHEN i.indpred IS NULL THEN '' ELSE ' partial' END"
    f" FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_class n ON n.oid = i.indexrelid WHERE {_POSTGRES_TABLES} AND i.indisvalid",
}
"""Lines such as "column action.queue smallint null", "trigger same_account_flow", "unique account.account_pkey (id)" and "index action.action_due (due)". A kind, a
name and what it is like: names hold no spaces."""

_OPTIONAL: Final = "registration_search"
"""In the names of what `store.search_index` makes, which needs an extension on PostgreSQL. Without it, search is slower and finds the same."""


class SchemaDiffers(HeliographError):
    """The database's tables are not those that this release's migrations make."""


def existing(db: Database) -> frozenset[str]:
    """The columns, triggers and indexes of the database."""
    return frozenset(line for (line,) in db.all(_EXISTING[db.vendor]) if _OPTIONAL not in line)


@functools.cache
def expected(vendor: str) -> frozenset[str]:
    """The columns, triggers and indexes that the migrations of this release make."""
    return frozenset((LISTS / f"{vendor}.txt").read_text("utf-8").splitlines())


def fingerprint(lines: Iterable[str]) -> str:
    """Names a schema in 12 digits."""
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:12]


def newest_unknown(db: Database, known: Collection[tuple[str, str]]) -> str:
    """The last migration by which a newer release has changed the database, such as "store.0009_next"; "" if there is none.

    known: application and name of each migration of this release
    """
    apps = {app for app, _ in known}
    applied = {(app, name) for app, name in db.all("SELECT app, name FROM django_migrations")}
    return max((f"{app}.{name}" for app, name in applied - set(known) if app in apps), default="")


def check_tables(db: Database, newer: str) -> str:
    """The fingerprint of the tables that this release knows. Raises SchemaDiffers, which names what is lacking or different.

    The database may have more: what a newer release has added (it expands first, and takes away one release later), and what is set aside for a while.

    newer: a migration of a newer release that the database has; "" if there is none. That release may have widened a type, or let a column be
        null: then columns are compared by their names only
    """
    lines, known = existing(db), expected(db.vendor)
    lacking = {line for line in known - lines if not line.startswith("index ")}
    if newer:
        columns = {_subject(line) for line in lines if line.startswith("column ")}
        lacking = {line for line in lacking if not line.startswith("column ") or _subject(line) not in columns}
    if lacking and newer:
        raise SchemaDiffers(
            f"A newer release has changed the database (migration {newer}), and it lacks what this release needs: {_named(lacking, lines)}. Use"
            " the newer release, or restore a backup of this one."
        )
    if lacking:
        raise SchemaDiffers(
            f"The tables of the database are not those that this release makes: it lacks {_named(lacking, lines)}. It was made by another build"
            f" (fingerprint {fingerprint(lines & known)}, and {fingerprint(known)} is needed). Use the build that made it, restore a backup of"
            " this release, or begin with an empty database."
        )
    return fingerprint(known)


def lacking_indexes(db: Database) -> list[str]:
    """The names of this release's indexes, other than unique ones, that the database does not have."""
    lacking = expected(db.vendor) - existing(db)
    return sorted(_subject(line).rpartition(".")[2] for line in lacking if line.startswith("index "))


def _subject(line: str) -> str:
    """ "action.queue" of "column action.queue smallint null"."""
    return line.split(" ", 2)[1]


def _named(lacking: Collection[str], lines: Collection[str]) -> str:
    """ "the column action.queue, the column action.due as bigint null, 9 columns of the table flow and 12 more": a table of which three columns or more are
    lacking is named once, and a column that has another type is named with the type that it should have."""
    there = {_subject(line) for line in lines if line.startswith("column ")}
    columns: dict[str, list[str]] = {}
    others = []
    for line in sorted(lacking):
        kind, name, *rest = line.split(" ", 2)
        if kind == "column":
            columns.setdefault(name.partition(".")[0], []).append(
                f"the column {name} as {rest[0]}" if name in there else f"the column {name}"
            )
        else:
            others.append(f"the unique index {name}" if kind == "unique" else f"the {kind} {name}")
    names = []
    for table, phrases in columns.items():
        names += phrases if len(phrases) < 3 else [f"{len(phrases)} columns of the table {table}"]
    names += others
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
