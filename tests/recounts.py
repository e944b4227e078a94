"""What an account's rows say by themselves: its figures (`domain.figures.count`), and whether its lanes are as the rules leave them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from heliograph.domain.delivery.action import ActionState, AttemptKind, Does, OpenAction, Origin, QueueStatus, RunState, StuckRun
from heliograph.domain.delivery.lanes import LaneState, choose
from heliograph.domain.delivery.outcomes import Cause, Lead
from heliograph.domain.delivery.retry_policy import Category
from heliograph.domain.figures import ActionRow, AttemptRow, Figures, Period, RunRow, count
from heliograph.store.database import Database
from heliograph.store.queue.action_rows import ACTION_COLUMNS, action_of
from heliograph.store.queue.lane_reads import LANE_COLUMNS, lane_of

_LEADS = {lead.code: lead for lead in Lead}
_KINDS = {kind.code: kind for kind in AttemptKind}


class Recount:
    """All rows of an account, read once. holding: the connections that hold their actions; no row of an action says so."""

    def __init__(self, db: Database, account: int, holding: Collection[int] = ()) -> None:
        of = {"account": account}
        stuck = {
            run: StuckRun(run, QueueStatus.of_code(queue) or QueueStatus.DONE, Category.CONFIG, Cause(cause), None).state
            for run, queue, cause in db.all("SELECT run_id, queue, cause FROM stuck_run WHERE account_id = :account", of)
        }
        self.runs = [
            RunRow(change, registration, flow, mode, at, RunState.TRIGGERED if decision == 2 else stuck.get(id, RunState.NOT_SELECTED))
            for id, change, registration, flow, mode, at, decision in db.all(
                "SELECT r.id, r.change_id, c.registration_id, r.flow_id, r.mode, r.at, r.decision FROM run r JOIN change c ON c.id = r.change_id"
                " WHERE r.account_id = :account",
                of,
            )
        ]
        self.actions, made = [], {}
        for id, flow, mode, created, state, origin, lead, connection in db.all(
            "SELECT a.id, a.flow_id, a.mode, a.created, a.state, a.origin, a.lead, l.connection_id FROM action a LEFT JOIN lane l ON l.id = a.lane_id"
            " WHERE a.account_id = :account",
            of,
        ):
            made[id] = (mode, Origin(origin))
            self.actions.append(
                ActionRow(flow, mode, created, ActionState(state), Origin(origin), _LEADS.get(lead), connection_holds=connection in holding)
            )
        self.attempts: list[AttemptRow] = []
        before: dict[int, Category | None] = {}
        for action, kind, at, state, code in db.all(
            "SELECT action_id, kind, at, state, category FROM attempt WHERE account_id = :account ORDER BY action_id, n", of
        ):
            category, is_first = Category.of_code(code), _KINDS[kind] is AttemptKind.FIRST
            self.attempts.append(
                AttemptRow(
                    made[action][0],
                    at,
                    _KINDS[kind],
                    None if is_first else before.get(action),
                    abandoned=state == ActionState.FAILED and _KINDS[kind] is not AttemptKind.MANUAL,
                    invalid=category is Category.VALIDATION,
                    delivered=state == ActionState.SUCCESS,
                    origin=made[action][1],
                )
            )
            before[action] = category or before.get(action)

    def figures(self, period: Period) -> Figures:
        """Those of a period."""
        return count(period, self.runs, self.actions, self.attempts)


def wrong_lanes(db: Database, account: int, does: Mapping[int, Does]) -> list[str]:
    """Lanes whose state is not what `choose` makes of their open actions (D2). does: by destination. Ready lanes wait for a pause, a throttle
    or a worker."""
    now, opened = db.now(), dict[int, list[OpenAction]]()
    for row in db.all(f"SELECT {ACTION_COLUMNS} FROM action WHERE account_id = :account AND state < 10", {"account": account}):
        found = action_of(row)
        opened.setdefault(found.lane, []).append(found)
    wrong = []
    for row in db.all(f"SELECT {LANE_COLUMNS} FROM lane WHERE account_id = :account", {"account": account}):
        lane = lane_of(row).lane
        actions = opened.pop(lane.id, [])
        choice = choose(does.get(lane.destination, Does.UPDATES), lane.begun_version, actions, now)
        if lane.state is LaneState.IDLE:
            fine = not actions
        elif lane.state is LaneState.WAITING:
            fine = lane.due_at == choice.due_at if choice.state is LaneState.WAITING else lane.due_at is not None and bool(actions)
        else:
            fine = bool(actions)
        if not fine:
            wrong.append(f"{lane}: {actions}")
    return [*wrong, *(f"no lane {lane}: {actions}" for lane, actions in opened.items())]
