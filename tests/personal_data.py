"""Where something planted of a person is kept: every column of every table, and every file of the data folder (X6, B7)."""

from __future__ import annotations

import base64
import contextlib
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from heliograph.store.database import Database
from tests.databases import DatabaseFacts

PLANTED = ("Zaphodina", "Beeblebroxova", "planted.example", "PLNT-77", "555-0177")
"""First and last name, the host of the e-mail address, the code of the registration, and the phone number."""


def columns(db: Database) -> list[tuple[str, str]]:
    """Every column of every table; of partitioned ones once."""
    if db.vendor == "sqlite":
        sql = (
            "SELECT t.name, c.name FROM sqlite_master t JOIN pragma_table_info(t.name) c WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%'"
            " AND t.sql NOT LIKE 'CREATE VIRTUAL%'"  # the tables that it is made of are read
        )
    else:
        sql = (
            "SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.relnamespace = 'public'::regnamespace"
            " AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped"
        )
    return sorted((str(table), str(column)) for table, column in db.all(sql))


def text_columns(db: Database) -> list[tuple[str, str]]:
    """Every column that can hold a text, a JSON document or bytes; of partitioned tables once."""
    if db.vendor == "sqlite":
        sql = (
            "SELECT t.name, c.name FROM sqlite_master t JOIN pragma_table_info(t.name) c WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%'"
            " AND t.sql NOT LIKE 'CREATE VIRTUAL%' AND (c.type = '' OR c.type LIKE '%char%' OR c.type LIKE '%text%' OR c.type LIKE '%blob%')"
        )
    else:
        sql = (
            "SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid JOIN pg_type t ON t.oid = a.atttypid"
            " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attnum > 0"
            " AND NOT a.attisdropped AND (t.typcategory IN ('S', 'A') OR t.typname IN ('bytea', 'json', 'jsonb'))"
        )
    return sorted((str(table), str(column)) for table, column in db.all(sql))


def holds(db: Database, table: str, column: str) -> bool:
    """Whether any row of the column has something of the person, in any spelling of JSON, compressed or encoded."""
    cells = (cell for (cell,) in db.all(f'SELECT "{column}" FROM "{table}" WHERE "{column}" IS NOT NULL'))
    return any(is_planted(bytes(cell) if isinstance(cell, (bytes, memoryview)) else str(cell).encode()) for cell in cells)


def is_planted(content: bytes) -> bool:
    return any(word.lower().encode() in spelling.lower() for spelling in _spellings(content) for word in PLANTED)


def _spellings(content: bytes) -> Iterator[bytes]:
    """The content as it is, and what it is an encoding of: as Django signs and compresses sessions, or compressed."""
    yield content
    for part in {content, *content.split(b":")[:2]}:
        with contextlib.suppress(ValueError, zlib.error):
            plain = base64.urlsafe_b64decode(part.lstrip(b".") + b"=" * (-len(part.lstrip(b".")) % 4))
            yield plain
            yield zlib.decompress(plain)
    with contextlib.suppress(zlib.error):
        yield zlib.decompress(content)


def kept_in(facts: DatabaseFacts, db: Database) -> set[str]:
    """Tables with their columns, and folders of files, that hold something of the person."""
    found = {f"{table}.{column}" for table, column in columns(db) if holds(db, table, column)}
    files = [path for path in facts.data.rglob("*") if path.is_file() and not path.name.startswith("heliograph.db")]
    return found | {f"{path.relative_to(facts.data).parts[0]}/" for path in files if _in_file(path)}


def _in_file(path: Path) -> bool:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return any(is_planted(archive.read(name)) for name in archive.namelist())
    return is_planted(path.read_bytes())
