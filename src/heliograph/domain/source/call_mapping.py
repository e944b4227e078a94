"""A source's mapping: which registrations a received call holds, and what fills each field of their documents (S2).

A row is one of `domain.mapping` whose target is a field of the registration document, and whose source fields are paths into the call. A
`CallMapping` is always valid, but may lack rows: `call_documents` makes documents by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from heliograph.domain.mapping.json_bodies import Body, BodyError
from heliograph.domain.mapping.paths import Path, PathError
from heliograph.domain.mapping.row import MAX_PARTS, MAX_TARGET, MappingError, MappingRow, SourceValue, read_row, row_body
from heliograph.domain.registration.document import MAX_TEXT
from heliograph.domain.sentence_template import Sentence, without_stop
from heliograph.domain.setup.fields import PROFILE_FIELDS
from heliograph.domain.source.certain_registrations import CertainItems
from heliograph.domain.source.json_fields import parse_field
from heliograph.domain.source.pretix_orders import PretixOrders

MAX_ROWS: Final = 300
MAX_ONLY: Final = 100  # values of the field that says which calls count

EVENT, CODE, MODIFIED, ACTIVE = "event", "code", "modified", "active"
SESSIONS, SESSION_STATUS = "sessions", "session_status"
REQUIRED: Final = (EVENT, CODE)
PLAIN_TARGETS: Final = (EVENT, CODE, MODIFIED, "status", "attendee_type", ACTIVE, "order_code", SESSIONS, SESSION_STATUS)
PROFILE, CUSTOM, ANSWERS, PROPERTIES, SESSION = "profile.", "profile.custom.", "answers.", "properties.", "sessions."
GROUPS: Final = (CUSTOM, PROFILE, ANSWERS, PROPERTIES, SESSION)
"""What a target begins with; the rest of it names the field, the question, the property or the session."""


SHAPES: Final[Mapping[str, type[PretixOrders | CertainItems]]] = {"pretix": PretixOrders, "certain": CertainItems}
"""By the member of a mapping's JSON that holds one."""


class Piece(StrEnum):
    """The part of a field's text that a row takes."""

    FIRST_WORD = "First word"
    OTHER_WORDS = "All but the first word"
    COMMAS = "Split at commas"


class WhenEmpty(StrEnum):
    """What becomes of the registration's field if the row has no value."""

    AS_SENT = "as sent"
    """A field that the call holds empty clears; one that the call does not hold stays as it is."""
    KEEP = "keep"
    CLEAR = "clear"


class Clock(StrEnum):
    """How `modified` is written."""

    ISO = "ISO 8601"
    ISO_UTC = "ISO 8601, in UTC without an offset"
    SECONDS = "Epoch, s"
    MILLISECONDS = "Epoch, ms"


@dataclass(frozen=True, slots=True)
class CallRow:
    """What fills one field of the document. Making one with an invalid path or target raises MappingError."""

    row: MappingRow
    piece: Piece | None = None
    """Of each source field, before anything else."""
    when_empty: WhenEmpty = WhenEmpty.AS_SENT
    clock: Clock = Clock.ISO
    """Of `modified`."""
    paths: tuple[tuple[str, Path], ...] = field(init=False, compare=False, repr=False)
    """The steps of each source field's path."""

    def __post_init__(self) -> None:
        if reason := target_problem(self.target):
            raise MappingError(None, "target", reason)
        if len(self.row.parts) > MAX_PARTS:
            raise MappingError(
                None,
                "source",
                "at most %(most)s fields and texts are possible, there are %(count)s",
                most=MAX_PARTS,
                count=str(len(self.row.parts)),
            )
        object.__setattr__(self, "paths", tuple((source.key, _path(source, "source")) for source in self.row.sources))
        for source in self.row.sources:
            if source.value_map and any(not old.strip() for old, _ in source.value_map.entries):
                raise MappingError(None, "value map", "an empty value has no entry; give a text if empty instead")

    @property
    def target(self) -> str:
        return self.row.target


def target_problem(target: str) -> str:
    """Why this is no field of a registration document, or ""."""
    if len(target) > MAX_TARGET:
        return Sentence("a name is at most %(most)s characters long", most=MAX_TARGET)
    if target in PLAIN_TARGETS:
        return ""
    group = next((each for each in GROUPS if target.startswith(each)), "")
    if not group or not target.removeprefix(group).strip():
        return Sentence("“%(target)s” is not a field of a registration", target=target[:MAX_PARTS])
    if group == PROFILE and target.removeprefix(PROFILE) not in PROFILE_FIELDS:
        return Sentence("“%(target)s” is not a profile field", target=target[:MAX_PARTS])
    return ""


def _path(source: SourceValue, where: str) -> Path:
    try:
        return parse_field(source.key)
    except PathError as error:
        raise MappingError(None, where, without_stop(error.sentence)) from None


@dataclass(frozen=True)
class CallMapping:
    """The mapping of a source. Raises MappingError if it is invalid."""

    each: str = ""
    """The list of which each entry is a registration; "": the whole call is one."""
    only_field: str = ""
    """The field that says whether a call, or an entry, counts; "": all do."""
    only_values: tuple[str, ...] = ()
    """The values of `only_field` with which it counts, compared ignoring case and outer spaces."""
    rows: tuple[CallRow, ...] = ()
    shape: PretixOrders | CertainItems | None = None
    """What makes one JSON per registration of a call, if rows alone cannot; `each` and the rows then read that."""
    each_path: Path | None = field(init=False, compare=False, repr=False)
    only_path: Path | None = field(init=False, compare=False, repr=False)
    compiled: list[Any] = field(default_factory=list, init=False, compare=False, repr=False)
    """The readers of its rows, set by `source.call_documents`."""

    @property
    def needs_registration(self) -> bool:
        """Whether it only adds to registrations that another source makes."""
        return isinstance(self.shape, CertainItems) and self.shape.needs_registration

    def __post_init__(self) -> None:
        for name, text in (("each", self.each), ("only_field", self.only_field)):
            path = _path(SourceValue(text), name) if text else None
            object.__setattr__(self, f"{name.removesuffix('_field')}_path", path)
        if self.only_field and not self.only_values:
            raise MappingError(None, "only_values", "name the values with which a call counts")
        if len(self.rows) > MAX_ROWS:
            raise MappingError(
                None, "rows", "at most %(most)s rows are possible, there are %(count)s", most=MAX_ROWS, count=str(len(self.rows))
            )
        targets: set[str] = set()
        for number, row in enumerate(self.rows, 1):
            if row.target in targets:
                raise MappingError(number, "target", "there is a row “%(target)s” already", target=row.target)
            targets.add(row.target)

    @property
    def lacks(self) -> tuple[str, ...]:
        """The required fields of the document that nothing fills: it cannot be switched on."""
        filled = {row.target for row in self.rows if row.row.parts}
        return tuple(target for target in REQUIRED if target not in filled)

    def row_of(self, target: str) -> CallRow | None:
        """The row that fills a field of the document."""
        return next((row for row in self.rows if row.target == target), None)

    def to_body(self) -> dict[str, object]:
        """The JSON that the source keeps; `from_body` reads it back. Defaults are omitted."""
        body: dict[str, object] = {}
        if self.each:
            body["each"] = self.each
        if self.only_field:
            body["only_if"] = {"field": self.only_field, "values": list(self.only_values)}
        body["rows"] = [_row_body(row) for row in self.rows]
        for name, kind in SHAPES.items():
            if isinstance(self.shape, kind):
                body[name] = self.shape.to_body()
        return body

    @classmethod
    def from_body(cls, value: object) -> CallMapping:
        """Parses a stored or entered body. Raises MappingError with the row, the field and the reason."""
        number: int | None = None
        try:
            body = Body(value)
            only = Body(value["only_if"], "only_if") if isinstance(value, dict) and body.has("only_if") else Body({})
            rows = []
            for number, (_, item) in enumerate(body.items("rows", most=MAX_ROWS), 1):  # noqa: B007 - the error below names it
                rows.append(_read_row(Body(item)))
            number = None
            given = value if isinstance(value, dict) else {}
            return cls(
                each=body.text("each", longest=MAX_TARGET),
                only_field=only.text("field", longest=MAX_TARGET),
                only_values=only.texts("values", most=MAX_ONLY, longest=MAX_TEXT),
                rows=tuple(rows),
                shape=next((kind.from_body(given[name], name) for name, kind in SHAPES.items() if body.has(name)), None),
            )
        except BodyError as error:
            raise MappingError(number, error.where or "mapping", error.reason) from None
        except MappingError as error:
            raise MappingError(error.row or number, error.field, error.reason) from None


def _row_body(row: CallRow) -> dict[str, object]:
    body = row_body(row.row)
    if row.piece is not None:
        body["piece"] = row.piece.value
    if row.when_empty is not WhenEmpty.AS_SENT:
        body["when_empty"] = row.when_empty.value
    if row.clock is not Clock.ISO:
        body["clock"] = row.clock.value
    return body


def _read_row(body: Body) -> CallRow:
    return CallRow(
        read_row(body),
        body.choice("piece", Piece) if body.has("piece") else None,
        body.choice("when_empty", WhenEmpty, WhenEmpty.AS_SENT),
        body.choice("clock", Clock, Clock.ISO),
    )
