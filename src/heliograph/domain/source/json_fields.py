"""The fields of a received JSON: the lines to choose them from, and what stands at their paths (S2).

A path is written as in a nested mapping row (`domain.mapping.paths`). A name that follows a list means that field of each of its entries: the id
of all tickets of an order, or that of one ticket where a registration is made of each.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from heliograph.domain.mapping.paths import ABSENT, MAX_DEPTH, MAX_LENGTH, EntryWith, Path, PathError, entry_with, format_path, parse_path
from heliograph.domain.mapping.transform import Unfit, one_line, text_of_plain
from heliograph.domain.registration.document_values import clean
from heliograph.domain.setup.fields import Value

ROOT_LIST: Final = "[]"
"""The path of a JSON that is a list itself."""
MAX_LINES: Final = 400
MAX_LEVEL: Final = 12
QUESTIONS: Final = (
    "questionId",
    "question_id",
    "question_identifier",
    "question",
    "fieldId",
    "field_id",
    "field",
    "key",
    "identifier",
    "name",
    "label",
)
"""Members that name a question in a list of answers, the most certain first."""
ANSWERS: Final = ("value", "values", "answer", "answers", "response", "text", "content")
"""Members that hold the answer in it."""
MOST_ANSWERS: Final = 40
"""Entries of a list of answers that are shown."""
LONGEST_LINE: Final = 60  # characters of a value on a line
MAX_VALUES: Final = 200  # of one field: what a question takes
LONGEST_VALUE: Final = 20_000  # characters: what a question takes


def parse_field(text: str) -> Path:
    """The steps of a field's or a list's path. Raises PathError."""
    return () if text == ROOT_LIST else parse_path(text, in_list=True, by_content=True)


def format_field(path: Path) -> str:
    """The spelling of a path; `parse_field` reads it back."""
    return format_path(path) or ROOT_LIST


# --- what stands at a path


def value_at(value: object, path: Path) -> object:
    """The decoded JSON at the path, or ABSENT. A list where a name follows a list: that field of each entry that has it."""
    values, goes_through_list = [value], False
    for step in path:
        if isinstance(step, int):
            values = [each[step] for each in values if isinstance(each, list) and step < len(each)]
        elif isinstance(step, EntryWith):
            values = [entry for each in values if (entry := entry_with(each, step)) is not ABSENT]
        else:
            if any(isinstance(each, list) for each in values):
                goes_through_list = True
                values = [entry for each in values for entry in (each if isinstance(each, list) else (each,))]
            values = [each[step] for each in values if isinstance(each, dict) and step in each]
        if not values:
            return ABSENT
    return values if goes_through_list else values[0]


def plain_value(value: object) -> Value:
    """The value as a mapping reads it: a list as its texts. Raises Unfit for an object, and for what no field could hold."""
    if value is None or value is ABSENT:
        return None
    if isinstance(value, dict):
        raise Unfit("is an object: choose a field in it")
    if isinstance(value, list):
        return _texts(value)
    if isinstance(value, (bool, int, float)):
        text_of_plain(value)  # raises Unfit for thousands of digits
        return value
    text = str(value)
    if len(text) > LONGEST_VALUE:
        raise Unfit("is longer than %(most)s characters", one_line(text, longest=LONGEST_LINE), most=LONGEST_VALUE)
    return text


def _texts(value: list[object]) -> tuple[str, ...]:
    """The texts of a list, and of the lists in it."""
    texts: list[str] = []
    lists = [iter(value)]
    while lists:
        for entry in lists[-1]:
            if isinstance(entry, list):
                if len(lists) == MAX_DEPTH:
                    raise Unfit("is nested more than %(most)s levels deep", most=MAX_DEPTH)
                lists.append(iter(entry))
                break
            if isinstance(entry, dict):
                raise Unfit("is a list of objects: choose a field in them")
            text = text_of_plain(plain_value(entry))
            if text:
                texts.append(text)
            if len(texts) > MAX_VALUES:
                raise Unfit("has more than %(most)s values", most=MAX_VALUES)
        else:
            lists.pop()
    return tuple(texts)


# --- entries of a list


@dataclass(frozen=True, slots=True)
class Entry:
    """What one registration is made of: the whole JSON, and the entries of lists that lead to it, outermost first."""

    bound: tuple[tuple[Path, object], ...]
    """The path of a list, and its entry that stands for it here."""
    is_there: bool = True
    """False if the path of the list leads nowhere."""

    def look_up(self, path: Path) -> tuple[object, Path]:
        """Where a field is read: the entry it belongs to, and its path within that."""
        for list_path, entry in reversed(self.bound):
            rest = path[len(list_path) :]
            if path[: len(list_path)] == list_path and not (rest and not isinstance(rest[0], str)):
                return entry, rest
        return self.bound[0][1], path


def entries_of(value: object, each: Path | None) -> Iterator[Entry]:
    """The entries of the list at a path, also within the entries of other lists; without a path, the whole JSON as one entry."""
    whole: tuple[tuple[Path, object], ...] = (((), value),)
    if each is None:
        yield Entry(whole)
    else:
        yield from _entries(value, whole, (), each)


def _entries(value: object, bound: tuple[tuple[Path, object], ...], done: Path, rest: Path) -> Iterator[Entry]:
    if isinstance(value, list) and rest and isinstance(rest[0], int):
        if rest[0] < len(value):
            yield from _entries(value[rest[0]], bound, (*done, rest[0]), rest[1:])
        else:
            yield Entry(bound, is_there=False)
    elif isinstance(value, list) and rest and isinstance(rest[0], EntryWith):
        chosen = entry_with(value, rest[0])
        if chosen is ABSENT:
            yield Entry(bound, is_there=False)
        else:
            yield from _entries(chosen, bound, (*done, rest[0]), rest[1:])
    elif isinstance(value, list):
        for entry in value:
            inner = (*bound, (done, entry))
            if rest and not isinstance(entry, dict):
                yield Entry(inner, is_there=False)
            elif rest:
                yield from _entries(entry, inner, done, rest)
            else:
                yield Entry(inner)
    elif rest:
        if isinstance(value, dict) and rest[0] in value:
            yield from _entries(value[rest[0]], bound, (*done, rest[0]), rest[1:])
        else:
            yield Entry(bound, is_there=False)
    elif value is not None:  # null is an empty list
        yield Entry((*bound, (done, value)))


# --- the lines of a sample


class LineKind(StrEnum):
    """What a line shows."""

    BRACKET = "bracket"
    TEXT = "text"
    LITERAL = "literal"
    OTHERS = "others"
    """That a list has more entries."""
    CUT = "cut"
    """That the JSON goes on."""


@dataclass(frozen=True, slots=True)
class JsonLine:
    """A line of a sample."""

    level: int
    kind: LineKind
    name: str = ""
    """The member's name; "" for an entry of a list, and for a closing bracket."""
    text: str = ""
    """The value as JSON, cut to LONGEST_LINE."""
    path: str = ""
    """The field's path; "" if it cannot be chosen."""
    others: int = 0
    """Entries of the list that are not shown."""
    list_path: str = ""
    """The path of the list of objects that begins here; "" for any other line."""


def lines_of(value: object, opened: Mapping[str, int] | None = None, *, each: str | None = None) -> tuple[JsonLine, ...]:
    """The JSON as lines: of a list of objects one entry, the others counted. At most MAX_LINES, and MAX_LEVEL levels.

    opened: by a list's path, the number of the entry to show, from 0; else the first
    each: the path of the list whose entries are registrations, "" for none: then lists of answers are shown whole, so that the answer to one
        question can be chosen. None: they are shown as other lists
    """
    lines: list[JsonLine] = []
    for line in _lines(value, "", (), 0, _LineOptions(opened or {}, each)):
        if len(lines) == MAX_LINES:
            lines.append(JsonLine(0, LineKind.CUT))
            break
        lines.append(line)
    return tuple(lines)


@dataclass(frozen=True, slots=True)
class _LineOptions:
    """How the lines of a JSON are made: as for `lines_of`."""

    opened: Mapping[str, int]
    each: str | None


def _lines(value: object, name: str, path: Path, level: int, options: _LineOptions) -> Iterator[JsonLine]:
    field, name = _field(path), clean(name, LONGEST_LINE)
    if isinstance(value, dict) and value and level < MAX_LEVEL:
        yield JsonLine(level, LineKind.BRACKET, name, "{")
        for member, inner in value.items():
            yield from _lines(inner, member, (*path, member), level + 1, options)
        yield JsonLine(level, LineKind.BRACKET, "", "}")
    elif isinstance(value, list) and level < MAX_LEVEL and any(isinstance(entry, (dict, list)) for entry in value):
        yield JsonLine(level, LineKind.BRACKET, name, "[", list_path=field or ("" if path else ROOT_LIST))
        place = field or ("" if path else ROOT_LIST)
        if options.each not in (None, place) and (question := question_member(value)):
            yield from _answer_lines(value, question, path, level, options)
            return
        number = options.opened.get(field or ROOT_LIST, 0)
        yield from _lines(value[number if 0 <= number < len(value) else 0], "", path, level + 1, options)
        if len(value) > 1:
            yield JsonLine(level + 1, LineKind.OTHERS, others=len(value) - 1)
        yield JsonLine(level, LineKind.BRACKET, "", "]")
    else:
        is_field = not isinstance(value, dict) or bool(value)
        kind = LineKind.TEXT if isinstance(value, str) else LineKind.LITERAL
        yield JsonLine(level, kind, name, _written(value), field if is_field else "")


def question_member(value: list[object]) -> str:
    """The member by which the entries of a list of answers differ: each is a question and its answer. "" for any other list."""
    entries = [entry for entry in value if isinstance(entry, dict)]
    if len(entries) != len(value):
        return ""
    for name in QUESTIONS:
        texts = [entry.get(name) for entry in entries]
        has_answers = all(any(answer in entry for answer in ANSWERS if answer != name) for entry in entries)
        if has_answers and all(isinstance(text, (str, int)) and text != "" for text in texts) and len(set(map(str, texts))) == len(texts):
            return name
    return ""


def _answer_lines(value: list[object], question: str, path: Path, level: int, options: _LineOptions) -> Iterator[JsonLine]:
    """The lines of a list of answers: each of its entries, so that the answer to one question can be chosen."""
    for entry in value[:MOST_ANSWERS]:
        assert isinstance(entry, dict)
        inside: Path = (*path, EntryWith(question, str(entry[question])))
        yield JsonLine(level + 1, LineKind.BRACKET, "", "{")
        for member, inner in entry.items():
            whole = path if member == question else inside  # the question itself is chosen of all entries
            yield from _lines(inner, member, (*whole, member), level + 2, options)
        yield JsonLine(level + 1, LineKind.BRACKET, "", "}")
    if len(value) > MOST_ANSWERS:
        yield JsonLine(level + 1, LineKind.OTHERS, others=len(value) - MOST_ANSWERS)
    yield JsonLine(level, LineKind.BRACKET, "", "]")


def _field(path: Path) -> str:
    """The spelling of a path that a mapping can hold, or ""."""
    if len(path) > MAX_DEPTH or len(text := format_path(path)) > MAX_LENGTH:
        return ""
    try:
        return text if parse_field(text) == path and clean(text, MAX_LENGTH) == text else ""
    except PathError:
        return ""


def _written(value: object) -> str:
    """The value as JSON on one line, cut."""
    if isinstance(value, str):
        return json.dumps(clean(value, LONGEST_LINE), ensure_ascii=False)
    if isinstance(value, dict):
        return "{…}" if value else "{}"
    if isinstance(value, list):
        texts = [_written(entry) if not isinstance(entry, (dict, list)) else "…" for entry in value[:MAX_LEVEL]]
        return one_line(f"[{', '.join(texts)}{', …' if len(value) > MAX_LEVEL else ''}]", longest=LONGEST_LINE)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    try:
        return one_line(text_of_plain(value) if isinstance(value, (int, float)) else "?", longest=LONGEST_LINE)
    except Unfit:
        return "…"


def list_paths(value: object, *, answers: bool = True) -> dict[str, int]:
    """The lists of objects in a JSON, by path, with the number of their entries in it: what a registration can be made of each of.

    answers: False leaves out lists of questions with their answers
    """
    numbers: dict[str, int] = {}
    values: list[tuple[Path, object]] = [((), value)]
    while values and len(numbers) < MAX_LINES:
        path, each = values.pop(0)
        if isinstance(each, list):
            objects = [entry for entry in each if isinstance(entry, dict)]
            if objects and not answers and question_member(each):
                continue
            if objects and (text := _field(path) or ("" if path else ROOT_LIST)):
                numbers[text] = len(each)
            values += [(path, objects[0])] if objects else []
        elif isinstance(each, dict) and len(path) < MAX_DEPTH:
            values += [((*path, name), inner) for name, inner in each.items() if isinstance(inner, (dict, list))][:MAX_LINES]
    return numbers
