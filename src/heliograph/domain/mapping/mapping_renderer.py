"""Turns a mapping and the facts of one change into what is sent (guide: Mappings, Preview Mapping; M4-M9).

A mapping is compiled once, to one closure per row; `render` runs them. It returns a `Rendered`, which can be written as a JSON object, as
the pairs of a form or query, or as headers; or an `InvalidValues` with its problems: a validation error, never retried (M5). A request that
is too long ends the reading. `render` never raises.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import tzinfo
from typing import Final, Protocol

from heliograph.domain.mapping import headers
from heliograph.domain.mapping.mapping import EmptyPolicy, Mapping, MappingKind, MappingRow, ValueType
from heliograph.domain.mapping.paths import EntryWith, Json, Path, form_name, without_index
from heliograph.domain.mapping.source_readers import EMPTY, LEFT_OUT, Marker, ReadRow, compile_row
from heliograph.domain.mapping.transform import Unfit, text_of_plain
from heliograph.domain.sentence_template import Sentence, gettext_noop
from heliograph.domain.setup.fields import Value

MAX_RENDERED: Final = 1_000_000  # characters of all values together


class FactSource(Protocol):
    """The facts of a change, by source key."""

    def value(self, source: str, /) -> Value: ...


@dataclass(frozen=True, slots=True)
class ValueProblem:
    """One validation error."""

    target: str
    reason: str
    """Without personal data, so it may be counted and logged."""
    value: str = ""
    """The registrant's text, truncated."""

    @property
    def sentence(self) -> Sentence:
        """What is wrong with which row."""
        if not self.value:
            return Sentence("%(row)s %(problem)s", row=self.target, problem=Sentence(self.reason))
        return Sentence("%(row)s: “%(value)s” %(problem)s", row=self.target, value=self.value, problem=Sentence(self.reason))

    def __str__(self) -> str:
        return str(self.sentence)


@dataclass(frozen=True, slots=True)
class InvalidValues:
    """Nothing can be sent for this change; a retry would not help."""

    problems: tuple[ValueProblem, ...]


REQUIRED_AND_EMPTY: Final = gettext_noop("is required and empty")
TOO_LONG: Final = Sentence("makes the request longer than %(most)s characters", most=MAX_RENDERED)
_SHOWN: Final = 80


def problem_of(target: str, error: Unfit) -> ValueProblem:
    """The validation error for an unfit value in this target field."""
    value = error.value
    return ValueProblem(target, error.reason, value if len(value) <= _SHOWN else f"{value[:_SHOWN]}…")


@dataclass(frozen=True, slots=True)
class _Node:
    """An object or a list in the JSON body: members by name or in order, each another node or the index of a row."""

    is_list: bool
    members: dict[str | int, _Node | int]

    def build(self, values: list[Json | Marker]) -> dict[str, Json] | list[Json] | Marker:
        """The object or list with the rows' values; omitted if all its rows are left out."""
        built = ((name, member.build(values) if isinstance(member, _Node) else values[member]) for name, member in self.members.items())
        filled = [(name, value) for name, value in built if not isinstance(value, Marker)]
        if not filled:
            return LEFT_OUT
        return [value for _, value in filled] if self.is_list else {str(name): value for name, value in filled}

    def named(self, values: list[Json | Marker], path: Path = ()) -> Iterator[tuple[str, Json]]:
        """The pairs of a form: name and value. The entries of a list are numbered without gaps, even if some are left out."""
        count = 0
        for name, member in self.members.items():
            step = (*path, count if self.is_list else name)
            if isinstance(member, _Node):
                pairs = list(member.named(values, step))
            else:
                value = values[member]
                pairs = [] if isinstance(value, Marker) else [(form_name(step), value)]
            count += bool(pairs)
            yield from pairs

    def rows(self) -> Iterable[int]:
        for member in self.members.values():
            if isinstance(member, _Node):
                yield from member.rows()
            else:
                yield member


@dataclass(frozen=True, slots=True)
class _CompiledRow:
    """A compiled row."""

    target: str
    read: ReadRow
    empty: Json | Marker
    """What the row sends if its value is empty. EMPTY: the request cannot be sent, because the row is required."""


@dataclass(frozen=True, slots=True)
class _Template:
    """A compiled mapping."""

    kind: MappingKind
    rows: tuple[_CompiledRow, ...]
    names: tuple[str, ...]
    """The rows' names as a form writes them."""
    flat: bool
    """Every path has one step: the names are the members."""
    root: _Node
    sealed: frozenset[str]
    """Lower-case names of the headers whose texts are stored encrypted."""
    order: tuple[int, ...]
    """The indexes of the rows in the order of the JSON body."""
    numbered: bool
    """True if there is a list of objects, whose entries are numbered in the names of a form."""


def _compile(mapping: Mapping) -> _Template:
    root = _Node(is_list=False, members={})
    for number, row in enumerate(mapping.rows):
        node = root
        *inner, last = [step for step in row.path if not isinstance(step, EntryWith)]  # only a source's mapping chooses entries by content
        for step, following in zip(inner, row.path[1:], strict=True):
            child = node.members.setdefault(step, _Node(is_list=isinstance(following, int), members={}))
            assert isinstance(child, _Node), "the mapping has refused a value beside its own members"
            node = child
        node.members[last] = number
    _sort_lists(root)
    return _Template(
        kind=mapping.kind,
        rows=tuple(_CompiledRow(row.target, compile_row(row), _when_empty(row, mapping)) for row in mapping.rows),
        names=tuple(row.form_name for row in mapping.rows),
        flat=all(len(row.path) == 1 for row in mapping.rows),
        root=root,
        sealed=frozenset(name.lower() for name in mapping.typed_secrets),
        order=tuple(root.rows()),
        numbered=any(isinstance(step, int) for row in mapping.rows for step in without_index(row.path)),
    )


def _sort_lists(node: _Node) -> None:
    if node.is_list:
        members = sorted(node.members.items(), key=lambda item: int(item[0]))
        node.members.clear()
        node.members.update(members)
    for member in node.members.values():
        if isinstance(member, _Node):
            _sort_lists(member)


def _when_empty(row: MappingRow, mapping: Mapping) -> Json | Marker:
    if row.required:
        return EMPTY
    if mapping.empty is EmptyPolicy.LEAVE_OUT:
        return LEFT_OUT
    return "" if mapping.empty is EmptyPolicy.KEY and row.type is ValueType.TEXT else None


def _template(mapping: Mapping) -> _Template:
    """The compiled mapping, built on first use and cached in the mapping."""
    compiled = mapping.compiled
    if not compiled:
        compiled.append(_compile(mapping))
    template: _Template = compiled[0]
    return template


class Rendered:
    """The values of a mapping's rows for one change."""

    __slots__ = ("_template", "_values")

    def __init__(self, template: _Template, values: list[Json | Marker]) -> None:
        self._template = template
        self._values = values

    def tree(self) -> dict[str, Json]:
        """The JSON body: an object, nested rows nested (M2)."""
        if self._template.flat:
            return {name: value for name, value in zip(self._template.names, self._values, strict=True) if not isinstance(value, Marker)}
        built = self._template.root.build(self._values)
        return built if isinstance(built, dict) else {}

    def pairs(self) -> list[tuple[str, str]]:
        """A form or query, in order: nested rows as `a[b]`, a list as a repeated key, null as an empty value (C2, M2)."""
        pairs: list[tuple[str, str]] = []
        template, values = self._template, self._values
        named: Iterable[tuple[str, Json | Marker]]
        if template.numbered and any(isinstance(value, Marker) for value in values):
            named = template.root.named(values)
        else:
            named = ((template.names[number], values[number]) for number in template.order)
        for name, value in named:
            if isinstance(value, list):
                pairs += [(name, _form_text(entry)) for entry in value]
            elif not isinstance(value, Marker):
                pairs.append((name, _form_text(value)))
        return pairs

    @property
    def sealed(self) -> frozenset[str]:
        """Lower-case names of the headers whose values are never shown, because their texts are stored encrypted."""
        return self._template.sealed

    def headers(self) -> list[tuple[str, str]]:
        """The headers, in the order of the rows; the entries of a list are joined with commas."""
        named = zip(self._template.names, self._values, strict=True)
        return [(name, _header_text(value)) for name, value in named if not isinstance(value, Marker)]

    def values(self) -> list[tuple[str, Json]]:
        """Target and value of each row that is sent, in order: a preview shows them beside the rows."""
        return [(row.target, value) for row, value in zip(self._template.rows, self._values, strict=True) if not isinstance(value, Marker)]


def _form_text(value: Json) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return text_of_plain(value) if isinstance(value, (int, float)) else ""


def _header_text(value: Json) -> str:
    return ", ".join(_form_text(entry) for entry in value) if isinstance(value, list) else _form_text(value)


def render(mapping: Mapping, facts: FactSource, *, timezone: tzinfo) -> Rendered | InvalidValues:
    """Computes every row for one change. timezone: the event's, for dates and instants (M9)."""
    template = _template(mapping)
    value_of = facts.value
    values: list[Json | Marker] = []
    problems: list[ValueProblem] = []
    size = 0
    for row in template.rows:
        try:
            value = row.read(value_of, timezone)
        except Unfit as error:
            problems.append(problem_of(row.target, error))
            continue
        if value is EMPTY:
            value = row.empty
            if value is EMPTY:
                problems.append(ValueProblem(row.target, REQUIRED_AND_EMPTY))
        elif type(value) is str:
            size += len(value)
        elif isinstance(value, list):
            size += sum(len(entry) for entry in value if isinstance(entry, str))
        if size > MAX_RENDERED:
            problems.append(ValueProblem(row.target, TOO_LONG))
            break
        values.append(value)
    rendered = Rendered(template, values)
    if template.kind is MappingKind.HEADER and not problems:
        problems = [ValueProblem(name, reason) for name, value in rendered.headers() if (reason := headers.value_problem(value))]
    return InvalidValues(tuple(problems)) if problems else rendered


# --- Preview Mapping


class Hole(str):
    """In a preview, replaces a value that cannot be sent; its text says why."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class MappingPreview:
    """The values that a mapping would send for one change. A row with a validation error has none (M7)."""

    rendered: Rendered
    values: tuple[Json, ...]
    """The value of each row, in order; None for a row that is left out."""
    problems: dict[int, ValueProblem]
    """By the row's index, from 0."""
    left_out: frozenset[int]
    """The indexes of rows that are not sent (M6)."""


def preview(mapping: Mapping, facts: FactSource, *, timezone: tzinfo) -> MappingPreview:
    """Computes every row as `render` does, but separately, so that a failing row does not hide the others."""
    template = _template(mapping)
    values: list[Json | Marker] = []
    problems: dict[int, ValueProblem] = {}
    for number, row in enumerate(template.rows):
        value: Json | Marker
        try:
            value = row.read(facts.value, timezone)
        except Unfit as error:
            problems[number] = problem_of(row.target, error)
            value = Hole(error.reason)
        if value is EMPTY:
            value = row.empty
        if value is EMPTY:
            problems[number] = ValueProblem(row.target, REQUIRED_AND_EMPTY)
            value = Hole(REQUIRED_AND_EMPTY)
        if (
            template.kind is MappingKind.HEADER
            and not isinstance(value, (Marker, Hole))
            and (reason := headers.value_problem(_header_text(value)))
        ):
            problems[number] = ValueProblem(row.target, reason)
            value = Hole(reason)
        values.append(value)
    if not problems and isinstance(whole := render(mapping, facts, timezone=timezone), InvalidValues):
        number = next(n for n, row in enumerate(template.rows) if row.target == whole.problems[0].target)
        problems[number] = whole.problems[0]  # all rows together are too long
    filled_values = tuple(None if isinstance(value, Marker) else value for value in values)
    return MappingPreview(
        Rendered(template, values), filled_values, problems, frozenset(n for n, value in enumerate(values) if isinstance(value, Marker))
    )
