"""Why flows sent nothing of a registration, in the words of the newest change that each of them did not take (X5)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from heliograph.deliveries.account_reader import AccountReader
from heliograph.deliveries.explanation import answer, not_triggered
from heliograph.deliveries.explanation_pair import RecordedChange, rules_of
from heliograph.deliveries.registration_destinations import DestinationOfRegistration
from heliograph.domain.delivery.action import QueueStatus
from heliograph.domain.flow.decision import FlowVerdict, Reason, explain
from heliograph.domain.setup.compiled_setup import EventConfig
from heliograph.recording.contents import CHANGE_COLUMNS, FROM_CHANGE, read_change


@dataclass(frozen=True, slots=True)
class UnsentReason:
    """Why a flow sent nothing."""

    change: int
    """The id of the change that it did not take."""
    says: str


def unsent_reasons(
    reader: AccountReader, registration: int, event: EventConfig, rows: Sequence[DestinationOfRegistration]
) -> dict[int, UnsentReason]:
    """By flow, why it sent nothing to the destinations that nothing was sent to. Absent are flows of which this is no longer known.

    A flow that judged a change has a run with its reason. One that filtered all changes has none, so the newest change is explained.
    """
    flows = {row.flow for row in rows if row.action is None and row.stuck is None}
    if not flows:
        return {}
    reasons = _of_runs(reader, registration, event, flows)
    return _of_filters(reader, registration, flows - reasons.keys()) | reasons


def _of_runs(reader: AccountReader, registration: int, event: EventConfig, flows: Collection[int]) -> dict[int, UnsentReason]:
    """The reasons that are stored."""
    newest = (
        "SELECT max(r.id) FROM change c JOIN run r ON r.change_id = c.id WHERE +c.account_id = :account AND c.registration_id = :registration"
        f" AND +r.decision = {FlowVerdict.NOT_TRIGGERED.code} AND {reader.db.member('+r.flow_id', 'flows')} GROUP BY r.flow_id"
    )
    rows = reader.db.all(
        f"SELECT {CHANGE_COLUMNS}, r.flow_id, r.reason, j.queue FROM {FROM_CHANGE} JOIN run r ON r.change_id = c.id"
        f" LEFT JOIN stuck_run j ON j.run_id = r.id WHERE r.id IN ({newest})",
        {"account": reader.account, "registration": registration, "flows": sorted(flows)},
    )
    reasons = {}
    for row in rows:
        flow, reason, queue = row[14:]
        says, _state = not_triggered(Reason(reason), QueueStatus.of_code(queue or 0), read_change(row), reader.config, event, flow)
        reasons[flow] = UnsentReason(row[0], says)
    return reasons


def _of_filters(reader: AccountReader, registration: int, flows: Collection[int]) -> dict[int, UnsentReason]:
    """Why flows filtered the registration's newest change, by the rules then in force."""
    if not flows:
        return {}
    rows = reader.db.all(
        f"SELECT {CHANGE_COLUMNS} FROM {FROM_CHANGE} WHERE +c.account_id = :account AND c.registration_id = :registration"
        " ORDER BY c.id DESC LIMIT 1",
        {"account": reader.account, "registration": registration},
    )
    change = read_change(rows[0]) if rows else None
    if change is None:
        return {}
    rules = rules_of(reader, RecordedChange(change, *rows[0][11:14]))
    explanations = {id: explain(rules.account.flows[id], change, rules.account, rules.event) for id in flows if id in rules.account.flows}
    return {
        flow: UnsentReason(change.id, answer(explanation, rules.account))
        for flow, explanation in explanations.items()
        if explanation.verdict is FlowVerdict.FILTERED
    }
