"""The records behind a number as JSON (guide: Account Insights; X3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec

from heliograph.api.documents.figure_documents import FACETS, FacetName
from heliograph.api.documents.retry_documents import ItemRegistration
from heliograph.api.documents.scope_documents import (
    Days,
    First,
    IntegrationName,
    Last,
    Moment,
    OfIntegration,
    OfMode,
    OfReplays,
    Period,
    Since,
    Until,
)
from heliograph.api.documents.shared_forms import Document, Id, Instant, NameOfThing, optional_number
from heliograph.api.list_answers import ListQuery
from heliograph.deliveries.account_reader import AccountReader
from heliograph.domain.delivery.action import ActionState
from heliograph.domain.delivery.outcomes import Cause
from heliograph.domain.delivery.retry_policy import Category
from heliograph.domain.flow.decision import Reason
from heliograph.insights.figure_scope import FigureScope
from heliograph.insights.record_kinds import Outcome, RecordFilter, RecordKind, RecordSort, RowKind
from heliograph.insights.record_list import RecordList, check_fit
from heliograph.insights.record_rows import row_of
from heliograph.insights.records import Record
from heliograph.insights.replay_share import ReplayShare
from heliograph.store.instants import from_micros, to_micros

type StateName = Literal["pending", "queued", "success", "failed", "validation", "superseded"]
STATES: dict[ActionState, StateName] = {
    ActionState.PENDING: "pending",
    ActionState.QUEUED: "queued",
    ActionState.SUCCESS: "success",
    ActionState.FAILED: "failed",
    ActionState.VALIDATION: "validation",
    ActionState.SUPERSEDED: "superseded",
}

Text = Annotated[str, msgspec.Meta(max_length=200, description="Words in the code or name of a registration.")]
EventId = Annotated[Id | None, msgspec.Meta(description="Only records of this event.")]
FlowId = Annotated[Id | None, msgspec.Meta(description="Only records of this flow.")]
ConnectionId = Annotated[Id | None, msgspec.Meta(description="Only records of this connection.")]
OfOutcome = Annotated[Outcome | None, msgspec.Meta(description="Only records with this outcome.")]
Sort = Annotated[
    RecordSort,
    msgspec.Meta(description="The newest first by default. `changes`: of registrations and flows, those with most changes first."),
]
OfFacet = Annotated[FacetName | None, msgspec.Meta(description="Only recorded changes of this kind (`recorded`).")]
OfCategory = Annotated[Category | None, msgspec.Meta(description="Only retries that were made for a failure of this category (`retries`).")]
Alike = Annotated[Id | None, msgspec.Meta(description="Only actions that failed like this one.")]
Was = Annotated[RecordKind | None, msgspec.Meta(description="Only records that left the list of this kind since `seen`.")]
Seen = Annotated[Moment | None, msgspec.Meta(description="See `was`.")]


class RecordQuery(ListQuery):
    """The parameters of a list of records. An id that the account does not have matches no record."""

    q: Text = ""
    event: EventId = None
    flow: FlowId = None
    connection: ConnectionId = None
    outcome: OfOutcome = None
    replays: OfReplays = ReplayShare.ALL
    since: Since = None
    until: Until = None
    first: First = msgspec.field(name="from", default=None)
    last: Last = msgspec.field(name="to", default=None)
    days: Days = None
    period: Period = None
    mode: OfMode = "live"
    integration: OfIntegration = None
    sort: Sort = RecordSort.NEWEST
    facet: OfFacet = None
    category: OfCategory = None
    alike: Alike = None
    was: Was = None
    seen: Seen = None


def record_filter_of(query: RecordQuery, kind: RecordKind, scope: FigureScope) -> RecordFilter:
    """The filter of a query. Raises Invalid for a parameter that lists of this kind do not have."""
    record_filter = RecordFilter(
        kind,
        scope.window.since,
        scope.window.until,
        scope.mode,
        query.q.strip(),
        optional_number("event", query.event),
        optional_number("flow", query.flow),
        optional_number("connection", query.connection),
        FACETS[query.facet] if query.facet else None,
        query.category,
        optional_number("alike", query.alike),
        query.outcome,
        query.was,
        to_micros(query.seen) if query.seen else None,
        query.replays,
    )
    check_fit(record_filter, query.sort)
    return record_filter


class RecordDocument(Document):
    """A record. Members that its kind does not have are null, empty or 0."""

    id: Annotated[Id, msgspec.Meta(description="Unique in its list.")]
    at: Instant
    change: Annotated[Id, msgspec.Meta(description="The change; of a registration or a flow, the newest.")]
    what: Annotated[str, msgspec.Meta(description="What changed, in a sentence; empty if that is no longer kept.")]
    event: Annotated[str, msgspec.Meta(description="The code of the event.")]
    registration: Annotated[ItemRegistration | None, msgspec.Meta(description="Null for an event's change, and if the person was erased.")]
    flow: NameOfThing | None
    connection: NameOfThing | None
    action: Id | None
    state: Annotated[StateName | None, msgspec.Meta(description="Of an action, or of the action after an attempt.")]
    reason: Annotated[str, msgspec.Meta(description="Why nothing was sent or it failed, in words.")]
    reason_code: Annotated[Cause | None, msgspec.Meta(description="The kind of failure.")]
    not_triggered: Annotated[Reason | None, msgspec.Meta(description="Why the flow did not take the change, or waits.")]
    http_status: Annotated[int | None, msgspec.Meta(description="Of an attempt.")]
    changes: Annotated[int, msgspec.Meta(description="Of a registration or a flow: its changes in the period.")]
    is_replay: bool
    integration: IntegrationName | None

    @classmethod
    def from_record(cls, record: Record, row_kind: RowKind, reader: AccountReader) -> RecordDocument:
        """The document of a record."""
        words, person = row_of(record, row_kind, reader), record.person
        return cls(
            id=str(record.id),
            at=from_micros(record.at),
            change=str(record.change_id),
            what=words["what"],
            event=words["event"],
            registration=ItemRegistration(code=person.code, name=person.name) if person else None,
            flow=NameOfThing(id=str(record.flow_id), name=record.flow) if record.flow_id else None,
            connection=NameOfThing(id=str(record.connection_id), name=record.connection) if record.connection_id else None,
            action=str(record.action_id) if record.action_id else None,
            state=STATES[record.state] if record.state else None,
            reason=words["said"],
            reason_code=record.cause,
            not_triggered=record.reason,
            http_status=record.status,
            changes=record.changes,
            is_replay=record.is_replay,
            integration="webhooks" if record.integration else None,
        )


class RecordItems(Document):
    """One page of a list of records. If few records match, a page may have few items, or none, and be followed by another one."""

    items: list[RecordDocument]
    next: str | None
    number: Annotated[int, msgspec.Meta(description="How many records the list has.")]
    is_more: Annotated[bool, msgspec.Meta(description="True if there are more than `number`, or may be: counting was broken off.")]
    counted_to: Annotated[Instant | None, msgspec.Meta(description="Where counting was broken off, since few records match.")]
    looked_to: Annotated[
        Instant | None, msgspec.Meta(description="Where the search for this page was broken off; `next` goes on from there.")
    ]
    figure: Annotated[int | None, msgspec.Meta(description="The figure that counts the whole list, not narrowed; null if none does.")]

    @classmethod
    def from_list(cls, listed: RecordList, items: Sequence[RecordDocument], following: str | None) -> RecordItems:
        """The answer with one page."""
        count, scan_end = listed.count, listed.page.scan_end
        return cls(
            items=list(items),
            next=following,
            number=count.number,
            is_more=not count.is_exact,
            counted_to=from_micros(count.broken_off_at) if count.broken_off_at is not None else None,
            looked_to=from_micros(int(scan_end[0])) if scan_end is not None else None,
            figure=listed.everything,
        )
