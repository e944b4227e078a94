"""Resets a PostgreSQL database row by row: a new copy costs a second of disk and a third of a second of CPU, this a fiftieth.

Only differences are touched. If more than rows has changed (a table, a column, a database setting), or deleted rows have left too much
space, `Pristine.restore` returns False and a new copy must be made. The connection stays open for the next time: most of what a new one
costs is that the server reads what it has to know about eighty tables, and plans the comparison of them all.
"""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
from psycopg import sql

OVERGROWN = 8 * 1024 * 1024
"""Bytes of the tables that a test has changed: scans would read dead rows."""

# Statistics are updated in place, so the xmin of a catalogue row tells whether a definition has changed.
_SHAPE = """
SELECT count(*), sum(hashtextextended(c.oid || ' ' || c.xmin, 0))::text,
  (SELECT sum(hashtextextended(a.attrelid || ' ' || a.attnum || ' ' || a.xmin, 0))::text FROM pg_attribute a WHERE a.attrelid >= 16384 AND attnum > 0),
  (SELECT sum(hashtextextended(k.oid || ' ' || k.xmin, 0))::text FROM pg_constraint k WHERE k.oid >= 16384),
  (SELECT sum(hashtextextended(d.oid || ' ' || d.xmin, 0))::text FROM pg_attrdef d),
  (SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal),
  (SELECT count(*) FROM pg_proc WHERE oid >= 16384),
  (SELECT count(*) FROM pg_db_role_setting)
FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace
"""
_ALONE = """
SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid() AND pid <> ALL(%s)
"""
_SEQUENCES = "SELECT sequencename, last_value, start_value FROM pg_sequences WHERE schemaname = 'public'"


class Pristine:
    """The state of a migrated database: its schema, the few rows from migrations, and its sequences' positions."""

    def __init__(self, url: str) -> None:
        with _connect(url) as db:
            self._shape = db.execute(_SHAPE).fetchone()
            self._sequences = dict(self._sequences_of(db))
            found = db.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1")
            tables = [str(name) for (name,) in found]
            # One statement for all tables; each returns a checksum of its rows, or nothing if it is empty.
            parts = [
                sql.SQL("SELECT {} AS name, sum(hashtextextended(t::text, 0)) AS rows FROM {} t HAVING count(*) > 0").format(
                    sql.Literal(name), sql.Identifier(name)
                )
                for name in tables
            ]
            self._digest = sql.SQL(" UNION ALL ").join(parts).as_bytes(db)
            self._digests = dict(db.execute(self._digest).fetchall())
            self._rows = {name: self._copied(db, name) for name in self._digests}

    def restore(self, url: str, spared: Sequence[int] = (), *, most: int = OVERGROWN) -> bool:
        """Resets this database; False: it must be recreated. Closes all other connections to it but those of the spared processes.

        most: bytes of the changed tables beyond which it must be recreated
        """
        try:
            db = _kept(url)
        except psycopg.OperationalError:  # it does not exist yet
            return False
        with db.transaction():
            db.execute(_ALONE, [list(spared)])
            if db.execute(_SHAPE).fetchone() != self._shape:
                return False
            digests = dict(db.execute(self._digest, prepare=True).fetchall())
            changed = [table for table in digests.keys() | self._digests.keys() if digests.get(table) != self._digests.get(table)]
            if changed:
                if self._size_of(db, changed) > most:
                    return False
                for table in changed:
                    self._put_back(db, table)
            for sequence, (last, start) in self._sequences_of(db):
                if last != self._sequences[sequence][0]:
                    kept = self._sequences[sequence][0]
                    db.execute("SELECT setval(quote_ident(%s)::regclass, %s, %s)", [sequence, kept or start, kept is not None])
        return True

    def _put_back(self, db: psycopg.Connection, table: str) -> None:
        db.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
        if table in self._rows:
            with db.cursor().copy(sql.SQL("COPY {} FROM STDIN (FORMAT binary)").format(sql.Identifier(table))) as copy:
                copy.write(self._rows[table])

    @staticmethod
    def _copied(db: psycopg.Connection, table: str) -> bytes:
        with db.cursor().copy(sql.SQL("COPY {} TO STDOUT (FORMAT binary)").format(sql.Identifier(table))) as copy:
            return b"".join(bytes(part) for part in copy)

    @staticmethod
    def _size_of(db: psycopg.Connection, tables: Sequence[str]) -> int:
        """Bytes of some tables with their indexes. (That of the database is asked of the disk, file by file.)"""
        row = db.execute(
            "SELECT sum(pg_total_relation_size(quote_ident(name)::regclass)) FROM unnest(%s::text[]) name", [list(tables)]
        ).fetchone()
        assert row is not None
        return int(row[0])

    @staticmethod
    def _sequences_of(db: psycopg.Connection) -> list[tuple[str, tuple[int | None, int]]]:
        return [(str(name), (last, start)) for name, last, start in db.execute(_SEQUENCES)]


def _connect(url: str) -> psycopg.Connection:
    """Without triggers and foreign keys: the restored rows satisfy them together, but not at each step. (Said later, it would undo all plans.)"""
    return psycopg.connect(url, autocommit=True, options="-c session_replication_role=replica")


_connections: dict[str, psycopg.Connection] = {}
"""One for each database, for all states that it is reset to: each closes the connections of others."""


def _kept(url: str) -> psycopg.Connection:
    """The connection of the last time, if the server still has it: somebody may have dropped the database."""
    db = _connections.get(url)
    if db is not None:
        try:
            db.execute("")
        except psycopg.OperationalError:
            db.close()
            db = None
    if db is None:
        db = _connections[url] = _connect(url)
    return db


def let_go() -> None:
    """Closes the connections that are kept."""
    while _connections:
        _connections.popitem()[1].close()
