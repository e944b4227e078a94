"""Replays as JSON (guide: Replaying a Flow; Y1)."""

from __future__ import annotations

import datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from heliograph.api.documents.shared_forms import Document, Id, Instant, day_within, numbers_of
from heliograph.domain.delivery.replay import ReplayVerdict
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.replay import replays, send_job
from heliograph.replay.dry_run_lines import DryRunLine
from heliograph.replay.replays import FASTEST, USUAL_RATE, ReplayState, SentCounts, Stage
from heliograph.replay.selection import ReplayChoice, Selection, SelectionFacts
from heliograph.store.instants import from_micros

Day = Annotated[datetime.date | None, msgspec.Meta(description="A whole day in the account's time zone: 2027-01-31.")]
Words = Annotated[str, msgspec.Meta(max_length=200, description="Words of the registration's code, name or organization.")]
StatusName = Annotated[str, msgspec.Meta(max_length=200, description="The name of the status that the registration has today.")]
Every = Annotated[
    bool,
    msgspec.Meta(
        description="True: every matching change of a registration, at destinations that add. False: the latest one, which is enough where a"
        " record is updated."
    ),
]
Quiet = Annotated[bool, msgspec.Meta(description="True: also what was recorded without being checked, such as a quiet import.")]


class NewReplay(Document):
    """A replay to create: the flow, and the changes of its dry run. Dates, an event, or both are needed."""

    flow: Id
    since: Day = msgspec.field(name="from", default=None)
    until: Day = msgspec.field(name="to", default=None)
    event: Annotated[Id | None, msgspec.Meta(description="Only changes of this event.")] = None
    q: Words = ""
    status: StatusName = ""
    every: Every = False
    quiet: Quiet = False

    @property
    def facts(self) -> SelectionFacts:
        """The selection, for the services. Raises Problem (400) for a text that is no id."""
        event = None if self.event is None else numbers_of("event", [self.event])[0]
        return SelectionFacts(
            day_within("from", self.since), day_within("to", self.until), event, self.q.strip(), self.status, self.every, self.quiet
        )


class SelectionDocument(Document):
    """The changes of a dry run."""

    since: Annotated[Instant | None, msgspec.Meta(description="The beginning; null if there is none.")]
    until: Annotated[Instant, msgspec.Meta(description="The end, exclusive.")]
    event: Id | None
    q: Words
    status: StatusName
    every: Every
    quiet: Quiet

    @classmethod
    def from_selection(cls, selection: Selection) -> SelectionDocument:
        """The document of a selection."""
        return cls(
            since=None if selection.since is None else from_micros(selection.since),
            until=from_micros(selection.until),
            event=None if selection.event is None else str(selection.event),
            q=selection.registrations.text,
            status=selection.registrations.status,
            every=selection.every,
            quiet=selection.quiet,
        )


class VerdictCounts(Document):
    """How many lines of the dry run have each verdict."""

    new: Annotated[int, msgspec.Meta(description="Nothing was ever accepted there for this subject.")]
    same: Annotated[int, msgspec.Meta(description="The request would say the same as the last one that was accepted.")]
    different: int
    filtered: Annotated[int, msgspec.Meta(description="Today's rules filter the change out.")]
    would_fail: Annotated[int, msgspec.Meta(description="Its mapping finds problems, or its content is no longer kept.")]
    superseded: Annotated[int, msgspec.Meta(description="Newer data was sent there, so it would never be sent.")]

    @classmethod
    def from_state(cls, state: ReplayState) -> VerdictCounts:
        """The document of a dry run."""
        return cls(**{verdict.value.replace(" ", "_"): count for verdict, count in state.verdicts.items()})


class ReplayProblemCount(Document):
    """A problem of lines that would fail, and how often it occurs."""

    problem: str
    count: int


class ReplayDocument(Document):
    """A replay: its dry run, and what it sends."""

    id: Id
    flow: Id
    flow_name: Annotated[str, msgspec.Meta(description="As it was when the replay was created.")]
    stage: Stage
    selection: SelectionDocument
    created: Instant
    by: Annotated[str, msgspec.Meta(description="Who created it: `user:7`, `token:3`.")]
    checked: Annotated[int, msgspec.Meta(description="Changes that the dry run has read.")]
    total: Annotated[int | None, msgspec.Meta(description="Changes of the whole dry run; null: not counted yet.")]
    subjects: Annotated[int, msgspec.Meta(description="Registrations and events that match, once the dry run has ended.")]
    verdicts: VerdictCounts
    problems: Annotated[list[ReplayProblemCount], msgspec.Meta(description="The most frequent problems of the lines that would fail.")]
    outdated: Annotated[bool, msgspec.Meta(description="True: the set-up was saved since the dry run, which may say something else now.")]
    error: Annotated[str, msgspec.Meta(description="Why it stopped; empty if it did not.")]
    reason: Annotated[str, msgspec.Meta(description="Why it was started.")]
    rate: Annotated[int | None, msgspec.Meta(description="Actions a minute, at most; null before the start.")]
    started: Instant | None
    started_by: str
    cancelled: Instant | None
    cancelled_by: str

    @classmethod
    def from_state(cls, state: ReplayState, config: AccountConfig) -> ReplayDocument:
        """The document of a replay."""
        return cls(**_members(state, config))


def _members(state: ReplayState, config: AccountConfig) -> dict[str, Any]:
    row, check = state.replay, state.check
    return {
        "id": str(row.pk),
        "flow": str(row.flow_id),
        "flow_name": row.flow_name,
        "stage": state.stage,
        "selection": SelectionDocument.from_selection(Selection.from_json(row.selection)),
        "created": row.created,
        "by": row.by,
        "checked": check.done,
        "total": check.total,
        "subjects": int(check.result.get("subjects", 0)),
        "verdicts": VerdictCounts.from_state(state),
        "problems": [ReplayProblemCount(problem=str(text), count=int(count)) for text, count in check.result.get("problems", ())],
        "outdated": replays.is_outdated(config, state),
        "error": (state.send.error if state.send is not None else "") or check.error,
        "reason": row.reason,
        "rate": row.rate,
        "started": row.started,
        "started_by": row.started_by,
        "cancelled": row.stopped,
        "cancelled_by": row.stopped_by,
    }


class ReplayResults(Document):
    """What has become of the chosen lines. They add up to `chosen`."""

    chosen: int
    success: int
    superseded: int
    queued: int
    failed: int
    validation: int
    pending: Annotated[int, msgspec.Meta(description="Not sent yet, or their first attempt has not ended.")]
    filtered: Annotated[int, msgspec.Meta(description="Left out: the flow filtered their change by then.")]
    gone: Annotated[int, msgspec.Meta(description="Left out: the content of their change was gone.")]
    not_sent: Annotated[int, msgspec.Meta(description="The replay was cancelled first.")]

    @classmethod
    def from_counts(cls, counts: SentCounts) -> ReplayResults:
        """The document of the numbers."""
        return cls(**{name: getattr(counts, name) for name in cls.__struct_fields__})


class ReplayProgress(ReplayDocument, kw_only=True):
    """A replay with what has become of its lines."""

    results: Annotated[ReplayResults | None, msgspec.Meta(description="Null before the start.")]

    @classmethod
    def from_progress(cls, state: ReplayState, config: AccountConfig, counts: SentCounts | None) -> ReplayProgress:
        """The document of a replay."""
        return cls(**_members(state, config), results=None if counts is None else ReplayResults.from_counts(counts))


class ReplayStart(Document):
    """What is sent of a dry run, and how fast."""

    reason: Annotated[str, msgspec.Meta(description="Why. It stands in the audit.")]
    send: Annotated[
        list[Literal["new", "different", "same"]] | UnsetType,
        msgspec.Meta(description="Lines of these verdicts. Without it: all of `lines`."),
    ] = UNSET
    lines: Annotated[
        Annotated[list[Id], msgspec.Meta(max_length=10_000)] | UnsetType,
        msgspec.Meta(description="Only lines with these ids. Without it: all of `send`."),
    ] = UNSET
    rate: Annotated[int, msgspec.Meta(description=f"Actions a minute, at most: 1 to {FASTEST:,}.")] = USUAL_RATE

    @property
    def choice(self) -> ReplayChoice:
        """The chosen lines, for the services. Raises Problem (400) for a text that is no id."""
        lines = None if isinstance(self.lines, UnsetType) else numbers_of("lines", self.lines)
        if isinstance(self.send, UnsetType) or lines == []:
            return ReplayChoice.of_lines(lines or ())
        return ReplayChoice(frozenset(map(ReplayVerdict, self.send)), tuple(lines or ()))


_LEFT_OUT: Final[dict[int, Literal["", "filtered", "content gone"]]] = {send_job.FILTERED: "filtered", send_job.GONE: "content gone"}


class FieldDifference(Document):
    """A field whose value differs between two requests. Null: that request has no such field."""

    name: Annotated[str, msgspec.Meta(description="Such as `contact.name`, `tags[0]`, `Header X-Version`, `URL`.")]
    was: Annotated[str | None, msgspec.Meta(description="In the last request that was accepted.")]
    would: Annotated[str | None, msgspec.Meta(description="In the request that would be sent now.")]


class ReplayLineDocument(Document):
    """A line of a dry run: a change at a destination. Values are cut at 200 characters."""

    id: Id
    verdict: ReplayVerdict
    change: Id
    destination: Id
    event: Annotated[str, msgspec.Meta(description="The code of the event.")]
    registration: Annotated[Id | None, msgspec.Meta(description="Null: an event changed, or the registration is erased.")]
    code: Annotated[str, msgspec.Meta(description="The code of the registration, or of the event.")]
    differences: Annotated[list[FieldDifference], msgspec.Meta(description="Compared anew; after it was sent, nothing differs.")]
    more: Annotated[int, msgspec.Meta(description="How many further fields differ.")]
    accepted: Annotated[Instant | None, msgspec.Meta(description="When a request was last accepted there.")]
    why: Annotated[str, msgspec.Meta(description="The reason of the verdict.")]
    action: Annotated[Id | None, msgspec.Meta(description="The action that sends it; null before it is added.")]
    left_out: Annotated[Literal["", "filtered", "content gone"], msgspec.Meta(description="Why a chosen line was not sent.")]

    @classmethod
    def from_line(cls, line: DryRunLine, verdict: ReplayVerdict) -> ReplayLineDocument:
        """The document of a line."""
        return cls(
            id=str(line.id),
            verdict=verdict,
            change=str(line.change),
            destination=str(line.destination_id),
            event=line.event,
            registration=None if line.registration is None else str(line.registration),
            code=line.code,
            differences=[FieldDifference(name=each.name, was=each.was, would=each.would) for each in line.fields],
            more=line.more,
            accepted=None if line.last is None else from_micros(line.last),
            why=line.why,
            action=None if line.action is None else str(line.action),
            left_out=_LEFT_OUT.get(line.left_out, ""),
        )
