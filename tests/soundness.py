"""What must add up in every database at any time: figures and lanes (X2, D2)."""

from __future__ import annotations

from dataclasses import replace

from pyroaring import BitMap

from heliograph.domain.delivery.action import ActionState, AttemptKind, Does, Origin
from heliograph.domain.delivery.lanes import LaneState, choose
from heliograph.domain.delivery.outcomes import Lead
from heliograph.domain.delivery.retry_policy import MINUTE, Category
from heliograph.domain.figures import ActionRow, AttemptRow, Delta, Figures, Period, RunRow, count, total
from heliograph.domain.flow.configuration import AccountConfig
from heliograph.domain.flow.flow import Mode
from heliograph.store.database import Database
from heliograph.store.queue.lanes import ACTION_COLUMNS, LANE_COLUMNS, action_of, lane_of


def figures(db: Database, mode: Mode = Mode.LIVE) -> Figures:
    """The figures over all time, from the deltas."""
    return total(_always(mode), _deltas(db))


def check(db: Database, account: AccountConfig) -> None:
    """Asserts that the figures equal a recount, that X2's equations hold, and that no lane is stuck."""
    for mode in Mode:
        added, counted = figures(db, mode), _recount(db, mode)
        # a check finds no row of its own: a later retry counts under it
        if db.all("SELECT 1 FROM action WHERE looks > 0 LIMIT 1"):
            counted = replace(counted, retried_by_category=added.retried_by_category)
        assert added == counted
    _no_lane_is_stuck(db, account)


def _always(mode: Mode) -> Period:
    return Period(0, 2**40 * MINUTE, 1 if mode is Mode.LIVE else 2)


def _deltas(db: Database) -> list[Delta]:
    rows = db.all("SELECT account_id, minute, mode, measure, n, flow_id, connection_id, category, integration, serials FROM figure_delta")
    return [replace(Delta(*row[:9]), serials=tuple(BitMap.deserialize(bytes(row[9])) if row[9] is not None else ())) for row in rows]


def _recount(db: Database, mode: Mode) -> Figures:
    waits = {run for (run,) in db.all("SELECT run_id FROM judgement WHERE queue < 3")}
    runs = [
        RunRow(change, registration, flow, mode, at, triggered=decision == 2, stuck=id in waits)
        for id, change, registration, flow, mode, at, decision in db.all(
            "SELECT r.id, r.change_id, c.registration_id, r.flow_id, r.mode, r.at, r.decision FROM run r JOIN change c ON c.id = r.change_id"
        )
    ]
    actions, made = [], {}
    leads = {lead.code: lead for lead in Lead}
    for id, flow, of, created, state, origin, lead in db.all("SELECT id, flow_id, mode, created, state, origin, lead FROM action"):
        made[id] = (of, Origin(origin))
        actions.append(ActionRow(flow, of, created, ActionState(state), Origin(origin), leads.get(lead)))
    attempts, before = [], {}
    kinds = {kind.code: kind for kind in AttemptKind}
    for action, kind, at, state, code in db.all("SELECT action_id, kind, at, state, category FROM attempt ORDER BY action_id, n"):
        category = Category.of_code(code)
        attempts.append(
            AttemptRow(
                made[action][0],
                at,
                kinds[kind],
                before.get(action) if kinds[kind] is not AttemptKind.FIRST else None,
                abandoned=state == ActionState.FAILED and kinds[kind] is not AttemptKind.MANUAL,
                invalid=category is Category.VALIDATION,
                origin=made[action][1],
            )
        )
        before[action] = category or before.get(action)
    return count(_always(mode), runs, actions, attempts)


def _no_lane_is_stuck(db: Database, account: AccountConfig) -> None:
    """Asserts that each lane's state is what `choose` returns for its open actions; ready lanes wait for a pause, a throttle or a
    worker."""
    does = {d.id: d.does for flow in account.flows.values() for d in flow.destinations}
    now = db.now()
    for row in db.all(f"SELECT {LANE_COLUMNS} FROM lane"):
        lane = lane_of(row).lane
        rows = db.all(f"SELECT {ACTION_COLUMNS} FROM action WHERE lane_id = :lane AND state < 10", {"lane": lane.id})
        opened = [action_of(action).action for action in rows]
        if not opened:
            assert lane.state is LaneState.IDLE, (lane, "nothing is open")
            continue
        choice = choose(does.get(lane.destination, Does.UPDATES), lane.begun_version, opened, now)
        if lane.state is LaneState.WAITING:
            assert lane.due_at is not None, lane
            assert choice.state is LaneState.READY or choice.due_at == lane.due_at, (lane, opened)
        else:
            assert lane.state is LaneState.READY, (lane, opened)
