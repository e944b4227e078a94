"""The definitions of the figures of Insights (X1-X3).

The hot path never counts: with each fact it appends a `Delta`, whose minute is the measure's own time:

    processed figures   the run's first decision          CHANGES RUNS NOT_TRIGGERED, and its parts UNTAGGED UNDECIDED ENDED
    action figures      the action's creation             TRIGGERED and one measure per state: -1 for the old, +1 for the new;
                                                          LEADS_CREATED LEADS_UPDATED, where a response rule tells (C7)
    charts              the attempt, the failure          RETRIED RETRIED_OK ATTEMPTS_OK ATTEMPTS_FAILED ABANDONED VALIDATION_ERRORS

A figure is the sum of its deltas in a period. `count` computes the same from the rows themselves: tests
compare with it. Instants are microseconds, minutes count from the epoch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import assert_never

from heliograph.domain.delivery.action import ActionState, AttemptKind, Origin, RunState
from heliograph.domain.delivery.lanes import Attempted, Settlement
from heliograph.domain.delivery.outcomes import Delivered, Lead, Refused, ValidationFailed
from heliograph.domain.delivery.retry_policy import MINUTE, Category
from heliograph.domain.errors import HeliographError
from heliograph.domain.registration.change import Facet

REPLAYED = 100
"""Added to the number of an action, attempt or retry measure if the action is a replay, so that replays can be excluded (Y1)."""

WEBHOOKS = 1
"""The number of the only integration."""


class FiguresDoNotAddUp(HeliographError):
    """The figures contradict each other."""


class Measure(IntEnum):
    """The things counted. CHANGES carries the serials of registrations, for the distinct figures; RECORDED carries the facet as its category."""

    CHANGES = 1
    RECORDED = 2
    RUNS = 3
    NOT_TRIGGERED = 4
    UNTAGGED = 5
    """Runs that wait for a tag."""
    UNDECIDED = 6
    """Runs whose decision raised an exception, and is tried again."""
    ENDED = 7
    """Runs that were never judged to the end, and are not judged any more."""
    TRIGGERED = 10
    PENDING = 11
    QUEUED = 12
    SUCCESS = 20
    FAILED = 21
    VALIDATION = 22
    SUPERSEDED = 23
    LEADS_CREATED = 28
    LEADS_UPDATED = 29
    RETRIED = 30
    ABANDONED = 31
    VALIDATION_ERRORS = 32
    ATTEMPTS_OK = 33
    ATTEMPTS_FAILED = 34
    RETRIED_OK = 35
    """Of RETRIED: retries that delivered."""

    @classmethod
    def of_state(cls, state: ActionState) -> Measure:
        """The measure of the actions in this state."""
        return cls(10 + state)


@dataclass(frozen=True, slots=True)
class Delta:
    """One addition. mode: `Mode.code`; category: `Category.code`, a facet, or 0."""

    account: int
    minute: int
    mode: int
    measure: int
    count: int = 1
    flow: int = 0
    connection: int = 0
    category: int = 0
    integration: int = WEBHOOKS
    serials: tuple[int, ...] = ()

    @property
    def key(self) -> tuple[int, ...]:
        """Everything except the amount and the serials."""
        return (self.account, self.minute, self.mode, self.measure, self.flow, self.connection, self.category, self.integration)


def merged(deltas: Iterable[Delta]) -> list[Delta]:
    """One delta per key, sorted; sums of zero are omitted."""
    sums: Counter[tuple[int, ...]] = Counter()
    serials: dict[tuple[int, ...], set[int]] = {}
    for delta in deltas:
        sums[delta.key] += delta.count
        if delta.serials:
            serials.setdefault(delta.key, set()).update(delta.serials)
    return [
        Delta(account, minute, mode, measure, count, flow, connection, category, integration, tuple(sorted(serials.get(key, ()))))
        for key, count in sorted(sums.items())
        if count or key in serials
        for account, minute, mode, measure, flow, connection, category, integration in [key]
    ]


@dataclass(frozen=True, slots=True)
class FigureKey:
    """The action's facts that its deltas need. created: microseconds; mode: `Mode.code`."""

    account: int
    mode: int
    flow: int
    connection: int
    created: int
    replay: bool = False

    @property
    def offset(self) -> int:
        return REPLAYED if self.replay else 0


# `count` is the number of equal facts in a transaction, which are added together.


def of_activity(account: int, at: int, mode: int, facets: Facet, count: int = 1) -> Iterator[Delta]:
    """Registration Activity: recorded changes by facet, whether or not a flow accepted them."""
    for facet in Facet:
        if facet & facets:
            yield Delta(account, at // MINUTE, mode, Measure.RECORDED, count, category=facet.value, integration=0)


def of_processed_changes(account: int, at: int, mode: int, serials: Sequence[int | None]) -> Delta:
    """Changes Processed and Unique Registrations: changes with a run; `serials` are their registrations', None for an event's change."""
    known = tuple(serial for serial in serials if serial is not None)
    return Delta(account, at // MINUTE, mode, Measure.CHANGES, len(serials), serials=known)


def of_run(account: int, at: int, mode: int, flow: int, state: RunState, count: int = 1) -> Iterator[Delta]:
    """A run as first decided."""
    yield Delta(account, at // MINUTE, mode, Measure.RUNS, count, flow=flow)
    for measure in _of_run_state(state):
        yield Delta(account, at // MINUTE, mode, measure, count, flow=flow)


def of_reconsidered(account: int, at: int, mode: int, flow: int, old: RunState, new: RunState, count: int = 1) -> Iterator[Delta]:
    """Deltas for a stuck run that was decided again, submitted or ended. Changes Processed does not change (F7).

    at: the instant of the run's first decision
    """
    if old is not new:
        for state, by in ((old, -count), (new, count)):
            for measure in _of_run_state(state):
                yield Delta(account, at // MINUTE, mode, measure, by, flow=flow)


def _of_run_state(state: RunState) -> tuple[Measure, ...]:
    """The measures that count a run of this state."""
    match state:
        case RunState.TRIGGERED:
            return ()
        case RunState.NOT_SELECTED:
            return (Measure.NOT_TRIGGERED,)
        case RunState.UNTAGGED:
            return (Measure.NOT_TRIGGERED, Measure.UNTAGGED)
        case RunState.UNDECIDED:
            return (Measure.NOT_TRIGGERED, Measure.UNDECIDED)
        case RunState.ENDED:
            return (Measure.NOT_TRIGGERED, Measure.ENDED)
        case _:
            assert_never(state)


def of_new_action(facts: FigureKey, count: int = 1) -> Iterator[Delta]:
    """Actions Triggered, and the action's initial state."""
    for measure in (Measure.TRIGGERED, Measure.PENDING):
        yield Delta(facts.account, facts.created // MINUTE, facts.mode, measure + facts.offset, count, facts.flow, facts.connection)


def of_move(facts: FigureKey, old: ActionState, new: ActionState, count: int = 1) -> Iterator[Delta]:
    """An action's change of state, counted at the action's own time."""
    if old is not new:
        for state, by in ((old, -count), (new, count)):
            measure = Measure.of_state(state) + facts.offset
            yield Delta(facts.account, facts.created // MINUTE, facts.mode, measure, by, facts.flow, facts.connection)


def of_new_connection(facts: FigureKey, state: ActionState, connection: int) -> Iterator[Delta]:
    """An action gets another connection (X2a), because its lane was moved before it was sent, or because it is tried over another one than
    before: it counts there from now on.

    facts: those of the action at its former connection
    """
    for place, by in ((facts.connection, -1), (connection, 1)):
        for measure in (Measure.TRIGGERED, Measure.of_state(state)):
            yield Delta(facts.account, facts.created // MINUTE, facts.mode, measure + facts.offset, by, facts.flow, place)


def of_delivery(facts: FigureKey, at: int, count: int = 1) -> Delta:
    """First attempts that the target accepted: almost all attempts are these."""
    return Delta(facts.account, at // MINUTE, facts.mode, Measure.ATTEMPTS_OK + facts.offset, count, facts.flow, facts.connection)


def of_attempt(facts: FigureKey, attempt: Attempted, at: int) -> Iterator[Delta]:
    """Retry Activity, Retry Processing Category, Connection Activity, Retried Abandoned, Validation Errors: at the attempt's time.

    A retry counts under the category that it was made for. Leads count at the action's creation, as its state does.
    """

    def delta(measure: Measure, category: Category | None = None) -> Delta:
        number = category.code if category else 0
        return Delta(facts.account, at // MINUTE, facts.mode, measure + facts.offset, 1, facts.flow, facts.connection, number)

    if attempt.kind is not AttemptKind.FIRST:
        yield delta(Measure.RETRIED, attempt.retried.category)
    match attempt.outcome:
        case Delivered(lead=lead):
            yield delta(Measure.ATTEMPTS_OK)
            if attempt.kind is not AttemptKind.FIRST:
                yield delta(Measure.RETRIED_OK)
            if lead is not None:
                measure = Measure.LEADS_CREATED if lead is Lead.CREATED else Measure.LEADS_UPDATED
                yield Delta(facts.account, facts.created // MINUTE, facts.mode, measure + facts.offset, 1, facts.flow, facts.connection)
        case Refused(category=category):
            yield delta(Measure.ATTEMPTS_FAILED, category)
            if attempt.abandoned:
                yield delta(Measure.ABANDONED, category)
        case ValidationFailed():
            yield delta(Measure.VALIDATION_ERRORS, Category.VALIDATION)
        case _:
            return


def of_settlement(settlement: Settlement, facts_of: dict[int, FigureKey], at: int) -> Iterator[Delta]:
    """All deltas of a settled lane, or of a page's change to it. facts_of: by action."""
    for move in settlement.moves:
        yield from of_move(facts_of[move.old.id], move.old.state, move.new.state)
    if settlement.attempt is not None:
        yield from of_attempt(facts_of[settlement.attempt.action], settlement.attempt, at)


# ---- figures of a period ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Figures:
    """The tiles of a period (X2)."""

    changes: int = 0
    unique: int = 0
    triggered: int = 0
    not_triggered: int = 0
    active_flows: int = 0
    success: int = 0
    superseded: int = 0
    queued: int = 0
    failed: int = 0
    validation: int = 0
    pending: int = 0
    """Never tried, and about to be."""
    held_count: int = 0
    """Never tried, because their connection sends nothing at present (C8)."""
    untagged: int = 0
    """Of not_triggered: runs that wait for a tag (F7)."""
    undecided: int = 0
    """The part of `not_triggered` whose decision raised an exception and is tried again."""
    ended: int = 0
    """Of not_triggered: runs that were never judged to the end, and are not judged any more."""
    retried: int = 0
    retried_ok: int = 0
    """Of `retried`: retries that delivered."""
    abandoned: int = 0
    validation_errors: int = 0
    retried_by_category: dict[Category, int] = field(default_factory=dict)
    leads_created: int = 0
    leads_updated: int = 0
    """As reported by the targets. A page shows "-" if no connection's rule reports it (`response_rule.counts_leads`)."""

    def __post_init__(self) -> None:
        parts = self.success + self.superseded + self.queued + self.failed + self.validation + self.pending + self.held_count
        if self.triggered != parts:
            raise FiguresDoNotAddUp(f"{self.triggered} actions were triggered, but {parts} have a state.")
        if self.held_count < 0 or (self.held_count and self.pending < 0):
            raise FiguresDoNotAddUp(
                f"{self.pending + self.held_count} actions were never tried, of which {self.held_count} cannot be held."
            )
        if self.not_selected < 0:
            raise FiguresDoNotAddUp(f"{self.not_triggered} runs were not triggered, but more of them wait or have ended.")
        if self.unique > self.changes:
            raise FiguresDoNotAddUp(f"{self.unique} registrations cannot have {self.changes} changes.")
        if sum(self.retried_by_category.values()) != self.retried:
            raise FiguresDoNotAddUp("The categories of retries do not add up to all of them.")
        if self.retried_ok > self.retried:
            raise FiguresDoNotAddUp(f"{self.retried_ok} of {self.retried} retries cannot have delivered.")
        if self.leads_created + self.leads_updated > self.success:
            raise FiguresDoNotAddUp(f"{self.success} deliveries cannot have made {self.leads_created + self.leads_updated} leads.")

    @property
    def in_retry_queue(self) -> int:
        """In Retry Queue: waiting actions, runs that wait for a tag, and runs whose decision is tried again."""
        return self.queued + self.untagged + self.undecided

    @property
    def not_selected(self) -> int:
        """Runs that are tagged, but not for their flow: final (F7)."""
        return self.not_triggered - self.untagged - self.undecided - self.ended

    @property
    def not_judged(self) -> int:
        """Runs that were not judged to the end, and do not wait for a tag."""
        return self.undecided + self.ended

    @property
    def pie(self) -> tuple[int, int]:
        """Processing Status: successes and failures. Actions in the queue count as failures; pending, held and superseded actions are neither."""
        return self.success, self.queued + self.failed + self.validation


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run in its current state. registration: None for an event's change."""

    change: int
    registration: int | None
    flow: int
    mode: int
    at: int
    state: RunState


@dataclass(frozen=True, slots=True)
class ActionRow:
    """An action in its current state."""

    flow: int
    mode: int
    created: int
    state: ActionState
    origin: Origin = Origin.RECORDED
    lead: Lead | None = None
    connection_holds: bool = False
    """Whether its connection sends nothing at present."""


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """An attempt. retried: the category that a retry was made for."""

    mode: int
    at: int
    kind: AttemptKind
    retried: Category | None = None
    abandoned: bool = False
    invalid: bool = False
    delivered: bool = False
    origin: Origin = Origin.RECORDED


@dataclass(frozen=True, slots=True)
class Period:
    """[since, until) in microseconds, whole minutes. mode: `Mode.code`."""

    since: int
    until: int
    mode: int
    replays: bool = True

    def __post_init__(self) -> None:
        if self.since % MINUTE or self.until % MINUTE or self.since > self.until:
            raise ValueError("a period has whole minutes and does not end before it begins")

    def holds(self, at: int, mode: int, *, replay: bool = False) -> bool:
        return self.since <= at < self.until and mode == self.mode and (self.replays or not replay)


def count(period: Period, runs: Iterable[RunRow], actions: Iterable[ActionRow], attempts: Iterable[AttemptRow]) -> Figures:
    """The figures by their definition, counted from the rows."""
    period_runs = [r for r in runs if period.holds(r.at, r.mode)]
    made = [a for a in actions if period.holds(a.created, a.mode, replay=a.origin == Origin.REPLAY)]
    states, leads = Counter(a.state for a in made), Counter(a.lead for a in made)
    held_count = sum(a.connection_holds for a in made if a.state is ActionState.PENDING)
    tries = [t for t in attempts if period.holds(t.at, t.mode, replay=t.origin == Origin.REPLAY)]
    retries = [t for t in tries if t.kind is not AttemptKind.FIRST]
    return Figures(
        changes=len({r.change for r in period_runs}),
        unique=len({r.registration for r in period_runs if r.registration is not None}),
        triggered=states.total(),
        not_triggered=sum(r.state is not RunState.TRIGGERED for r in period_runs),
        active_flows=len({r.flow for r in period_runs}),
        success=states[ActionState.SUCCESS],
        superseded=states[ActionState.SUPERSEDED],
        queued=states[ActionState.QUEUED],
        failed=states[ActionState.FAILED],
        validation=states[ActionState.VALIDATION],
        pending=states[ActionState.PENDING] - held_count,
        held_count=held_count,
        untagged=sum(r.state is RunState.UNTAGGED for r in period_runs),
        undecided=sum(r.state is RunState.UNDECIDED for r in period_runs),
        ended=sum(r.state is RunState.ENDED for r in period_runs),
        retried=len(retries),
        retried_ok=sum(t.delivered for t in retries),
        abandoned=sum(t.abandoned for t in tries),
        validation_errors=sum(t.invalid for t in tries),
        retried_by_category=dict(Counter(t.retried or Category.GENERAL for t in retries)),
        leads_created=leads[Lead.CREATED],
        leads_updated=leads[Lead.UPDATED],
    )


def total(period: Period, deltas: Iterable[Delta], held_count: int = 0) -> Figures:
    """The same figures, summed from the deltas.

    held_count: how many of the actions that were never tried are held. No delta says so: pausing a connection writes none
    """
    sums: Counter[int] = Counter()
    by_category: Counter[Category] = Counter()
    serials: set[int] = set()
    flows: set[int] = set()
    for delta in deltas:
        replay = delta.measure >= REPLAYED
        if not period.holds(delta.minute * MINUTE, delta.mode, replay=replay):
            continue
        measure = delta.measure - REPLAYED * replay
        sums[measure] += delta.count
        serials.update(delta.serials)
        if measure == Measure.RUNS:
            flows.add(delta.flow)
        elif measure == Measure.RETRIED:
            by_category[Category.of_code(delta.category) or Category.GENERAL] += delta.count
    return Figures(
        changes=sums[Measure.CHANGES],
        unique=len(serials),
        triggered=sums[Measure.TRIGGERED],
        not_triggered=sums[Measure.NOT_TRIGGERED],
        active_flows=len(flows),
        success=sums[Measure.SUCCESS],
        superseded=sums[Measure.SUPERSEDED],
        queued=sums[Measure.QUEUED],
        failed=sums[Measure.FAILED],
        validation=sums[Measure.VALIDATION],
        pending=sums[Measure.PENDING] - held_count,
        held_count=held_count,
        untagged=sums[Measure.UNTAGGED],
        undecided=sums[Measure.UNDECIDED],
        ended=sums[Measure.ENDED],
        retried=sums[Measure.RETRIED],
        retried_ok=sums[Measure.RETRIED_OK],
        abandoned=sums[Measure.ABANDONED],
        validation_errors=sums[Measure.VALIDATION_ERRORS],
        retried_by_category=dict(by_category),
        leads_created=sums[Measure.LEADS_CREATED],
        leads_updated=sums[Measure.LEADS_UPDATED],
    )
