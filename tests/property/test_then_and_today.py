"""Why, or why not, then and today: equal to deciding anew by each configuration (F9)."""

from __future__ import annotations

from hypothesis import given
from tests.builders.strategies import accounts, changes, events

from heliograph.domain.flow.decision import FlowVerdict, GateName, decide, explain
from heliograph.domain.flow.rules_comparison import Rules, stop_reason, then_and_today

FLOWS = range(1, 6)
"""The flows of `accounts`, and one that is not there."""


@given(accounts(), events(), accounts(count=3), events(), changes())
def test_F9_then_and_today_are_what_each_configuration_decides(account, event, account_now, event_now, change):
    decided = [{d.flow.id: d for d in decide(change, *rules)} for rules in ((account, event), (account_now, event_now))]
    for flow in FLOWS:
        both = then_and_today(change, flow, Rules(account, event), Rules(account_now, event_now))
        for found, of, config in ((both.then, decided[0], account), (both.today, decided[1], account_now)):
            assert (found is None) == (flow not in config.flows)
            if found is None:
                continue
            run = of.get(flow)
            assert found.verdict is (run.verdict if run else FlowVerdict.FILTERED)
            assert found.reason is (run.reason if run else None)


@given(accounts(), events(), accounts(), events(), changes())
def test_F9_they_differ_where_a_gate_does(account, event, account_now, event_now, change):
    for flow in FLOWS[:4]:
        then, today = Rules(account, event), Rules(account_now, event_now)
        assert not then_and_today(change, flow, then, then).differs
        both = then_and_today(change, flow, then, today)
        assert both.differs == then_and_today(change, flow, today, then).differs
        assert both.then is not None
        assert both.today is not None
        if not both.differs:
            assert both.then.verdict is both.today.verdict
            assert both.then.stopped_at == both.today.stopped_at
        if both.then.verdict is not both.today.verdict:
            assert both.differs


@given(accounts(), events(), changes())
def test_F9_what_stopped_has_a_reason_and_what_was_triggered_none(account, event, change):
    for flow in account.flows.values():
        found = explain(flow, change, account, event)
        reason = stop_reason(found, change, event)
        assert (reason is None) == (found.verdict is FlowVerdict.TRIGGERED)
        if reason and found.stopped_at:
            assert reason[0] == found.stopped_at.name
        if reason and found.reason:
            assert str(found.reason) in reason
            assert reason[0] in ("", GateName.ACTIVATION), "it has a run"
