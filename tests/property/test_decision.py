"""Which flows act on a change: decide() compared with a naive implementation, and explain() with both (F3-F7, F9)."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from tests.builders.strategies import EVENT_STATUS_IDS, accounts, changes, events

from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.completeness import is_complete
from heliograph.domain.flow.decision import FlowDecision, FlowVerdict, GateName, Reason, decide, decide_flow, explain, mode_of
from heliograph.domain.flow.filters import actual_values, matches
from heliograph.domain.flow.flow import Destination, FilterRow, Flow, Mode, Op, Watch
from heliograph.domain.registration.change import Change, Facet
from heliograph.domain.setup.compiled_setup import EventConfig

WATCHED = {
    Watch.REGISTRATION: ("created", "updated"),
    Watch.STATUS: ("status_changed",),
    Watch.SESSION_STATUS: ("session_status_changed",),
    Watch.EVENT: ("event_created", "event_updated"),
}


def naive(flow: Flow, change: Change, account: AccountConfig, event: EventConfig) -> tuple[FlowVerdict, Reason | None]:
    """The rules F3 to F7 as written, one after another, without an index."""
    names = {f.name.lower() for f in Facet if f in change.facets and f.name}
    if flow.watch is None or not names & set(WATCHED[flow.watch]) or change.quiet:
        return FlowVerdict.FILTERED, None
    registration = change.registration
    if registration is not None and not registration.active and "active" not in change.before:
        return FlowVerdict.FILTERED, None
    if not flow.active or not account.signal_enabled or not is_complete(flow, account):
        return FlowVerdict.FILTERED, None
    status = (change.event_state or event.state).status
    testing = status in (EVENT_STATUS_IDS["Planning"], EVENT_STATUS_IDS["Testing"]) or (
        registration is not None and -5 in registration.properties
    )
    if (flow.mode is Mode.TEST) != testing:
        return FlowVerdict.FILTERED, None
    if not all(matches(row, actual_values(row.field, change, account, event)) for row in flow.filters):
        return FlowVerdict.FILTERED, None
    said = []
    lists = {
        Watch.REGISTRATION: ("statuses", "properties"),
        Watch.STATUS: ("statuses", "properties"),
        Watch.SESSION_STATUS: ("session_statuses", "statuses", "properties"),
        Watch.EVENT: ("event_statuses",),
    }[flow.watch]
    for name in lists:
        wanted = set(getattr(flow, name))
        if not wanted:
            continue
        carried, untagged = carries(name, change, account, event)
        said.append("yes" if carried & wanted else "no" if not untagged else "untagged property" if name == "properties" else "untagged")
    if "untagged" in said:
        return FlowVerdict.NOT_TRIGGERED, Reason.UNTAGGED
    if "no" in said:
        return FlowVerdict.NOT_TRIGGERED, Reason.NOT_SELECTED
    if "untagged property" in said:
        return FlowVerdict.NOT_TRIGGERED, Reason.UNTAGGED_PROPERTY
    return FlowVerdict.TRIGGERED, None


def carries(name: str, change: Change, account: AccountConfig, event: EventConfig) -> tuple[set[int], bool]:
    """The tags of a record for a list, and whether something untagged is there."""
    if name == "properties":
        assert change.registration is not None
        of_custom = [set(event.properties[p].tags) for p in change.registration.properties if p > 0]
        return {p for p in change.registration.properties if p < 0}.union(*of_custom), any(not tags for tags in of_custom)
    if name == "event_statuses":
        tags = set(account.event_statuses[(change.event_state or event.state).status].tags)
    elif name == "session_statuses":
        assert change.session is not None
        tags = set(account.session_statuses[change.session.status].tags)
    else:
        assert change.registration is not None
        id = change.registration.status
        tags = set((account.statuses.get(id) or event.statuses[id]).tags)
    return tags, not tags


@given(accounts(), events(), changes())
def test_F5_decide_agrees_with_the_rules_said_plainly(account, event, change):
    expected = [(id, naive(flow, change, account, event)) for id, flow in sorted(account.flows.items())]
    found = decide(change, account, event)
    assert [(d.flow.id, (d.verdict, d.reason)) for d in found] == [e for e in expected if e[1][0] is not FlowVerdict.FILTERED]


@given(accounts(), events(), changes())
def test_F9_explaining_says_what_was_decided(account, event, change):
    decided = {d.flow.id: (d.verdict, d.reason) for d in decide(change, account, event)}
    for id, flow in account.flows.items():
        explained = explain(flow, change, account, event)
        assert (explained.verdict, explained.reason) == decided.get(id, (FlowVerdict.FILTERED, None))
        again = decide_flow(flow, change, account, event)
        assert (again.verdict, again.reason) == decided[id] if again else id not in decided


@given(accounts(), events(), changes())
def test_F9_the_gates_stand_in_order_up_to_the_one_that_says_no(account, event, change):
    order = list(GateName)
    for flow in account.flows.values():
        explained = explain(flow, change, account, event)
        places = [order.index(gate.name) for gate in explained.gates]
        assert places == sorted(places)
        if explained.verdict is FlowVerdict.FILTERED:
            assert [gate.passed for gate in explained.gates] == [True] * (len(places) - 1) + [False]
            assert explained.stopped_at is explained.gates[-1]
        elif explained.verdict is FlowVerdict.TRIGGERED:
            assert explained.stopped_at is None
        else:
            assert explained.stopped_at is not None
            assert explained.stopped_at.name is GateName.ACTIVATION
            assert explained.reason is not None
            assert explained.stopped_at.waits is explained.reason.can_be_fixed, "the list that is the reason"


@given(accounts(), events(), changes())
def test_F5_the_index_by_facet_finds_what_trying_all_finds(account, event, change):
    everything = replace(account, by_facet=dict.fromkeys(Facet, tuple(account.flows.values())))
    tried = [d for f in everything.flows.values() if (d := decide_flow(f, change, account, event))]
    assert decide(change, account, event) == sorted(tried, key=lambda d: d.flow.id)


@given(accounts(), events(), changes(), st.data())
def test_F7_a_flow_that_raises_is_a_retry_item_and_spares_the_others(account, event, change, data):
    """`decide` is the only place that survives our own bug: the change is recorded, and the flow's run can be reconsidered."""
    watch = next((w for w in Watch if w.facets & change.facets), None)
    mode = mode_of(change, account, event)
    broken = Flow(
        99, 1, "Broken", mode, True, watch, statuses=(1,), session_statuses=(1,), event_statuses=(1,),
        filters=(FilterRow("event.nonsense", Op.IS_NOT_EMPTY),), destinations=(Destination(1, "D", connection=1, payload_mapping=1),),
    )  # fmt: skip
    with_broken = {facet: (*flows, broken) for facet, flows in account.by_facet.items()}
    found = decide(change, replace(account, by_facet=with_broken), event)
    others = decide(change, account, event)
    assert found == (([*others, FlowDecision(broken, FlowVerdict.NOT_TRIGGERED, Reason.FAILED)]) if change.is_judged else [])
    assert Reason.FAILED.can_be_fixed


@given(accounts(), events(), changes())
def test_F3_test_takes_what_live_does_not(account, event, change):
    is_test = mode_of(change, account, event) is Mode.TEST
    assert all((d.flow.mode is Mode.TEST) == is_test for d in decide(change, account, event))


@given(accounts(), events(), changes())
def test_P8_P9_quiet_and_inactive_changes_are_decided_by_no_flow(account, event, change):
    if not change.is_judged:
        assert decide(change, account, event) == []


@given(accounts(), events(), changes())
def test_N4_an_account_without_signal_decides_nothing(account, event, change):
    if not account.signal_enabled:
        assert decide(change, account, event) == []
