"""Tags: what flows speak of instead of statuses (guide: What Are Tags?; P4, P11).

A tag is made once in the account and put on statuses, properties, types, events and questions; a flow that names the tag
serves every event. The five standard registration properties bring their tags along: they have no rows, only fixed ids.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class TagKind(StrEnum):
    """The object kinds that a tag can be made for (guide: Setting Tags Up for an Account)."""

    REGISTRATION_STATUS = "registration_status"
    REGISTRATION_PROPERTY = "registration_property"
    ATTENDEE_TYPE = "attendee_type"
    EVENT = "event"
    QUESTION = "question"
    SESSION_STATUS = "session_status"
    EVENT_STATUS = "event_status"


class StandardProperty(IntEnum):
    """The five flags that every registration has (P4). The same number is the property's id and its tag's id."""

    COMPLETE = -1
    BADGE_PRINTED = -2
    ON_TO_DO_LIST = -3
    INVOICE_GENERATED = -4
    TEST = -5

    @property
    def label(self) -> str:
        """The name on every screen, which no custom property or tag may take."""
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
    """One tag of an account. `name` is unique ignoring case, `label` is what pages show."""

    id: int
    name: str
    label: str
    kinds: frozenset[TagKind]


STANDARD_TAGS: dict[int, Tag] = {
    p.value: Tag(p.value, p.label, p.label, frozenset({TagKind.REGISTRATION_PROPERTY})) for p in StandardProperty
}
