"""Whether the tables are those that the migrations of this release make (O3), beside which migrations were applied (`schema`).

A database that another build has made can have all migrations by name and other tables all the same: its processes would fail at some statement,
again and again. So a start compares every table, column and trigger with a list in schema_lists. Tests write the lists
(tests/contract/test_catalogue.py); partitions are left out, because retention makes and drops them.
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
_EXISTING: Final = {
    "sqlite": "SELECT 'column ' || m.name || '.' || p.name FROM sqlite_master m JOIN pragma_table_info(m.name) p"
    " WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite!_%' ESCAPE '!' AND m.sql NOT LIKE 'CREATE TABLE ''%'"
    " UNION ALL SELECT 'trigger ' || name FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT 'column ' || c.relname || '.' || a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
    " WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attnum > 0"
    " AND NOT a.attisdropped"
    " UNION ALL SELECT 'trigger ' || t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
    " WHERE c.relnamespace = current_schema()::regnamespace AND NOT t.tgisinternal AND NOT c.relispartition",
}
"""Lines such as "column action.queue" and "trigger same_account_flow". On SQLite the tables of a full-text index, whose names SQLite quotes by
apostrophes, are its own."""

_OPTIONAL: Final = "registration_search"
"""In the names of what `store.search_index` makes, which needs an extension on PostgreSQL. Without it, search is slower and finds the same."""


class SchemaDiffers(HeliographError):
    """The database's tables are not those that this release's migrations make."""


def existing(db: Database) -> frozenset[str]:
    """The columns and triggers of the database."""
    return frozenset(line for (line,) in db.all(_EXISTING[db.vendor]) if _OPTIONAL not in line)


@functools.cache
def expected(vendor: str) -> frozenset[str]:
    """The columns and triggers that the migrations of this release make."""
    return frozenset((LISTS / f"{vendor}.txt").read_text("utf-8").splitlines())


def fingerprint(lines: Iterable[str]) -> str:
    """Names a schema in 12 digits."""
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:12]


def check_tables(db: Database) -> str:
    """The fingerprint of the tables that this release knows. Raises SchemaDiffers, which names what is lacking.

    The database may have more: what a newer release has added, and what is set aside for a while.
    """
    lines, known = existing(db), expected(db.vendor)
    lacking = known - lines
    if lacking:
        raise SchemaDiffers(
            f"The tables of the database are not those that this release makes: it lacks {_named(lacking)}. It was made by another build"
            f" (fingerprint {fingerprint(lines & known)}, and {fingerprint(known)} is needed). Use the build that made it, restore a backup of"
            " this release, or begin with an empty database."
        )
    return fingerprint(known)


def _named(lacking: Collection[str]) -> str:
    """ "the column action.queue, the table flow and 12 more": a table of which every column is lacking is named once."""
    tables: dict[str, list[str]] = {}
    for line in lacking:
        kind, name = line.split(" ", 1)
        tables.setdefault(name.partition(".")[0] if kind == "column" else line, []).append(line)
    names = []
    for table, lines in sorted(tables.items()):
        names += [f"the {line}" for line in sorted(lines)] if len(lines) < 3 else [f"{len(lines)} columns of the table {table}"]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
