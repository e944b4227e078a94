"""The values of a row on either database, and the digest by which two tables are compared.

A value is read in the form that Python gives it on PostgreSQL, and written in the form of the other database:

    boolean        SQLite: 0 or 1
    timestamptz    SQLite: a text in UTC without a time zone, as Django writes it
    jsonb          SQLite: a text; compared as what it means, since PostgreSQL keeps no spaces and no order
    inet           SQLite: a text
    bytea          SQLite: a blob
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

MODULUS: Final = 1 << 256


def from_sqlite(value: Any, kind: str) -> Any:
    """A value that SQLite returned, as PostgreSQL takes it."""
    if value is None:
        return None
    match kind:
        case "boolean":
            return bool(value)
        case "timestamp with time zone":
            at = datetime.fromisoformat(str(value))
            return at.replace(tzinfo=UTC) if at.tzinfo is None else at
        case "bytea":
            return bytes(value)
        case _:
            return value


def to_sqlite(value: Any, kind: str) -> Any:
    """A value that PostgreSQL returned, as Django and our SQL write it on SQLite."""
    if value is None:
        return None
    match kind:
        case "boolean":
            return int(value)
        case "timestamp with time zone":
            return str(value.astimezone(UTC).replace(tzinfo=None))
        case "jsonb":
            return json.dumps(json.loads(value))
        case "bytea":
            return bytes(value)
        case _:
            return value


def digest(rows: Iterable[Sequence[Any]], kinds: Sequence[str]) -> int:
    """A number of rows in the form of PostgreSQL. It is the sum over the rows, so their order does not matter, and parts can be added."""
    total = 0
    for row in rows:
        values = [_comparable(value, kind) for value, kind in zip(row, kinds, strict=True)]
        text = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
        total += int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest())
    return total % MODULUS


def _comparable(value: Any, kind: str) -> Any:
    if value is None:
        return None
    match kind:
        case "timestamp with time zone":
            return value.astimezone(UTC).isoformat()
        case "jsonb":
            return json.dumps(json.loads(value), sort_keys=True)
        case "bytea":
            return bytes(value).hex()
        case "double precision" | "numeric":
            return repr(float(value))
        case _:
            return value
