"""The deliveries of a seeded history: what actions a change makes, how their attempts end, and what is left in their lanes.

The lanes of a registration stay in memory while it may change, and are written when it no longer does.
"""

from __future__ import annotations

import random
from typing import Final

from heliograph.domain.delivery.action import ActionState, AttemptKind, Origin, Rank, new_action
from heliograph.domain.delivery.lanes import Lane, LaneState
from heliograph.domain.delivery.outcomes import Delivered, ValidationFailed
from heliograph.domain.delivery.retry_policy import HOUR, MINUTE, SECOND
from heliograph.domain.delivery.slots import slot_of
from heliograph.domain.delivery.webhook_id import CHANCE_BITS
from heliograph.domain.flow.flow import Destination, Flow
from heliograph.domain.registration.change import Change, SubjectKind
from heliograph.engine.worker.config_view import used_of
from heliograph.seed.history_account import SeededAccount
from heliograph.seed.history_copies import SeededRequest
from heliograph.seed.history_plan import PERIOD, HistoryPlan
from heliograph.seed.history_rows import HistoryRows, Numbers
from heliograph.seed.lane_history import DestinationFacts, LaneHistory, PlayedAction, PlayedAttempt
from heliograph.seed.registration_history import SeededRegistration
from heliograph.seed.request_forms import RequestForms
from heliograph.seed.target_answers import Answered, TargetAnswers
from heliograph.store.database import Database
from heliograph.store.instants import to_micros

REPLAYED: Final = 0.03
"""The share of registrations whose newest delivery is repeated by a replay."""
_FAR: Final = 2**62


class DeliveryHistory:
    """Plays the deliveries of one account.

    chance: the random numbers of the whole history
    """

    def __init__(self, db: Database, account: SeededAccount, plan: HistoryPlan, rows: HistoryRows, chance: random.Random) -> None:
        self.account, self.plan, self.rows, self._chance = account, plan, rows, chance
        self._forms = RequestForms(db, account.before)
        rules = {id: connection.rule for id, connection in account.before.connections.items()}
        self._targets = TargetAnswers(self._chance, rules, plan.since, plan.until)
        self._destinations = {d.id: self._facts(flow, d) for flow in account.before.flows.values() for d in flow.destinations}
        self._actions = Numbers(db, "action_id", plan.copies)
        self._positions, self._lanes = Numbers(db, "lane_pos", plan.copies), Numbers(db, "lane", plan.copies, identity=True)

    def act(
        self,
        registration: SeededRegistration,
        change: Change,
        number: int,
        run: int,
        flow: Flow,
        destination: Destination,
        mode: int,
        at: int,
    ) -> None:
        lane = registration.lanes.get(destination.id)
        if lane is None:
            to = self._destinations[destination.id]
            made = Lane(self._lanes.next(), destination.id, registration.id)
            lane = registration.lanes[destination.id] = LaneHistory(self.account.id, mode, to, made, self._positions.next())
        elif not lane.rests:
            self._play(registration, lane, at)
        key = (
            destination.id,
            registration.event.config.id,
            registration.answer_set,
            change.registration and change.registration.status,
            bool(registration.guest.mail),
        )
        form = self._forms.form(key, flow, destination, registration.event.config, change)
        id, chance, modified = self._actions.next(), self._chance.getrandbits(CHANCE_BITS), to_micros(registration.state.modified)
        request = None if isinstance(form, ValidationFailed) else SeededRequest(form, registration, chance, at, modified)
        if lane.rests and not isinstance(form, ValidationFailed):
            began = at + 4_000 + int(200_000 * self._chance.random() ** 4)
            answered = self._targets.first(lane.to.connection, began, known=lane.lane.begun_version > 0)
            if isinstance(answered.outcome, Delivered) and began < min(lane.to.off_from, lane.to.held_from, self.plan.until):
                # The common case: the first attempt delivers the action, and nothing else waits in its lane
                to, rows, account = lane.to, self.rows.rows, self.account.id
                lead = answered.outcome.lead.code if answered.outcome.lead is not None else 0
                rows["action"].append((
                    id, change.version, Rank.LIVE.value, ActionState.SUCCESS.value, Origin.RECORDED.value, None, 1, 0, 1, 0, None, "", account, chance,
                    lane.lane.id, run, number, registration.id, registration.event.config.id, to.flow, to.id, lane.mode, "", None, None, at,
                    began + answered.took, to.connection, lead,
                ))  # fmt: skip
                rows["attempt"].append((
                    account, id, 1, AttemptKind.FIRST.code, began, answered.took, ActionState.SUCCESS.value, None, answered.status, "", to.flow,
                    to.connection, to.versions, None,
                ))  # fmt: skip
                rows["attempt_content"].append((id, 1, account, began, request, answered.text))
                self.rows.delivered[at // MINUTE, lane.mode, to.flow, to.connection, began // MINUTE, lead] += 1
                begun_version = max(lane.lane.begun_version, change.version)
                lane.lane = Lane(lane.lane.id, to.id, lane.lane.subject, LaneState.IDLE, begun_version=begun_version)
                registration.last = (to.id, id, number)
                return
            first: Answered | None = answered
        else:
            first = None
        invalid = form if isinstance(form, ValidationFailed) else None
        action = PlayedAction(new_action(id, change.version), chance, number, run, at, request, invalid)
        self.rows.add(lane.add(action, at))
        self._play(registration, lane, at + SECOND, first)

    def finish(self, registration: SeededRegistration) -> None:
        """Plays the lanes of a registration to their end, and writes them. For the share REPLAYED, the newest delivery is replayed first."""
        if registration.last is not None and self._chance.random() < REPLAYED:
            self._replay(registration)
        for lane in registration.lanes.values():
            self._play(registration, lane, self.plan.until)
            for action in lane.actions.values():
                self._write_action(registration, lane, action)
            now = lane.lane
            self.rows.rows["lane"].append((
                now.id, now.destination, now.subject, self.account.id, lane.to.connection, slot_of(lane.to.connection), int(now.state), int(now.rank),
                lane.pos, now.due_at, now.begun_version, 0,
            ))  # fmt: skip

    def _play(self, registration: SeededRegistration, lane: LaneHistory, until: int, first: Answered | None = None) -> None:
        """Plays a lane until a moment, and writes the actions that have ended.

        first: how the next first attempt ends, if that is known already.
        """

        def answer(at: int, again: bool, known: bool) -> Answered:
            nonlocal first
            if again:
                return self._targets.again(lane.to.connection, at, known=known)
            prepared, first = first, None
            return prepared or self._targets.first(lane.to.connection, at, known=known)

        until = min(until, self.plan.until)
        for happened in lane.play(until, self._chance, answer):
            if isinstance(happened, PlayedAttempt):
                self._write_attempt(lane, happened)
            else:
                self.rows.add((happened,))
        for action in lane.taken():
            self._write_action(registration, lane, action)

    def _replay(self, registration: SeededRegistration) -> None:
        """Replays a registration's newest delivery, as it would be sent today (Y1)."""
        assert registration.last is not None
        destination, repeated, number = registration.last
        lane = registration.lanes[destination]
        at = to_micros(registration.state.modified) + round(self._chance.uniform(1, 30) * HOUR * self.plan.period / PERIOD)
        if not lane.rests or at >= min(self.plan.until, lane.to.held_from, lane.to.off_from):
            return
        id, chance = self._actions.next(), self._chance.getrandbits(CHANCE_BITS)
        flow = self.account.before.flows[lane.to.flow]
        to = next(d for d in flow.destinations if d.id == destination)
        change = Change(
            number, SubjectKind.REGISTRATION, registration.id, registration.version, registration.created().facets, registration.state.modified, "seed",
            registration=registration.state,
        )  # fmt: skip
        key = (destination, registration.event.config.id, registration.answer_set, registration.state.status, bool(registration.guest.mail))
        form = self._forms.form(key, flow, to, registration.event.config, change)
        if isinstance(form, ValidationFailed):
            return
        request = SeededRequest(form, registration, chance, at, to_micros(registration.state.modified))
        action = PlayedAction(new_action(id, lane.lane.begun_version, Origin.REPLAY), chance, number, None, at, request, repeated=repeated)
        self.rows.add(lane.add(action, at))

    def _write_action(self, registration: SeededRegistration, lane: LaneHistory, action: PlayedAction) -> None:
        now = action.now
        self.rows.rows["action"].append((
            now.id, now.version, int(now.rank), int(now.state), int(now.origin), now.due_at, now.tries, now.looks, now.sent,
            now.queue.code if now.queue else 0, now.category.code if now.category else None, now.cause.value if now.cause else "",
            self.account.id, action.chance, lane.lane.id, action.run, action.change, registration.id, registration.event.config.id, lane.to.flow,
            lane.to.id, lane.mode, action.message[:500], action.repeated, None, action.created, action.ended,
            lane.to.connection, action.lead,
        ))  # fmt: skip
        if now.state is ActionState.SUCCESS and now.origin is not Origin.REPLAY:
            registration.last = (lane.to.id, now.id, action.change)

    def _write_attempt(self, lane: LaneHistory, attempt: PlayedAttempt) -> None:
        category = attempt.category.code if attempt.category else None
        to, account = lane.to, self.account.id
        self.rows.rows["attempt"].append((
            account, attempt.action, attempt.number, attempt.kind, attempt.at, attempt.took, attempt.state, category, attempt.status, attempt.message[:500],
            to.flow, to.connection, to.versions, attempt.cause.value if attempt.cause else None,
        ))  # fmt: skip
        self.rows.rows["attempt_content"].append((attempt.action, attempt.number, account, attempt.at, attempt.request, attempt.response))

    def _facts(self, flow: Flow, destination: Destination) -> DestinationFacts:
        config = self.account.before
        assert destination.connection is not None
        held_from = self.plan.held_from if destination.connection == self.account.paused else _FAR
        policy = config.retry.patient() if config.connections[destination.connection].patient else config.retry
        return DestinationFacts(
            destination.id, flow.id, destination.connection, destination.does, str(used_of(config, flow, destination)), policy,
            self.plan.retired_from if flow.id == self.account.retired else _FAR, held_from,
        )  # fmt: skip
