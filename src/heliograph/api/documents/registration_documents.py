"""Registrations as JSON (guide: Registrations; I2). A read registration can be sent again: its members are those of a registration document."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec

from heliograph.api.api_problems import Problem
from heliograph.api.documents.shared_forms import Document, Id, Instant, NameOfThing, optional_number
from heliograph.deliveries.registration_deliveries import DeliveryFilter
from heliograph.domain.setup.fields import PROFILE_FIELDS
from heliograph.engine.ingest.problem_documents import IngestReply
from heliograph.registrations import draft
from heliograph.registrations.bulk_change import MOST_PICKED, BulkPreview, Wish
from heliograph.registrations.draft import Opened
from heliograph.registrations.list import ListScope, RegistrationFilter
from heliograph.web.list_filters import LONGEST_FILTER

type FilterText = Annotated[str, msgspec.Meta(max_length=LONGEST_FILTER)]
type SearchWords = Annotated[FilterText, msgspec.Meta(description="Words in the code, the name, the e-mail or the organization.")]
type OfEvent = Annotated[Id | None, msgspec.Meta(description="The id of an event.")]
type OfStatus = Annotated[FilterText, msgspec.Meta(description="The name of a status.")]
type OfType = Annotated[FilterText, msgspec.Meta(description="The name of an attendee type.")]
type OfDelivery = Annotated[
    DeliveryFilter | None,
    msgspec.Meta(
        description="Only those that stand like this at their destinations. `waiting`, `untagged` and `failed`: with such an item among the newest"
        " 20,000 of the Retry Queue."
    ),
]
type OfScope = Annotated[ListScope, msgspec.Meta(description="Only Live or Test ones, or those that are not active.")]
type Values = dict[str, list[str]]

_TEXT: Final = {"type": ["string", "null"]}
_ANSWERS: Final = {"type": "object", "additionalProperties": {"description": "A text, a number, yes or no, a list of texts, or null."}}
_MEMBERS: Final[dict[str, Any]] = {
    "modified": {
        "type": ["string", "null"],
        "description": "When the sender changed it, with an offset. An older one than stored is stale.",
    },
    "status": {"type": ["string", "null"], "description": "The name or the code of a status."},
    "attendee_type": {"type": ["string", "null"], "description": "The name or the code of an attendee type."},
    "active": {"type": ["boolean", "string"], "description": "false deletes the registration."},
    "order_code": _TEXT | {"description": "The code of its order."},
    "profile": {
        "type": "object",
        "properties": {**dict.fromkeys(PROFILE_FIELDS, _TEXT), "custom": {**_ANSWERS, "description": "Custom fields, by their codes."}},
        "additionalProperties": False,
    },
    "answers": {**_ANSWERS, "description": "Answers, by the codes of the questions."},
    "properties": {
        "type": "object",
        "additionalProperties": {"type": ["boolean", "string", "null"]},
        "description": "Properties to set or to clear, by their names.",
    },
    "sessions": {
        "type": ["array", "null"],
        "maxItems": 100,
        "items": {"type": "object", "properties": {"code": {"type": "string"}, "status": _TEXT}, "required": ["code"]},
        "description": "Session registrations to create or to change.",
    },
}
_ADDRESS: Final = {
    "event": {"type": "string", "description": "The code of the event."},
    "code": {"type": "string", "description": "The registration code, unique in the event."},
}

type NewRegistration = Annotated[
    dict[str, Any],
    msgspec.Meta(
        title="NewRegistration",
        description="A registration document, as `/ingest` takes it. An absent member stays as it is, null clears.",
        extra_json_schema={"properties": _ADDRESS | _MEMBERS, "required": ["event", "code"], "additionalProperties": False},
    ),
]
type RegistrationChange = Annotated[
    dict[str, Any],
    msgspec.Meta(
        title="RegistrationChange",
        description="What to change of a registration. An absent member stays as it is, null clears.",
        extra_json_schema={"properties": _MEMBERS, "additionalProperties": False},
    ),
]


class SessionRegistration(msgspec.Struct, kw_only=True):
    """A session registration: the code of the session, and the name of the status."""

    code: str
    status: str


class RegistrationDocument(Document):
    """A registration with all its data."""

    id: Id
    event: Annotated[str, msgspec.Meta(description="The code of its event.")]
    event_id: Id
    code: str
    version: Annotated[int, msgspec.Meta(description="Counts its changes.")]
    status: Annotated[str, msgspec.Meta(description="The name of its status.")]
    attendee_type: Annotated[str | None, msgspec.Meta(description="The name of its attendee type.")]
    active: bool
    is_test: Annotated[
        bool, msgspec.Meta(description="Live flows ignore it: it is marked as Test, or its event is in Planning or Testing.")
    ]
    order_code: str
    profile: Annotated[
        dict[str, str | Values], msgspec.Meta(description="The fields that are not empty; `custom` has the custom ones by code.")
    ]
    answers: Annotated[Values, msgspec.Meta(description="By the codes of the questions.")]
    properties: Annotated[dict[str, bool], msgspec.Meta(description="Those that are set, by name.")]
    sessions: list[SessionRegistration]
    created: Instant
    modified: Instant
    status_modified: Instant

    @classmethod
    def from_opened(cls, registration: Opened) -> RegistrationDocument:
        """The document of a registration."""
        state, account, event = registration.state, registration.account, registration.event
        status, kind = account.status(state.status, event), event.types.get(state.attendee_type or 0)
        custom = {account.profile_fields[id].code: list(values) for id, values in state.custom.items() if id in account.profile_fields}
        profile: dict[str, str | Values] = dict(state.profile)
        names = draft.property_names(registration) if state.properties else {}
        session_statuses = account.session_statuses
        return cls(
            id=str(registration.id),
            event=event.code,
            event_id=str(event.id),
            code=registration.code,
            version=registration.version,
            status=status.name if status else "",
            attendee_type=kind.name if kind else None,
            active=state.active,
            is_test=registration.is_test,
            order_code=state.order_code,
            profile=profile | {"custom": custom} if custom else profile,
            answers={event.questions[id].code: list(values) for id, values in state.answers.items() if id in event.questions},
            properties={names[id]: True for id in state.properties if id in names},
            sessions=[
                SessionRegistration(code=event.sessions[id].code, status=session_statuses[of_session].name)
                for id, of_session in sorted(registration.sessions.items())
                if id in event.sessions and of_session in session_statuses
            ],
            created=state.created,
            modified=state.modified,
            status_modified=state.status_modified,
        )


class RecordedDocument(Document):
    """The result of a document. `stale`: newer data is stored, so nothing was recorded. `erased`: its person was erased here, so
    nothing was recorded."""

    outcome: Literal["created", "updated", "unchanged", "stale", "erased"]
    registration: Annotated[Id | None, msgspec.Meta(description="Null if the person was erased.")]
    version: Annotated[int, msgspec.Meta(description="Of the registration.")]
    changes: Annotated[
        list[Id], msgspec.Meta(description="The changes that were recorded: that of the registration, then those of its sessions.")
    ]

    @classmethod
    def from_reply(cls, reply: IngestReply) -> RecordedDocument:
        """The document of a reply for which `is_problem` does not hold."""
        content = reply.content
        return cls(
            outcome=content["outcome"],
            registration=None if content["registration"] is None else str(content["registration"]),
            version=content["version"],
            changes=[str(id) for id in content["changes"]],
        )


class ActiveDocument(Document):
    """Whether a registration is active. One that is not counts as deleted, and flows judge its changes no more (P8)."""

    active: bool


class ActiveEffect(msgspec.Struct, kw_only=True):
    """Whether a registration is active, and the flows that would act by the rules of today if that were changed."""

    active: bool
    flows: list[NameOfThing]


class RegistrationAddress(Document):
    """A registration by its codes."""

    event: Annotated[FilterText, msgspec.Meta(description="The code of its event.")]
    code: FilterText


class RegistrationFilters(Document):
    """The filters of registrations, named as in the addresses of the list."""

    q: SearchWords = ""
    event: OfEvent = None
    status: OfStatus = ""
    type: OfType = ""
    scope: OfScope = msgspec.field(default=ListScope.ALL, name="is")
    delivery: OfDelivery = None

    def read(self, prefix: str = "") -> RegistrationFilter:
        """The filters for the query of the list. Raises Problem (400).

        prefix: of the field that the problem names
        """
        return RegistrationFilter(
            self.q.strip(), optional_number(f"{prefix}event", self.event), self.status, self.type, self.scope, self.delivery
        )


class StatusChange(Document):
    """One status for many registrations: those that are named, or all that match the filters ({}: all of the account)."""

    status: Annotated[FilterText, msgspec.Meta(min_length=1, description="The name of the status that they get.")]
    registrations: Annotated[list[RegistrationAddress], msgspec.Meta(min_length=1, max_length=MOST_PICKED)] | None = None
    filters: RegistrationFilters | None = None

    @property
    def wish(self) -> Wish:
        """The chosen registrations and their new status, for the service. Raises Problem (400)."""
        if (self.registrations is None) is (self.filters is None):
            raise Problem.from_field("registrations", "Either `registrations` or `filters` is needed.")
        if self.filters is None:
            return Wish(self.status, tuple(dict.fromkeys((each.event, each.code) for each in self.registrations or ())))
        return Wish(self.status, filters=self.filters.read("filters."))


class EventCount(msgspec.Struct, kw_only=True):
    """How many registrations of an event, which is named by its code."""

    event: str
    registrations: int


class StatusChangePreview(msgspec.Struct, kw_only=True):
    """What setting the status would do, by today's data.

    total: the registrations in all
    already: those that have the status
    changes: those that would get it
    lacking: those that cannot have it, because their event has no such status
    flows: the Live flows that may act
    """

    total: int
    already: int
    changes: int
    lacking: list[EventCount]
    flows: list[NameOfThing]

    @classmethod
    def from_preview(cls, preview: BulkPreview) -> StatusChangePreview:
        """The document of a preview."""
        return cls(
            total=preview.total,
            already=preview.already,
            changes=preview.changes,
            lacking=[EventCount(event=code, registrations=count) for code, count in preview.lacking],
            flows=[NameOfThing(id=str(flow.id), name=flow.name) for flow in preview.flows],
        )


class ReadEnd(msgspec.Struct, kw_only=True):
    """The last line of a full read. Without it, the read was cut off.

    count: the registrations of this answer
    last: the last one, to go on behind it (`after`); null if there is none
    """

    complete: Literal[True] = True
    count: int
    last: Id | None
