"""Why, or why not (F9): the gates of a flow for one change, by the configuration in force when the change was recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from heliograph.deliveries.account_reader import AccountReader
from heliograph.deliveries.delivery_words import Toned, isolated, value_text
from heliograph.deliveries.message_words import message_words
from heliograph.domain.delivery.action import QueueStatus
from heliograph.domain.flow import sentence
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.completeness import FlowLack
from heliograph.domain.flow.decision import Explanation, FlowVerdict, GateName, GateResult, Reason, explain
from heliograph.domain.flow.flow import EVENT_STATUSES, PROPERTIES, SESSION_STATUSES, STATUSES, Flow, Op
from heliograph.domain.registration.change import Change
from heliograph.domain.setup.compiled_setup import EventConfig
from heliograph.domain.setup.filter_fields import ATTENDEE_TYPE_TAGS, EVENT_TAGS
from heliograph.web.field_names import field_label, flow_parts

LISTS = {
    STATUSES: gettext_lazy("Registration Statuses"),
    PROPERTIES: gettext_lazy("Registration Properties"),
    SESSION_STATUSES: gettext_lazy("Session Registration Statuses"),
    EVENT_STATUSES: gettext_lazy("Event Statuses"),
}

_LACKS = {
    FlowLack.NAME: pgettext_lazy("a flow lacks", "name"),
    FlowLack.WATCH: pgettext_lazy("a flow lacks", "watch"),
    FlowLack.LIST: pgettext_lazy("a flow lacks", "list"),
    FlowLack.FILTER_VALUES: pgettext_lazy("a flow lacks", "filter values"),
    FlowLack.DESTINATION: pgettext_lazy("a flow lacks", "destination"),
    FlowLack.DESTINATION_NAME: pgettext_lazy("a flow lacks", "destination name"),
    FlowLack.CONNECTION: pgettext_lazy("a flow lacks", "connection"),
    FlowLack.ACTION: pgettext_lazy("a flow lacks", "action"),
    FlowLack.PAYLOAD_MAPPING: pgettext_lazy("a flow lacks", "payload mapping"),
    FlowLack.FITTING_MAPPING: pgettext_lazy("a flow lacks", "fitting mapping"),
    FlowLack.HEADER_MAPPING: pgettext_lazy("a flow lacks", "header mapping"),
    FlowLack.CLASH: pgettext_lazy("a flow lacks", "clash"),
}
_FACETS = {
    "created": pgettext_lazy("a change", "created"),
    "updated": pgettext_lazy("a change", "updated"),
    "status_changed": pgettext_lazy("a change", "status changed"),
    "session_status_changed": pgettext_lazy("a change", "session status changed"),
    "event_created": pgettext_lazy("a change", "event created"),
    "event_updated": pgettext_lazy("a change", "event updated"),
}
"""The kinds of a change, by their words (Facet)."""

TAG_FIELDS = (EVENT_TAGS, ATTENDEE_TYPE_TAGS)
"""Filter fields whose values are ids of tags."""

_UNASKED = {GateName.FILTERS: gettext_lazy("The flow has no filters."), GateName.ACTIVATION: gettext_lazy("The flow needs no tags.")}
"""The texts for gates without conditions."""


@dataclass(frozen=True, slots=True)
class GateRow:
    """One gate for components/gates.html."""

    name: str
    state: str
    """ "passed", "stopped", "wait" or "unread"."""
    expected: str = ""
    """What the gate demands, in words."""
    actual: str = ""
    """What the change had, in words."""
    fix: str = ""
    fix_href: str = ""
    note: str = ""
    """The text of a gate without a condition."""
    gate: str = ""
    """The GateName; "" for sending."""
    place: str = ""
    """The URL where the gate is edited."""
    today: Sequence[GateRow] = ()
    """The gate by today's rules, if they differ."""


@dataclass(frozen=True, slots=True)
class Why:
    """The explanation of a flow's decision, in words."""

    sentence: Sequence[sentence.SentencePart]
    """The flow's sentence, with the chips marked by their gates."""
    answer: str
    """The decision in one sentence."""
    gates: Sequence[GateRow]
    flow: Flow
    verdict: FlowVerdict
    stopped: GateName | None = None
    """The gate that stopped the change; None if none did."""
    curable: bool = False
    """True if a tag would cure it."""


def why(reader: AccountReader, change: Change, flow_id: int, account_version: int, event_id: int, event_version: int) -> Why | None:
    """Why a flow took a change or did not; None if the flow did not exist yet.

    account_version: the version of the account's configuration; 0 for the current one
    event_version: the version of the event's configuration; 0 for the current one
    """
    account = reader.provider.account(reader.account, account_version or None)
    event = reader.provider.event(event_id, event_version or None)
    flow = account.flows.get(flow_id)
    if flow is None or event.account != reader.account:
        return None
    return why_of(explain(flow, change, account, event), account)


def why_of(explanation: Explanation, account: AccountConfig) -> Why:
    """An explanation in words."""
    flow, stopped = explanation.flow, explanation.stopped_at
    parts = flow_parts(flow, sentence.SentenceNames.from_config(account))
    curable = explanation.reason is not None and explanation.reason.can_be_fixed
    answers = {
        (sentence.SentenceGate(gate.name.value), gate.place if gate.name in (GateName.FILTERS, GateName.ACTIVATION) else ""): _part_state(
            gate
        )
        for gate in explanation.gates
    }
    marked = sentence.marked(parts, sentence.SentenceGate(stopped.name.value) if stopped else None, answers)
    rows: list[GateRow] = []
    for name in GateName:
        gate_rows = [_row(gate, flow, account) for gate in explanation.gates if gate.name is name]
        reached = stopped is None or list(GateName).index(name) < list(GateName).index(stopped.name)
        note = str(_UNASKED.get(name, "")) if reached else ""
        rows += gate_rows or [GateRow(_name(name), "passed" if reached else "unread", note=note, gate=name.value)]
    rows.append(GateRow(_("Send"), "passed" if explanation.verdict is FlowVerdict.TRIGGERED else "unread"))
    return Why(marked, answer(explanation, account), rows, flow, explanation.verdict, stopped.name if stopped else None, curable)


def answer(explanation: Explanation, account: AccountConfig) -> str:
    """The decision in one sentence."""
    flow, stopped = explanation.flow, explanation.stopped_at
    if explanation.verdict is FlowVerdict.TRIGGERED:
        connections = [account.connections.get(d.connection or 0) for d in flow.destinations]
        names = [isolated(connection.name) for connection in connections if connection]
        return ngettext("Triggered: one request to %(connections)s.", "Triggered: one request each to %(connections)s.", len(names)) % {
            "connections": ", ".join(names)
        }
    if explanation.reason is Reason.UNTAGGED:
        of_session = stopped is not None and stopped.place == SESSION_STATUSES
        return _("Not triggered yet: the session status has no tag.") if of_session else _("Not triggered yet: the status has no tag.")
    if explanation.reason is Reason.UNTAGGED_PROPERTY:
        return _("Not triggered yet: a property that is set has no tag.")
    actual = _tags_or_words(stopped, flow, account) if stopped else ""
    if explanation.verdict is FlowVerdict.NOT_TRIGGERED:
        if stopped is not None and stopped.place == PROPERTIES:
            return _("Not triggered: none of the properties that this flow needs is set (%(tags)s).") % {
                "tags": _expected(stopped, flow, account)
            }
        return _("Not triggered: tagged %(tags)s, which this flow does not act on.") % {"tags": actual or _("nothing")}
    if stopped is None:
        return _("Filtered.")
    if stopped.name is GateName.WATCH:
        return _("Recorded without being checked.") if stopped.place == "quiet" else _("Filtered: this flow does not watch such changes.")
    if stopped.name is GateName.ACTIVE:
        return _("Filtered: the flow was off.") if stopped.place == "inactive" else _("Filtered: the flow was incomplete.")
    if stopped.name is GateName.MODE:
        return _("Filtered: the flow takes %(wanted)s, and this was %(actual)s.") % {"wanted": _(flow.mode.value), "actual": actual}
    field = _field(flow.filters[int(stopped.place)].field, account)
    return _("Filtered: %(field)s was %(actual)s.") % {"field": isolated(field), "actual": actual or _("empty")}


def not_triggered(
    reason: Reason | None,
    queue: QueueStatus | None,
    change: Change | None,
    account: AccountConfig,
    event: EventConfig | None,
    flow: int,
    stop: str = "",
) -> tuple[str, Toned]:
    """Why a run has no action, in one sentence, and its state. If the change was not selected, today's lists of the flow are named.

    stop: the message of a stuck run that waits for its flow
    """
    state: Toned = ("quiet", _("Not triggered"))
    if queue in (QueueStatus.RETRY, QueueStatus.ERROR):
        state = ("wait", _("Waits for a tag") if reason is not None and reason.is_untagged else _("Will be retried"))
    elif queue is QueueStatus.FAILED:
        state = ("failed", _("Failed"))
    if reason is Reason.FLOW_DELETED or (reason is not None and reason.is_untagged and flow not in account.flows):
        # The worker ends what waits in a deleted flow step by step.
        return _("Too late: the flow was deleted before it had a tag."), ("quiet", _("Not triggered"))
    if stop:
        return f"{message_words(stop).rstrip('.')}.", ("wait", _("Waiting"))
    if reason is Reason.UNTAGGED:
        of_session = account.session_statuses.get(change.session.status) if change and change.session else None
        if of_session is not None and not of_session.tags:
            return _("Waiting: the session status has no tag."), state
        return _("Waiting: the status has no tag."), state
    if reason is Reason.UNTAGGED_PROPERTY:
        return _("Waiting: a property that is set has no tag."), state
    if reason is Reason.CONTENT_REMOVED:
        return _("Too late: its details were removed with age while it waited."), state
    if reason is Reason.FAILED:
        return _("It could not be checked: Heliograph had an internal error."), state
    return _unmet(account.flows.get(flow), change, account, event) or _("It is tagged, but this flow does not act on it."), state


def _unmet(flow: Flow | None, change: Change | None, account: AccountConfig, event: EventConfig | None) -> str:
    """The list of the flow that the change does not meet, as a sentence; "" if it would meet today's lists, or if this is no longer known."""
    if flow is None or change is None or event is None:
        return ""
    explanation = explain(flow, change, account, event, as_if_running=True)
    stopped = explanation.stopped_at
    if explanation.reason is not Reason.NOT_SELECTED or stopped is None:
        return ""
    if stopped.place == PROPERTIES:
        return _("None of the properties that this flow needs is set: %(tags)s.") % {"tags": _expected(stopped, flow, account)}
    status = _status_in(stopped.place, change, account, event)
    return _("This flow does not act on %(status)s.") % {"status": isolated(status)} if status else ""


def _status_in(list_name: str, change: Change, account: AccountConfig, event: EventConfig) -> str:
    """The name of the status that a list checks; "" if it is no longer known."""
    if list_name == SESSION_STATUSES:
        known = account.session_statuses.get(change.session.status) if change.session else None
    elif list_name == EVENT_STATUSES:
        known = account.event_statuses.get((change.event_state or event.state).status)
    else:
        known = account.status(change.registration.status, event) if change.registration else None
    return known.name if known else ""


def _name(name: GateName) -> str:
    return {
        GateName.WATCH: _("Watch"),
        GateName.ACTIVE: _("Active and complete"),
        GateName.MODE: _("Live or Test"),
        GateName.FILTERS: _("Filters"),
        GateName.ACTIVATION: _("Activate for"),
    }[name]


def _part_state(gate: GateResult) -> sentence.PartState:
    if gate.passed:
        return sentence.PartState.PASSED
    return sentence.PartState.WAITS if gate.waits else sentence.PartState.STOPPED


def _row(gate: GateResult, flow: Flow, account: AccountConfig) -> GateRow:
    name = _name(gate.name)
    if gate.name is GateName.ACTIVATION and gate.place in LISTS:
        name = _("%(gate)s: %(list)s") % {"gate": name, "list": LISTS[gate.place]}
    expected = _expected(gate, flow, account)
    actual = _tags_or_words(gate, flow, account) or (_("without a tag") if gate.name is GateName.ACTIVATION else _("empty"))
    return GateRow(name, _part_state(gate).value, expected, actual, gate=gate.name.value)


def _expected(gate: GateResult, flow: Flow, account: AccountConfig) -> str:
    if gate.name is GateName.ACTIVE:
        return _("On, nothing missing")
    if gate.name is GateName.ACTIVATION:
        return _(" or ").join(_label(tag, account) for tag in gate.expected)
    if gate.name is GateName.FILTERS:
        row = flow.filters[int(gate.place)]
        values = [_label(v, account) if row.field in TAG_FIELDS else v for v in row.values]
        joint = _(" and ") if row.op is Op.IS_BETWEEN else _(" or ")
        return " ".join(part for part in (_field(row.field, account), _(row.op.value), joint.join(values)) if part)
    if gate.name is GateName.MODE:
        return _(flow.mode.value)
    return _(" or ").join(gate.expected)


def _field(key: str, account: AccountConfig) -> str:
    """The name of a filter's field, as pages show it."""
    return field_label(key, sentence.SentenceNames.from_config(account).fields.get(key, key))


def _tags_or_words(gate: GateResult, flow: Flow, account: AccountConfig) -> str:
    of_tags = gate.name is GateName.FILTERS and flow.filters[int(gate.place)].field in TAG_FIELDS
    if gate.name is GateName.ACTIVATION or of_tags:
        return ", ".join(_label(tag, account) for tag in gate.actual)
    if gate.name is GateName.ACTIVE:
        if gate.passed:
            return _("On, complete")
        return _("Off") if gate.place == "inactive" else ", ".join(str(_LACKS[FlowLack(word)]) for word in gate.actual)
    if gate.name is GateName.WATCH:
        return ", ".join(str(_FACETS[word]) for word in gate.actual)
    if gate.name is GateName.MODE:
        return ", ".join(_(word) for word in gate.actual)
    return value_text(gate.actual)


def _label(tag: str, account: AccountConfig) -> str:
    known_tag = account.tags.get(int(tag)) if tag.lstrip("-").isdecimal() else None
    return known_tag.label if known_tag else _("a deleted tag")
