"""Creates the rows of a mapping from a sample JSON by the target's administrator (guide: New Mapping; M2).

Names, shape and types are taken over; values only on request, as typed text. A list of plain values becomes one list row; a list of objects becomes
rows for each of its entries. `SampleRows.losses` names the parts that become no row or cannot be sent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NoReturn

from heliograph.domain.mapping.json_bodies import BodyError, checked_text, is_one_line
from heliograph.domain.mapping.mapping import MAX_ROWS
from heliograph.domain.mapping.paths import MAX_DEPTH, MAX_INDEX, Path, format_path
from heliograph.domain.mapping.row import MAX_TARGET, MAX_TEXT, FixedText, MappingError, MappingRow, ValueType
from heliograph.domain.mapping.transform import Unfit, number_of
from heliograph.domain.sentence_template import Sentence, gettext_noop

MAX_SAMPLE: Final = 500_000  # characters
_SHOWN: Final = 40
_BYTE_ORDER_MARK: Final = "\ufeff"
_CONTROL: Final = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f]")
"""Control characters except tab and line breaks: no form can post them."""


class _Digits(str):
    """A number as it is written: however long it is, nobody works it out."""

    __slots__ = ()


class LossKind(StrEnum):
    """Why a part of a sample does not become a row, or is not sent unchanged."""

    NO_FIELDS = "it is empty, so it becomes no row"
    NUMBER = "it is too large to be sent as a number; choose the type Text to send its digits"
    LENGTH = f"it is longer than {MAX_TEXT:,} characters, so its value is not kept"
    SURROGATE = "it contains half a character (a lone surrogate), so its value is not kept"
    CONTROL = "it contains a control character, so its value is not kept"


@dataclass(frozen=True, slots=True)
class SampleLoss:
    """A place in a sample, as a path, and what is not taken over from it."""

    path: str
    kind: LossKind


@dataclass(frozen=True, slots=True)
class SampleRows:
    """The rows of a sample, and the parts that are not taken over."""

    rows: tuple[MappingRow, ...]
    losses: tuple[SampleLoss, ...] = ()


def rows_from_sample(text: str, *, values: bool = False) -> SampleRows:
    """The rows of a sample. Raises MappingError if it is not a JSON object, is too deep or too large, or has names that cannot be stored.

    values: with its values as typed text, else without sources
    """
    if len(text) > MAX_SAMPLE:
        raise _refusal(Sentence("it is longer than %(most)s characters", most=MAX_SAMPLE))
    text = text.removeprefix(_BYTE_ORDER_MARK)
    try:
        sample = json.loads(text, parse_constant=_no_constant, parse_int=_Digits, parse_float=_Digits, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        raise _refusal(_no_json(text, error)) from None
    except RecursionError:
        raise _refusal(Sentence("it is nested more than %(most)s levels deep", most=MAX_DEPTH)) from None
    if isinstance(sample, list) and sample and isinstance(sample[0], dict):
        raise _refusal("a request is one object: paste a single entry of this list, from { to }")
    if not isinstance(sample, dict):
        raise _refusal("a sample is an object, from { to }")
    if not sample:
        raise _refusal("it has no fields: paste an object with the fields of one record")
    rows: list[MappingRow] = []
    losses: list[SampleLoss] = []
    for path, kind, value in _leaves((), sample):
        if kind is None:
            losses.append(SampleLoss(format_path(path), LossKind.NO_FIELDS))
            continue
        if len(rows) == MAX_ROWS:
            raise _refusal(Sentence("it has more than %(most)s fields", most=MAX_ROWS))
        texts, lost = _texts(kind, value, values=values)
        losses += [SampleLoss(format_path(path), each) for each in lost]
        nested = len(path) > 1
        target = format_path(path) if nested else str(path[0])
        if len(target) > MAX_TARGET:
            raise _refusal(Sentence("the name %(name)s… is longer than %(most)s characters", name=target[:_SHOWN], most=MAX_TARGET))
        rows.append(MappingRow(target, tuple(map(FixedText, texts)), type=kind, nested=nested))
    return SampleRows(tuple(rows), tuple(losses))


def new_rows(existing: Sequence[MappingRow], sample: Sequence[MappingRow]) -> tuple[tuple[MappingRow, ...], tuple[MappingRow, ...]]:
    """The rows of the sample that can be added to the existing ones, and those that exist already and stay unchanged."""
    there = [row.path for row in existing]
    new: list[MappingRow] = []
    known: list[MappingRow] = []
    for row in sample:
        (known if any(_overlap(row.path, path) for path in there) else new).append(row)
    return tuple(new), tuple(known)


def _overlap(one: Path, other: Path) -> bool:
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


def _leaves(path: Path, value: object) -> Iterator[tuple[Path, ValueType | None, object]]:
    """Path, type and value of each future row. The type is None for an object, and for an entry of a list without fields."""
    if len(path) > MAX_DEPTH:
        raise _refusal(Sentence("it is nested more than %(most)s levels deep", most=MAX_DEPTH))
    if isinstance(value, dict):
        for name, member in value.items():
            yield from _leaves((*path, name), member)
        if not value:
            yield path, None, value
    elif isinstance(value, list):
        # A list of plain values is one row; one that holds objects, lists or flags becomes rows for each entry, and so does a list in a list
        has_members = any(isinstance(entry, (dict, list)) for entry in value)
        kinds = {_type(entry) for entry in value if not isinstance(entry, (dict, list))}
        if not has_members and ValueType.BOOLEAN not in kinds and not isinstance(path[-1], int):
            yield path, ValueType.NUMBERS if kinds == {ValueType.NUMBER} else ValueType.LIST, value
            return
        if len(value) > MAX_INDEX + 1:
            raise _refusal(Sentence("%(path)s has more than %(most)s entries", path=format_path(path), most=MAX_INDEX + 1))
        for index, entry in enumerate(value):
            yield from _leaves((*path, index), entry)
        if not value:
            yield path, None, value
    else:
        yield path, _type(value), value


def _type(value: object) -> ValueType:
    if isinstance(value, bool):
        return ValueType.BOOLEAN
    return ValueType.NUMBER if isinstance(value, _Digits) else ValueType.TEXT


def _texts(kind: ValueType, value: object, *, values: bool) -> tuple[list[str], list[LossKind]]:
    """The typed texts that send the value of a leaf (none for null and an empty text), and the reasons why some cannot be sent.

    values: True to return the texts, False for none
    """
    texts: list[str] = []
    losses: list[LossKind] = []
    for entry in value if isinstance(value, list) else [value]:
        text = "" if entry is None else str(entry) if not isinstance(entry, bool) else "true" if entry else "false"
        loss = None
        if kind in (ValueType.NUMBER, ValueType.NUMBERS):
            try:
                number_of(text or "0")
            except Unfit:
                loss = LossKind.NUMBER
        elif values and len(text) > MAX_TEXT:
            loss = LossKind.LENGTH
        elif values and any("\ud800" <= c <= "\udfff" for c in text):
            loss = LossKind.SURROGATE
        elif values and _CONTROL.search(text):
            loss = LossKind.CONTROL
        if loss is not None:
            losses.append(loss)
        elif text and values:
            texts.append(text)
    return texts, list(dict.fromkeys(losses))


# --- what is wrong with it


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members: dict[str, object] = {}
    for name, value in pairs:
        if not name.strip():
            raise _refusal("a field in it has no name: give it one, or take it out")
        try:
            checked_text(name, "", longest=MAX_SAMPLE)
        except BodyError as error:
            raise _refusal(Sentence("the name of a field cannot be kept: %(reason)s", reason=error.reason)) from None
        if not is_one_line(name):
            raise _refusal(
                Sentence(
                    "the name “%(name)s” has a character that no name can have",
                    name="".join(c if c.isprintable() else "�" for c in name[:_SHOWN]),
                )
            )
        if name in members:
            raise _refusal(
                Sentence(
                    "the name “%(name)s” stands twice in one object: each name once, since only one of the two can be sent",
                    name=name[:_SHOWN],
                )
            )
        members[name] = value
    return members


def _no_constant(name: str) -> NoReturn:
    raise _refusal(Sentence("this is not JSON: %(name)s is not a number", name=name))


_EXPECTED: Final[Mapping[str, str]] = {
    "Expecting value": gettext_noop("a value is missing"),
    "Expecting property name": gettext_noop("a name in double quotes is missing"),
    "Expecting ':'": gettext_noop("a colon is missing after the name"),
    "Expecting ','": gettext_noop("a comma is missing"),
    "Illegal trailing comma": gettext_noop("nothing follows the comma"),
    "Unterminated string": gettext_noop("this text does not end"),
    "Invalid control character": gettext_noop("a line break or a control character stands within a text"),
    "Invalid \\": gettext_noop("a backslash in a text is followed by what cannot follow it"),
    "Extra data": gettext_noop("something follows after its end"),
}
"""Our words for an error of the JSON parser, by the beginning of its message."""


def _no_json(text: str, error: json.JSONDecodeError) -> str:
    where = Sentence("in line %(line)s, character %(character)s", line=str(error.lineno), character=str(error.colno))
    rest = text[error.pos :].lstrip()
    if rest.startswith(("//", "/*", "#", "--")):
        return Sentence("this is not JSON: it has a comment %(where)s; take out its comments", where=where)
    if rest.startswith(("'", "‘", "“", "”")):
        return Sentence("this is not JSON: names and texts stand in straight double quotes, %(where)s", where=where)
    return Sentence(
        "this is not JSON: %(problem)s %(where)s",
        problem=Sentence(
            next((ours for theirs, ours in _EXPECTED.items() if error.msg.startswith(theirs)), gettext_noop("it cannot be read"))
        ),
        where=where,
    )


def _refusal(reason: str) -> MappingError:
    return MappingError(None, "sample", reason)
