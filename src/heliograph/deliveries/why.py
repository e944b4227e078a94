"""Why, or why not (F9): the gates of a flow for one change, according to the configuration in force when it was recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from heliograph.deliveries.database import AccountReader
from heliograph.deliveries.words import isolated, shown
from heliograph.domain.flow import sentence
from heliograph.domain.flow.configuration import AccountConfig
from heliograph.domain.flow.decision import Explanation, FlowVerdict, GateName, GateResult, Reason, explain
from heliograph.domain.flow.flow import EVENT_STATUSES, PROPERTIES, SESSION_STATUSES, STATUSES, Flow
from heliograph.domain.registration.change import Change

LISTS = {
    STATUSES: gettext_lazy("Registration Statuses"),
    PROPERTIES: gettext_lazy("Registration Properties"),
    SESSION_STATUSES: gettext_lazy("Session Registration Statuses"),
    EVENT_STATUSES: gettext_lazy("Event Statuses"),
}


_UNASKED = {GateName.FILTERS: gettext_lazy("The flow has no filters."), GateName.ACTIVATION: gettext_lazy("The flow asks for no tags.")}
"""The texts for gates without conditions."""


@dataclass(frozen=True, slots=True)
class GateRow:
    """One gate for components/gates.html. state: passed, stopped, wait, unread. note: shown in place of the wanted and actual values."""

    name: str
    state: str
    wanted: str = ""
    actual: str = ""
    fix: str = ""
    fix_href: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Why:
    """The flow's sentence with marked chips, the answer in one sentence, and the gates.

    stopped: the gate that stopped the change, None = none; curable: it stopped for lack of a tag.
    """

    sentence: Sequence[sentence.SentencePart]
    answer: str
    gates: Sequence[GateRow]
    flow: Flow
    verdict: FlowVerdict
    stopped: GateName | None = None
    curable: bool = False


def why(reading: AccountReader, change: Change, flow_id: int, account_version: int, event_id: int, event_version: int) -> Why | None:
    """Why a flow accepted a change or did not, by the configuration of these versions (0: the current one); None if the flow did not exist
    yet."""
    account = reading.source.account(reading.account, account_version or None)
    event = reading.source.event(event_id, event_version or None)
    flow = account.flows.get(flow_id)
    if flow is None or event.account != reading.account:
        return None
    return told(explain(flow, change, account, event), account)


def told(explanation: Explanation, account: AccountConfig) -> Why:
    """An explanation in words."""
    flow, stopped = explanation.flow, explanation.stopped_at
    parts = sentence.parts(flow, sentence.SentenceNames.of(account), _)
    curable = explanation.reason is not None and explanation.reason.can_be_fixed
    of = stopped.of if stopped and stopped.name in (GateName.FILTERS, GateName.ACTIVATION) else ""
    marked = sentence.marked(parts, sentence.SentenceGate(stopped.name.value) if stopped else None, of)
    if curable:
        marked = [replace(p, state=sentence.PartState.WAITS) if p.state is sentence.PartState.STOPPED else p for p in marked]
    rows: list[GateRow] = []
    for name in GateName:
        asked = [_row(gate, flow, account, curable=curable) for gate in explanation.gates if gate.name is name]
        reached = stopped is None or list(GateName).index(name) < list(GateName).index(stopped.name)
        rows += asked or [GateRow(_name(name), "passed" if reached else "unread", note=str(_UNASKED.get(name, "")) if reached else "")]
    rows.append(GateRow(_("Send"), "passed" if explanation.verdict is FlowVerdict.TRIGGERED else "unread"))
    return Why(marked, answer(explanation, account), rows, flow, explanation.verdict, stopped.name if stopped else None, curable)


def answer(explanation: Explanation, account: AccountConfig) -> str:
    """The outcome in one sentence."""
    flow, stopped = explanation.flow, explanation.stopped_at
    if explanation.verdict is FlowVerdict.TRIGGERED:
        found = [account.connections.get(d.connection or 0) for d in flow.destinations]
        names = [isolated(connection.name) for connection in found if connection]
        return ngettext("Triggered: one request to %(connections)s.", "Triggered: one request each to %(connections)s.", len(names)) % {
            "connections": ", ".join(names)
        }
    if explanation.reason is Reason.UNTAGGED:
        return _("Not triggered yet: the status carries no tag.")
    if explanation.reason is Reason.UNTAGGED_PROPERTY:
        return _("Not triggered yet: a property that is set carries no tag.")
    actual = _tags_or_words(stopped, account) if stopped else ""
    if explanation.verdict is FlowVerdict.NOT_TRIGGERED:
        return _("Not triggered: tagged %(tags)s, which this flow does not act on.") % {"tags": actual or _("nothing")}
    if stopped is None:
        return _("Filtered.")
    if stopped.name is GateName.WATCH:
        return _("Recorded without being judged.") if stopped.of == "quiet" else _("Filtered: this flow does not watch such changes.")
    if stopped.name is GateName.ACTIVE:
        return _("Filtered: the flow was off.") if stopped.of == "inactive" else _("Filtered: the flow was incomplete.")
    if stopped.name is GateName.MODE:
        return _("Filtered: the flow takes %(wanted)s, and this was %(actual)s.") % {"wanted": flow.mode.value, "actual": actual}
    return _("Filtered: it was %(actual)s.") % {"actual": actual or _("empty")}


def _name(name: GateName) -> str:
    return {
        GateName.WATCH: _("Watch"),
        GateName.ACTIVE: _("Active and complete"),
        GateName.MODE: _("Live or Test"),
        GateName.FILTERS: _("Filters"),
        GateName.ACTIVATION: _("Activate for"),
    }[name]


def _row(gate: GateResult, flow: Flow, account: AccountConfig, *, curable: bool) -> GateRow:
    state = "passed" if gate.passed else "wait" if curable else "stopped"
    name = _name(gate.name)
    if gate.name is GateName.ACTIVATION and gate.of in LISTS:
        name = _("%(gate)s: %(list)s") % {"gate": name, "list": LISTS[gate.of]}
    wanted = _wanted(gate, flow, account)
    return GateRow(name, state, wanted, _tags_or_words(gate, account) or _empty_gate_text(gate))


def _wanted(gate: GateResult, flow: Flow, account: AccountConfig) -> str:
    if gate.name is GateName.ACTIVE:
        return _("On, nothing missing")
    if gate.name is GateName.ACTIVATION:
        return _(" or ").join(_label(tag, account) for tag in gate.wanted)
    if gate.name is GateName.FILTERS:
        row = flow.filters[int(gate.of)]
        names = sentence.SentenceNames.of(account)
        field = names.fields.get(row.field, row.field)
        values = [_label(v, account) if row.field.endswith(".tags") else v for v in row.values]
        return " ".join(part for part in (field, row.op.value, _(" or ").join(values)) if part)
    return _(" or ").join(gate.wanted)


def _tags_or_words(gate: GateResult, account: AccountConfig) -> str:
    if gate.name is GateName.ACTIVATION:
        return ", ".join(_label(tag, account) for tag in gate.actual)
    if gate.name is GateName.ACTIVE:
        if gate.passed:
            return _("On, complete")
        return _("Off") if gate.of == "inactive" else ", ".join(gate.actual)
    if gate.name is GateName.WATCH:
        return ", ".join(word.replace("_", " ") for word in gate.actual)
    return shown(gate.actual)


def _empty_gate_text(gate: GateResult) -> str:
    return _("no tag") if gate.name is GateName.ACTIVATION else _("empty")


def _label(tag: str, account: AccountConfig) -> str:
    found = account.tags.get(int(tag)) if tag.lstrip("-").isdecimal() else None
    return found.label if found else _("a tag that is gone")
