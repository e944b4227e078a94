"""Sets indexes aside while very many rows are written, and makes them again afterwards, each by one sort.

The table `deferred_index` remembers them from the transaction on that drops them. If the process is killed, the next `migrate` makes them
again. Unique indexes are not dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from heliograph.store.database import Database

_FOUND: Final = {
    "sqlite": "SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'index' AND sql LIKE 'CREATE INDEX %' ORDER BY tbl_name, name",
    # Of a partitioned table: that of the whole, with those of its partitions.
    "postgresql": "SELECT indexname, tablename, replace(indexdef, ' ON ONLY ', ' ON ') FROM pg_indexes WHERE schemaname = current_schema()"
    " AND indexdef LIKE 'CREATE INDEX %' ORDER BY tablename, indexname",
}
_REMEMBERED: Final = {
    "sqlite": "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'deferred_index'",
    "postgresql": "SELECT 1 FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'deferred_index'",
}


def defer(db: Database, tables: Sequence[str]) -> int:
    """Drops the indexes of some tables, in a transaction of its own. Returns how many."""
    with db.transaction():
        indexes = [(name, sql) for name, table, sql in db.all(_FOUND[db.vendor]) if table in tables]
        db.run("CREATE TABLE IF NOT EXISTS deferred_index (name text PRIMARY KEY, sql text NOT NULL)")
        for name, sql in indexes:
            db.run("INSERT INTO deferred_index (name, sql) VALUES (:name, :sql)", {"name": name, "sql": sql})
            db.run(f'DROP INDEX "{name}"')
    return len(indexes)


def are_deferred(db: Database) -> bool:
    """Whether any indexes are set aside."""
    return bool(db.all(_REMEMBERED[db.vendor]))


def restore(db: Database, progress: Callable[[int, int], None] = lambda _done, _all: None) -> None:
    """Makes the indexes that were set aside, each in a transaction of its own.

    progress: called with the number of indexes that are back, and of all
    """
    if not are_deferred(db):
        return
    names = [name for (name,) in db.all("SELECT name FROM deferred_index ORDER BY name")]
    for done, name in enumerate(names):
        progress(done, len(names))
        with db.transaction():
            for (sql,) in db.all("DELETE FROM deferred_index WHERE name = :name RETURNING sql", {"name": name}):
                db.run(sql)
    with db.transaction():
        db.run("DROP TABLE IF EXISTS deferred_index")


def renew_statistics(db: Database) -> None:
    """Renews the statistics of all tables. PostgreSQL would else plan by those of small tables, and read whole ones. SQLite plans without
    any."""
    if db.vendor == "postgresql":
        db.run("ANALYZE")
