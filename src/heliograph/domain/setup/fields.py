"""The fields of the platform, from which mappings take values (guide: Mappings; M3, P7). For the fields of filters see `filter_fields`.

A field is identified by its key (`profile.email`, `answer.12`, `macro.current_date`). Keys contain ids, never names, so that a mapping
survives the renaming of a tag or custom field. Groups have the guide's order and names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Final, Protocol

from heliograph.domain.errors import HeliographError
from heliograph.domain.setup.tag_kinds import STANDARD_PROPERTY_NAMES, TagKind

# The value of a source: None = empty; datetimes are aware, a tuple contains the values of a multi-select.
type Value = str | bool | int | float | datetime | date | tuple[str, ...] | None

# P7: the standard profile fields, defined only here: documents (I2), imports, filters, forms and mappings read this list.
PROFILE_FIELDS: Final[Mapping[str, str]] = {
    "pin": "Pin",
    "external_key": "External Key",
    "prefix": "Prefix",
    "first_name": "First Name",
    "middle_name": "Middle Name",
    "last_name": "Last Name",
    "suffix": "Suffix",
    "badge_name": "Badge Name",
    "email": "E-mail",
    "phone": "Phone",
    "mobile": "Mobile",
    "fax": "Fax",
    "organization": "Organization",
    "department": "Department",
    "position": "Position",
    "address_1": "Address Line 1",
    "address_2": "Address Line 2",
    "address_3": "Address Line 3",
    "city": "City",
    "state": "State",
    "postal_code": "Postal Code",
    "country": "Country",
    "website": "Website",
    "notes": "Notes",
}
REGISTRATION_FIELDS: Final[Mapping[str, str]] = {
    "code": "Registration Code",
    "status": "Registration Status",
    "status_class": "Status Class",
    "attendee_type": "Attendee Type",
    "active": "Is Active",
    "order_code": "Order Code",
    "created": "Date Created",
    "modified": "Date Modified",
    "status_modified": "Status Modified",
    "test": "Is Test",
}
ACCOUNT_FIELDS: Final[Mapping[str, str]] = {"code": "Account Code", "name": "Account Name", "timezone": "Account Timezone"}
EVENT_FIELDS: Final[Mapping[str, str]] = {
    "code": "Event Code",
    "name": "Event Name",
    "status": "Event Status",
    "start": "Event Start",
    "end": "Event End",
    "timezone": "Event Timezone",
    "location": "Event Location",
}
SESSION_FIELDS: Final[Mapping[str, str]] = {
    "code": "Session Code",
    "name": "Session Name",
    "start": "Session Start",
    "end": "Session End",
    "status": "Session Registration Status",
}
FLOW_FIELDS: Final[Mapping[str, str]] = {"name": "Flow Name"}
MACROS: Final[Mapping[str, str]] = {
    "current_date": "Current Date",
    "current_datetime": "Current Date and Time",
    "change_id": "Change Id",
    "change_type": "Change Type",
    "changed_fields": "Changed Fields",
    "previous_status": "Previous Status",
    "registrant": "Registrant",
}

ANSWER, QUESTION, BEFORE = " (answer)", " (question)", " (before)"
"""What the names of fields of a tag, and of previous values, end with."""
_LISTS: Final = frozenset({"multi-select", "checkbox"})


class Subject(StrEnum):
    """The kinds of subjects of mappings and watches (M1)."""

    REGISTRATION = "registration"
    SESSION = "session"
    EVENT = "event"


class Shape(StrEnum):
    """The form of a field's value; it decides what a chip's panel offers."""

    TEXT = "text"
    NUMBER = "number"
    YES_NO = "yes/no"
    DATE = "date"
    INSTANT = "date and time"
    LIST = "list"


class FieldGroup(StrEnum):
    """The groups of source fields, with the guide's order and names."""

    PROFILE = "Profile Standard Fields"
    PROFILE_CUSTOM = "Profile Custom Fields"
    REGISTRATION = "Registration Standard Fields"
    QUESTION_TAGS = "Registration Custom Question Tags"
    STANDARD_PROPERTIES = "Registration Standard Properties"
    CUSTOM_PROPERTIES = "Registration Custom Properties"
    ACCOUNT = "Account Standard Fields"
    EVENT = "Event Standard Fields"
    EVENT_CUSTOM = "Event Custom Fields"
    SESSION = "Session Fields"
    FLOW = "Flow Fields"
    MACROS = "Macros"
    PREVIOUS = "Previous Values"


# M3: an event flow has no registration, and only a session watch has a session.
_OFFERED: Final[Mapping[Subject, frozenset[FieldGroup]]] = {
    Subject.REGISTRATION: frozenset(FieldGroup) - {FieldGroup.SESSION},
    Subject.SESSION: frozenset(FieldGroup),
    Subject.EVENT: frozenset({FieldGroup.EVENT, FieldGroup.EVENT_CUSTOM, FieldGroup.ACCOUNT, FieldGroup.FLOW, FieldGroup.MACROS}),
}


class FieldError(HeliographError):
    """There is no such field."""


class CustomField(Protocol):
    """A custom profile or event field of the account. type: text, number, date, select, multi-select, checkbox or radio (P6)."""

    @property
    def id(self) -> int: ...
    @property
    def label(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def options(self) -> tuple[str, ...]: ...


class Labelled(Protocol):
    """A tag: its id and the label that pages show."""

    @property
    def id(self) -> int: ...
    @property
    def label(self) -> str: ...


@dataclass(frozen=True, slots=True)
class SourceKey:
    """A parsed source key."""

    key: str
    group: FieldGroup
    name: str
    id: int | None = None
    """The id of the custom field or tag; None for other fields."""
    previous: bool = False
    """True if it means the value before the change."""

    @property
    def tag_kind(self) -> TagKind | None:
        """The kind of objects of the tag with this id; None if the id is that of a custom field or a standard property."""
        return (
            _TAG_KINDS.get(self.name)
            if self.group in (FieldGroup.QUESTION_TAGS, FieldGroup.CUSTOM_PROPERTIES, FieldGroup.PREVIOUS)
            else None
        )


@dataclass(frozen=True, slots=True)
class SourceField:
    """An entry in the field list of a mapping row."""

    key: str
    label: str
    group: FieldGroup
    shape: Shape = Shape.TEXT


_STANDARD: Final[Mapping[str, tuple[FieldGroup, Mapping[str, str]]]] = {
    "profile": (FieldGroup.PROFILE, PROFILE_FIELDS),
    "registration": (FieldGroup.REGISTRATION, REGISTRATION_FIELDS),
    "account": (FieldGroup.ACCOUNT, ACCOUNT_FIELDS),
    "event": (FieldGroup.EVENT, EVENT_FIELDS),
    "session": (FieldGroup.SESSION, SESSION_FIELDS),
    "flow": (FieldGroup.FLOW, FLOW_FIELDS),
    "macro": (FieldGroup.MACROS, MACROS),
}
_TAG_KINDS: Final[Mapping[str, TagKind]] = {
    "question": TagKind.QUESTION,
    "answer": TagKind.QUESTION,
    "property": TagKind.REGISTRATION_PROPERTY,
}
_CUSTOM: Final[Mapping[str, FieldGroup]] = {"profile": FieldGroup.PROFILE_CUSTOM, "event": FieldGroup.EVENT_CUSTOM}
SHAPES: Final[Mapping[str, Shape]] = {
    "registration.active": Shape.YES_NO,
    "registration.test": Shape.YES_NO,
    "registration.created": Shape.INSTANT,
    "registration.modified": Shape.INSTANT,
    "registration.status_modified": Shape.INSTANT,
    "event.start": Shape.INSTANT,
    "event.end": Shape.INSTANT,
    "session.start": Shape.INSTANT,
    "session.end": Shape.INSTANT,
    "macro.current_date": Shape.DATE,
    "macro.current_datetime": Shape.INSTANT,
    "macro.change_id": Shape.NUMBER,
    "macro.changed_fields": Shape.LIST,
}
_MAX_KEY = 100


@lru_cache(maxsize=4096)  # changes ask for the same few keys over and over
def parse_source(key: str) -> SourceKey:
    """Parses a source key. Raises FieldError for an unknown field; it does not know whether an id exists in the account."""
    if len(key) > _MAX_KEY:
        raise FieldError("A field's key is at most 100 characters long.")
    if key.startswith("previous."):
        source = _parse(key.removeprefix("previous."), key)
        if source.group not in (FieldGroup.PROFILE, FieldGroup.PROFILE_CUSTOM, FieldGroup.REGISTRATION) and source.name != "answer":
            raise FieldError("There is no previous value of %(key)s.", key=source.key)
        return SourceKey(key, FieldGroup.PREVIOUS, source.name, source.id, previous=True)
    return _parse(key, key)


def _parse(key: str, whole: str) -> SourceKey:
    area, _, name = key.partition(".")
    if area in _CUSTOM and name.startswith("custom."):
        return SourceKey(key, _CUSTOM[area], name, _id(name.removeprefix("custom."), whole))
    if area in ("question", "answer"):
        return SourceKey(key, FieldGroup.QUESTION_TAGS, area, _id(name, whole))
    if area == "property":
        number = _id(name, whole, standard=True)
        return SourceKey(key, FieldGroup.STANDARD_PROPERTIES if number < 0 else FieldGroup.CUSTOM_PROPERTIES, area, number)
    if area in _STANDARD and name in _STANDARD[area][1]:
        return SourceKey(key, _STANDARD[area][0], name)
    raise FieldError("There is no field “%(name)s”.", name=whole)


def _id(text: str, whole: str, *, standard: bool = False) -> int:
    digits = text.removeprefix("-") if standard else text
    # only one spelling per id ("7", never "07" or "٧"), so that equal keys are equal texts
    if (
        digits.isascii()
        and digits.isdigit()
        and digits[0] != "0"
        and len(digits) <= 18
        and (not text.startswith("-") or int(text) in STANDARD_PROPERTY_NAMES)
    ):
        return int(text)
    raise FieldError("There is no field “%(name)s”.", name=whole)


def is_offered(key: SourceKey, subject: Subject) -> bool:
    """True if a mapping for this subject may use the field (M3: event flows only offer event, account, flow and macros)."""
    return key.group in _OFFERED[subject]


def catalogue(
    subject: Subject,
    *,
    profile_fields: Iterable[CustomField] = (),
    event_fields: Iterable[CustomField] = (),
    question_tags: Iterable[Labelled] = (),
    property_tags: Iterable[Labelled] = (),
) -> dict[FieldGroup, tuple[SourceField, ...]]:
    """The source fields offered to a mapping for `subject`, by group, in the guide's order; empty groups are omitted.

    question_tags, property_tags: the account's tags of those kinds, without the standard properties' own.
    """
    questions = tuple(question_tags)
    profile = _standard("profile")
    profile_custom = _custom("profile", FieldGroup.PROFILE_CUSTOM, profile_fields)
    registration = _standard("registration")
    answers = [SourceField(f"answer.{t.id}", f"{t.label}{ANSWER}", FieldGroup.QUESTION_TAGS) for t in questions]
    groups: dict[FieldGroup, list[SourceField]] = {
        FieldGroup.PROFILE: profile,
        FieldGroup.PROFILE_CUSTOM: profile_custom,
        FieldGroup.REGISTRATION: registration,
        FieldGroup.QUESTION_TAGS: [
            field
            for tag, answer in zip(questions, answers, strict=True)
            for field in (SourceField(f"question.{tag.id}", f"{tag.label}{QUESTION}", FieldGroup.QUESTION_TAGS), answer)
        ],
        FieldGroup.STANDARD_PROPERTIES: [
            SourceField(f"property.{standard.value}", label, FieldGroup.STANDARD_PROPERTIES, Shape.YES_NO)
            for standard, label in STANDARD_PROPERTY_NAMES.items()
        ],
        FieldGroup.CUSTOM_PROPERTIES: [
            SourceField(f"property.{tag.id}", tag.label, FieldGroup.CUSTOM_PROPERTIES, Shape.YES_NO) for tag in property_tags
        ],
        FieldGroup.ACCOUNT: _standard("account"),
        FieldGroup.EVENT: _standard("event"),
        FieldGroup.EVENT_CUSTOM: _custom("event", FieldGroup.EVENT_CUSTOM, event_fields),
        FieldGroup.SESSION: _standard("session"),
        FieldGroup.FLOW: _standard("flow"),
        FieldGroup.MACROS: _standard("macro"),
        FieldGroup.PREVIOUS: [
            SourceField(f"previous.{field.key}", f"{field.label}{BEFORE}", FieldGroup.PREVIOUS, field.shape)
            for field in (*profile, *profile_custom, *registration, *answers)
        ],
    }
    return {group: tuple(fields) for group, fields in groups.items() if fields and group in _OFFERED[subject]}


def _standard(area: str) -> list[SourceField]:
    group, names = _STANDARD[area]
    return [SourceField(f"{area}.{name}", label, group, SHAPES.get(f"{area}.{name}", Shape.TEXT)) for name, label in names.items()]


def _custom(area: str, group: FieldGroup, fields: Iterable[CustomField]) -> list[SourceField]:
    return [SourceField(f"{area}.custom.{f.id}", f.label, group, shape_of(f)) for f in fields]


def shape_of(field: CustomField) -> Shape:
    """The shape of the values of a custom field."""
    if field.type in _LISTS and field.options:
        return Shape.LIST
    return {"number": Shape.NUMBER, "date": Shape.DATE, "checkbox": Shape.YES_NO}.get(field.type, Shape.TEXT)
