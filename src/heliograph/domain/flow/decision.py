"""Whether a flow acts on a change, and why or why not (guide: Activate for; F3, F5, F7, F9).

A change passes five gates in order: watch, active and complete, mode, filters, activation. `decide` finds candidate flows in an index by
facet, mode, event and status, and stops at the first gate that says no. `explain` runs the same gates and returns each answer. A change
that stops before activation is *filtered*, and no run is stored. At activation the flow is triggered, or not triggered with a reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain

from heliograph.domain.delivery.action import RunState
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.completeness import missing
from heliograph.domain.flow.filters import ChangeComparison, actual_values, is_of_event
from heliograph.domain.flow.flow import EVENT_STATUSES, OFFERED, PROPERTIES, SESSION_STATUSES, FilterRow, Flow, Mode
from heliograph.domain.registration.change import Change, Facet
from heliograph.domain.setup.compiled_setup import EventConfig
from heliograph.domain.setup.tag_kinds import StandardProperty


class FlowVerdict(StrEnum):
    """A flow's decision on a change in one word. A change that its filters keep out makes no run, so FILTERED is stored nowhere (F6)."""

    FILTERED = "filtered"
    NOT_TRIGGERED = "not_triggered"
    TRIGGERED = "triggered"

    @property
    def code(self) -> int:
        """Its number in tables, if it is stored."""
        return _VERDICT_CODES[self]


_VERDICT_CODES = {FlowVerdict.NOT_TRIGGERED: 1, FlowVerdict.TRIGGERED: 2}


class Reason(StrEnum):
    """Why a run was not triggered (F7): not selected, which is final; it waits for a tag; or why it will not be decided."""

    NOT_SELECTED = "not selected"
    UNTAGGED = "untagged"
    UNTAGGED_PROPERTY = "untagged property"
    FAILED = "decision failed"
    FLOW_DELETED = "flow deleted"
    """It waited for a tag when its flow was deleted."""
    CONTENT_REMOVED = "content removed"
    """It waited for a tag when retention removed its content (X6)."""

    @property
    def can_be_fixed(self) -> bool:
        return self in (Reason.UNTAGGED, Reason.UNTAGGED_PROPERTY, Reason.FAILED)

    @property
    def is_untagged(self) -> bool:
        return self in (Reason.UNTAGGED, Reason.UNTAGGED_PROPERTY)


class GateName(StrEnum):
    """The gates in the order in which a change passes them (F9)."""

    WATCH = "watch"
    ACTIVE = "active"
    MODE = "mode"
    FILTERS = "filters"
    ACTIVATION = "activation"


@dataclass(frozen=True, slots=True)
class GateResult:
    """One gate's answer.

    place: the list, or the number of the filter row.
    expected, actual: ids as text for tags, otherwise words.
    waits: the gate did not say no, but something lacks a tag (F7).
    """

    name: GateName
    passed: bool
    place: str = ""
    expected: tuple[str, ...] = ()
    actual: tuple[str, ...] = ()
    waits: bool = False


@dataclass(frozen=True, slots=True)
class FlowDecision:
    """A stored result: a run that is triggered, or not triggered with a reason."""

    flow: Flow
    verdict: FlowVerdict
    reason: Reason | None = None

    @property
    def state(self) -> RunState:
        """The state with which its run is stored."""
        if self.verdict is FlowVerdict.TRIGGERED:
            return RunState.TRIGGERED
        if self.reason is Reason.FAILED:
            return RunState.UNDECIDED
        return RunState.UNTAGGED if self.reason is not None and self.reason.is_untagged else RunState.NOT_SELECTED


@dataclass(frozen=True, slots=True)
class Explanation:
    """A flow's gates for one change, up to and including the first that stopped it; for activation, all of the flow's lists."""

    flow: Flow
    verdict: FlowVerdict
    reason: Reason | None
    gates: tuple[GateResult, ...]

    @property
    def stopped_at(self) -> GateResult | None:
        """The gate that stopped the change. If several lists did, the one that waits for a tag, because assigning that tag would help."""
        curable = self.reason is not None and self.reason.can_be_fixed
        return next((g for g in self.gates if not g.passed and g.waits is curable), None)


def mode_of(change: Change, account: AccountConfig, event: EventConfig) -> Mode:
    """F3: Live = the event is not in Planning or Testing, and the registration is not Test. The state after the change counts."""
    status = (change.event_state or event.state).status
    if account.is_test_event(status) or (change.registration is not None and change.registration.is_test):
        return Mode.TEST
    return Mode.LIVE


def decide(change: Change, account: AccountConfig, event: EventConfig, *, mode: Mode | None = None) -> list[FlowDecision]:
    """The decisions on a change, by flow id. Flows that filter it are left out, because they make no run (F6).

    mode: that of the change, if it is known
    """
    if not change.is_judged:
        return []
    decisions = []
    compared = ChangeComparison(change, account, event)
    for candidate in _candidates(change, account, event, mode or mode_of(change, account, event)):
        decision = candidate.decision
        if candidate.rows or decision is None:
            flow = candidate.flow
            try:
                if not compared.passes(candidate.rows):
                    continue
                decision = decision or _activated(flow, change, account, event)
            except Exception:  # noqa: BLE001 -- one flow that cannot be decided becomes a Retry item; the change and the other flows go on
                decision = FlowDecision(flow, FlowVerdict.NOT_TRIGGERED, Reason.FAILED)
        decisions.append(decision)
    return decisions


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A flow that may accept a change."""

    flow: Flow
    rows: tuple[FilterRow, ...]
    """The filters still to check."""
    decision: FlowDecision | None
    """The decision if they pass. None: not known yet."""


def _candidates(change: Change, account: AccountConfig, event: EventConfig, mode: Mode) -> Sequence[_Candidate]:
    """The flows that may accept a change, indexed by facets, mode, event and statuses: 500 flows of which 5 match cost as much as 5 flows.

    The results of filters by event and of the statuses' tags are equal for all changes of one event and status, so they are cached per event.
    """
    if change.event_state is not None:  # the event itself changed, and each such change has its own state
        return [_Candidate(flow, flow.filters, None) for flow in _offered(change.facets, account) if flow.mode is mode]
    status = change.registration.status if change.registration is not None else None
    key = (_Candidate, int(change.facets), mode, status, change.session.status if change.session is not None else None)
    cache = event.beside(account)
    candidates: tuple[_Candidate, ...] | None = cache.get(key)
    if candidates is None:
        candidates = cache[key] = tuple(_looked_up(change, account, event, mode))
    return candidates


def _looked_up(change: Change, account: AccountConfig, event: EventConfig, mode: Mode) -> Iterator[_Candidate]:
    compared = ChangeComparison(change, account, event)
    shared: dict[tuple[int, FlowVerdict | None, Reason | None], _Candidate] = account.candidates
    for flow in _offered(change.facets, account):
        if flow.mode is not mode:
            continue
        try:
            if not compared.passes(row for row in flow.filters if is_of_event(row.field)):
                continue
            decision = None if flow.tags_of(PROPERTIES) else _activated(flow, change, account, event)
        except Exception:  # noqa: BLE001 -- it fails for each change, and is said so for each
            yield _Candidate(flow, flow.filters, None)
            continue
        rows = tuple(row for row in flow.filters if not is_of_event(row.field))
        verdict, reason = (decision.verdict, decision.reason) if decision else (None, None)
        yield shared.setdefault((flow.id, verdict, reason), _Candidate(flow, rows, decision))


def decide_flow(flow: Flow, change: Change, account: AccountConfig, event: EventConfig, *, mode: Mode | None = None) -> FlowDecision | None:
    """The decision of one flow on a change; None if the flow filters it.

    mode: that of the run if an untagged run is decided again (D7)
    """
    if not all(gate.passed for gate in _gates_of_the_flow(flow, change, account, mode or mode_of(change, account, event))):
        return None
    return _activated(flow, change, account, event) if ChangeComparison(change, account, event).passes(flow.filters) else None


def explain(flow: Flow, change: Change, account: AccountConfig, event: EventConfig, *, as_if_running: bool = False) -> Explanation:
    """Why, or why not (F9), by the given configuration: the past or the current one.

    as_if_running: skips the check that the flow is active and complete, for one that is being edited.
    """
    gates: list[GateResult] = []
    try:
        mode = mode_of(change, account, event)
        for gate in chain(_gates_of_the_flow(flow, change, account, mode), _filter_gates(flow, change, account, event)):
            if as_if_running and gate.name is GateName.ACTIVE:
                continue
            gates.append(gate)
            if not gate.passed:
                return Explanation(flow, FlowVerdict.FILTERED, None, tuple(gates))
        lists = list(_activation(flow, change, account, event))
    except Exception:  # noqa: BLE001 -- as in decide()
        return Explanation(flow, FlowVerdict.NOT_TRIGGERED, Reason.FAILED, tuple(gates))
    gates += [
        GateResult(
            GateName.ACTIVATION,
            tag_list.match is _ListMatch.YES,
            tag_list.name,
            _texts(tag_list.selected),
            _texts(sorted(tag_list.carried)),
            waits=tag_list.match in (_ListMatch.UNTAGGED, _ListMatch.UNTAGGED_PROPERTY),
        )
        for tag_list in lists
    ]
    reason = _reason({tag_list.match for tag_list in lists})
    return Explanation(flow, FlowVerdict.NOT_TRIGGERED if reason else FlowVerdict.TRIGGERED, reason, tuple(gates))


def _texts(ids: Iterable[int]) -> tuple[str, ...]:
    return tuple(str(id) for id in ids)


def _offered(facets: Facet, account: AccountConfig) -> Iterable[Flow]:
    """The active and complete flows that watch for a facet of the change."""
    if facets in account.by_facet:  # a single facet, the common case
        return account.by_facet[facets]
    flows = {flow.id: flow for facet in facets for flow in account.by_facet.get(facet, ())}
    return [flows[id] for id in sorted(flows)]


def _activated(flow: Flow, change: Change, account: AccountConfig, event: EventConfig) -> FlowDecision:
    reason = _reason({tag_list.match for tag_list in _activation(flow, change, account, event)})
    return FlowDecision(flow, FlowVerdict.NOT_TRIGGERED if reason else FlowVerdict.TRIGGERED, reason)


def _gates_of_the_flow(flow: Flow, change: Change, account: AccountConfig, mode: Mode) -> Iterator[GateResult]:
    watched = flow.watch is not None and bool(change.facets & flow.watch.facets) and change.is_judged
    yield GateResult(
        GateName.WATCH, watched, "" if change.is_judged else "quiet", (flow.watch.value,) if flow.watch else (), change.facets.words
    )
    lacks = missing(flow, account) if flow.active else ()
    running = flow.active and not lacks and account.signal_enabled
    yield GateResult(
        GateName.ACTIVE, running, "" if flow.active else "inactive", ("active", "complete"), tuple(m.lack.value for m in lacks)
    )
    yield GateResult(GateName.MODE, flow.mode is mode, "", (flow.mode.value,), (mode.value,))


def _filter_gates(flow: Flow, change: Change, account: AccountConfig, event: EventConfig) -> Iterator[GateResult]:
    compared = ChangeComparison(change, account, event)
    for index, row in enumerate(flow.filters):
        yield GateResult(
            GateName.FILTERS, compared.passes((row,)), str(index), row.values, actual_values(row.field, change, account, event)
        )


class _ListMatch(StrEnum):
    YES, NO, UNTAGGED, UNTAGGED_PROPERTY = "yes", "no", "untagged", "untagged property"


@dataclass(frozen=True, slots=True)
class _TagList:
    """One list of a flow, and whether the record has a tag that it selects."""

    name: str
    selected: tuple[int, ...]
    """The tags in the list."""
    carried: frozenset[int]
    """The tags of the record."""
    match: _ListMatch


def _activation(flow: Flow, change: Change, account: AccountConfig, event: EventConfig) -> Iterator[_TagList]:
    """F5: any of the tags in a list, and all filled lists."""
    for name in OFFERED[flow.watch] if flow.watch is not None else ():
        selected = flow.tags_of(name)
        if not selected:
            continue
        carried, untagged = _property_tags(change, event) if name == PROPERTIES else _status_tags(name, change, account, event)
        if not carried.isdisjoint(selected):
            match = _ListMatch.YES
        else:
            match = _ListMatch.NO if not untagged else _ListMatch.UNTAGGED_PROPERTY if name == PROPERTIES else _ListMatch.UNTAGGED
        yield _TagList(name, selected, carried, match)


def _reason(matches: set[_ListMatch]) -> Reason | None:
    """F7: a status without tags waits, because it can always get one. An untagged property waits only if every other list matches."""
    if _ListMatch.UNTAGGED in matches:
        return Reason.UNTAGGED
    if _ListMatch.NO in matches:
        return Reason.NOT_SELECTED
    return Reason.UNTAGGED_PROPERTY if _ListMatch.UNTAGGED_PROPERTY in matches else None


def _status_tags(name: str, change: Change, account: AccountConfig, event: EventConfig) -> tuple[frozenset[int], bool]:
    """The tags of the status that the flow watches, and whether it has none at all."""
    if name == EVENT_STATUSES:
        status = account.event_statuses.get((change.event_state or event.state).status)
    elif name == SESSION_STATUSES:
        status = account.session_statuses.get(change.session.status) if change.session else None
    else:
        status = account.status(change.registration.status, event) if change.registration else None
    tags = status.tags if status else frozenset()
    return tags, not tags


def _property_tags(change: Change, event: EventConfig) -> tuple[frozenset[int], bool]:
    """The tags of the properties set after the change, and whether a set custom one has none."""
    tags: set[int] = set()
    untagged = False
    for id in change.registration.properties if change.registration else ():
        if id < 0:
            tags.add(StandardProperty(id).value)
            continue
        property_ = event.properties.get(id)
        if property_ is not None:
            tags |= property_.tags
            untagged = untagged or not property_.tags
    return frozenset(tags), untagged
