"""The rule of a flow as one sentence: "When a status becomes Registered, send Lead mapping to Sales CRM" (F1, F3-F5).

Pages and the command line all use it. `parts` returns texts and chips in order; `marked` marks how far a change came (F9); `plain` writes
the sentence without chips. Texts are templates, so that a translation can change the word order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.flow import (
    EVENT_STATUSES,
    PROPERTIES,
    SESSION_STATUSES,
    STATUSES,
    Destination,
    FilterRow,
    Flow,
    Mode,
    Op,
    Watch,
)
from heliograph.domain.setup.fields import Subject
from heliograph.domain.setup.filter_fields import ATTENDEE_TYPE_TAGS, EVENT_TAGS, filter_fields
from heliograph.domain.setup.tag_kinds import TagKind


class SentenceGate(StrEnum):
    """The gates that a change passes, in this order (F9)."""

    WATCH = "watch"
    ACTIVE = "active"
    MODE = "mode"
    FILTERS = "filters"
    ACTIVATION = "activation"
    DESTINATION = "destination"


class PartState(StrEnum):
    """How a chip looks. MISSING: must be filled before the flow runs; FAILED and WAITS: a problem of the connection; the rest are set by
    `marked`."""

    PLAIN = ""
    MISSING = "missing"
    FAILED = "failed"
    WAITS = "wait"
    PASSED = "passed"
    STOPPED = "stopped"
    UNREAD = "unread"


@dataclass(frozen=True, slots=True)
class SentencePart:
    """A text, or a chip. gate and place: the list, filter row or destination that it stands for."""

    text: str
    chip: bool = False
    state: PartState = PartState.PLAIN
    gate: SentenceGate | None = None
    place: str = ""


@dataclass(frozen=True, slots=True)
class ConnectionTrouble:
    """A connection's current problem, in two or three words: "refused, 401"."""

    state: PartState
    words: str


@dataclass(frozen=True, slots=True)
class SentenceNames:
    """Names for the ids in a flow. An id without a name is shown as its key in brackets."""

    tags: Mapping[int, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    connections: Mapping[int, str] = field(default_factory=dict)
    mappings: Mapping[int, str] = field(default_factory=dict)
    troubles: Mapping[int, ConnectionTrouble] = field(default_factory=dict)

    @classmethod
    def from_config(cls, config: AccountConfig, troubles: Mapping[int, ConnectionTrouble] | None = None) -> SentenceNames:
        """The names in force in an account's configuration. troubles: by connection id."""
        offered = filter_fields(
            Subject.SESSION,
            profile_fields=config.profile_fields.values(),
            event_fields=config.event_fields.values(),
            question_tags=[tag for tag in config.tags.values() if TagKind.QUESTION in tag.kinds],
        )
        return cls(
            tags={tag.id: tag.label or tag.name for tag in config.tags.values()},
            fields={f.key: f.label for f in offered},
            connections={id_: connection.name for id_, connection in config.connections.items()},
            mappings={id_: mapping.name for id_, mapping in config.mappings.items()},
            troubles=troubles or {},
        )


type Translate = Callable[[str], str]
type FieldLabel = Callable[[str, str], str]
"""The name of a field in another language, from its key and its English name."""


def english_label(_key: str, label: str) -> str:
    """The name as it is."""
    return label


def _(message: str) -> str:
    """Marks a text for translation; `parts` translates it."""
    return message


_OPENINGS: Final[Mapping[Watch, str]] = {
    Watch.REGISTRATION: _("When a registration is created or updated"),
    Watch.STATUS: _("When a status becomes {tags}"),
    Watch.SESSION_STATUS: _("When a session status becomes {tags}"),
    Watch.EVENT: _("When an event is created or updated, and its status is {tags}"),
}
_OPENINGS_WITH_MODE: Final[Mapping[Watch, str]] = {
    Watch.REGISTRATION: _("{mode}: when a registration is created or updated"),
    Watch.STATUS: _("{mode}: when a status becomes {tags}"),
    Watch.SESSION_STATUS: _("{mode}: when a session status becomes {tags}"),
    Watch.EVENT: _("{mode}: when an event is created or updated, and its status is {tags}"),
}
_MODES: Final[Mapping[Mode, str]] = {Mode.LIVE: _("Live"), Mode.TEST: _("Test")}
_OPENING_LIST: Final[Mapping[Watch, str]] = {
    Watch.STATUS: STATUSES,
    Watch.SESSION_STATUS: SESSION_STATUSES,
    Watch.EVENT: EVENT_STATUSES,
}
_CHOOSE: Final[Mapping[str, str]] = {
    STATUSES: _("choose statuses"),
    PROPERTIES: _("choose properties"),
    SESSION_STATUSES: _("choose session statuses"),
    EVENT_STATUSES: _("choose event statuses"),
}
_ROWS: Final[Mapping[Op, str]] = {
    Op.IS_ANY_OF: _(", and {field} is {values}"),
    Op.IS_NONE_OF: _(", and {field} is not {values}"),
    Op.CONTAINS: _(", and {field} contains {values}"),
    Op.STARTS_WITH: _(", and {field} starts with {values}"),
    Op.IS_BEFORE: _(", and {field} is before {values}"),
    Op.IS_AFTER: _(", and {field} is after {values}"),
    Op.IS_LESS: _(", and {field} is less than {values}"),
    Op.IS_MORE: _(", and {field} is more than {values}"),
    Op.IS_AT_MOST: _(", and {field} is at most {values}"),
    Op.IS_AT_LEAST: _(", and {field} is at least {values}"),
    Op.IS_BETWEEN: _(", and {field} is between {values}"),
    Op.IS_EMPTY: _(", and {field} is empty"),
    Op.IS_NOT_EMPTY: _(", and {field} is not empty"),
}
_EXCEPT: Final = _(", except for {values}")
_NAMES_OF_EVENTS: Final = ("event.code", "event.name")
"""Fields whose values a reader knows as events, so that their label may be left out."""
_TAG_FIELDS: Final[Mapping[str, str]] = {EVENT_TAGS: _("event tag"), ATTENDEE_TYPE_TAGS: _("attendee type tag")}
_HOLE: Final = re.compile(r"\{([a-z]+)\}")


def parts(
    flow: Flow, names: SentenceNames, translate: Translate = str, field_label: FieldLabel = english_label, *, mode: bool = True
) -> list[SentencePart]:
    """The sentence of a flow, complete or not, without the full stop.

    mode: whether it begins with Live or Test, which a page that says so elsewhere leaves out
    """
    return _Writer(names, translate, field_label, mode).sentence(flow)


type Answers = Mapping[tuple[SentenceGate, str], PartState]
"""The state of a change at a list or filter row of a gate: passed, stopped or waiting. A gate without such parts has the place ""."""


def marked(parts: Iterable[SentencePart], gate: SentenceGate | None, answers: Answers) -> list[SentencePart]:
    """The sentence with each chip marked: passed, stopped, waiting or not reached. A missing part stays missing.

    gate: the gate that stopped the change; None: no gate did
    """
    order = list(SentenceGate)
    end = len(order) if gate is None else order.index(gate)

    def state(part: SentencePart, gate: SentenceGate) -> PartState:
        at = order.index(gate)
        if at == end and (gate, part.place) in answers:
            return answers[gate, part.place]
        return PartState.PASSED if at < end or (at == end and gate is SentenceGate.ACTIVATION) else PartState.UNREAD

    return [
        replace(part, state=state(part, part.gate)) if part.chip and part.gate is not None and part.state is not PartState.MISSING else part
        for part in parts
    ]


def plain(parts: Iterable[SentencePart]) -> str:
    """The sentence as text, with its full stop. Missing parts are in brackets."""
    return "".join(f"[{part.text}]" if part.state is PartState.MISSING else part.text for part in parts) + "."


class _Writer:
    """Writes one sentence."""

    def __init__(self, names: SentenceNames, translate: Translate, field_label: FieldLabel, mode: bool) -> None:
        self.names = names
        self.translate = translate
        self.field_label = field_label
        self.mode = mode

    def sentence(self, flow: Flow) -> list[SentencePart]:
        parts = self._opening(flow)
        if flow.watch not in (None, Watch.EVENT):
            parts += self._more_lists(flow)
        for number, row in enumerate(flow.filters):
            parts += self._filter(row, str(number))
        return [*parts, *self._destinations(flow.destinations)]

    def _opening(self, flow: Flow) -> list[SentencePart]:
        mode = [SentencePart(self.translate(_MODES[flow.mode]), chip=True, gate=SentenceGate.MODE)]
        if flow.watch is None:
            template = _("{mode}: when {watch}") if self.mode else _("When {watch}")
            return self._filled(template, mode=mode, watch=[self._missing(_("choose what to watch"), SentenceGate.WATCH, "watch")])
        opening = (_OPENINGS_WITH_MODE if self.mode else _OPENINGS)[flow.watch]
        if flow.watch is Watch.REGISTRATION:
            if flow.statuses or flow.properties or {STATUSES, PROPERTIES} & set(flow.emptied):
                return self._filled(opening, mode=mode)
            anyone = SentencePart(self.translate(_("any registration")), chip=True, gate=SentenceGate.ACTIVATION, place=STATUSES)
            template = _("{mode}: when {anyone} is created or updated") if self.mode else _("When {anyone} is created or updated")
            return self._filled(template, mode=mode, anyone=[anyone])
        name = _OPENING_LIST[flow.watch]
        return self._filled(opening, mode=mode, tags=self._tags(flow, name))

    def _more_lists(self, flow: Flow) -> list[SentencePart]:
        parts: list[SentencePart] = []
        templates = {
            Watch.REGISTRATION: (STATUSES, _(", and its status is {tags}")),
            Watch.SESSION_STATUS: (STATUSES, _(", and registration status is {tags}")),
        }
        for name, template in (
            *([templates[flow.watch]] if flow.watch in templates else []),
            (PROPERTIES, _(", and property {tags} is set")),
        ):
            if flow.tags_of(name) or name in flow.emptied:
                parts += self._filled(template, tags=self._tags(flow, name))
        return parts

    def _tags(self, flow: Flow, name: str) -> list[SentencePart]:
        tags = [self.names.tags.get(tag, f"({tag})") for tag in flow.tags_of(name)]
        return self._any_of(tags, SentenceGate.ACTIVATION, name) if tags else [self._missing(_CHOOSE[name], SentenceGate.ACTIVATION, name)]

    def _filter(self, row: FilterRow, place: str) -> list[SentencePart]:
        values = row.values
        if row.field in _TAG_FIELDS:
            name = self.translate(_TAG_FIELDS[row.field])
            values = tuple(self.names.tags.get(int(v), f"({v})") if v.isdecimal() else f"({v})" for v in values)
        else:
            name = self.names.fields.get(row.field, "")
            name = self.field_label(row.field, name) if name else f"({row.field})"
        label = SentencePart(name)
        if not row.op.takes_values:
            return self._filled(_ROWS[row.op], field=[replace(label, chip=True, gate=SentenceGate.FILTERS, place=place)])
        whole = len(values) >= (row.op.bounds or 1)
        joint = _(" and ") if row.op is Op.IS_BETWEEN else _(" or ")
        chips = (
            self._any_of(values, SentenceGate.FILTERS, place, joint)
            if whole
            else [self._missing(_("choose values"), SentenceGate.FILTERS, place)]
        )
        is_except = row.op is Op.IS_NONE_OF and row.field in _NAMES_OF_EVENTS
        return self._filled(_EXCEPT if is_except else _ROWS[row.op], field=[label], values=chips)

    def _destinations(self, destinations: tuple[Destination, ...]) -> list[SentencePart]:
        if not destinations:
            destinations = (Destination(id=0),)
        parts: list[SentencePart] = []
        for number, destination in enumerate(destinations):
            template = _(", send {mapping} to {connection}")
            if number:
                template = _(" and {mapping} to {connection}") if number == len(destinations) - 1 else _(", {mapping} to {connection}")
            parts += self._filled(template, mapping=[self._mapping(destination)], connection=[self._connection(destination)])
        return parts

    def _mapping(self, destination: Destination) -> SentencePart:
        id_, place = destination.payload_mapping, str(destination.id)
        if id_ is None or id_ not in self.names.mappings:
            return self._missing(_("choose a mapping"), SentenceGate.DESTINATION, place)
        return SentencePart(self.names.mappings[id_], chip=True, gate=SentenceGate.DESTINATION, place=place)

    def _connection(self, destination: Destination) -> SentencePart:
        id_, place = destination.connection, str(destination.id)
        if id_ is None or id_ not in self.names.connections:
            return self._missing(_("choose a connection"), SentenceGate.DESTINATION, place)
        part = SentencePart(self.names.connections[id_], chip=True, gate=SentenceGate.DESTINATION, place=place)
        trouble = self.names.troubles.get(id_)
        if trouble is None:
            return part
        text = self.translate("%(name)s: %(state)s") % {"name": part.text, "state": trouble.words}
        return replace(part, text=text, state=trouble.state)

    def _any_of(self, values: Iterable[str], gate: SentenceGate, place: str, joint: str = _(" or ")) -> list[SentencePart]:
        parts: list[SentencePart] = []
        for value in values:
            if parts:
                parts.append(SentencePart(self.translate(joint), gate=gate, place=place))
            parts.append(SentencePart(value, chip=True, gate=gate, place=place))
        return parts

    def _missing(self, text: str, gate: SentenceGate, place: str) -> SentencePart:
        return SentencePart(self.translate(text), chip=True, state=PartState.MISSING, gate=gate, place=place)

    def _filled(self, template: str, **holes: list[SentencePart]) -> list[SentencePart]:
        """The translated template with parts in its placeholders. A placeholder that a translation misspells stays as it is."""
        parts: list[SentencePart] = []
        for number, piece in enumerate(_HOLE.split(self.translate(template))):
            if number % 2:
                parts += holes.get(piece, [SentencePart(f"{{{piece}}}")])
            elif piece:
                parts.append(SentencePart(piece))
        return parts
