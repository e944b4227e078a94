"""The decision of a flow on one change by past and by present rules (F9), and when two changes stopped for the same reason."""

from __future__ import annotations

from dataclasses import dataclass

from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.decision import Explanation, FlowVerdict, GateName, Reason, explain
from heliograph.domain.flow.flow import EVENT_STATUSES, SESSION_STATUSES
from heliograph.domain.registration.change import Change
from heliograph.domain.setup.compiled_setup import EventConfig

type StopReason = tuple[str, ...]
"""Why a change stopped at a flow, for comparison: equal reasons are cured in one place."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The configuration of one moment: the account's and the event's."""

    account: AccountConfig
    event: EventConfig


@dataclass(frozen=True, slots=True)
class ThenAndToday:
    """A flow's decision by the rules when the change was recorded, and by those of today. None: there was, or is, no such flow."""

    then: Explanation | None
    today: Explanation | None

    @property
    def differs(self) -> bool:
        """True if any gate wants or finds something else today."""
        if self.then is None or self.today is None:
            return self.then is not self.today
        return (self.then.verdict, self.then.reason, self.then.gates) != (self.today.verdict, self.today.reason, self.today.gates)


def then_and_today(change: Change, flow: int, then: Rules, today: Rules) -> ThenAndToday:
    """Both explanations. flow: its id."""
    explanations = []
    for rules in (then, today):
        known = rules.account.flows.get(flow)
        explanations.append(explain(known, change, rules.account, rules.event) if known is not None else None)
    return ThenAndToday(*explanations)


def stop_reason(explanation: Explanation, change: Change, event: EventConfig) -> StopReason | None:
    """Why the change stopped, as a value that can be compared; None if it did not stop.

    Two changes have equal reasons if one of these is equal: the field of the filter that kept them out, the tags that no list selects, the
    status that lacks a tag, the part that the flow lacked, or that it was off or of the other mode.
    """
    if explanation.verdict is FlowVerdict.TRIGGERED:
        return None
    stopped = explanation.stopped_at
    if stopped is None:
        return ("", str(explanation.reason))
    if stopped.name is GateName.FILTERS:
        return (stopped.name, explanation.flow.filters[int(stopped.place)].field)
    if stopped.name is not GateName.ACTIVATION:
        return (stopped.name, stopped.place, *(stopped.actual if stopped.name is not GateName.WATCH else ()))
    if explanation.reason is Reason.UNTAGGED:
        state = {EVENT_STATUSES: change.event_state or event.state, SESSION_STATUSES: change.session}.get(
            stopped.place, change.registration
        )
        return (stopped.name, stopped.place, str(explanation.reason), str(state.status) if state else "")  # the status that lacks a tag
    return (stopped.name, stopped.place, str(explanation.reason), *stopped.actual)
