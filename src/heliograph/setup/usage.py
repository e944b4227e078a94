"""The uses of things (P12): pages show them before a thing is changed or deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from heliograph.domain.flow.sentence import SentencePart
from heliograph.domain.setup.tag_kinds import TagKind


class Thing(StrEnum):
    """Things that can be in use."""

    TAG = "tag"
    REGISTRATION_STATUS = "registration status"
    ATTENDEE_TYPE = "attendee type"
    REGISTRATION_PROPERTY = "registration property"
    QUESTION = "question"
    SESSION = "session"
    CUSTOM_FIELD = "custom field"
    EVENT = "event"
    CONNECTION = "connection"
    MAPPING = "mapping"


_NAMED: Final[Mapping[str, str]] = {
    "flow": gettext_noop("flow %(name)s"),
    "mapping": gettext_noop("mapping %(name)s"),
    "connection": gettext_noop("connection %(name)s"),
    "event": gettext_noop("event %(name)s"),
    "question": gettext_noop("question %(name)s"),
    "registration status": gettext_noop("registration status %(name)s"),
    "registration property": gettext_noop("registration property %(name)s"),
    "attendee type": gettext_noop("attendee type %(name)s"),
    "session status": gettext_noop("session status %(name)s"),
    "event status": gettext_noop("event status %(name)s"),
}


@dataclass(frozen=True, slots=True)
class Use:
    """Something that uses a thing."""

    kind: str
    """flow, mapping, event, registrations ..."""
    id: int
    name: str
    count: int = 1
    """How many objects it stands for, such as 12 registrations."""
    where: str = ""
    """Code of its event."""

    def __str__(self) -> str:
        if self.kind == "registrations":
            text = ngettext("%(n)s registration of %(event)s", "%(n)s registrations of %(event)s", self.count)
            return text % {"n": intcomma(self.count), "event": self.name}
        return _(_NAMED[self.kind]) % {"name": self.name} if self.kind in _NAMED else f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Effect:
    """The effect on a flow or mapping if a tag or a value is removed."""

    use: Use
    after: Sequence[SentencePart] = ()
    """The flow's sentence afterwards; () for a mapping."""
    stops: bool = False
    """The flow becomes incomplete."""
    refused: bool = False
    """Removing the tag would change what the flow or mapping means, so the deletion is refused."""


@dataclass(frozen=True, slots=True)
class Tagged:
    """An object that just got its first tag: runs that wait for it can be reconsidered (F7, D7)."""

    kind: TagKind
    id: int
