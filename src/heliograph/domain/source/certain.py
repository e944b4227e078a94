"""An event at Certain as a list that is read, and the mapping of its registrations (S5).

From public documentation, never run against the real service. What is known:

    list      https://HOST/certainExternal/service/v1/Registration/ACCOUNT/EVENT, Basic; JSON by Accept
    envelope  completeCollectionSize, size, startingIndex, maxResults, and the registrations in a list whose name is not documented
    pages     start_index is the number of an item, max_results the size; a list with nothing in it answers 404
    changes   dateModified_after, written without a time zone; orderBy=dateModified_asc; a deleted registration is not active, or answers 404
    sessions  another API: https://HOST/api/standard/2.0/accounts/ACCOUNT/events/EVENT/registrations, in `data`, of the whole event at once
    clients   back off at 429; no number of requests is published

What is not known decides for the slower and safer way: the time that is asked for is left out or not (a second earlier is asked for), and the
time zone of the times: until somebody says it, each reading begins 26 hours earlier.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from heliograph.domain.mapping.json_bodies import Body
from heliograph.domain.mapping.row import FixedText, MappingRow, SourceValue
from heliograph.domain.mapping.transform import Case
from heliograph.domain.source.call_mapping import ACTIVE, CODE, EVENT, PROFILE, SESSION_STATUS, SESSIONS, CallMapping, CallRow
from heliograph.domain.source.certain_registrations import CertainItems, CertainPart
from heliograph.domain.source.rest_list import MINUTE, Paging, RestList, RestListError
from heliograph.domain.source.source_times import SinceFormat

CERTAIN: Final = "certain"
"""The key of the platform."""
PATH: Final = "/certainExternal/service/v1/Registration"
ITEMS: Final = "registrations"
SESSIONS_PATH: Final = "/api/standard/2.0"
PAGE_SIZE: Final = 500
RATE: Final = 30
"""Requests a minute."""
WIDEST_OVERLAP: Final = 26 * 60 * MINUTE
"""The overlap while the time zone is not known: two zones differ by 26 hours at most."""
OVERLAP: Final = 5 * MINUTE
_INCLUDED: Final = "registration_questions,profile_questions,reg_properties,tags"
_PERSON: Final = {
    "first_name": "profile.firstName",
    "last_name": "profile.lastName",
    "email": "profile.email",
    "organization": "profile.organization",
    "position": "profile.position",
}
"""The member of a registration for each profile field that is documented."""


@dataclass(frozen=True, slots=True)
class CertainEvent:
    """One event at Certain."""

    server: str
    """https:// and the name of the server."""
    account: str
    """The account's code."""
    event: str
    """The event's code."""
    connection: int | None = None
    """The connection with user and password."""
    zone: str = ""
    """The time zone of Certain's times; "" if it is not known."""
    event_here: str = ""
    """The code of the event here; "" if it is the same."""
    part: CertainPart = CertainPart.REGISTRATIONS

    def to_body(self) -> dict[str, Any]:
        """Its JSON; `from_body` reads it back."""
        return {
            "server": self.server,
            "account": self.account,
            "event": self.event,
            "connection": self.connection,
            "zone": self.zone,
            "event_here": self.event_here,
            "part": self.part.value,
        }

    @classmethod
    def from_body(cls, value: object) -> CertainEvent:
        """Reads its JSON. Raises BodyError."""
        body = Body(value, "")
        return cls(
            server=body.text("server").strip(),
            account=body.text("account").strip(),
            event=body.text("event").strip(),
            connection=body.number("connection", least=1, most=2**53),
            zone=body.text("zone").strip(),
            event_here=body.text("event_here").strip(),
            part=body.choice("part", CertainPart, CertainPart.REGISTRATIONS),
        )


def list_of(event: CertainEvent) -> RestList:
    """The registrations of the event, as the polling core reads them. Raises RestListError."""
    for place, code in (("account", event.account), ("event", event.event)):
        if not code:
            raise RestListError(place, "The code is missing.")
    server, account, code = event.server.rstrip("/"), quote(event.account, safe=""), quote(event.event, safe="")
    if event.part is CertainPart.SESSIONS:
        return RestList(
            address=f"{server}{SESSIONS_PATH}/accounts/{account}/events/{code}/registrations",
            connection=event.connection,
            paging=Paging.ONE,
            items_path="data",
            key_path="registrationCode",
            is_empty_404=True,
            rate=RATE,
        )
    address = f"{server}{PATH}/{account}/{code}"
    return RestList(
        address=address,
        connection=event.connection,
        query=(("orderBy", "dateModified_asc"), ("includeList", _INCLUDED)),
        paging=Paging.OFFSET,
        page_parameter="start_index",
        size_parameter="max_results",
        size=PAGE_SIZE,
        since_parameter="dateModified_after",
        since_format=SinceFormat.LOCAL_T,
        is_inclusive=False,
        is_ordered=True,
        zone=event.zone or "UTC",
        items_path=ITEMS,
        key_path="registrationCode",
        modified_path="dateModified",
        active_path="isActive",
        item_address=f"{address}/{{key}}",
        is_empty_404=True,
        overlap=OVERLAP if event.zone else WIDEST_OVERLAP,
        rate=RATE,
    )


def mapping_of(event_code: str, part: CertainPart = CertainPart.REGISTRATIONS) -> CallMapping:
    """The mapping of a page, to be completed: questions and properties are each account's own, and the names of sessions may differ.

    There is no row for `modified`, because the zone of Certain's times is not known. A source is read by one process at a time, so the order of
    reading is the order of changes. Statuses have their standard names at both.

    event_code: the code of the event here
    """
    if part is CertainPart.SESSIONS:
        session_rows = (
            CallRow(MappingRow(EVENT, (FixedText(event_code),))),
            _row(CODE, "registrationCode"),
            _row(SESSIONS, "sessions.sessionCode"),
            _row(SESSION_STATUS, "sessions.regSessionStatus"),
        )
        return CallMapping("[]", rows=session_rows, shape=CertainItems(part))
    rows = (
        CallRow(MappingRow(EVENT, (FixedText(event_code),))),
        _row(CODE, "registrationCode"),
        _row("status", "registrationStatusLabel"),
        _row("attendee_type", "attendeeType"),
        _row("order_code", "orderCode"),
        _row(ACTIVE, "isActive"),
        *(_row(f"{PROFILE}{name}", member) for name, member in _PERSON.items()),
    )
    return CallMapping("[]", rows=rows, shape=CertainItems())


def _row(target: str, member: str) -> CallRow:
    case = Case.LOWER if target == f"{PROFILE}email" else None
    return CallRow(MappingRow(target, (SourceValue(member),), trim=target.startswith(PROFILE), case=case))
