"""Lists of one type as PostgreSQL's binary arrays.

psycopg encodes a list item by item in Python and escapes texts with regular expressions; for a batch's documents that took longer than the
rest of recording. Here a list is encoded in two calls (source: PostgreSQL's `array_recv`; psycopg: "Data adaptation").
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format


class ArrayColumn:
    """Values of one type, or None."""

    __slots__ = ("values",)

    def __init__(self, values: Sequence[Any]) -> None:
        self.values = values


class IntegerArray(ArrayColumn):
    """A `bigint[]`."""

    __slots__ = ()


class TextArray(ArrayColumn):
    """A `text[]`."""

    __slots__ = ()


class BooleanArray(ArrayColumn):
    """A `boolean[]`."""

    __slots__ = ()


class BlobArray(ArrayColumn):
    """A `bytea[]`."""

    __slots__ = ()


_KINDS: dict[type, type[ArrayColumn]] = {int: IntegerArray, str: TextArray, bool: BooleanArray, bytes: BlobArray}


def column_of(values: Sequence[Any]) -> ArrayColumn | list[Any] | None:
    """The values as a typed column; None if all are None; a plain list if their types differ or are not supported."""
    kinds = set(map(type, values))
    kinds.discard(type(None))
    if len(kinds) == 1:
        kind = _KINDS.get(kinds.pop())
        return list(values) if kind is None else kind(values)
    return list(values) if kinds else None


class _ColumnDumper(Dumper):
    """element: the OID of an item's type; `oid`: that of its array. each: encodes an item."""

    format = Format.BINARY
    element: ClassVar[str]
    each: ClassVar[Callable[[Any], bytes]]

    def dump(self, obj: ArrayColumn) -> bytes:
        each, length = type(self).each, _LENGTH.pack
        items = [_NULL if value is None else length(len(item := each(value))) + item for value in obj.values]
        return self._head(obj.values) + b"".join(items)

    def _head(self, values: Sequence[Any]) -> bytes:
        if not values:
            return _HEAD.pack(0, 0, _element(self.element))
        return _HEAD.pack(1, int(None in values), _element(self.element)) + _SIZE.pack(len(values), 1)


class _IntegersDumper(_ColumnDumper):
    oid, element, each = psycopg.adapters.types["int8"].array_oid, "int8", struct.Struct("!q").pack

    def dump(self, obj: ArrayColumn) -> bytes:
        values = obj.values
        if None in values:
            return super().dump(obj)
        pairs = [8] * (2 * len(values))
        pairs[1::2] = values
        return self._head(values) + struct.pack("!" + "iq" * len(values), *pairs)


class _TextsDumper(_ColumnDumper):
    oid, element, each = psycopg.adapters.types["text"].array_oid, "text", str.encode


class _BooleansDumper(_ColumnDumper):
    oid, element, each = psycopg.adapters.types["bool"].array_oid, "bool", struct.Struct("!?").pack


class _BlobsDumper(_ColumnDumper):
    oid, element, each = psycopg.adapters.types["bytea"].array_oid, "bytea", bytes


def _element(name: str) -> int:
    return psycopg.adapters.types[name].oid


_HEAD, _SIZE, _LENGTH = struct.Struct("!iiI"), struct.Struct("!ii"), struct.Struct("!i")
_NULL = _LENGTH.pack(-1)

for kind, dumper in (
    (IntegerArray, _IntegersDumper),
    (TextArray, _TextsDumper),
    (BooleanArray, _BooleansDumper),
    (BlobArray, _BlobsDumper),
):
    psycopg.adapters.register_dumper(kind, dumper)
