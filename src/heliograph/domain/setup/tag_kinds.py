"""Tags: flows refer to them instead of statuses (guide: What Are Tags?; P4, P11).

A tag is created once in the account and assigned to statuses, properties, types, events and questions; a flow that names the tag serves
every event. The five standard registration properties have their own tags, which are fixed ids without rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class TagKind(StrEnum):
    """The kinds of objects that a tag can be created for (guide: Setting Tags Up for an Account)."""

    REGISTRATION_STATUS = "registration_status"
    REGISTRATION_PROPERTY = "registration_property"
    ATTENDEE_TYPE = "attendee_type"
    EVENT = "event"
    QUESTION = "question"
    SESSION_STATUS = "session_status"
    EVENT_STATUS = "event_status"


class StandardProperty(IntEnum):
    """The five flags of every registration (P4). Property and tag have the same number as id."""

    COMPLETE = -1
    BADGE_PRINTED = -2
    ON_TO_DO_LIST = -3
    INVOICE_GENERATED = -4
    TEST = -5

    @property
    def label(self) -> str:
        """Its name on pages, which no custom property or tag may use."""
        return STANDARD_PROPERTY_NAMES[self]


STANDARD_PROPERTY_NAMES: dict[StandardProperty, str] = {
    StandardProperty.COMPLETE: "Complete",
    StandardProperty.BADGE_PRINTED: "Badge Printed",
    StandardProperty.ON_TO_DO_LIST: "On To Do List",
    StandardProperty.INVOICE_GENERATED: "Invoice Generated",
    StandardProperty.TEST: "Test",
}


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag of an account. `name` is unique ignoring case; `label` is what pages show."""

    id: int
    name: str
    label: str
    kinds: frozenset[TagKind]


STANDARD_TAGS: dict[int, Tag] = {
    standard.value: Tag(standard.value, standard.label, standard.label, frozenset({TagKind.REGISTRATION_PROPERTY}))
    for standard in StandardProperty
}
