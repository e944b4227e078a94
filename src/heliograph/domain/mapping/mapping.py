"""A mapping: how source fields and typed text fill each target field (guide: Mappings; M1-M9).

A `Mapping` object is always valid: its rows fit together, its fields are offered for its subject, its sizes are within bounds. `rendering`
combines it with the facts of one change into what is sent.
"""

from __future__ import annotations

from collections.abc import Mapping as Texts
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import Any, Final

from heliograph.domain.mapping import headers
from heliograph.domain.mapping.json_bodies import Body, BodyError
from heliograph.domain.mapping.paths import Path, format_path, without_index
from heliograph.domain.mapping.row import (
    MAX_PARTS,
    MAX_TARGET,
    MAX_TEXT,
    MAX_VALUE_MAP,
    FixedText,
    MappingError,
    MappingRow,
    Otherwise,
    RowPart,
    SourceValue,
    ValueMap,
    ValueType,
    part_body,
    read_part,
    read_row,
    row_body,
)
from heliograph.domain.mapping.transform import MAX_PATTERN, Case, DateFormat, Escape, has_token
from heliograph.domain.sentence_template import Sentence, gettext_noop, without_stop
from heliograph.domain.setup.fields import FieldError, Subject, is_offered, parse_source

MAX_ROWS: Final = 500
MAX_NAME: Final = 100


NO_OPEN_TEXTS: Final = gettext_noop(
    "a header that is a credential by its name has no value map and no text if empty: they would be readable. "
    "Type the credential itself, which is kept sealed, or keep it in the connection"
)


NOT_OFFERED: Final[Texts[Subject, str]] = {
    Subject.REGISTRATION: gettext_noop("a mapping for a registration has no field “%(name)s”"),
    Subject.SESSION: gettext_noop("a mapping for a session has no field “%(name)s”"),
    Subject.EVENT: gettext_noop("a mapping for an event has no field “%(name)s”"),
}


class MappingKind(StrEnum):
    """The result of the mapping: the payload, or HTTP headers."""

    PAYLOAD = "payload"
    HEADER = "header"


class EmptyPolicy(StrEnum):
    """What a request contains for an empty optional field (M6)."""

    KEY = "empty"  # an empty text; null for a number, a boolean and a list
    LEAVE_OUT = "leave out"
    NULL = "null"


@dataclass(frozen=True)
class Mapping:
    """A mapping of an account. Raises MappingError if it is invalid.

    The typed text of a header whose name marks it as a credential is stored encrypted beside the mapping: its body contains SEALED instead
    (C5).
    """

    name: str
    kind: MappingKind = MappingKind.PAYLOAD
    subject: Subject = Subject.REGISTRATION
    empty: EmptyPolicy = EmptyPolicy.KEY
    rows: tuple[MappingRow, ...] = ()
    compiled: list[Any] = field(default_factory=list, init=False, compare=False, repr=False)
    """The compiled template, set by `mapping.mapping_renderer`."""

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise MappingError(None, "name", "a mapping needs a name")
        if len(self.name) > MAX_NAME:
            raise MappingError(None, "name", "a name is at most %(most)s characters long", most=MAX_NAME)
        if len(self.rows) > MAX_ROWS:
            raise MappingError(
                None, "rows", "at most %(most)s rows are possible, there are %(count)s", most=MAX_ROWS, count=str(len(self.rows))
            )
        for number, row in enumerate(self.rows, 1):
            self._check_target(number, row)
            self._check_parts(number, row)
        if self.kind is MappingKind.HEADER:
            if len(self.rows) > headers.MAX_HEADERS:
                raise MappingError(
                    None,
                    "rows",
                    "at most %(most)s headers are possible, there are %(count)s",
                    most=headers.MAX_HEADERS,
                    count=str(len(self.rows)),
                )
            names: set[str] = set()
            for number, row in enumerate(self.rows, 1):
                if row.target.lower() in names:
                    raise MappingError(number, "target", "there is a row “%(target)s” already", target=row.target)
                names.add(row.target.lower())
        else:
            _refuse_conflicts(self.rows)

    def _check_target(self, number: int, row: MappingRow) -> None:
        if not row.target.strip():
            raise MappingError(number, "target", "the name of the target field is missing")
        if len(row.target) > MAX_TARGET:
            raise MappingError(number, "target", "a name is at most %(most)s characters long", most=MAX_TARGET)
        if self.kind is MappingKind.HEADER:
            if row.nested:
                raise MappingError(number, "target", "a header cannot be nested")
            if problem := headers.name_problem(row.target):
                raise MappingError(number, "target", "“%(target)s” %(problem)s", target=row.target, problem=Sentence(problem))

    def _check_parts(self, number: int, row: MappingRow) -> None:
        if len(row.parts) > MAX_PARTS:
            raise MappingError(
                number,
                "source",
                "at most %(most)s fields and texts are possible, there are %(count)s",
                most=MAX_PARTS,
                count=str(len(row.parts)),
            )
        if self.seals(row):
            _check_sealed(number, row)
        for source in row.sources:
            try:
                key = parse_source(source.key)
            except FieldError as error:
                raise MappingError(number, "source", without_stop(error.sentence)) from None
            if not is_offered(key, self.subject):
                raise MappingError(number, "source", NOT_OFFERED[self.subject], name=source.key)
            if self.seals(row) and (source.value_map or source.if_empty):
                raise MappingError(number, "source", NO_OPEN_TEXTS)
            if source.date_format is DateFormat.PATTERN and not has_token(source.date_pattern):
                raise MappingError(number, "date format", "a pattern names parts of a date, as DD.MM.YYYY or D MMMM YYYY, HH:mm")
            if len(source.date_pattern) > MAX_PATTERN:
                raise MappingError(number, "date format", "a pattern is at most %(most)s characters long", most=MAX_PATTERN)
            if source.value_map and any(not old.strip() for old, _ in source.value_map.entries):
                raise MappingError(number, "value map", "an empty value has no entry; give a text if empty instead")

    def seals(self, row: MappingRow) -> bool:
        """True if the typed text of this row is stored encrypted."""
        return self.kind is MappingKind.HEADER and headers.is_secret_name(row.target)

    @cached_property
    def typed_secrets(self) -> dict[str, str]:
        """The headers whose text is stored encrypted, with that text: in clear while saving or sending, else SEALED."""
        return {row.target: part.text for row in self.rows if self.seals(row) for part in row.parts if isinstance(part, FixedText)}

    @property
    def sealed(self) -> Mapping:
        """The mapping with SEALED for every encrypted text: the only form for bodies, pages and previews."""
        return self.with_texts(dict.fromkeys(map(headers.sealed_field, self.typed_secrets), headers.SEALED))

    def with_texts(self, texts: Texts[str, str]) -> Mapping:
        """The mapping with its encrypted texts in clear. Raises headers.NotSealed if one is missing.

        texts: by field of the vault
        """
        sealed_names = self.typed_secrets
        if missing := [name for name in sealed_names if headers.sealed_field(name) not in texts]:
            raise headers.NotSealed(missing)
        if not sealed_names:
            return self
        rows = []
        for row in self.rows:
            if row.target in sealed_names:
                text = FixedText(texts[headers.sealed_field(row.target)])
                row = replace(row, parts=tuple(text if isinstance(part, FixedText) else part for part in row.parts))  # noqa: PLW2901
            rows.append(row)
        return replace(self, rows=tuple(rows))

    @property
    def sources(self) -> frozenset[str]:
        """The keys of all source fields in use (P12: uses; M8: the tags of its answers)."""
        return frozenset(source.key for row in self.rows for source in row.sources)

    def to_body(self) -> dict[str, object]:
        """The JSON body of a version (F10); `from_body` reads it back. Defaults are omitted."""
        body: dict[str, object] = {"name": self.name, "kind": self.kind.value, "subject": self.subject.value}
        if self.empty is not EmptyPolicy.KEY:
            body["empty"] = self.empty.value
        body["rows"] = [row_body(row) for row in self.sealed.rows]
        return body

    @classmethod
    def from_body(cls, value: object) -> Mapping:
        """Parses a stored body. Raises MappingError with the row, the field and the reason."""
        return cls.from_entered(value).sealed

    @classmethod
    def from_entered(cls, value: object) -> Mapping:
        """Parses a body in which the texts of encrypted rows may be typed. Raises MappingError with the row, the field and the reason."""
        number: int | None = None
        try:
            body = Body(value)
            name, kind, subject = body.text("name"), body.choice("kind", MappingKind, MappingKind.PAYLOAD), body.choice("subject", Subject)
            empty = body.choice("empty", EmptyPolicy, EmptyPolicy.KEY)
            rows = []
            for number, (_, item) in enumerate(body.items("rows", most=MAX_ROWS), 1):  # noqa: B007 - the error below names it
                rows.append(read_row(Body(item)))
            number = None
        except BodyError as error:
            raise MappingError(number, error.where or "mapping", error.reason) from None
        except MappingError as error:
            raise MappingError(number, error.field, error.reason) from None
        return cls(name=name, kind=kind, subject=subject, empty=empty, rows=tuple(rows))


def _check_sealed(number: int, row: MappingRow) -> None:
    texts = [part.text for part in row.parts if isinstance(part, FixedText)]
    if len(texts) > 1:
        raise MappingError(
            number, "source", "a header whose name marks it as a credential contains at most one typed text, which is stored encrypted"
        )
    if any(headers.SEALED in text and text != headers.SEALED for text in texts):
        raise MappingError(number, "source", "%(sealed)s stands for the encrypted text; type the whole text again", sealed=headers.SEALED)


def _refuse_conflicts(rows: Sequence[MappingRow]) -> None:
    """M2: refuses two rows with the same target, `a` beside `a.b`, a list that is also an object, and names that would be equal in a form."""
    kinds: dict[Path, str] = {}  # every path and its prefixes: what is there
    form_names: dict[str, Path] = {}
    for number, row in enumerate(rows, 1):
        path = row.path
        for end in range(1, len(path)):
            shape = gettext_noop("a list") if isinstance(path[end], int) else gettext_noop("an object")
            there = kinds.setdefault(path[:end], shape)
            if there != shape:
                raise MappingError(
                    number,
                    "target",
                    "“%(target)s” would make %(shape)s of “%(path)s”, which is %(there)s",
                    target=row.target,
                    shape=Sentence(shape),
                    path=format_path(path[:end]),
                    there=Sentence(there),
                )
        if path in kinds:
            reason = (
                Sentence("there is a row “%(target)s” already", target=row.target)
                if kinds[path] == "a value"
                else Sentence("“%(target)s” has rows within it, so it cannot have a value", target=row.target)
            )
            raise MappingError(number, "target", reason)
        kinds[path] = gettext_noop("a value")
        base = without_index(path)
        if base != path and row.type.is_list:
            raise MappingError(number, "type", "an entry of a list cannot be a list itself")
        if form_names.setdefault(row.form_name, base) != base:
            raise MappingError(
                number,
                "target",
                "in a form “%(target)s” would have the same name as another row, “%(form_name)s”",
                target=row.target,
                form_name=row.form_name,
            )
    for number, row in enumerate(rows, 1):
        for end, step in enumerate(row.path):
            if isinstance(step, int) and step > 0 and (*row.path[:end], step - 1) not in kinds:
                raise MappingError(
                    number, "target", "entry %(step)s of the list has a row, entry %(before)s has none", step=step, before=step - 1
                )


__all__ = [
    "MAX_PARTS",
    "MAX_TARGET",
    "MAX_TEXT",
    "MAX_VALUE_MAP",
    "Case",
    "DateFormat",
    "EmptyPolicy",
    "Escape",
    "FixedText",
    "Mapping",
    "MappingError",
    "MappingKind",
    "MappingRow",
    "Otherwise",
    "RowPart",
    "SourceValue",
    "Subject",
    "ValueMap",
    "ValueType",
    "part_body",
    "read_part",
]
