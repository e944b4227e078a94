"""The Activity Feed as JSON (guide: Activity Feed; X4)."""

from __future__ import annotations

import datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import msgspec

from heliograph.api.documents.record_documents import STATES, StateName
from heliograph.api.documents.retry_documents import ItemRegistration
from heliograph.api.documents.scope_documents import (
    Days,
    First,
    Last,
    Moment,
    OfMode,
    OfReplays,
    PeriodName,
    Since,
    Until,
    mode_of_name,
    period_of,
)
from heliograph.api.documents.shared_forms import Document, Id, Instant, NameOfThing, day_within, optional_number
from heliograph.api.list_answers import ListQuery
from heliograph.deliveries.account_reader import AccountReader
from heliograph.deliveries.delivery_words import sentence_of
from heliograph.domain.delivery.action import ActionState, Origin, QueueStatus
from heliograph.domain.delivery.outcomes import Cause
from heliograph.domain.delivery.retry_policy import MINUTE
from heliograph.domain.flow.decision import Reason
from heliograph.insights.feed import PARTS, FeedRow, FlowOutcome, jumped_to
from heliograph.insights.feed_lines import FeedFilter, FeedResult, ends_of_day, overlap
from heliograph.insights.outcome_words import note_of
from heliograph.insights.period import window_of
from heliograph.insights.replay_share import ReplayShare
from heliograph.store.instants import from_micros, to_micros
from heliograph.web.cursor import Cursor

FeedPeriod = Annotated[
    PeriodName | None,
    msgspec.Meta(description="Only this until now, in the account's time zone, `week` from Monday on; by default of any time."),
]


class FeedQuery(ListQuery):
    """The parameters of the feed. An id that the account does not have matches no change."""

    q: Annotated[str, msgspec.Meta(max_length=200, description="Words in the code or name of a registration.")] = ""
    mode: OfMode = "live"
    result: Annotated[
        FeedResult, msgspec.Meta(description="Only changes with this result; `not-triggered` adds those that no flow acted on.")
    ] = FeedResult.ALL
    event: Annotated[Id | None, msgspec.Meta(description="Only changes of this event.")] = None
    flow: Annotated[Id | None, msgspec.Meta(description="Only what this flow did.")] = None
    connection: Annotated[Id | None, msgspec.Meta(description="Only what goes over this connection.")] = None
    replays: OfReplays = ReplayShare.ALL
    since: Since = None
    until: Until = None
    first: First = msgspec.field(name="from", default=None)
    last: Last = msgspec.field(name="to", default=None)
    days: Days = None
    period: FeedPeriod = None
    date: Annotated[
        datetime.date | None, msgspec.Meta(description="Only this day, in the account's time zone; of a period, its part of that day.")
    ] = None
    jump: Annotated[Moment | None, msgspec.Meta(description="Begin with the newest change of this minute, or before it.")] = None
    paused: Annotated[Moment | None, msgspec.Meta(description="Nothing that began later: pages of the feed do not move meanwhile.")] = None

    def feed_filter(self, now: int, zone: ZoneInfo) -> FeedFilter:
        """The filters, as the feed takes them. Raises Problem (400), WrongPeriod.

        now: microseconds
        zone: the account's time zone
        """
        typed, day = period_of(self), day_within("date", self.date)
        window = window_of(typed, now, zone) if any(typed.values()) else None
        between = overlap((window.since, window.until) if window else None, ends_of_day(day, zone) if day else None)
        return FeedFilter(
            mode_of_name(self.mode),
            self.result,
            self.q.strip(),
            optional_number("event", self.event),
            optional_number("flow", self.flow),
            between,
            optional_number("connection", self.connection),
            self.replays,
        )

    @property
    def paused_at(self) -> int | None:
        """The end of a paused feed, in microseconds."""
        return to_micros(self.paused) if self.paused else None

    @property
    def position(self) -> Cursor | None:
        """Where the page begins. Raises CursorError."""
        cursor = self.cursor_of(*PARTS)
        return cursor if cursor or not self.jump else jumped_to(to_micros(self.jump) // MINUTE * MINUTE + MINUTE - 1)


class OutcomeDocument(Document):
    """What became of a change in one flow, at one destination."""

    flow: NameOfThing
    result: Annotated[
        StateName | Literal["not-triggered", "untagged", "undecided"],
        msgspec.Meta(
            description="The state of the action; or that there is none, since the change waits for a tag, is not checked, or was not taken."
        ),
    ]
    item: Annotated[str | None, msgspec.Meta(description="Its address in the Retry Queue: `GET retry/{item}`.")]
    action: Id | None
    connection: Annotated[str, msgspec.Meta(description="The name of the connection; empty without an action.")]
    http_status: int | None
    next_try: Annotated[Instant | None, msgspec.Meta(description="Of what waits in the Retry Queue.")]
    is_replay: bool
    reason: Annotated[str, msgspec.Meta(description="Why it waits, failed or was not sent, in words.")]
    reason_code: Cause | None
    not_triggered: Reason | None

    @classmethod
    def from_outcome(cls, outcome: FlowOutcome, row: FeedRow, reader: AccountReader) -> OutcomeDocument:
        """The document of an outcome."""
        action, attempt, note = outcome.action, outcome.attempt, note_of(outcome, row, reader, None)
        waits = action.due_at if action and action.state is ActionState.QUEUED else outcome.due
        result: StateName | Literal["not-triggered", "untagged", "undecided"]
        if action:
            result = STATES[action.state]
        elif outcome.queue is QueueStatus.FAILED:
            result = "failed"
        elif not outcome.is_open_or_failed:
            result = "not-triggered"
        else:
            result = "untagged" if outcome.reason is not None and outcome.reason.is_untagged and not outcome.stop else "undecided"
        return cls(
            flow=NameOfThing(id=str(outcome.flow_id), name=outcome.flow),
            result=result,
            item=f"a{action.id}" if action else f"r{outcome.id}" if outcome.is_open_or_failed else None,
            action=str(action.id) if action else None,
            connection=outcome.connection,
            http_status=attempt.status if attempt else None,
            next_try=from_micros(waits) if waits else None,
            is_replay=action is not None and action.origin is Origin.REPLAY,
            reason=note.text if note else "",
            reason_code=action.cause if action else None,
            not_triggered=outcome.reason,
        )


class FeedDocument(Document):
    """A change of the feed, with its outcomes."""

    id: Annotated[Id, msgspec.Meta(description="The change.")]
    at: Annotated[Instant, msgspec.Meta(description="When a flow acted on it last.")]
    what: Annotated[str, msgspec.Meta(description="What changed, in a sentence; empty if that is no longer kept.")]
    event: Annotated[str, msgspec.Meta(description="The code of the event.")]
    registration: Annotated[ItemRegistration | None, msgspec.Meta(description="Null for an event's change, and if the person was erased.")]
    outcomes: list[OutcomeDocument]

    @classmethod
    def from_feed_row(cls, row: FeedRow, reader: AccountReader) -> FeedDocument:
        """The document of a change."""
        return cls(
            id=str(row.change_id),
            at=from_micros(row.at),
            what=sentence_of(row.change, reader.config, row.event),
            event=row.event.code if row.event else "",
            registration=ItemRegistration(code=row.person.code, name=row.person.name) if row.person else None,
            outcomes=[OutcomeDocument.from_outcome(outcome, row, reader) for outcome in row.outcomes],
        )


class FeedItems(Document):
    """One page of the feed, the newest change first. If few changes match, a page may have few items, or none, and be followed by another one."""

    items: list[FeedDocument]
    next: str | None
    looked_to: Annotated[
        Instant | None, msgspec.Meta(description="Where the search for this page was broken off; `next` goes on from there.")
    ]
