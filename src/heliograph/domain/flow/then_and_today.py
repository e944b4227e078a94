"""One change and one flow by the rules of then and by those of today (F9); and what it means that two changes stopped for the same reason."""

from __future__ import annotations

from dataclasses import dataclass

from heliograph.domain.flow.configuration import AccountConfig
from heliograph.domain.flow.decision import Explanation, FlowVerdict, GateName, Reason, explain
from heliograph.domain.flow.flow import EVENT_STATUSES, SESSION_STATUSES
from heliograph.domain.registration.change import Change
from heliograph.domain.setup.configuration import EventConfig

type StopReason = tuple[str, ...]
"""Why a change stopped at a flow, for comparison: equal reasons are cured in one place."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The configuration of one moment: the account's and the event's."""

    account: AccountConfig
    event: EventConfig


@dataclass(frozen=True, slots=True)
class ThenAndToday:
    """What a flow decided by the rules in force when the change was recorded, and what it would decide today. None: it was not there."""

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
    return ThenAndToday(*(_explained(change, flow, rules) for rules in (then, today)))


def _explained(change: Change, flow: int, rules: Rules) -> Explanation | None:
    known = rules.account.flows.get(flow)
    return explain(known, change, rules.account, rules.event) if known is not None else None


def stop_reason(explanation: Explanation, change: Change, event: EventConfig) -> StopReason | None:
    """Why the change stopped; None if it did not.

    Two changes stopped for the same reason if the same field of a filter kept them out, if they carried the same tags, if the same status lacks its
    tag, or if the flow was off, lacked the same part, or was of the other mode.
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
        return (stopped.name, stopped.place, str(explanation.reason), _status(stopped.place, change, event))
    return (stopped.name, stopped.place, str(explanation.reason), *stopped.actual)


def _status(name: str, change: Change, event: EventConfig) -> str:
    """The status that lacks a tag, by id."""
    if name == EVENT_STATUSES:
        return str((change.event_state or event.state).status)
    if name == SESSION_STATUSES:
        return str(change.session.status) if change.session else ""
    return str(change.registration.status) if change.registration else ""
