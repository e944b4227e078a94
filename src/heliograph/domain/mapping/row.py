"""One row of a mapping: a target field, and in order the source fields and typed texts that fill it (guide: Mappings; M1, M4)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from heliograph.domain.errors import HeliographError
from heliograph.domain.mapping.json_bodies import Body, BodyError
from heliograph.domain.mapping.paths import Path, PathError, form_name, parse_path
from heliograph.domain.mapping.transform import MAX_PATTERN, Case, DateFormat, Escape
from heliograph.domain.sentence_template import Sentence, SentenceValue, at_place, with_stop, without_stop

MAX_PARTS: Final = 50
MAX_TEXT: Final = 10_000
MAX_VALUE_MAP: Final = 500
MAX_TARGET: Final = 500


class ValueType(StrEnum):
    """The type of a target field, as the target's sample has it (M2)."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    LIST = "list"
    NUMBERS = "list of numbers"

    @property
    def is_list(self) -> bool:
        return self in (ValueType.LIST, ValueType.NUMBERS)


class Otherwise(StrEnum):
    """What a value map sends for a value that it does not list (M4)."""

    KEEP = "keep"
    TEXT = "text"
    ERROR = "error"


class MappingError(HeliographError):
    """A mapping is invalid.

    row: counted from 1. None: the mapping itself, or a row whose number the raiser does not know
    field: the part of the mapping or row
    reason: what is wrong
    """

    def __init__(self, row: int | None, field: str, reason: str, /, **values: SentenceValue) -> None:
        """values: those of the reason, if it is a template."""
        self.row = row
        self.field = field
        self.reason = Sentence(reason, **values)
        problem = at_place(field, self.reason)
        super().__init__(with_stop(Sentence("Row %(row)s, %(problem)s", row=str(row), problem=problem) if row else problem))


@dataclass(frozen=True, slots=True)
class ValueMap:
    """Replacements of values, from → to. If there is no exact entry, values are compared ignoring case and outer spaces."""

    entries: tuple[tuple[str, str], ...]
    otherwise: Otherwise = Otherwise.KEEP
    text: str = ""


@dataclass(frozen=True, slots=True)
class SourceValue:
    """A source field, with its settings."""

    key: str
    value_map: ValueMap | None = None
    date_format: DateFormat | None = None
    if_empty: str = ""
    """Replaces an empty value."""
    escape: Escape | None = None
    """For the field's value, never for typed text."""
    date_pattern: str = ""
    """The pattern of DateFormat.PATTERN."""
    longest: int = 0
    """The most characters; the text then becomes one line. 0: unchanged."""


@dataclass(frozen=True, slots=True)
class FixedText:
    """Typed text, sent as typed."""

    text: str


type RowPart = SourceValue | FixedText


@dataclass(frozen=True, slots=True)
class MappingRow:
    """One target field and what fills it. Making one with an invalid path raises MappingError."""

    target: str
    """A name, taken literally with its dots; a path if the row is nested."""
    parts: tuple[RowPart, ...] = ()
    type: ValueType = ValueType.TEXT
    nested: bool = False
    """The target is a path (M2)."""
    trim: bool = False
    case: Case | None = None
    required: bool = False
    tidy: bool = False
    """True if typed text beside an empty source field is left out."""
    path: Path = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        try:
            path = parse_path(self.target) if self.nested else (self.target,)
        except PathError as error:
            raise MappingError(None, "target", without_stop(error.sentence)) from None
        object.__setattr__(self, "path", path)

    @property
    def sources(self) -> Iterator[SourceValue]:
        return (part for part in self.parts if isinstance(part, SourceValue))

    @property
    def form_name(self) -> str:
        """The key in a form or query (M2)."""
        return form_name(self.path)

    @property
    def has_text_between(self) -> bool:
        """Whether typed text stands between two of its source fields."""
        return has_text_between(self.parts)

    @property
    def settled(self) -> MappingRow:
        """The row, with `tidy` only where it changes something: typed text stands between two of its fields, and it is no list."""
        return replace(self, tidy=self.tidy and self.has_text_between and not self.type.is_list)


def has_text_between(parts: Sequence[RowPart]) -> bool:
    """Whether typed text stands between two source fields."""
    places = [place for place, part in enumerate(parts) if isinstance(part, SourceValue)]
    return bool(places) and places[-1] - places[0] >= len(places)


def row_body(row: MappingRow) -> dict[str, object]:
    """The JSON of one row, without defaults; `read_row` reads it back."""
    body: dict[str, object] = {"target": row.target, "parts": [part_body(part) for part in row.parts]}
    if row.type is not ValueType.TEXT:
        body["type"] = row.type.value
    if row.case is not None:
        body["case"] = row.case.value
    for name in ("nested", "trim", "required", "tidy"):
        if getattr(row, name):
            body[name] = True
    return body


def part_body(part: RowPart) -> dict[str, object]:
    """The JSON of one part; `read_part` reads it back."""
    if isinstance(part, FixedText):
        return {"text": part.text}
    body: dict[str, object] = {"source": part.key}
    if part.value_map is not None:
        body["map"] = [list(entry) for entry in part.value_map.entries]
        body["otherwise"] = part.value_map.otherwise.value
        if part.value_map.text:
            body["otherwise_text"] = part.value_map.text
    if part.date_format is not None:
        body["date"] = part.date_format.value
    if part.date_pattern:
        body["date_pattern"] = part.date_pattern
    if part.if_empty:
        body["if_empty"] = part.if_empty
    if part.escape is not None:
        body["escape"] = part.escape.value
    if part.longest:
        body["longest"] = part.longest
    return body


def read_row(body: Body) -> MappingRow:
    """A row from its body. Raises BodyError, MappingError."""
    return MappingRow(
        target=body.text("target", longest=MAX_TARGET),
        parts=tuple(read_part(Body(item, where)) for where, item in body.items("parts", most=MAX_PARTS)),
        type=body.choice("type", ValueType, ValueType.TEXT),
        nested=body.flag("nested"),
        trim=body.flag("trim"),
        case=body.choice("case", Case) if body.has("case") else None,
        required=body.flag("required"),
        tidy=body.flag("tidy"),
    )


def read_part(body: Body) -> RowPart:
    """A part from its body. Raises BodyError."""
    if body.has("text"):
        return FixedText(body.text("text", longest=MAX_TEXT))
    if not body.has("source"):
        raise BodyError(body.where, "a part is a source or a text")
    value_map = None
    if body.has("map"):
        value_map = ValueMap(
            body.pairs("map", most=MAX_VALUE_MAP, longest=MAX_TEXT),
            body.choice("otherwise", Otherwise, Otherwise.KEEP),
            body.text("otherwise_text", longest=MAX_TEXT),
        )
    return SourceValue(
        key=body.text("source"),
        value_map=value_map,
        date_format=body.choice("date", DateFormat) if body.has("date") else None,
        if_empty=body.text("if_empty", longest=MAX_TEXT),
        escape=body.choice("escape", Escape) if body.has("escape") else None,
        longest=body.number("longest", least=1, most=MAX_TEXT) or 0,
        date_pattern=body.text("date_pattern", longest=MAX_PATTERN),
    )
