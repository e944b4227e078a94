"""Everything in a database, for tests that search for what must not be there."""

from __future__ import annotations

from heliograph.store.database import Database


def everything(db: Database) -> dict[str, bytes]:
    """All rows of all tables, as bytes by table. What a virtual table keeps is in tables of its own."""
    if db.vendor == "sqlite":
        names = [name for (name,) in db.all("SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'")]
    else:
        names = [name for (name,) in db.all("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    found = {}
    for name in names:
        cells = [cell for row in db.all(f'SELECT * FROM "{name}"') for cell in row]
        found[name] = b"\0".join(bytes(c) if isinstance(c, (bytes, memoryview)) else str(c).encode() for c in cells)
    return found
