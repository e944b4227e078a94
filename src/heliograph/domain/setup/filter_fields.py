"""The fields that a flow can filter by (guide: Flow Filters; F6). A field is named by its source key, or as the tags of an event or attendee type."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from heliograph.domain.setup.compiled_setup import QuestionType
from heliograph.domain.setup.fields import (
    ANSWER,
    EVENT_FIELDS,
    PROFILE_FIELDS,
    REGISTRATION_FIELDS,
    SESSION_FIELDS,
    SHAPES,
    CustomField,
    FieldError,
    FieldGroup,
    Labelled,
    Shape,
    SourceKey,
    Subject,
    parse_source,
    shape_of,
)

EVENT_TAGS: Final = "event.tags"
ATTENDEE_TYPE_TAGS: Final = "attendee_type.tags"
_REGISTRATION: Final = ("code", "order_code", "created")
_SESSION: Final = ("code", "name", "start", "end")
_GROUPS: Final = frozenset(
    {
        FieldGroup.EVENT,
        FieldGroup.EVENT_CUSTOM,
        FieldGroup.PROFILE,
        FieldGroup.PROFILE_CUSTOM,
        FieldGroup.REGISTRATION,
        FieldGroup.QUESTION_TAGS,
        FieldGroup.SESSION,
    }
)


@dataclass(frozen=True, slots=True)
class FilterField:
    """One entry of the field list of a filter row."""

    key: str
    label: str
    group: str
    """Event, Profile, Registration, Answers, Session or Attendee Type Tags."""
    options: tuple[tuple[str, str], ...] = ()
    """The choices as (value, label). Empty: any text may be typed."""
    tags: bool = False
    """The values are tag ids."""
    shape: Shape | None = Shape.TEXT
    """How the field can be compared. None: in every way, because questions with one tag may have answers of different types."""


def filter_fields(
    subject: Subject,
    *,
    profile_fields: Iterable[CustomField] = (),
    event_fields: Iterable[CustomField] = (),
    question_tags: Iterable[Labelled] = (),
    event_tags: Iterable[Labelled] = (),
    attendee_type_tags: Iterable[Labelled] = (),
) -> tuple[FilterField, ...]:
    """The fields that a flow about `subject` can filter by (F6). Event flows: fields of events only. Session fields: session flows only."""
    event = [
        *_standard("event", "Event", EVENT_FIELDS),
        *_custom("event", "Event", event_fields),
        FilterField(EVENT_TAGS, "Event Tags", "Event", _tag_options(event_tags), tags=True),
    ]
    if subject is Subject.EVENT:
        return tuple(event)
    return (
        *event,
        *_standard("profile", "Profile", PROFILE_FIELDS),
        *_custom("profile", "Profile", profile_fields),
        *_standard("registration", "Registration", {name: REGISTRATION_FIELDS[name] for name in _REGISTRATION}),
        *(FilterField(f"answer.{t.id}", f"{t.label}{ANSWER}", "Answers", shape=None) for t in question_tags),
        *(_standard("session", "Session", {name: SESSION_FIELDS[name] for name in _SESSION}) if subject is Subject.SESSION else ()),
        FilterField(ATTENDEE_TYPE_TAGS, "Attendee Type Tags", "Attendee Type Tags", _tag_options(attendee_type_tags), tags=True),
    )


def _standard(area: str, group: str, fields: Mapping[str, str]) -> list[FilterField]:
    return [FilterField(f"{area}.{name}", label, group, shape=SHAPES.get(f"{area}.{name}", Shape.TEXT)) for name, label in fields.items()]


def _custom(area: str, group: str, fields: Iterable[CustomField]) -> list[FilterField]:
    return [FilterField(f"{area}.custom.{f.id}", f.label, group, _options(f), shape=shape_of(f)) for f in fields]


def _options(field: CustomField) -> tuple[tuple[str, str], ...]:
    """The answers that are given; a checkbox without options is a Yes/No."""
    return tuple((o, o) for o in field.options or ("Yes", "No")) if field.type in QuestionType.ENUMERATED else ()


def _tag_options(tags: Iterable[Labelled]) -> tuple[tuple[str, str], ...]:
    return tuple((str(t.id), t.label) for t in tags)


def is_named_by_account(key: str) -> bool:
    """Whether the account gave the field its name, which is not translated."""
    return (
        ".custom." in key or key.startswith(("answer.", "question.")) or (key.startswith("property.") and not key.startswith("property.-"))
    )


def parse_filter(key: str) -> SourceKey | str:
    """Parses the key of a filter field: returns EVENT_TAGS or ATTENDEE_TYPE_TAGS unchanged, else the source key. Raises FieldError for a
    field that no flow can filter by."""
    if key in (EVENT_TAGS, ATTENDEE_TYPE_TAGS):
        return key
    source = parse_source(key)
    names = {FieldGroup.REGISTRATION: _REGISTRATION, FieldGroup.SESSION: _SESSION, FieldGroup.QUESTION_TAGS: ("answer",)}.get(source.group)
    if source.group not in _GROUPS or (names is not None and source.name not in names):
        raise FieldError("A flow cannot filter by “%(key)s”.", key=key)
    return source
