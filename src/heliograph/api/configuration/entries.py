"""The entries of a configuration file: the documents of the API, with names where those have ids.

They are described by their own classes only where a name stands for an id, or where the file asks for something that the API can make itself,
such as a code.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from heliograph.accounts.models import StartPage
from heliograph.api.documents.connection_documents import ConnectionChange
from heliograph.api.documents.custom_field_documents import NewCustomField
from heliograph.api.documents.event_documents import NewEvent
from heliograph.api.documents.event_setup_documents import NewAttendeeType, NewProperty, NewQuestion, NewSession
from heliograph.api.documents.flow_documents import NewFlow
from heliograph.api.documents.mapping_documents import NewMapping
from heliograph.api.documents.notification_documents import QuietHoursDocument, SummaryAt, WaitsMinutes
from heliograph.api.documents.rule_documents import ClauseDocument
from heliograph.api.documents.shared_forms import Document
from heliograph.api.documents.status_documents import NewCustomStatus
from heliograph.api.documents.tag_documents import NewTag
from heliograph.domain.connection.connection import Auth
from heliograph.domain.delivery.action import Does
from heliograph.domain.flow.flow import Op
from heliograph.domain.notification.kinds import OF_THINGS, Kind

NameOfThing = Annotated[str, msgspec.Meta(min_length=1, max_length=400)]
Code = Annotated[str, msgspec.Meta(min_length=1, description="Files, senders and this file know it by its code.")]
Was = Annotated[str, msgspec.Meta(description="Its name before, if this file renames it; afterwards it does not count.")]


class TagEntry(NewTag):
    """A tag."""

    was: Was = ""


class StatusEntry(Document):
    """A standard status of the account: its tags."""

    name: NameOfThing
    tags: list[NameOfThing] = msgspec.field(default_factory=list)


class FieldEntry(NewCustomField):
    """A custom field of profiles or of events."""

    code: Code


class CustomStatusEntry(NewCustomStatus):
    """A custom registration status of an event."""

    code: Code
    tags: list[NameOfThing] = msgspec.field(default_factory=list)


class AttendeeTypeEntry(NewAttendeeType):
    """An attendee type of an event."""

    code: Code
    tags: list[NameOfThing] = msgspec.field(default_factory=list)


class PropertyEntry(NewProperty):
    """A custom registration property of an event."""

    code: Code
    tags: list[NameOfThing] = msgspec.field(default_factory=list)


class QuestionEntry(NewQuestion):
    """A question of an event."""

    code: Code
    tag: NameOfThing | None = None


class SessionEntry(NewSession):
    """A session of an event."""

    code: Code


class EventEntry(NewEvent):
    """An event. A list of its set-up that is absent is not managed by the file; an absent status stays as it is."""

    tags: list[NameOfThing] = msgspec.field(default_factory=list)
    status: NameOfThing | UnsetType = UNSET
    registration_statuses: list[CustomStatusEntry] | UnsetType = UNSET
    attendee_types: list[AttendeeTypeEntry] | UnsetType = UNSET
    properties: list[PropertyEntry] | UnsetType = UNSET
    questions: list[QuestionEntry] | UnsetType = UNSET
    sessions: list[SessionEntry] | UnsetType = UNSET


class AccountEntry(Document):
    """The account's own settings."""

    name: NameOfThing | UnsetType = UNSET
    timezone: str | UnsetType = UNSET
    start_page: Annotated[StartPage, msgspec.Meta(description="The page that Signal opens with.")] | UnsetType = UNSET


class ConnectionEntry(ConnectionChange, kw_only=True):
    """A connection. Where a secret can stand, the file refers to it; a secret that is absent stays as it is stored."""

    name: NameOfThing
    auth: Auth
    rule: list[ClauseDocument] = msgspec.field(default_factory=list)
    was: Was = ""


class MappingEntry(NewMapping):
    """A mapping."""

    was: Was = ""


class SourceEntry(Document):
    """A live source. Its secrets are not in the file: they are exchanged with the sender, by page or by REST."""

    name: NameOfThing
    platform: Annotated[
        str, msgspec.Meta(description="`webhook`, `rest`, `folder`, `command`, or a known platform. It cannot be changed afterwards.")
    ]
    on: Annotated[bool, msgspec.Meta(description="Whether it records what it brings. False pauses it.")] = False
    verification: Annotated[
        dict[str, Any], msgspec.Meta(description="How calls prove themselves; of a known platform its own, if it is absent.")
    ] = msgspec.field(default_factory=dict)
    handshake: Annotated[dict[str, Any], msgspec.Meta(description="How the platform asks whether the address is yours.")] = msgspec.field(
        default_factory=dict
    )
    list: Annotated[dict[str, Any], msgspec.Meta(description="The REST list that is read; its connection by its name.")] = msgspec.field(
        default_factory=dict
    )
    folder: Annotated[
        dict[str, Any],
        msgspec.Meta(description="The event and columns of a watched folder’s files, as in docs/reference/import-columns.md."),
    ] = msgspec.field(default_factory=dict)
    pretix: Annotated[
        dict[str, Any],
        msgspec.Meta(
            description="What is read from a pretix, and what becomes of it; its connection by its name. The mapping follows from it."
        ),
    ] = msgspec.field(default_factory=dict)
    command: Annotated[dict[str, Any], msgspec.Meta(description="The program that is run: its `name`, and `every` how many minutes.")] = (
        msgspec.field(default_factory=dict)
    )
    mapping: Annotated[dict[str, Any], msgspec.Meta(description="How the JSON becomes registrations.")] = msgspec.field(
        default_factory=dict
    )
    was: Was = ""


class FilterEntry(Document):
    """A row of Flow Filters. A tag or a custom field stands in its key by its name or code: `answer.Diet`, `event.custom.budget`."""

    field: NameOfThing
    op: Op
    values: list[str] = msgspec.field(default_factory=list)


class DestinationEntry(Document):
    """Where a flow sends."""

    name: str = ""
    integration: Literal["", "Webhooks"] = "Webhooks"
    connection: NameOfThing | None = None
    action: Literal["", "Webhook"] = "Webhook"
    payload_mapping: NameOfThing | None = None
    header_mapping: NameOfThing | None = None
    does: Does = Does.UPDATES


class FlowEntry(NewFlow):
    """A flow."""

    statuses: list[NameOfThing] = msgspec.field(default_factory=list)
    properties: list[NameOfThing] = msgspec.field(default_factory=list)
    session_statuses: list[NameOfThing] = msgspec.field(default_factory=list)
    event_statuses: list[NameOfThing] = msgspec.field(default_factory=list)
    filters: list[FilterEntry] = msgspec.field(default_factory=list)  # type: ignore[assignment]  # names stand for ids
    destinations: list[DestinationEntry] = msgspec.field(default_factory=list)  # type: ignore[assignment]
    was: Was = ""


class PlaceEntry(Document):
    """A place that is told beside people: a connection, or an e-mail address; exactly one of the two."""

    kinds: Annotated[list[Kind], msgspec.Meta(description="What it is told.")]
    connection: NameOfThing | None = None
    address: Annotated[str, msgspec.Meta(max_length=254)] | None = None


class NotificationsEntry(Document):
    """What connections and addresses are told about everything that no rule is about. An absent member stays as it is."""

    places: Annotated[list[PlaceEntry], msgspec.Meta(description="All of them; an empty list tells nobody beside people.")] | UnsetType = (
        UNSET
    )
    waits_minutes: WaitsMinutes | UnsetType = UNSET
    summary_at: SummaryAt | UnsetType = UNSET
    quiet_hours: Annotated[QuietHoursDocument, msgspec.Meta(description="Of these places.")] | UnsetType = UNSET


class RuleEntry(Document, kw_only=True):
    """Who is told about a connection or flow, in place of everybody else."""

    users: Annotated[list[str], msgspec.Meta(description="People, by their e-mail addresses. They are told where they chose it.")] = (
        msgspec.field(default_factory=list)
    )
    connections: list[NameOfThing] = msgspec.field(default_factory=list)
    addresses: list[Annotated[str, msgspec.Meta(max_length=254)]] = msgspec.field(default_factory=list)
    kinds: Annotated[
        list[Literal["refuses", "waits", "failed", "ends"]],
        msgspec.Meta(description="What it is about; for any other kind everybody is told. All four, if it is absent."),
    ] = msgspec.field(default_factory=lambda: [kind.value for kind in OF_THINGS])  # type: ignore[misc]


class ConnectionRuleEntry(RuleEntry):
    """Who is told about a connection, in place of everybody else."""

    connection: NameOfThing


class FlowRuleEntry(RuleEntry):
    """Who is told about a flow, in place of everybody else."""

    flow: str
    number: Annotated[int, msgspec.Meta(ge=1, description="Which one, of several flows of this name, in their order.")] = 1
