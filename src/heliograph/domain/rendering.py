"""Turns a mapping and the facts of one change into what is sent (guide: Mappings, Preview Mapping; spec M4-M9).

A mapping is compiled once, to one closure per row; `render` runs them. It gives a `Rendered`, which can be had as a JSON object, as the pairs
of a form or query, or as headers, or an `Invalid` with every problem found: a validation error, never retried (M5). It raises nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import tzinfo
from typing import Final, Protocol

from heliograph.domain import headers
from heliograph.domain.fields import Value
from heliograph.domain.mapping import EmptyPolicy, Kind, Mapping, Otherwise, Row, Source, Text, ValueMap, ValueType
from heliograph.domain.paths import Json
from heliograph.domain.transform import CASES, ESCAPES, Unfit, boolean_of, formatted, number_of, text_of, text_of_plain, texts_of, trim

MAX_RENDERED: Final = 1_000_000  # characters of all values together


class Facts(Protocol):
    """What is known of one change, by source key."""

    def value(self, source: str, /) -> Value: ...


@dataclass(frozen=True, slots=True)
class Problem:
    """One validation error. `reason` holds nothing personal and may be counted and logged; `value` is the registrant's text, cut short."""

    target: str
    reason: str
    value: str = ""

    def __str__(self) -> str:
        return f"{self.target}: “{self.value}” {self.reason}" if self.value else f"{self.target} {self.reason}"


@dataclass(frozen=True, slots=True)
class Invalid:
    """Nothing can be sent for this change; trying again would change nothing."""

    problems: tuple[Problem, ...]


REQUIRED_AND_EMPTY: Final = "is required and empty"
TOO_LONG: Final = f"makes the request longer than {MAX_RENDERED:,} characters"
NOT_MAPPED: Final = "is not in the value map"
_SHOWN: Final = 80


def problem_of(target: str, error: Unfit) -> Problem:
    """The validation error that an unfit value makes in this target field."""
    value = error.value
    return Problem(target, error.reason, value if len(value) <= _SHOWN else f"{value[:_SHOWN]}…")


class _Mark:
    """A value that is none."""


_EMPTY: Final = _Mark()  # all source parts of the row are empty
_LEFT_OUT: Final = _Mark()  # the row is not sent

type _ValueOf = Callable[[str], Value]
type _ReadRow = Callable[[_ValueOf, tzinfo], Json | _Mark]
type _Read = Callable[[Value, tzinfo], str]
type _Change = Callable[[str], str]


# --- one source


def _value_map(value_map: ValueMap, unlisted: _Change) -> _Change:
    """unlisted: what is still done to a value that the map keeps."""
    exact = dict(value_map.entries)
    folded = {old.strip().casefold(): new for old, new in reversed(value_map.entries)}

    def change(text: str) -> str:
        found = exact.get(text)
        if found is None:
            found = folded.get(text.strip().casefold())
        if found is not None:
            return found
        if value_map.otherwise is Otherwise.KEEP:
            return unlisted(text)
        if value_map.otherwise is Otherwise.TEXT:
            return value_map.text
        raise Unfit(NOT_MAPPED, text)

    return change


def _same(text: str) -> str:
    return text


def _chain(changes: list[_Change]) -> _Change:
    if not changes:
        return _same
    if len(changes) == 1:
        return changes[0]

    def change(text: str) -> str:
        for each in changes:
            text = each(text)
        return text

    return change


def _entry_change(source: Source, row: Row, case: _Change | None) -> _Change:
    """What is done to each text of a source: trim, value map, case, escape. `case` is given where it has to come before an escape."""
    escape = [ESCAPES[source.escape]] if source.escape else []
    before = [trim] if row.trim else []
    cased = [case] if case else []
    if source.value_map is None:
        return _chain([*before, *cased, *escape])
    # what a map gives is typed text: it takes the case, but no escape
    if case is None or not escape:
        return _chain([*before, _value_map(source.value_map, _chain(escape)), *cased])
    plain_case = case
    keep = _chain([plain_case, *escape])
    listed = ValueMap(
        tuple((old, plain_case(new)) for old, new in source.value_map.entries),
        source.value_map.otherwise,
        plain_case(source.value_map.text),
    )
    return _chain([*before, _value_map(listed, keep)])


def _texts_reader(source: Source, row: Row, case: _Change | None) -> Callable[[Value, tzinfo], list[str]]:
    """Reads a source as the entries of a list; none = empty."""
    change, date_format = _entry_change(source, row, case), source.date_format
    if_empty = [case(source.if_empty) if case else source.if_empty] if source.if_empty else []

    def read(value: Value, zone: tzinfo) -> list[str]:
        if date_format and value is not None and value not in ("", ()):
            texts: Iterable[str] = (formatted(value, date_format, zone),)
        else:
            texts = texts_of(value, zone)
        found = [text for text in (change(text) for text in texts if not text.isspace()) if text and not text.isspace()]
        return found or if_empty

    return read


def _reader(source: Source, row: Row, case: _Change | None) -> _Read:
    """Reads a source as one text; "" = empty."""
    if not (source.value_map or source.date_format or source.if_empty or source.escape or case):
        if not row.trim:
            return text_of

        def read_trimmed(value: Value, zone: tzinfo) -> str:
            if isinstance(value, tuple):
                return ", ".join(text for text in map(trim, value) if text)
            return trim(value if type(value) is str else text_of(value, zone))

        return read_trimmed
    texts = _texts_reader(source, row, case)

    def read(value: Value, zone: tzinfo) -> str:
        found = texts(value, zone)
        return found[0] if len(found) == 1 else ", ".join(found)

    return read


# --- one row


def _typed(row: Row) -> Callable[[str], Json]:
    if row.type in (ValueType.NUMBER, ValueType.NUMBERS):
        return number_of
    return boolean_of if row.type is ValueType.BOOLEAN else _same


def _compile_row(row: Row) -> _ReadRow:
    case = CASES[row.case] if row.case else None
    # An escape writes letters of its own (&amp;), which a later case would break: there each part takes the case by itself, before.
    early = case if any(source.escape for source in row.sources) else None
    if row.type.is_list:
        return _list_row(row, case)
    if not row.parts:
        return lambda _value_of, _zone: _EMPTY
    late = None if early else case
    if len(row.parts) == 1 and isinstance(row.parts[0], Source):
        return _single(row, row.parts[0], early, late)
    return _line(row, early, late)


def _single(row: Row, source: Source, early: _Change | None, late: _Change | None) -> _ReadRow:
    key, read, typed = source.key, _reader(source, row, early), _typed(row)
    ends = row.trim

    def read_row(value_of: _ValueOf, zone: tzinfo) -> Json | _Mark:
        text = read(value_of(key), zone)
        if not text or text.isspace():
            return _EMPTY
        if late:
            text = late(text)
        return typed(text.strip() if ends else text)

    return read_row


def _line(row: Row, early: _Change | None, late: _Change | None) -> _ReadRow:
    typed, ends, has_sources = _typed(row), row.trim, any(row.sources)
    pieces: list[tuple[str, _Read | None]] = [  # typed text, or a source key with its reader
        ((early(part.text) if early else part.text), None) if isinstance(part, Text) else (part.key, _reader(part, row, early))
        for part in row.parts
    ]

    def read_row(value_of: _ValueOf, zone: tzinfo) -> Json | _Mark:
        texts, filled = [], not has_sources
        for text, read in pieces:
            found = text if read is None else read(value_of(text), zone)
            texts.append(found)
            if read is not None and found and not found.isspace():
                filled = True
        if not filled:
            return _EMPTY
        whole = "".join(texts)
        if late:
            whole = late(whole)
        return typed(whole.strip() if ends else whole)

    return read_row


def _list_row(row: Row, case: _Change | None) -> _ReadRow:
    """Each part adds its entries; trim and case are for each entry."""
    typed, has_sources = _typed(row), any(row.sources)
    pieces: list[tuple[str, Callable[[Value, tzinfo], list[str]] | None]] = [
        (_chain([*([case] if case else []), *([str.strip] if row.trim else [])])(part.text), None)
        if isinstance(part, Text)
        else (part.key, _texts_reader(part, row, case))
        for part in row.parts
    ]

    def read_row(value_of: _ValueOf, zone: tzinfo) -> Json | _Mark:
        entries: list[Json] = []
        filled = bool(pieces) and not has_sources
        for text, read in pieces:
            if read is None:
                entries.append(typed(text))
                continue
            found = read(value_of(text), zone)
            filled = filled or bool(found)
            entries += [typed(entry) for entry in found]
        return entries if filled else _EMPTY

    return read_row


# --- a mapping


@dataclass(frozen=True, slots=True)
class _Node:
    """An object or a list of the JSON body: members by name or in order, each another node or the number of a row."""

    is_list: bool
    members: dict[str | int, _Node | int]

    def build(self, values: list[Json | _Mark]) -> dict[str, Json] | list[Json] | _Mark:
        """The object or list with the rows' values; what has only left-out rows is left out itself."""
        built = ((name, member.build(values) if isinstance(member, _Node) else values[member]) for name, member in self.members.items())
        kept = [(name, value) for name, value in built if not isinstance(value, _Mark)]
        if not kept:
            return _LEFT_OUT
        return [value for _, value in kept] if self.is_list else {str(name): value for name, value in kept}

    def rows(self) -> Iterable[int]:
        for member in self.members.values():
            if isinstance(member, _Node):
                yield from member.rows()
            else:
                yield member


@dataclass(frozen=True, slots=True)
class _Step:
    """A compiled row."""

    target: str
    read: _ReadRow
    empty: Json | _Mark  # what an empty one sends; _EMPTY = it is required


@dataclass(frozen=True, slots=True)
class _Template:
    """A compiled mapping."""

    kind: Kind
    steps: tuple[_Step, ...]
    names: tuple[str, ...]  # as in a form
    flat: bool  # no row is nested: the names are the members
    root: _Node
    order: tuple[int, ...]  # rows as they stand in the JSON body, list entries in their order


def _compile(mapping: Mapping) -> _Template:
    root = _Node(is_list=False, members={})
    for number, row in enumerate(mapping.rows):
        node = root
        for step, following in zip(row.path, row.path[1:], strict=False):
            child = node.members.setdefault(step, _Node(is_list=isinstance(following, int), members={}))
            assert isinstance(child, _Node), "the mapping has refused a value beside its own members"
            node = child
        node.members[row.path[-1]] = number
    _sort_lists(root)
    return _Template(
        kind=mapping.kind,
        steps=tuple(_Step(row.target, _compile_row(row), _when_empty(row, mapping)) for row in mapping.rows),
        names=tuple(row.form_name for row in mapping.rows),
        flat=all(len(row.path) == 1 for row in mapping.rows),
        root=root,
        order=tuple(root.rows()),
    )


def _sort_lists(node: _Node) -> None:
    if node.is_list:
        members = sorted(node.members.items(), key=lambda item: int(item[0]))
        node.members.clear()
        node.members.update(members)
    for member in node.members.values():
        if isinstance(member, _Node):
            _sort_lists(member)


def _when_empty(row: Row, mapping: Mapping) -> Json | _Mark:
    if row.required:
        return _EMPTY
    if mapping.empty is EmptyPolicy.LEAVE_OUT:
        return _LEFT_OUT
    return "" if mapping.empty is EmptyPolicy.KEY and row.type is ValueType.TEXT else None


_COMPILED: Final = "_compiled"


def _template(mapping: Mapping) -> _Template:
    """The mapping, compiled at its first use and kept with it."""
    kept = vars(mapping)
    template: _Template | None = kept.get(_COMPILED)
    if template is None:
        template = kept[_COMPILED] = _compile(mapping)
    return template


class Rendered:
    """The values of a mapping's rows for one change."""

    __slots__ = ("_template", "_values")

    def __init__(self, template: _Template, values: list[Json | _Mark]) -> None:
        self._template = template
        self._values = values

    def tree(self) -> dict[str, Json]:
        """The JSON body: an object, nested rows nested (M2)."""
        if self._template.flat:
            return {name: value for name, value in zip(self._template.names, self._values, strict=True) if not isinstance(value, _Mark)}
        built = self._template.root.build(self._values)
        return built if isinstance(built, dict) else {}

    def pairs(self) -> list[tuple[str, str]]:
        """A form or query, in order: nested rows as `a[b]`, a list as a repeated key, null as an empty value (C2, M2)."""
        found: list[tuple[str, str]] = []
        for number in self._template.order:
            value, name = self._values[number], self._template.names[number]
            if isinstance(value, list):
                found += [(name, _form_text(entry)) for entry in value]
            elif not isinstance(value, _Mark):
                found.append((name, _form_text(value)))
        return found

    def headers(self) -> list[tuple[str, str]]:
        """The headers, in the order of the rows; the entries of a list in one, after commas."""
        found = []
        for name, value in zip(self._template.names, self._values, strict=True):
            if isinstance(value, list):
                found.append((name, ", ".join(_form_text(entry) for entry in value)))
            elif not isinstance(value, _Mark):
                found.append((name, _form_text(value)))
        return found

    def values(self) -> list[tuple[str, Json]]:
        """Target and value of each row that is sent, in the order of the rows: what a preview shows beside them."""
        return [
            (step.target, value) for step, value in zip(self._template.steps, self._values, strict=True) if not isinstance(value, _Mark)
        ]


def _form_text(value: Json) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return text_of_plain(value) if isinstance(value, (int, float)) else ""


def render(mapping: Mapping, facts: Facts, *, timezone: tzinfo) -> Rendered | Invalid:
    """Works out every row for one change. timezone: the event's, for dates and instants (M9)."""
    template = _template(mapping)
    value_of = facts.value
    values: list[Json | _Mark] = []
    problems: list[Problem] = []
    size = 0
    for step in template.steps:
        try:
            value = step.read(value_of, timezone)
        except Unfit as error:
            problems.append(problem_of(step.target, error))
            continue
        if value is _EMPTY:
            value = step.empty
            if value is _EMPTY:
                problems.append(Problem(step.target, REQUIRED_AND_EMPTY))
        elif type(value) is str:
            size += len(value)
        elif isinstance(value, list):
            size += sum(len(entry) for entry in value if isinstance(entry, str))
        if size > MAX_RENDERED:
            problems.append(Problem(step.target, TOO_LONG))
            break
        values.append(value)
    if template.kind is Kind.HEADER and not problems:
        problems = _header_problems(template, values)
    return Invalid(tuple(problems)) if problems else Rendered(template, values)


def _header_problems(template: _Template, values: list[Json | _Mark]) -> list[Problem]:
    return [Problem(name, reason) for name, value in Rendered(template, values).headers() if (reason := headers.value_problem(value))]
