"""The timeline of a registration as JSON, and why a flow took a change or did not (X5, F9)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, cast

import msgspec

from heliograph.api.documents.action_documents import ActionStory
from heliograph.api.documents.shared_forms import Document, Id, Instant, NameOfThing
from heliograph.deliveries import delivery_words
from heliograph.deliveries.account_reader import AccountReader
from heliograph.deliveries.explanation import GateRow, Why, not_triggered
from heliograph.deliveries.explanation_pair import WhyBoth
from heliograph.domain.flow.decision import FlowVerdict, Reason
from heliograph.domain.registration.change import Change
from heliograph.domain.setup.compiled_setup import EventConfig
from heliograph.store.instants import from_micros
from heliograph.timeline.alike_changes import AlikeChange
from heliograph.timeline.timeline import Decision, Entry, Timeline, TimelineCounts

type KindOfChange = Literal["registration", "session_registration", "event"]
type FacetOfChange = Literal["created", "updated", "status_changed", "session_status_changed", "event_created", "event_updated"]


class ChangedField(msgspec.Struct, kw_only=True):
    """A field of a change, with its values as pages show them."""

    field: str
    before: str
    after: str


class HistoryEntry(Document):
    """A change of a registration, or of one of its session registrations."""

    id: Id
    at: Instant
    by: Annotated[str, msgspec.Meta(description="Who saved it: `user:7`, `token:3`, `import:5`, …")]
    by_name: Annotated[str, msgspec.Meta(description="The name of the user; empty for others.")]
    quiet: Annotated[bool, msgspec.Meta(description="It was recorded without being checked by flows.")]
    kind: KindOfChange
    version: Annotated[int, msgspec.Meta(description="Of the registration, or of the session registration, after it.")]
    facets: Annotated[list[FacetOfChange], msgspec.Meta(description="What kinds of change it is, as flows watch for them.")]
    text: Annotated[str, msgspec.Meta(description="In words, such as “Status became Cancelled”.")]
    fields: Annotated[list[ChangedField], msgspec.Meta(description="For a creation, all fields that it had.")]
    removed: Annotated[str, msgspec.Meta(description="When its content was removed, in a sentence; empty if it is kept.")]

    @classmethod
    def members(cls, entry: Entry, timeline: Timeline, names: Mapping[str, str]) -> dict[str, Any]:
        """The members of a change. names: of users, by `by`."""
        config, event = timeline.reader.config, timeline.registration.event
        differences = delivery_words.diff(entry.change, config, event) if entry.change else []
        return {
            "id": str(entry.id),
            "at": from_micros(entry.at),
            "by": entry.by,
            "by_name": names.get(entry.by, ""),
            "quiet": entry.quiet,
            "kind": entry.kind.name.lower(),
            "version": entry.version,
            "facets": list(entry.facets.words),
            "text": delivery_words.sentence_of(entry.change, config, event),
            "fields": [ChangedField(field=str(field), before=before, after=after) for field, before, after in differences],
            "removed": timeline.removed(entry),
        }

    @classmethod
    def from_entry(cls, entry: Entry, timeline: Timeline, names: Mapping[str, str]) -> HistoryEntry:
        """The document of a change."""
        return cls(**cls.members(entry, timeline, names))


class DecisionDocument(Document):
    """What a flow decided on a change, and what it made of it."""

    flow: NameOfThing
    verdict: Literal["triggered", "not_triggered"]
    reason: Annotated[Reason | None, msgspec.Meta(description="Why it was not triggered.")]
    text: Annotated[str, msgspec.Meta(description="The same in a sentence; empty if it was triggered.")]
    item: Annotated[str | None, msgspec.Meta(description="Its item in the Retry Queue while it waits to be checked again, such as `r34`.")]
    due: Annotated[Instant | None, msgspec.Meta(description="When that is checked again automatically.")]
    actions: list[ActionStory]

    @classmethod
    def from_decision(cls, decision: Decision, change: Change | None, reader: AccountReader, event: EventConfig) -> DecisionDocument:
        """The document of a decision."""
        text = ""
        if decision.reason:
            text = not_triggered(decision.reason, decision.queue, change, reader.config, event, decision.flow, decision.stop)[0]
        flows = {decision.flow: decision.flow_name}
        return cls(
            flow=NameOfThing(id=str(decision.flow), name=decision.flow_name),
            verdict="not_triggered" if decision.reason else "triggered",
            reason=decision.reason,
            text=text,
            item=f"r{decision.run}" if decision.run is not None and decision.waits else None,
            due=from_micros(decision.due) if decision.due else None,
            actions=[
                ActionStory.from_delivery(
                    each.action,
                    each.prospect,
                    each.attempts,
                    flows,
                    {attempt.connection: name for attempt, name in zip(each.attempts, each.tried, strict=True)}
                    | {each.action.connection: each.connection},
                )
                for each in decision.deliveries
            ],
        )


class TimelineEntry(HistoryEntry):
    """A change with what flows decided on it."""

    decisions: list[DecisionDocument]
    is_undecided: Annotated[
        bool, msgspec.Meta(description="No flow took it. False with no decisions: they are no longer stored, or it is quiet.")
    ]

    @classmethod
    def from_decided(cls, entry: Entry, timeline: Timeline, names: Mapping[str, str]) -> TimelineEntry:
        """The document of a change with its decisions."""
        event = timeline.registration.event
        decisions = [DecisionDocument.from_decision(each, entry.change, timeline.reader, event) for each in entry.decisions]
        return cls(**cls.members(entry, timeline, names), decisions=decisions, is_undecided=timeline.is_undecided(entry))


class TimelineSummary(Document):
    """The numbers of a whole timeline. `removed` says in a sentence until when older records were kept; it is empty if none were removed."""

    changes: int
    decisions: int
    attempts: int
    since: Instant
    removed: str

    @classmethod
    def from_counts(cls, counts: TimelineCounts, removed: str) -> TimelineSummary:
        """The document of the counts."""
        since = from_micros(counts.since)
        return cls(changes=counts.changes, decisions=counts.decisions, attempts=counts.attempts, since=since, removed=removed)


class GateDocument(msgspec.Struct, kw_only=True):
    """One gate of a flow. `stopped`: the change did not pass; `wait`: it lacks a tag; `unread`: an earlier gate stopped it."""

    gate: Annotated[str, msgspec.Meta(description="`watch`, `active`, `mode`, `filters`, `activation`, or empty for the sending.")]
    name: str
    state: Literal["passed", "stopped", "wait", "unread"]
    expected: Annotated[str, msgspec.Meta(description="What the flow asks for, in words.")]
    actual: Annotated[str, msgspec.Meta(description="What the change had, in words.")]
    note: str

    @classmethod
    def from_rows(cls, rows: Sequence[GateRow]) -> list[GateDocument]:
        """The documents of gates."""
        return [
            cls(gate=row.gate, name=row.name, state=cast("Any", row.state), expected=row.expected, actual=row.actual, note=row.note)
            for row in rows
        ]


class FlowExplanation(msgspec.Struct, kw_only=True):
    """How a flow decides on a change by the rules of one moment."""

    verdict: FlowVerdict
    answer: Annotated[str, msgspec.Meta(description="The decision in a sentence.")]
    can_be_cured: Annotated[bool, msgspec.Meta(description="A tag would fix it.")]
    gates: list[GateDocument]

    @classmethod
    def from_why(cls, why: Why | None) -> FlowExplanation | None:
        """The document of an explanation; None if there was no such flow."""
        if why is None:
            return None
        return cls(verdict=why.verdict, answer=why.answer, can_be_cured=why.curable, gates=GateDocument.from_rows(why.gates))


class ExplanationDocument(Document):
    """Why a flow took a change or did not, by the rules when it was recorded and by those of today."""

    change: Id
    flow: Id
    then: Annotated[FlowExplanation | None, msgspec.Meta(description="Null: the flow did not exist then.")]
    today: Annotated[FlowExplanation | None, msgspec.Meta(description="Null: the flow is deleted.")]
    differs: bool
    removed: Annotated[str, msgspec.Meta(description="Why it can no longer be explained, in a sentence; empty if it is explained.")]

    @classmethod
    def from_pair(cls, change: int, flow: int, pair: WhyBoth | None, removed: str = "") -> ExplanationDocument:
        """The document of both explanations. pair: None if the change can no longer be explained."""
        return cls(
            change=str(change),
            flow=str(flow),
            then=FlowExplanation.from_why(pair.then) if pair else None,
            today=FlowExplanation.from_why(pair.today) if pair else None,
            differs=pair.differs if pair else False,
            removed=removed,
        )


class AlikeChangeDocument(Document):
    """Another change that stopped at the flow for the same reason. `waits`: it can be checked again."""

    id: Id
    at: Instant
    registration: Id | None
    event: Id
    waits: bool

    @classmethod
    def from_alike(cls, alike: AlikeChange) -> AlikeChangeDocument:
        """The document of such a change."""
        registration = None if alike.registration is None else str(alike.registration)
        return cls(id=str(alike.id), at=from_micros(alike.at), registration=registration, event=str(alike.event), waits=alike.waits)


class JudgedAgain(Document):
    """How many changes are checked again, by the rules of today."""

    judged: int


class SyncDocument(Document):
    """What is sent: through all flows that take the registration as it is now, or through one."""

    flow: Annotated[Id | None, msgspec.Meta(description="A flow; null for all.")] = None


class SyncedDocument(Document):
    """What sync now has made. connections: one for each action; text: the same in words, with what keeps them from being sent."""

    actions: int
    connections: list[Id]
    text: str
