"""An event at Eventbrite as a list that is read, and the mapping of its attendees (S2, S3).

From public documentation and from what clients do, never run against the real service. What is known:

    list      https://www.eventbriteapi.com/v3/events/EVENT/attendees/, `Authorization: Bearer TOKEN`; one attendee for each ticket
    envelope  `pagination` with has_more_items and continuation, and the attendees in `attendees`
    pages     the next one is asked for with the parameter `continuation`
    changes   changed_since, of `changed`, in UTC and whole seconds, its own instant included
    one       …/attendees/ATTENDEE/
    calls     nothing is signed and nothing is in them but `api_url`: the address of what changed
    limit     2,000 requests an hour

What is not known decides for the slower and safer way. The order of the list: it counts as unsorted, so a reading is taken whole. Whether attendees
that are gone stay in the list: all keys are compared once a day. `changed` has whole seconds, in which several changes fit, so there is no row for
`modified`: a source is read by one process at a time, and the order of reading is the order of changes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from heliograph.domain.mapping.json_bodies import Body
from heliograph.domain.mapping.row import FixedText, MappingRow, Otherwise, SourceValue, ValueMap
from heliograph.domain.mapping.transform import Case
from heliograph.domain.source.call_mapping import CODE, EVENT, PROFILE, CallMapping, CallRow
from heliograph.domain.source.rest_list import Paging, RestList, RestListError
from heliograph.domain.source.source_times import SinceFormat

EVENTBRITE: Final = "eventbrite"
"""The key of the platform."""
SERVER: Final = "https://www.eventbriteapi.com"
RATE: Final = 30
"""Requests a minute: 1,800 of the 2,000 that an hour allows."""
STATUSES: Final = (
    ("Attending", "New"),
    ("Checked In", "Attended"),
    ("Not Attending", "Cancelled"),
    ("Deleted", "Cancelled"),
    ("Unpaid", "Pre-Registered"),
)
"""The standard status for each of Eventbrite's that is documented. An attendee with another one waits."""
_PERSON: Final = {
    "first_name": "profile.first_name",
    "last_name": "profile.last_name",
    "email": "profile.email",
    "organization": "profile.company",
    "position": "profile.job_title",
    "mobile": "profile.cell_phone",
}
"""The member of an attendee for each profile field."""
_EVENT: Final = re.compile(r"[0-9]{1,20}")
_ATTENDEE: Final = re.compile(r"/v3/events/[0-9]{1,20}/attendees/([0-9]{1,20})/?$")


@dataclass(frozen=True, slots=True)
class EventbriteEvent:
    """One event at Eventbrite."""

    event: str
    """Its number, as in the address of its page."""
    connection: int | None = None
    """The connection with the token."""
    event_here: str = ""
    """The code of the event here; "" if it is the same."""
    server: str = SERVER

    def to_body(self) -> dict[str, Any]:
        """Its JSON; `from_body` reads it back."""
        return {"event": self.event, "connection": self.connection, "event_here": self.event_here, "server": self.server}

    @classmethod
    def from_body(cls, value: object) -> EventbriteEvent:
        """Reads its JSON. Raises BodyError."""
        body = Body(value, "")
        return cls(
            event=body.text("event").strip(),
            connection=body.number("connection", least=1, most=2**53),
            event_here=body.text("event_here").strip(),
            server=body.text("server", SERVER).strip() or SERVER,
        )


def list_of(event: EventbriteEvent) -> RestList:
    """The attendees of the event, as the polling core reads them. Raises RestListError."""
    if not _EVENT.fullmatch(event.event):
        raise RestListError("event", "Type the number of the event: the last digits of its address.")
    address = f"{event.server.rstrip('/')}/v3/events/{event.event}/attendees/"
    return RestList(
        address=address,
        connection=event.connection,
        paging=Paging.CURSOR,
        page_parameter="continuation",
        next_path="pagination.continuation",
        since_parameter="changed_since",
        since_format=SinceFormat.ISO,
        items_path="attendees",
        key_path="id",
        modified_path="changed",
        item_address=f"{address}{{key}}/",
        rate=RATE,
    )


def mapping_of(event_code: str) -> CallMapping:
    """The mapping of a page, to be completed: the answers to questions are each event's own.

    event_code: the code of the event here
    """
    rows = (
        CallRow(MappingRow(EVENT, (FixedText(event_code),))),
        _row(CODE, "id"),
        CallRow(MappingRow("status", (SourceValue("status", ValueMap(STATUSES, Otherwise.ERROR)),))),
        _row("attendee_type", "ticket_class_name"),
        _row("order_code", "order_id"),
        *(_row(f"{PROFILE}{name}", member) for name, member in _PERSON.items()),
    )
    return CallMapping("[]", rows=rows)


def attendee_of(value: object) -> str:
    """The number of the attendee whom a call is about; "" for a call about something else, such as an order."""
    address = value.get("api_url") if isinstance(value, dict) else None
    match = _ATTENDEE.search(address) if isinstance(address, str) and len(address) <= 500 else None
    return match[1] if match else ""


def _row(target: str, member: str) -> CallRow:
    case = Case.LOWER if target == f"{PROFILE}email" else None
    return CallRow(MappingRow(target, (SourceValue(member),), trim=target.startswith(PROFILE), case=case))
