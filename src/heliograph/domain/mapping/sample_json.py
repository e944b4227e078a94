"""Creates the rows of a mapping from a sample JSON by the target's administrator (guide: New Mapping; M2).

Names, structure and types are used, values are discarded. A list of plain values becomes one list row; a list of objects becomes rows for
each entry.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Final, NoReturn

from heliograph.domain.mapping.mapping import MAX_ROWS, MAX_TARGET, MappingError, MappingRow, ValueType
from heliograph.domain.mapping.paths import MAX_DEPTH, MAX_INDEX, Json, Path, format_path

MAX_SAMPLE: Final = 500_000  # characters


def rows_from_sample(text: str) -> tuple[MappingRow, ...]:
    """The rows of a sample, without sources. Raises MappingError if it is not a JSON object, too deep or too large."""
    if len(text) > MAX_SAMPLE:
        raise _refusal(f"it is longer than {MAX_SAMPLE:,} characters")
    try:
        sample: Json = json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise _refusal(f"this is not JSON: {error.msg} in line {error.lineno}, character {error.colno}") from None
    except RecursionError:
        raise _refusal(f"it is nested more than {MAX_DEPTH} levels deep") from None
    except ValueError as error:  # a number with more digits than Python parses
        raise _refusal(str(error)) from None
    if isinstance(sample, list) and sample and isinstance(sample[0], dict):
        raise _refusal("a request is one object: paste a single entry of this list, from { to }")
    if not isinstance(sample, dict):
        raise _refusal("a sample is an object, from { to }")
    rows: list[MappingRow] = []
    for path, kind in _leaves((), sample):
        if len(rows) == MAX_ROWS:
            raise _refusal(f"it has more than {MAX_ROWS} fields")
        rows.append(_row(path, kind))
    return tuple(rows)


def new_rows(existing: Sequence[MappingRow], sample: Sequence[MappingRow]) -> tuple[tuple[MappingRow, ...], tuple[MappingRow, ...]]:
    """The sample's rows that can be added to the existing ones, and those that already exist (they stay unchanged)."""
    there = [row.path for row in existing]
    new: list[MappingRow] = []
    known: list[MappingRow] = []
    for row in sample:
        (known if any(_overlap(row.path, path) for path in there) else new).append(row)
    return tuple(new), tuple(known)


def _overlap(one: Path, other: Path) -> bool:
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


def _row(path: Path, kind: ValueType) -> MappingRow:
    nested = len(path) > 1
    target = format_path(path) if nested else str(path[0])
    if len(target) > MAX_TARGET:
        raise _refusal(f"the name {target[:40]}… is longer than {MAX_TARGET} characters")
    return MappingRow(target=target, type=kind, nested=nested)


def _leaves(path: Path, value: Json) -> Iterator[tuple[Path, ValueType]]:
    if len(path) > MAX_DEPTH:
        raise _refusal(f"it is nested more than {MAX_DEPTH} levels deep")
    if isinstance(value, dict):
        for name, member in value.items():
            if path or name.strip():
                yield from _leaves((*path, name), member)
    elif isinstance(value, list):
        kind = _list_type(value)
        if kind and not isinstance(path[-1], int):
            yield path, kind
            return
        if len(value) > MAX_INDEX + 1:
            raise _refusal(f"{format_path(path)} has more than {MAX_INDEX + 1} entries")
        for index, entry in enumerate(value):
            yield from _leaves((*path, index), entry)
    else:
        yield path, _type(value)


def _list_type(entries: list[Json]) -> ValueType | None:
    """The type of a list row; None if the list contains objects, lists or booleans, so each entry becomes rows."""
    kinds = {_type(entry) for entry in entries if not isinstance(entry, (dict, list))}
    if ValueType.BOOLEAN in kinds or any(isinstance(entry, (dict, list)) for entry in entries):
        return None
    return ValueType.NUMBERS if kinds == {ValueType.NUMBER} else ValueType.LIST


def _type(value: Json) -> ValueType:
    if isinstance(value, bool):
        return ValueType.BOOLEAN
    return ValueType.NUMBER if isinstance(value, (int, float)) else ValueType.TEXT


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"this is not JSON: {name} is not a number")


def _refusal(reason: str) -> MappingError:
    return MappingError(None, "sample", reason)
