"""Trials of flows as JSON: one change, past changes, and what was decided (F9)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal, NamedTuple, cast

import msgspec

from heliograph.api.documents.flow_documents import FlowChange, NewFlow
from heliograph.api.documents.shared_forms import Document, Id, Instant, numbers_of
from heliograph.deliveries import delivery_words
from heliograph.deliveries.account_reader import AccountReader, RowPerson
from heliograph.deliveries.explanation import GateRow
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.decision import FlowVerdict
from heliograph.domain.flow.flow import Destination, Flow
from heliograph.domain.flow.sentence import plain
from heliograph.domain.registration.change import Change
from heliograph.domain.setup.compiled_setup import EventConfig
from heliograph.flows.flow_trial import DAYS, ChangeToTry, Counted, Trial, TrialSubject
from heliograph.flows.past_trial import PastTrial, PastVerdict
from heliograph.flows.replay_offers import ReplayOffer
from heliograph.flows.services.request_preview import RequestPreview
from heliograph.flows.trial_words import trial_answer
from heliograph.store.instants import from_micros, to_micros
from heliograph.timeline.flow_decisions import LatestDecision

RegistrationId = Annotated[Id | None, msgspec.Meta(description="A registration: its latest change that the flow watches.")]
EventId = Annotated[Id | None, msgspec.Meta(description="An event, for a flow that watches events.")]
ChangeId = Annotated[Id | None, msgspec.Meta(description="A certain change.")]


def subject_of(registration: str | None, event: str | None, change: str | None) -> TrialSubject:
    """What a flow is tried on, for the services. Raises Problem (400) for a text that is no id."""
    given = {"registration": registration, "event": event, "change": change}
    return TrialSubject(**{name: None if id is None else numbers_of(name, [id])[0] for name, id in given.items()})


class TrialQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What a flow is tried on: one of these."""

    registration: RegistrationId = None
    event: EventId = None
    change: ChangeId = None

    @property
    def subject(self) -> TrialSubject:
        return subject_of(self.registration, self.event, self.change)


class ChosenSubject(Document):
    """What is sent: one of these."""

    registration: RegistrationId = None
    event: EventId = None
    change: ChangeId = None

    @property
    def subject(self) -> TrialSubject:
        return subject_of(self.registration, self.event, self.change)


class EditedFlow(ChosenSubject, kw_only=True):
    """A change of a flow that is not saved, and what it is tried on: one of `registration`, `event` and `change`."""

    flow: FlowChange


class UnsavedFlow(ChosenSubject, kw_only=True):
    """A flow that is not saved, and what it is tried on: one of `registration`, `event` and `change`."""

    flow: NewFlow


class ChangePlace(NamedTuple):
    """A change with the ids of what it belongs to. at: microseconds."""

    id: int
    at: int
    event: int
    registration: int | None


class ChangeNames(NamedTuple):
    """The names of what changes belong to."""

    config: AccountConfig
    events: Mapping[int, EventConfig]
    people: Mapping[int, RowPerson]

    @classmethod
    def of_changes(cls, reader: AccountReader, places: Iterable[ChangePlace]) -> ChangeNames:
        """The names of everything that some changes belong to."""
        places = list(places)
        return cls(reader.config, reader.events({each.event for each in places}), reader.people(each.registration for each in places))


class ChangeDocument(Document):
    """A recorded change."""

    id: Id
    at: Instant
    what: Annotated[str, msgspec.Meta(description="In words; empty if its content is no longer kept.")]
    event: Annotated[str, msgspec.Meta(description="The code of its event.")]
    registration: Annotated[Id | None, msgspec.Meta(description="Null: an event changed, or the registration is erased.")]
    code: Annotated[str, msgspec.Meta(description="The code of the registration; empty if there is none.")]

    @classmethod
    def from_change(cls, place: ChangePlace, change: Change | None, names: ChangeNames) -> ChangeDocument:
        """The document of a change. change: None if its content is no longer stored."""
        event, person = names.events.get(place.event), names.people.get(place.registration or 0)
        return cls(
            id=str(place.id),
            at=from_micros(place.at),
            what=delivery_words.happened(change, names.config, event) if change else "",
            event=event.code if event else "",
            registration=str(place.registration) if person else None,
            code=person.code if person else "",
        )


class TrialGate(Document):
    """A gate that a change passes, in words."""

    gate: Literal["watch", "active", "mode", "filters", "activation", "send"]
    name: Annotated[str, msgspec.Meta(description="As pages call it.")]
    state: Annotated[
        Literal["passed", "stopped", "wait", "unread"],
        msgspec.Meta(description="`wait`: it would pass once something is done. `unread`: an earlier gate stopped the change."),
    ]
    expected: str
    actual: str
    note: Annotated[str, msgspec.Meta(description="Of a gate without a condition.")]

    @classmethod
    def from_row(cls, row: GateRow) -> TrialGate:
        """The document of a gate."""
        gate = cast('Literal["watch", "active", "mode", "filters", "activation", "send"]', row.gate or "send")
        state = cast('Literal["passed", "stopped", "wait", "unread"]', row.state)
        return cls(gate=gate, name=row.name, state=state, expected=row.expected, actual=row.actual, note=row.note)


class TrialHeader(Document):
    """A header of a request."""

    name: str
    value: str


class TrialRequest(Document):
    """The request to a destination, with its secrets masked; or why there is none."""

    destination: Annotated[Id | None, msgspec.Meta(description="Null: it is not saved yet.")]
    connection: Id | None
    method: str
    url: str
    headers: list[TrialHeader]
    body: str
    problems: Annotated[list[str], msgspec.Meta(description="Its validation errors.")]
    why: Annotated[str, msgspec.Meta(description="Why there is no request yet.")]

    @classmethod
    def from_preview(cls, destination: Destination, preview: RequestPreview) -> TrialRequest:
        """The document of a request."""
        return cls(
            destination=str(destination.id) if destination.id > 0 else None,
            connection=None if destination.connection is None else str(destination.connection),
            method=preview.method,
            url=preview.url,
            headers=[TrialHeader(name=name, value=value) for name, value in preview.headers],
            body=preview.body,
            problems=[*map(str, preview.problems)],
            why=str(preview.why),
        )


class TrialDocument(Document):
    """What a flow would do with a change. Nothing is sent."""

    change: ChangeDocument
    would_send: Annotated[bool, msgspec.Meta(description="True: the flow, as it is, would send it.")]
    verdict: Annotated[FlowVerdict, msgspec.Meta(description="As if the flow were on and complete.")]
    sentence: Annotated[str, msgspec.Meta(description="The rule as one sentence.")]
    answer: Annotated[str, msgspec.Meta(description="The result in one sentence.")]
    gates: list[TrialGate]
    requests: list[TrialRequest]

    @classmethod
    def from_trial(cls, tried: ChangeToTry, trial: Trial, flow: Flow, reader: AccountReader) -> TrialDocument:
        """The document of a trial."""
        words = trial_answer(trial, flow, reader.config)
        place = ChangePlace(tried.id, to_micros(tried.change.at), tried.event, tried.registration)
        return cls(
            change=ChangeDocument.from_change(place, tried.change, ChangeNames.of_changes(reader, [place])),
            would_send=trial.triggers,
            verdict=trial.running.verdict,
            sentence=plain(words.sentence),
            answer=words.answer,
            gates=[TrialGate.from_row(row) for row in words.gates],
            requests=[TrialRequest.from_preview(*each) for each in trial.previews],
        )


class PastChangeDocument(Document):
    """A past change that one of the two rules sends, or whose request would fail."""

    change: ChangeDocument
    verdict: Annotated[
        PastVerdict,
        msgspec.Meta(description="Which rules send it: `both`, `gained`: only the one that is tried, `lost`: only the one in force."),
    ]
    problems: Annotated[list[str], msgspec.Meta(description="Why it would end as a validation error.")]


class PastTrialDocument(Document):
    """A rule beside the rule in force, tried on the last 1,000 changes that one of them watches, as if the flow were on."""

    tried: Annotated[int, msgspec.Meta(description="How many changes were tried.")]
    gone: Annotated[int, msgspec.Meta(description="How many of them have no content any more.")]
    would_send: Annotated[int, msgspec.Meta(description="How many of them this rule sends, with those that would fail.")]
    in_force: Annotated[bool, msgspec.Meta(description="Whether the flow that is saved has a rule.")]
    sends: Annotated[int, msgspec.Meta(description="How many of them the rule in force sends.")]
    gained: int
    lost: int
    would_fail: int
    changes: Annotated[
        list[PastChangeDocument], msgspec.Meta(description="Those that only one of the rules sends, or that would fail; the newest first.")
    ]

    @classmethod
    def from_trial(cls, trial: PastTrial, reader: AccountReader) -> PastTrialDocument:
        """The document of a trial."""
        notable = trial.notable
        places = [ChangePlace(row.id, row.at, row.event.id, row.registration) for row in notable]
        names = ChangeNames.of_changes(reader, places)
        return cls(
            tried=trial.changes_tried,
            gone=trial.gone,
            would_send=trial.would_send,
            in_force=trial.in_force,
            sends=trial.sends,
            gained=trial.count(PastVerdict.GAINED),
            lost=trial.count(PastVerdict.LOST),
            would_fail=len(trial.failing),
            changes=[
                PastChangeDocument(
                    change=ChangeDocument.from_change(place, row.change, names), verdict=row.verdict, problems=[*map(str, row.problems)]
                )
                for place, row in zip(places, notable, strict=True)
            ],
        )


class TakenChanges(Document):
    """How many of the changes of the last days a flow would have taken."""

    days: int
    judged: Annotated[int, msgspec.Meta(description="The changes that it watches for.")]
    taken: int
    untagged: Annotated[int, msgspec.Meta(description="Those that it could not decide because a tag is missing.")]
    gone: Annotated[int, msgspec.Meta(description="Those whose content is no longer kept.")]
    more: Annotated[bool, msgspec.Meta(description="True: there are older ones, which were not counted.")]

    @classmethod
    def from_counted(cls, counted: Counted) -> TakenChanges:
        """The document of a count."""
        return cls(days=DAYS, judged=counted.judged, taken=counted.taken, untagged=counted.untagged, gone=counted.gone, more=counted.more)


class FlowDecisionDocument(Document):
    """What a flow decided about a change, by the rules then in force."""

    change: ChangeDocument
    verdict: Annotated[
        FlowVerdict | None, msgspec.Meta(description="Null: the flow was not there yet, or the content of the change is no longer kept.")
    ]
    answer: Annotated[str, msgspec.Meta(description="The decision in one sentence.")]

    @classmethod
    def from_decision(cls, decision: LatestDecision, names: ChangeNames) -> FlowDecisionDocument:
        """The document of a decision."""
        place = ChangePlace(decision.id, decision.at, decision.event, decision.registration)
        change = ChangeDocument.from_change(place, decision.change, names)
        return cls(change=change, verdict=decision.verdict, answer=decision.answer)


class SentChange(Document):
    """A change that was put into the queue."""

    change: Id
    connections: Annotated[list[Id], msgspec.Meta(description="One for each destination.")]


class NewTestRegistration(Document):
    """A test registration that fits a flow."""

    event: Id
    code: Annotated[str, msgspec.Meta(description="Its code. One of this code that is there is changed.")]


class TestRegistration(Document):
    """The test registration."""

    registration: Id


class MissedChanges(Document):
    """Changes that a replay would concern."""

    since: Instant
    until: Instant
    count: Annotated[int, msgspec.Meta(description="0: they are not counted, since what differs is how they are sent.")]
    more: Annotated[bool, msgspec.Meta(description="True: there are more than were counted.")]


class ReplayOfferDocument(Document):
    """An offer to replay a flow; null if there is no reason."""

    offer: MissedChanges | None

    @classmethod
    def from_offer(cls, offer: ReplayOffer | None) -> ReplayOfferDocument:
        """The document of an offer."""
        if offer is None:
            return cls(offer=None)
        changes = MissedChanges(since=from_micros(offer.since), until=from_micros(offer.until), count=offer.count, more=offer.more)
        return cls(offer=changes)
