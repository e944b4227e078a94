"""The result of a trial in words: the sentence, the answer and the gates (F9)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from django.utils.translation import gettext as _

from heliograph.deliveries.explanation import GateRow, why_of
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.decision import FlowVerdict
from heliograph.domain.flow.flow import Flow
from heliograph.domain.flow.sentence import SentencePart
from heliograph.flows.flow_trial import NO_RULE, Trial, has_rule

ACTIVE: Final = 1
"""The index of the gate "Active and complete" among the gates."""


@dataclass(frozen=True, slots=True)
class TrialAnswer:
    """What a flow would do with a change, in words."""

    sentence: Sequence[SentencePart]
    """The flow's sentence, with the chips marked by their gates."""
    answer: str
    gates: Sequence[GateRow]


def trial_answer(trial: Trial, flow: Flow, config: AccountConfig) -> TrialAnswer:
    """A trial in words. A flow that is off or incomplete is tried as if it were not: its gate says so and lets the change pass."""
    config = replace(config, flows={**config.flows, flow.id: flow})
    why = why_of(trial.running, config)
    gates = list(why.gates)
    actual = _("On, complete") if trial.active.passed else _("incomplete") if flow.active else _("Off")
    gates[ACTIVE] = replace(
        GateRow(gates[ACTIVE].name, "passed" if trial.active.passed else "wait", _("On, nothing missing"), actual), gate=gates[ACTIVE].gate
    )
    answer = why.answer
    if trial.running.verdict is FlowVerdict.TRIGGERED:
        names = [c.name for d in flow.destinations if (c := config.connections.get(d.connection or 0))]
        answer = _("It would be sent to %(connections)s.") % {"connections": ", ".join(dict.fromkeys(names)) or _("nobody yet")}
        if not trial.active.passed:
            answer = _("Once the flow is on and complete: %(answer)s") % {"answer": answer}
            gates[-1] = GateRow(gates[-1].name, "wait")
    if not has_rule(flow, config):
        answer = str(NO_RULE)
    return TrialAnswer(why.sentence, answer, gates)
