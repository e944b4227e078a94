"""The newest delivery of a flow: whether what a recipe set up has arrived anywhere yet (D1)."""

from __future__ import annotations

from dataclasses import dataclass

from heliograph.domain.delivery.action import ActionState
from heliograph.domain.flow.flow import Mode
from heliograph.store.database import Database


@dataclass(frozen=True, slots=True)
class FlowDelivery:
    """An action of a flow."""

    state: ActionState
    message: str
    """Of the last failed attempt; "" without one."""
    created: int
    """In microseconds. So is `ended`, 0 while it is open."""
    ended: int
    event: str
    """The code of its event."""
    code: str
    """The code of the registration; "" for an action of an event. So is `name`."""
    name: str


def newest_delivery(db: Database, account: int, flow: int) -> FlowDelivery | None:
    """The flow's newest action; None before the first one. Reads one row for each state and mode, by the index of the flow's actions."""
    newest: tuple[int, int] | None = None
    for state in ActionState:
        for mode in Mode:
            rows = db.all(
                "SELECT a.created, a.id FROM action a WHERE a.flow_id = :flow AND a.state = :state AND a.mode = :mode"
                " ORDER BY a.created DESC, a.id DESC LIMIT 1",
                {"flow": flow, "state": int(state), "mode": mode.code},
            )
            newest = max([pair for pair in (newest, *rows) if pair is not None], default=None)
    if newest is None:
        return None
    rows = db.all(
        "SELECT a.state, a.message, a.created, a.ended, e.code, r.code, r.name, r.erased_at FROM action a JOIN event e ON e.id = a.event_id"
        " LEFT JOIN registration r ON r.id = a.registration_id WHERE a.id = :id AND a.account_id = :account",
        {"id": newest[1], "account": account},
    )
    if not rows:
        return None
    state, message, created, ended, event, code, name, erased = rows[0]
    return FlowDelivery(
        ActionState(state), message, created, ended or 0, event, code if code and not erased else "", name if name and not erased else ""
    )
