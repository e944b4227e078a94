"""Where things are used (P12), shown before they are changed or deleted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from heliograph.domain.flow.sentence import SentencePart
from heliograph.domain.setup.tags import TagKind


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


@dataclass(frozen=True, slots=True)
class Use:
    """Something that uses a thing. kind: flow, mapping, event, registrations ...; count: how many, where there can be many; where: code of
    its event."""

    kind: str
    id: int
    name: str
    count: int = 1
    where: str = ""

    def __str__(self) -> str:
        if self.kind == "registrations":
            return f"{self.count:,} {'registration' if self.count == 1 else 'registrations'} of {self.name}"
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Effect:
    """What happens to a flow or mapping when a tag is removed. after: the flow's sentence afterwards, () for a mapping; stops: the flow
    becomes incomplete; refused: it names the tag in a place where removing it would change its meaning, so the deletion is refused."""

    use: Use
    after: Sequence[SentencePart] = ()
    stops: bool = False
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Tagged:
    """An object that just got its first tag: runs that wait for it can be reconsidered (F7, D7)."""

    kind: TagKind
    id: int
