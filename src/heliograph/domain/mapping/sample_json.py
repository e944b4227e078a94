"""Creates the rows of a mapping from a sample JSON by the target's administrator (guide: New Mapping; M2).

Names, shape and types are kept; values are thrown away, or kept as typed text where that is asked for. A list of plain values becomes one list
row; a list of objects becomes rows for each of its entries.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NoReturn

from heliograph.domain.mapping.json_bodies import BodyError, checked_text
from heliograph.domain.mapping.mapping import MAX_ROWS
from heliograph.domain.mapping.paths import MAX_DEPTH, MAX_INDEX, Path, format_path
from heliograph.domain.mapping.row import MAX_TARGET, MAX_TEXT, FixedText, MappingError, MappingRow, ValueType
from heliograph.domain.mapping.transform import Unfit, number_of

MAX_SAMPLE: Final = 500_000  # characters
_SHOWN: Final = 40
_BYTE_ORDER_MARK: Final = "\ufeff"


class _Digits(str):
    """A number as it is written: however long it is, nobody works it out."""

    __slots__ = ()


def rows_from_sample(text: str, *, values: bool = False) -> tuple[MappingRow, ...]:
    """The rows that a sample asks for. values: with its values as typed text, else without sources.

    Raises MappingError for what is no JSON object, is too deep or too large, or has names that cannot be kept.
    """
    if len(text) > MAX_SAMPLE:
        raise _refusal(f"it is longer than {MAX_SAMPLE:,} characters")
    text = text.removeprefix(_BYTE_ORDER_MARK)
    try:
        sample = json.loads(text, parse_constant=_no_constant, parse_int=_Digits, parse_float=_Digits, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        raise _refusal(_no_json(text, error)) from None
    except RecursionError:
        raise _refusal(f"it is nested more than {MAX_DEPTH} levels deep") from None
    if isinstance(sample, list) and sample and isinstance(sample[0], dict):
        raise _refusal("a request is one object: paste a single entry of this list, from { to }")
    if not isinstance(sample, dict):
        raise _refusal("a sample is an object, from { to }")
    rows: list[MappingRow] = []
    for path, kind, value in _leaves((), sample):
        if len(rows) == MAX_ROWS:
            raise _refusal(f"it has more than {MAX_ROWS} fields")
        rows.append(_row(path, kind, _texts(kind, value) if values else ()))
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


def _row(path: Path, kind: ValueType, texts: Sequence[str]) -> MappingRow:
    nested = len(path) > 1
    target = format_path(path) if nested else str(path[0])
    if len(target) > MAX_TARGET:
        raise _refusal(f"the name {target[:_SHOWN]}… is longer than {MAX_TARGET} characters")
    return MappingRow(target, tuple(map(FixedText, texts)), type=kind, nested=nested)


def _leaves(path: Path, value: object) -> Iterator[tuple[Path, ValueType, object]]:
    if len(path) > MAX_DEPTH:
        raise _refusal(f"it is nested more than {MAX_DEPTH} levels deep")
    if isinstance(value, dict):
        for name, member in value.items():
            yield from _leaves((*path, name), member)
    elif isinstance(value, list):
        kind = _list_type(value)
        if kind and not isinstance(path[-1], int):
            yield path, kind, value
            return
        if len(value) > MAX_INDEX + 1:
            raise _refusal(f"{format_path(path)} has more than {MAX_INDEX + 1} entries")
        for index, entry in enumerate(value):
            yield from _leaves((*path, index), entry)
    else:
        yield path, _type(value), value


def _list_type(entries: list[Any]) -> ValueType | None:
    """The type of a list row; None where it holds objects, lists or flags and becomes rows for each entry."""
    kinds = {_type(entry) for entry in entries if not isinstance(entry, (dict, list))}
    if ValueType.BOOLEAN in kinds or any(isinstance(entry, (dict, list)) for entry in entries):
        return None
    return ValueType.NUMBERS if kinds == {ValueType.NUMBER} else ValueType.LIST


def _type(value: object) -> ValueType:
    if isinstance(value, bool):
        return ValueType.BOOLEAN
    return ValueType.NUMBER if isinstance(value, _Digits) else ValueType.TEXT


def _texts(kind: ValueType, value: object) -> list[str]:
    """The typed texts that send the value of a leaf; none for null, an empty text, and what no row can send."""
    found = [_text(entry) for entry in (value if isinstance(value, list) else [value])]
    numbers = kind in (ValueType.NUMBER, ValueType.NUMBERS)
    return [text for text in found if text and (not numbers or _is_sendable(text))]


def _text(value: object) -> str:
    if value is None or isinstance(value, bool):
        return "" if value is None else "true" if value else "false"
    try:
        return checked_text(str(value), "", longest=MAX_TEXT)
    except BodyError:
        return ""


def _is_sendable(text: str) -> bool:
    try:
        number_of(text)
    except Unfit:
        return False
    return True


# --- what is wrong with it


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in pairs:
        if not name.strip():
            raise _refusal("a field in it has no name: give it one, or take it out")
        try:
            checked_text(name, "", longest=MAX_SAMPLE)
        except BodyError as error:
            raise _refusal(f"the name of a field cannot be kept: {error.reason}") from None
        if name in found:
            raise _refusal(f"the name “{name[:_SHOWN]}” stands twice in one object: each name once, since only one of the two can be sent")
        found[name] = value
    return found


def _no_constant(name: str) -> NoReturn:
    raise _refusal(f"this is not JSON: {name} is not a number")


_EXPECTED: Final[Mapping[str, str]] = {
    "Expecting value": "a value is missing",
    "Expecting property name": "a name in double quotes is missing",
    "Expecting ':'": "a colon is missing after the name",
    "Expecting ','": "a comma is missing",
    "Illegal trailing comma": "nothing follows the comma",
    "Unterminated string": "this text does not end",
    "Invalid control character": "a line break or a control character stands within a text",
    "Invalid \\": "a backslash in a text is followed by what cannot follow it",
    "Extra data": "something follows after its end",
}
"""What the reader of JSON says, by its beginning, in our words."""


def _no_json(text: str, error: json.JSONDecodeError) -> str:
    where = f"in line {error.lineno}, character {error.colno}"
    rest = text[error.pos :].lstrip()
    if rest.startswith(("//", "/*", "#", "--")):
        return f"this is not JSON: it has a comment {where}; take out its comments"
    if rest.startswith(("'", "‘", "“", "”")):
        return f"this is not JSON: names and texts stand in straight double quotes, {where}"
    return f"this is not JSON: {next((ours for theirs, ours in _EXPECTED.items() if error.msg.startswith(theirs)), 'it cannot be read')} {where}"


def _refusal(reason: str) -> MappingError:
    return MappingError(None, "sample", reason)
