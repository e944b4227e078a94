"""Events as JSON (guide: Adding an event; P2)."""

from __future__ import annotations

import datetime
from dataclasses import replace
from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from heliograph.api.documents.shared_forms import Document, Id, Instant, numbers_of, sent_or
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.flow import Flow
from heliograph.domain.registration.change import KEEP, Keep
from heliograph.domain.registration.document import named_answers
from heliograph.domain.setup.compiled_setup import EventState
from heliograph.setup.mark_test_job import Leaving
from heliograph.setup.services.events import new_event

Name = Annotated[str, msgspec.Meta(description="What pages and mappings call it.")]
Code = Annotated[str, msgspec.Meta(description="1 to 25 letters, digits and dashes. Identifies the event for senders and flow filters.")]
Status = Annotated[Id, msgspec.Meta(description="The id of its status: `GET event-statuses`.")]
Zone = Annotated[str, msgspec.Meta(description="An IANA time zone, such as Europe/Vienna.")]
Tags = Annotated[list[Id], msgspec.Meta(description="The ids of its tags, each made for events.")]
Custom = Annotated[dict[str, list[str]], msgspec.Meta(description="The values of custom fields, by the fields' codes: `GET event-data`.")]
SomeCustom = Annotated[
    dict[str, list[str]], msgspec.Meta(description="Values by codes. A field that is absent stays as it is; an empty list clears it.")
]


class EventDocument(Document):
    """An event."""

    id: Id
    code: Code
    name: Name
    status: Status
    start: Instant | None
    end: Instant | None
    timezone: Zone
    location: str
    custom: Custom
    tags: Tags

    @classmethod
    def from_state(cls, id: int, state: EventState, config: AccountConfig) -> EventDocument:
        """The document of an event with this state."""
        return cls(
            id=str(id),
            code=state.code,
            name=state.name,
            status=str(state.status),
            start=state.start,
            end=state.end,
            timezone=state.timezone,
            location=state.location,
            custom={field.code: list(state.custom[id]) for id, field in config.event_fields.items() if state.custom.get(id)},
            tags=[str(tag) for tag in sorted(state.tags)],
        )


class NewEvent(Document):
    """An event to add. It begins in Testing; its time zone is that of the account, if none is sent."""

    code: Code
    name: Name
    start: Instant | None = None
    end: Instant | None = None
    timezone: Zone | UnsetType = UNSET
    location: str = ""
    custom: Custom = msgspec.field(default_factory=dict)
    tags: Tags = msgspec.field(default_factory=list)

    def state(self, config: AccountConfig) -> EventState:
        """The state with which the event is created. Raises DocumentRefused."""
        state = new_event(config)
        return replace(
            state,
            code=self.code,
            name=self.name,
            start=self.start,
            end=self.end,
            timezone=sent_or(self.timezone, state.timezone),
            location=self.location,
            custom=named_answers(self.custom, config.event_fields.values(), "custom"),
            tags=tuple(numbers_of("tags", self.tags)),
        )


class EventChange(Document):
    """What to change of an event. An absent member stays as it is; null clears a time."""

    code: Code | UnsetType = UNSET
    name: Name | UnsetType = UNSET
    status: Status | UnsetType = UNSET
    start: Instant | UnsetType | None = UNSET
    end: Instant | UnsetType | None = UNSET
    timezone: Zone | UnsetType = UNSET
    location: str | UnsetType = UNSET
    custom: SomeCustom | UnsetType = UNSET
    tags: Tags | UnsetType = UNSET

    def state(self, stored: EventState, config: AccountConfig) -> EventState:
        """The event's state with the changes. Raises DocumentRefused."""
        custom = {} if self.custom is UNSET else named_answers(self.custom, config.event_fields.values(), "custom")
        return replace(
            stored,
            code=sent_or(self.code, stored.code),
            name=sent_or(self.name, stored.name),
            status=stored.status if self.status is UNSET else numbers_of("status", [self.status])[0],
            start=sent_or(self.start, stored.start),
            end=sent_or(self.end, stored.end),
            timezone=sent_or(self.timezone, stored.timezone),
            location=sent_or(self.location, stored.location),
            custom={**stored.custom, **custom},
            tags=stored.tags if self.tags is UNSET else tuple(numbers_of("tags", self.tags)),
        )


class CopyOfEvent(Document):
    """What a copy has of its own. An absent time is that of the original; null leaves it out."""

    code: Code
    name: Name
    start: Instant | UnsetType | None = UNSET
    end: Instant | UnsetType | None = UNSET

    @property
    def times(self) -> dict[str, datetime.datetime | Keep | None]:
        """The times that were sent, by the names of the service's parameters."""
        return {name: KEEP if at is UNSET else at for name, at in (("start", self.start), ("end", self.end))}


class LeaveTesting(Document):
    """The status that an event in Planning or Testing gets."""

    status: Status


class FlowOfEvent(Document):
    """A flow, by its id and name."""

    id: Id
    name: str

    @classmethod
    def from_flow(cls, flow: Flow) -> FlowOfEvent:
        """The document of a flow."""
        return cls(id=str(flow.id), name=flow.name)


class LeavingDocument(Document):
    """What leaving Planning or Testing does."""

    unmarked: Annotated[int, msgspec.Meta(description="Registrations that are not Test: they are marked first.")]
    takes: Annotated[list[FlowOfEvent], msgspec.Meta(description="Live flows that act on its live registrations then.")]
    leaves_out: Annotated[list[FlowOfEvent], msgspec.Meta(description="Live flows that do not, because of a filter on the event.")]

    @classmethod
    def from_leaving(cls, leaving: Leaving) -> LeavingDocument:
        """The document of the service's forecast."""
        takes, leaves_out = ([FlowOfEvent.from_flow(flow) for flow in flows] for flows in (leaving.takes, leaving.leaves_out))
        return cls(unmarked=leaving.unmarked, takes=takes, leaves_out=leaves_out)
