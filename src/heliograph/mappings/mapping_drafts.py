"""A mapping that is being edited: it may be invalid, and nothing typed is lost (M1, M2).

A draft contains texts as they were typed. `checked` builds a mapping of the valid rows, and puts a sentence at each invalid row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext as _

from heliograph.domain.mapping.chips import LineError, read_line, write_line
from heliograph.domain.mapping.headers import SEALED, is_secret_name, sealed_field
from heliograph.domain.mapping.mapping import (
    MAX_ROWS,
    MAX_TEXT,
    Case,
    EmptyPolicy,
    FixedText,
    MappingError,
    MappingKind,
    MappingRow,
    RowPart,
    ValueType,
)
from heliograph.domain.mapping.mapping import Mapping as FieldMapping
from heliograph.domain.mapping.paths import Path, PathError, format_path, parse_path
from heliograph.domain.mapping.sample_json import SampleLoss, new_rows, rows_from_sample
from heliograph.domain.setup.fields import Subject
from heliograph.setup.source_fields import any_key

MOST_REFUSED = 50
"""The most rows that are refused because of the mapping, one after the other. Errors within a row are not limited."""


@dataclass(slots=True)
class DraftRow:
    """A row of a mapping that is being edited."""

    target: str = ""
    """Its name; in a nested row the last step of its path."""
    under: Path = ()
    """The other steps of a nested row's path."""
    entry: int | None = None
    """The number of the list entry, from 0, if the nested row is itself an entry of a list."""
    nested: bool = False
    type: ValueType = ValueType.TEXT
    required: bool = False
    trim: bool = False
    case: Case | None = None
    tidy: bool = True
    """Whether typed text beside an empty source field is left out.

    The page offers it ticked until the row has typed text between two source fields.
    """
    line: str = ""
    """Its chips as text (domain.mapping.chips)."""
    parts_before: tuple[RowPart, ...] = ()
    """The chips from which `line` was made. A field that is still in the changed line keeps the settings of its chip."""
    errors: dict[str, str] = field(default_factory=dict)
    """Sentences, by field."""
    posted_number: int | None = None
    """Its number in the posted page, by which script finds the row in which somebody is typing."""

    @classmethod
    def from_row(cls, row: MappingRow) -> DraftRow:
        """The draft of a valid row."""
        last = row.path[-1]
        return cls(
            target=str(last),
            under=row.path[:-1],
            entry=last if isinstance(last, int) else None,
            nested=row.nested,
            type=row.type,
            required=row.required,
            trim=row.trim,
            case=row.case,
            tidy=row.tidy or not row.has_text_between,
            line=write_line(row.parts),
            parts_before=row.parts,
        )

    @property
    def path(self) -> Path:
        """The path of its value in the payload."""
        return (*self.under, self.target if self.entry is None else self.entry)

    @property
    def whole_target(self) -> str:
        """The target as the mapping stores it: of a nested row, the written path."""
        return format_path(self.path) if self.nested else self.target

    def chips(self) -> tuple[RowPart, ...] | None:
        """Its chips, including chips of fields that the account does not have. None if the text cannot be parsed."""
        try:
            return read_line(self.line, key_of=any_key, earlier_parts=self.parts_before)
        except LineError:
            return None

    def put(self, parts: Iterable[RowPart]) -> None:
        """Replaces its chips."""
        self.parts_before = tuple(parts)
        self.line = write_line(self.parts_before)

    def row(self, key_of: Callable[[str], str]) -> MappingRow:
        """The validated row. Raises MappingError."""
        try:
            parts = read_line(self.line, key_of=key_of, earlier_parts=self.parts_before)
        except LineError as error:
            raise MappingError(None, "source", error.sentence) from None
        if any(len(part.text) > MAX_TEXT for part in parts if isinstance(part, FixedText)):
            raise MappingError(None, "source", _("a text is at most %(most)s characters long") % {"most": intcomma(MAX_TEXT)})
        if self.nested and not self.target and self.entry is None:
            raise MappingError(None, "target", _("the name of the target field is missing"))
        return MappingRow(self.whole_target, parts, self.type, self.nested, self.trim, self.case, self.required, self.tidy).settled


@dataclass(slots=True)
class Checked:
    """The result of checking a draft."""

    mapping: FieldMapping
    """The mapping of the valid rows."""
    places: tuple[int, ...]
    """The indexes of the valid rows in the draft, from 0."""
    error_count: int


@dataclass(frozen=True, slots=True)
class SampleProposal:
    """The rows that a sample would add to a draft."""

    new: tuple[MappingRow, ...] = ()
    """The rows to add."""
    known: tuple[MappingRow, ...] = ()
    """The rows that the draft has already; they stay as they are."""
    losses: tuple[SampleLoss, ...] = ()
    """The parts of the sample that cannot become rows."""


@dataclass(slots=True)
class MappingDraft:
    """A mapping that is being edited."""

    name: str = ""
    kind: MappingKind = MappingKind.PAYLOAD
    subject: Subject = Subject.REGISTRATION
    empty: EmptyPolicy = EmptyPolicy.KEY
    rows: list[DraftRow] = field(default_factory=list)
    number: int = 0
    """The version from which editing started; 0 for a new mapping."""
    errors: dict[str, str] = field(default_factory=dict)
    """Sentences about the whole mapping, by field."""

    @classmethod
    def from_mapping(cls, mapping: FieldMapping, number: int = 0) -> MappingDraft:
        """The draft of a stored mapping."""
        return cls(mapping.name, mapping.kind, mapping.subject, mapping.empty, [DraftRow.from_row(row) for row in mapping.rows], number)

    def seals(self, row: DraftRow) -> bool:
        """Whether the typed text of a row is stored encrypted (`Mapping.seals`)."""
        return self.kind is MappingKind.HEADER and is_secret_name(row.target)

    def seal(self) -> dict[str, str]:
        """Replaces the texts that were typed into encrypted rows by SEALED. Returns them, by field of the vault.

        A row with several texts, or with SEALED within its text, stays as it is and is refused by `checked`.
        """
        typed: dict[str, str] = {}
        for row in self.rows:
            parts = row.chips() if self.seals(row) else None
            texts = [part.text for part in parts or () if isinstance(part, FixedText)]
            if len(texts) == 1 and SEALED not in texts[0]:
                typed[sealed_field(row.target)] = texts[0]
                row.put(FixedText(SEALED) if isinstance(part, FixedText) else part for part in parts or ())
        return typed

    def checked(self, key_of: Callable[[str], str]) -> Checked:
        """Checks every row, and puts sentences into `errors` of the draft and of the rows.

        key_of: the source key of a field's name, as for `read_line`
        """
        self.errors = {name: text for name, text in self.errors.items() if name not in ("name", "rows")}
        good: list[tuple[int, MappingRow]] = []
        for place, row in enumerate(self.rows):
            row.errors = {}
            try:
                good.append((place, row.row(key_of)))
            except MappingError as error:
                row.errors[error.field] = error.reason
        named = self.name.strip()
        try:
            FieldMapping(named)
        except MappingError as error:
            self.errors["name"], named = error.reason, "?"
        mapping = self._fitting(named, good)
        error_count = sum(len(row.errors) for row in self.rows) + len(self.errors)
        return Checked(mapping, tuple(place for place, _ in good), error_count)

    def _fitting(self, name: str, good: list[tuple[int, MappingRow]]) -> FieldMapping:
        """The mapping of the rows that it accepts; a refused row is removed from `good` and gets its error.

        An empty mapping if the mapping itself is refused, or more than MOST_REFUSED rows.
        """
        for _try in range(MOST_REFUSED):
            try:
                return FieldMapping(name, self.kind, self.subject, self.empty, tuple(row for _, row in good))
            except MappingError as error:
                if error.row is None:
                    self.errors["rows"] = error.reason
                    break
                place, _ = good.pop(error.row - 1)
                self.rows[place].errors[error.field] = error.reason
        good.clear()
        return FieldMapping(name, self.kind, self.subject, self.empty)

    def add(self, name: str, *, nested: bool, type: ValueType) -> int:
        """Adds a row and returns its index. Raises MappingError for an invalid name, too many rows, or a conflict with another row."""
        new = MappingRow(name, type=type, nested=nested)
        others = [
            MappingRow(row.whole_target, type=row.type, nested=row.nested)
            for row in self.rows
            if row.target.strip() or row.entry is not None
        ]
        for _try in range(MOST_REFUSED):
            try:
                FieldMapping("?", self.kind, self.subject, rows=(*others, new))
                break
            except MappingError as error:
                if error.row is None or error.row > len(others):
                    raise MappingError(None, "target", error.reason) from None
                others.pop(error.row - 1)  # it was invalid before, and its own error says so
        self.rows.append(DraftRow.from_row(new))
        return len(self.rows) - 1

    def add_inside(self, under: Path) -> int:
        """Adds a row without a name to an object, and returns its index.

        under: the path of the object
        """
        place = 1 + max(i for i, row in enumerate(self.rows) if row.nested and row.path[: len(under)] == under)
        self.rows.insert(place, DraftRow(under=under, nested=True))
        return place

    def add_entry(self, list_path: Path) -> int:
        """Adds an entry to a list. It copies only the target fields of the last entry and their types. Returns the index of its first row."""
        inside = [
            (at, row)
            for at, row in enumerate(self.rows)
            if row.nested and row.path[: len(list_path)] == list_path and len(row.path) > len(list_path)
        ]
        last = max(step for _, row in inside if isinstance(step := row.path[len(list_path)], int))
        place = 1 + max(i for i, _ in inside)
        new = [
            DraftRow.from_row(MappingRow(format_path((*list_path, last + 1, *row.path[len(list_path) + 1 :])), type=row.type, nested=True))
            for _, row in inside
            if row.path[len(list_path)] == last
        ]
        self.rows[place:place] = new
        return place

    def rename(self, names: Mapping[Path, str]) -> None:
        """Renames objects and lists.

        names: the new names, by current path
        """
        for row in self.rows if names else ():
            if row.nested:
                row.under = renamed(row.under, names)

    def move(self, place: int, by: int) -> int:
        """Moves a row up (-1) or down (1), and returns its new index."""
        to = min(max(place + by, 0), len(self.rows) - 1)
        self.rows.insert(to, self.rows.pop(place))
        return to

    def sample(self, text: str, *, values: bool = False) -> SampleProposal:
        """The rows that a sample would add. Raises MappingError.

        values: the rows get the sample's values as typed text
        """
        there = [MappingRow(row.whole_target, nested=row.nested) for row in self.rows if row.target or row.entry is not None]
        sample = rows_from_sample(text, values=values)
        return SampleProposal(*new_rows(there, sample.rows), sample.losses)

    def take(self, rows: Sequence[MappingRow]) -> None:
        """Adds rows of a sample. Raises MappingError if the mapping would have too many."""
        if len(self.rows) + len(rows) > MAX_ROWS:
            raise MappingError(None, "sample", _("at most %(most)s rows are possible") % {"most": MAX_ROWS})
        self.rows += [DraftRow.from_row(row) for row in rows]


def renamed(path: Path, names: Mapping[Path, str]) -> Path:
    """The path with the new names of objects and lists.

    names: the new names, by current path
    """
    return tuple(names.get(path[: depth + 1], step) for depth, step in enumerate(path))


def read_path(text: str) -> Path | None:
    """The path of a posted text; None if it is empty or invalid."""
    try:
        return parse_path(text) if text else None
    except PathError:
        return None
