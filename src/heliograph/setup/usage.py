"""Where things are used (P12): what a page says before something is changed or deleted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from heliograph.domain.flow.sentence import SentencePart
from heliograph.domain.setup.tags import TagKind


class Thing(StrEnum):
    """What can be in use."""

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
    """One user of a thing. kind: flow, mapping, event, registrations ...; count: how many, where there can be many; where: code of the event that has it."""

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
    """What becomes of a flow or mapping when a tag goes. after: the flow's sentence then, () for a mapping; stops: the flow is incomplete then
    and was not before; refused: it names the tag where a deletion would make it say something else, so that the deletion is refused."""

    use: Use
    after: Sequence[SentencePart] = ()
    stops: bool = False
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Tagged:
    """An object that had no tag and has one now: what waits for that can be judged again (F7, D7)."""

    kind: TagKind
    id: int
