"""Mappings as JSON (guide: Mappings; M1-M9). Texts that are stored encrypted are only written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Final, Self

import msgspec
from msgspec import UNSET, UnsetType

from heliograph.api.documents.shared_forms import Document, Id, sent_or
from heliograph.domain.mapping.headers import SEALED
from heliograph.domain.mapping.mapping import EmptyPolicy, FixedText, MappingKind, MappingRow, Otherwise, RowPart, ValueType
from heliograph.domain.mapping.mapping import Mapping as FieldMapping
from heliograph.domain.mapping.row import ValueMap
from heliograph.domain.mapping.transform import Case, DateFormat, Escape
from heliograph.domain.setup.fields import Subject
from heliograph.mappings.models import Mapping as StoredMapping
from heliograph.setup.setup_errors import Invalid

Name = Annotated[str, msgspec.Meta(description="Unique in the account, whatever its case.")]
Empty = Annotated[EmptyPolicy, msgspec.Meta(description="What is sent for an optional field that is empty.")]


class ValuePair(Document):
    """One replacement of a value map."""

    old: Annotated[str, msgspec.Meta(description="Without an equal one, outer spaces and case make no difference.")]
    new: str


class ValueMapForm(Document):
    """A value map: the replacements, and what becomes of any other value."""

    pairs: list[ValuePair]
    otherwise: Annotated[Otherwise, msgspec.Meta(description="What becomes of a value that has no pair.")] = Otherwise.KEEP
    text: Annotated[str, msgspec.Meta(description="With `otherwise` text: that text.")] = ""

    @classmethod
    def from_map(cls, value_map: ValueMap) -> Self:
        """The document of a value map."""
        pairs = [ValuePair(old=old, new=new) for old, new in value_map.entries]
        return cls(pairs=pairs, otherwise=value_map.otherwise, text=value_map.text)


class FieldPart(Document, tag="field", tag_field="kind"):
    """A source field, and how its value is changed before it is sent."""

    field: Annotated[str, msgspec.Meta(description="Its key: `GET mappings/fields` lists them.")]
    value_map: ValueMapForm | None = None
    date_format: DateFormat | None = None
    date_pattern: Annotated[str, msgspec.Meta(description="With the date format Pattern: parts of a date, as DD.MM.YYYY.")] = ""
    if_empty: Annotated[str, msgspec.Meta(description="Replaces an empty value.")] = ""
    escape: Annotated[Escape | None, msgspec.Meta(description="For which target the value is escaped.")] = None
    longest: Annotated[int | None, msgspec.Meta(description="The value becomes one line of at most so many characters.")] = None

    @property
    def body(self) -> dict[str, object]:
        body: dict[str, object] = {
            "source": self.field,
            "date": self.date_format,
            "date_pattern": self.date_pattern,
            "if_empty": self.if_empty,
            "escape": self.escape,
            "longest": self.longest,
        }
        if self.value_map is not None:
            entries = [[pair.old, pair.new] for pair in self.value_map.pairs]
            body |= {"map": entries, "otherwise": self.value_map.otherwise, "otherwise_text": self.value_map.text}
        return body


class TextPart(Document, tag="text", tag_field="kind"):
    """Typed text, sent as it is. In a header that is a credential by its name it is stored encrypted."""

    text: Annotated[str, msgspec.Meta(min_length=1)]

    @property
    def body(self) -> dict[str, object]:
        return {"text": self.text}


class SecretPart(Document, tag="secret", tag_field="kind"):
    """Stands for a text that is stored encrypted, which no answer has. Sent back, it keeps the stored text."""

    @property
    def body(self) -> dict[str, object]:
        return {"text": SEALED}


type Part = FieldPart | TextPart | SecretPart


class RowForm(Document):
    """A row: one target field, and what fills it, in order."""

    target: Annotated[str, msgspec.Meta(description="A name; of a nested row a path, such as `contact.emails[0]`.")]
    parts: list[FieldPart | TextPart | SecretPart] = msgspec.field(default_factory=list)
    type: ValueType = ValueType.TEXT
    nested: Annotated[bool, msgspec.Meta(description="The target is a path.")] = False
    trim: bool = False
    case: Case | None = None
    required: bool = False
    tidy: Annotated[bool, msgspec.Meta(description="Typed text beside an empty field is left out.")] = False

    @classmethod
    def from_row(cls, row: MappingRow, *, is_sealed: bool) -> Self:
        """The document of a row. is_sealed: its typed text is stored encrypted."""
        return cls(
            target=row.target,
            parts=[_part(part, is_sealed=is_sealed) for part in row.parts],
            type=row.type,
            nested=row.nested,
            trim=row.trim,
            case=row.case,
            required=row.required,
            tidy=row.tidy,
        )

    @property
    def body(self) -> dict[str, object]:
        return {
            "target": self.target,
            "parts": [part.body for part in self.parts],
            "type": self.type,
            "nested": self.nested,
            "trim": self.trim,
            "case": self.case,
            "required": self.required,
            "tidy": self.tidy,
        }


def _part(part: RowPart, *, is_sealed: bool) -> FieldPart | TextPart | SecretPart:
    if isinstance(part, FixedText):
        return SecretPart() if is_sealed else TextPart(text=part.text)
    return FieldPart(
        field=part.key,
        value_map=ValueMapForm.from_map(part.value_map) if part.value_map else None,
        date_format=part.date_format,
        date_pattern=part.date_pattern,
        if_empty=part.if_empty,
        escape=part.escape,
        longest=part.longest or None,
    )


class MappingDocument(Document):
    """A mapping."""

    id: Id
    version: Annotated[int, msgspec.Meta(description="The number of its newest version.")]
    name: Name
    kind: MappingKind
    subject: Annotated[Subject, msgspec.Meta(description="What it is for.")]
    empty: Empty
    rows: list[RowForm]

    @classmethod
    def from_row(cls, row: StoredMapping) -> Self:
        """The document of a row."""
        return cls(**members_of(row.pk, row.number, FieldMapping.from_body(row.body)))


def members_of(id: int, version: int, mapping: FieldMapping) -> dict[str, Any]:
    """The members of a mapping's document."""
    return {
        "id": str(id),
        "version": version,
        "name": mapping.name,
        "kind": mapping.kind,
        "subject": mapping.subject,
        "empty": mapping.empty,
        "rows": [RowForm.from_row(row, is_sealed=mapping.seals(row)) for row in mapping.rows],
    }


class NewMapping(Document):
    """A mapping to create. Its kind and what it is for stay as they are."""

    name: Name
    kind: MappingKind = MappingKind.PAYLOAD
    subject: Annotated[Subject, msgspec.Meta(description="What it is for.")] = Subject.REGISTRATION
    empty: Empty = EmptyPolicy.KEY
    rows: list[RowForm] = msgspec.field(default_factory=list)

    @property
    def body(self) -> dict[str, object]:
        """The body, for `mappings.services.entered_mapping`."""
        rows = [row.body for row in self.rows]
        return {"name": self.name, "kind": self.kind, "subject": self.subject, "empty": self.empty, "rows": rows}


class MappingChange(Document):
    """What to change of a mapping. An absent member stays as it is; `rows` replaces all rows."""

    name: Name | UnsetType = UNSET
    empty: Empty | UnsetType = UNSET
    rows: list[RowForm] | UnsetType = UNSET

    def body(self, row: StoredMapping) -> dict[str, object]:
        """The body of the mapping with the changes."""
        stored = dict(row.body)
        changes: dict[str, object] = {"name": sent_or(self.name, row.name)}
        if not isinstance(self.empty, UnsetType):
            changes["empty"] = self.empty
        if not isinstance(self.rows, UnsetType):
            changes["rows"] = [each.body for each in self.rows]
        return stored | changes


class SourceFieldDocument(Document):
    """A field that fills target fields."""

    key: str
    label: str
    group: str
    shape: Annotated[str, msgspec.Meta(description="text, number, yes/no, date, date and time, or list.")]


_MEMBERS: Final = {
    "": "name",  # the one error about the whole mapping is that its name is taken
    "source": "parts",
    "value map": "parts",
    "date format": "parts",
}
_OF_PART: Final = {"source": "field", "map": "value_map", "otherwise": "value_map", "otherwise_text": "value_map", "date": "date_format"}


@contextmanager
def at_members() -> Iterator[None]:
    """Puts the errors of a mapping's body at the members of its document."""
    try:
        yield
    except Invalid as error:
        by_member = {}
        for where, sentences in error.fields.items():
            row, part, name = re.fullmatch(r"(rows\[\d+\]\.)?(parts\[\d+\]\.)?(.*)", where, re.DOTALL).groups("")  # type: ignore[union-attr]  # it matches every text
            member = _OF_PART.get(name.partition("[")[0], name) if part else _MEMBERS.get(name, name)
            by_member[row + part + member] = sentences
        raise Invalid(by_member) from None
