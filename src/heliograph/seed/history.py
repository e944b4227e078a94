"""Invents a history of any size, change by change in the order of time, with constant memory.

A bounded number of registrations is open at a time; one that leaves is written with its lanes, whose story is played to its end. What flows
decide, `decide` decides; what attempts leave behind, the rules of lanes do; figures are counted as the facts are. The same seed gives the same
history.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from heliograph.domain.delivery.action import ActionState, Origin, RunVerdict, StuckRun, new_action, reconsidered, stuck
from heliograph.domain.delivery.lanes import Lane, LaneState
from heliograph.domain.delivery.outcomes import Delivered, ValidationFailed
from heliograph.domain.delivery.retry_policy import DAY, HOUR, MINUTE, SECOND
from heliograph.domain.delivery.slots import slot_of
from heliograph.domain.delivery.webhook_id import CHANCE_BITS, webhook_id
from heliograph.domain.figures import mode_code, of_reconsidered
from heliograph.domain.flow.configuration import AccountConfig
from heliograph.domain.flow.decision import FlowDecision, FlowVerdict, decide, mode_of
from heliograph.domain.flow.flow import Destination, Flow
from heliograph.domain.registration.change import Change, RegistrationState, SessionState, SubjectKind
from heliograph.engine.worker.config_view import used_of
from heliograph.recording.contents import write_after, write_before, write_state
from heliograph.seed.account import SeededAccount
from heliograph.seed.history_rows import HistoryRows, Numbers
from heliograph.seed.lane_history import DestinationFacts, LaneHistory, PlayedAction, PlayedAttempt
from heliograph.seed.people import guest
from heliograph.seed.registration_history import SeededRegistration, SeededSession, Step, ways_of
from heliograph.seed.request_forms import RequestForms, values_of
from heliograph.seed.rhythm import minutes
from heliograph.seed.target_answers import Answered, TargetAnswers
from heliograph.store.database import Database
from heliograph.store.moments import from_micros, to_micros
from heliograph.store.registrations import search_text

PERIOD: Final = 30 * DAY
MOST_OPEN: Final = 40_000
"""Registrations that may still change."""
NEW: Final = 0.3
"""The share of changes that create a registration."""
AT_ONCE: Final = 4_000
"""Changes in one transaction."""
SOON: Final = 0.15
"""The share of further changes that follow a change of the same registration at once, as when somebody corrects what was just typed."""
REPLAYED: Final = 0.03
"""The share of registrations whose newest delivery is repeated by a replay."""
_WEIGHTS: Final = (6, 3, 2, 1)
"""How often each event gets a registration."""
_RETIRED: Final = 20 * HOUR
_HELD: Final = 26 * HOUR
"""How long before the end the partners' flow was switched off, and the badge printer paused."""
_FAR: Final = 2**62


@dataclass(frozen=True, slots=True)
class HistoryPlan:
    """What to invent. until: microseconds, a whole minute."""

    changes: int
    until: int
    seed: int = 1
    period: int = PERIOD

    @property
    def since(self) -> int:
        return self.until - self.period


class History:
    """A history of one account."""

    def __init__(self, db: Database, account: SeededAccount, plan: HistoryPlan) -> None:
        self.db, self.account, self.plan = db, account, plan
        self.rows = HistoryRows(db, account.id)
        self._chance = random.Random(plan.seed)  # noqa: S311 -- a story, not a secret
        self._ways = [ways_of(event, account.since, self._chance) for event in account.events]
        self._forms = RequestForms(db, account.before)
        rules = {id: connection.rule for id, connection in account.before.connections.items()}
        self._targets = TargetAnswers(self._chance, rules, plan.since, plan.until)
        self._sessions = {status.name: status.id for status in account.before.session_statuses.values()}
        self._retired = plan.until - _RETIRED * plan.period // PERIOD
        self._destinations = {d.id: self._facts(flow, d) for flow in account.before.flows.values() for d in flow.destinations}
        self._decided: dict[object, tuple[int, list[FlowDecision]]] = {}
        self._open: list[SeededRegistration] = []
        self._room = max(40, min(MOST_OPEN, plan.changes // 20))
        self._subjects, self._serials = Numbers(db, "subject_id"), Numbers(db, "registration_serial")
        self._changes, self._runs, self._actions = (Numbers(db, name) for name in ("change_id", "run_id", "action_id"))
        self._positions, self._lanes = Numbers(db, "lane_pos"), Numbers(db, "lane", identity=True)
        self.done = 0

    def write(self, progress: Callable[[int], None] = lambda _: None, stop: Callable[[], bool] = lambda: False) -> None:
        """Writes it in many transactions. progress: gets the number of changes so far; stop: asks whether to end early."""
        for moments in self._chunks():
            for at in moments:
                self._change(at)
            self.rows.write()
            self.done += len(moments)
            progress(self.done)
            if stop():
                break
        while self._open:
            for _ in range(min(AT_ONCE // 2, len(self._open))):
                self._leaves(self._open.pop())
            self.rows.write()

    def _chunks(self) -> Iterator[Sequence[int]]:
        """The moments of the changes, so many at a time."""
        found: list[int] = []
        zone = ZoneInfo(self.account.since.timezone)
        for minute, count in minutes(self.plan.changes, self.plan.since, self.plan.until, zone):
            found += sorted(minute + int(self._chance.random() * MINUTE) for _ in range(count))
            if len(found) >= AT_ONCE:
                yield found
                found = []
        if found:
            yield found

    # --- registrations

    def _change(self, at: int) -> None:
        """One change: of a registration that is open, or of a new one."""
        when = from_micros(at)
        while self._open and self._chance.random() >= NEW:
            count = len(self._open)
            n = count - 1 if self._chance.random() < SOON else int(self._chance.random() * count)
            registration = self._open[n]
            self._open[n], self._open[-1] = self._open[-1], registration
            step = registration.step(self._chance, when, self._sessions)
            if step is not None:
                self._record(registration, step, at, when)
                return
            self._leaves(self._open.pop())
        registration = self._registers(when)
        self._record(registration, registration.created(), at, when)

    def _registers(self, when: datetime) -> SeededRegistration:
        if len(self._open) >= self._room:
            n = int(self._chance.random() * len(self._open))
            leaves, self._open[n] = self._open[n], self._open[-1]
            self._open.pop()
            self._leaves(leaves)
        event = self._chance.choices(self._ways, _WEIGHTS[: len(self._ways)])[0]
        id, serial = self._subjects.next(), self._serials.next()
        said, person = int(self._chance.random() * len(event.said)), guest(self._chance, serial)
        has = event.said[said]
        profile = {
            "first_name": person.first, "last_name": person.last, "organization": person.organization, "position": person.position,
            "country": person.country,
        }  # fmt: skip
        if person.mail:
            profile["email"] = person.mail
        state = RegistrationState(
            code=f"{event.prefix}{serial:07}", status=event.new, created=when, modified=when, status_modified=when,
            attendee_type=has.attendee_type, profile=profile, custom=has.custom, answers=has.answers, properties=has.properties,
        )  # fmt: skip
        made = SeededRegistration(id, serial, event, said, person, state, values=values_of(state))
        self._open.append(made)
        return made

    def _leaves(self, registration: SeededRegistration) -> None:
        """Plays its lanes to the end, and writes it."""
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
        state, account = registration.state, self.account.id
        created, modified = to_micros(state.created), to_micros(state.modified)
        name = f"{registration.guest.first} {registration.guest.last}"
        self.rows.rows["registration"].append((
            registration.id, account, registration.event.config.id, state.code, registration.serial, registration.version, None, registration.text,
            state.status, state.attendee_type, state.active, state.is_test, name, registration.guest.organization,
            search_text(state), created, modified,
        ))  # fmt: skip
        for s in registration.sessions.values():
            self.rows.rows["session_registration"].append(
                (s.id, account, registration.id, s.session, s.status, s.version, s.created, s.modified)
            )

    # --- changes

    def _record(self, registration: SeededRegistration, step: Step, at: int, when: datetime) -> None:
        account, event = (self.account.before if at < self._retired else self.account.since), registration.event.config
        session, subject, version = None, registration.id, registration.version
        if step.kind is SubjectKind.REGISTRATION:
            registration.version += 1
            version = registration.version
            registration.text = write_state(registration.state)
        else:
            known = registration.sessions.get(step.session)
            if known is None:
                known = registration.sessions[step.session] = SeededSession(self._subjects.next(), step.session, step.status, 0, at, at)
            known.status, known.version, known.modified = step.status, known.version + 1, at
            subject, version, session = known.id, known.version, SessionState(step.session, step.status)
        change = Change(0, step.kind, subject, version, step.facets, when, "seed", False, registration.state, session, None, step.before)
        mode, decisions = self._decisions(registration, change, account)
        number, rows = self._changes.next(), self.rows.rows
        rows["change"].append((
            number, account.id, int(step.kind), subject, registration.id, session.session if session else None, event.id, version, int(step.facets), mode,
            bool(decisions), False, at, "seed", account.version, event.version,
        ))  # fmt: skip
        rows["change_content"].append((number, account.id, at, write_after(change, registration.text), write_before(step.before)))
        minute = at // MINUTE
        self.rows.activity[minute, mode, int(step.facets)] += 1
        if decisions:
            self.rows.serials.setdefault((minute, mode), []).append(registration.serial)
        for decision in decisions:
            run, flow = self._runs.next(), decision.flow
            triggered = decision.verdict is FlowVerdict.TRIGGERED
            reason = decision.reason.value if decision.reason else ""
            rows["run"].append((run, account.id, number, flow.id, flow.number, 2 if triggered else 1, reason, mode, at))
            waits = not triggered and decision.reason is not None and decision.reason.can_be_fixed
            self.rows.runs[minute, mode, flow.id, triggered, waits] += 1
            if waits:
                self._waits(run, number, registration, flow, mode, at)
            elif triggered:
                for destination in flow.destinations:
                    self._act(registration, change, number, run, flow, destination, mode, at)

    def _decisions(self, registration: SeededRegistration, change: Change, account: AccountConfig) -> tuple[int, list[FlowDecision]]:
        """The mode, and what the flows decide: the same for all changes that are alike in what flows look at."""
        key = (
            registration.event.config.id, registration.said, registration.state.status, registration.state.active, change.facets,
            "active" in change.before, change.session, account.version,
        )  # fmt: skip
        found = self._decided.get(key)
        if found is None:
            mode = mode_of(change, account, registration.event.config)
            found = self._decided[key] = mode_code(mode), decide(change, account, registration.event.config, mode=mode)
        return found

    def _waits(self, run: int, change: int, registration: SeededRegistration, flow: Flow, mode: int, at: int) -> None:
        """A run that lacks a tag: judged again until it failed, or the history ends."""
        policy = self.account.before.retry
        item: StuckRun = stuck(run, RunVerdict.UNTAGGED, at, policy, jitter=self._chance.uniform(-1, 1))
        ended = None
        while item.is_open and item.due_at is not None and item.due_at < self.plan.until:
            now = item.due_at
            after = reconsidered(item, RunVerdict.UNTAGGED, now, policy, jitter=self._chance.uniform(-1, 1))
            self.rows.add(
                of_reconsidered(self.account.id, at, mode, flow.id, triggered=False, was_open=item.is_open, is_open=after.is_open)
            )
            item, ended = after, None if after.is_open else now
        self.rows.rows["stuck_run"].append((
            run, self.account.id, run, change, flow.id, registration.id, registration.event.config.id, mode, item.queue.code, item.category.code,
            item.tries, item.due_at, item.cause.value, "", at, ended,
        ))  # fmt: skip

    # --- actions

    def _act(
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
            registration.said,
            change.registration and change.registration.status,
            bool(registration.guest.mail),
        )
        form = self._forms.form(key, flow, destination, registration.event.config, change)
        id, uid = self._actions.next(), webhook_id(at, self._chance.getrandbits(CHANCE_BITS))
        if lane.rests and not isinstance(form, ValidationFailed):
            began = at + 4_000 + int(200_000 * self._chance.random() ** 4)
            found = self._targets.first(lane.to.connection, began, known=lane.lane.begun_version > 0)
            if isinstance(found.outcome, Delivered) and began < min(lane.to.off_from, lane.to.held_from, self.plan.until):
                self._deliver(
                    registration,
                    lane,
                    change,
                    number,
                    run,
                    id,
                    uid,
                    at,
                    began,
                    found,
                    form.filled(registration.values, uid, registration.state.modified),
                )
                return
            first: Answered | None = found
        else:
            first = None
        modified, values = registration.state.modified, registration.values
        invalid = form if isinstance(form, ValidationFailed) else None
        request = None if isinstance(form, ValidationFailed) else lambda: form.filled(values, uid, modified)
        action = PlayedAction(new_action(id, change.version), uid, number, run, at, request, invalid)
        self.rows.add(lane.add(action, at))
        self._play(registration, lane, at + SECOND, first)

    def _deliver(
        self,
        registration: SeededRegistration,
        lane: LaneHistory,
        change: Change,
        number: int,
        run: int,
        id: int,
        uid: str,
        at: int,
        began: int,
        found: Answered,
        request: str,
    ) -> None:
        """The common case: the first attempt delivers it, and nothing else waits."""
        to, rows, account = lane.to, self.rows.rows, self.account.id
        assert isinstance(found.outcome, Delivered)
        lead = found.outcome.lead.code if found.outcome.lead is not None else 0
        rows["action"].append((
            id, account, uid, lane.lane.id, run, number, registration.id, registration.event.config.id, to.flow, to.id, lane.mode, change.version, 20,
            10, 0, 0, None, 1, 0, 1, None, "", "", lead, None, at, began + found.took,
        ))  # fmt: skip
        rows["attempt"].append((account, id, 1, 1, began, found.took, 10, None, found.status, "", to.flow, to.connection, to.numbers))
        rows["attempt_content"].append((id, 1, account, began, request, found.text))
        self.rows.delivered[at // MINUTE, lane.mode, to.flow, to.connection, began // MINUTE, lead] += 1
        lane.lane = Lane(lane.lane.id, to.id, lane.lane.subject, LaneState.IDLE, begun_version=max(lane.lane.begun_version, change.version))
        registration.last = (to.id, id, number)

    def _play(self, registration: SeededRegistration, lane: LaneHistory, until: int, first: Answered | None = None) -> None:
        """Plays a lane until then, and writes what has ended. first: how the next first attempt ends, if that is known already."""

        def answer(at: int, again: bool, known: bool) -> Answered:
            nonlocal first
            if again:
                return self._targets.again(lane.to.connection, at, known=known)
            found, first = first, None
            return found or self._targets.first(lane.to.connection, at, known=known)

        until = min(until, self.plan.until)
        for happened in lane.play(until, self._chance, answer):
            if isinstance(happened, PlayedAttempt):
                self._write_attempt(lane, happened)
            else:
                self.rows.add((happened,))
        for action in lane.taken():
            self._write_action(registration, lane, action)

    def _replay(self, registration: SeededRegistration) -> None:
        """A replay of its newest delivery, as it would be sent today (Y1)."""
        assert registration.last is not None
        destination, repeats, number = registration.last
        lane = registration.lanes[destination]
        at = to_micros(registration.state.modified) + round(self._chance.uniform(1, 30) * HOUR * self.plan.period / PERIOD)
        if not lane.rests or at >= min(self.plan.until, lane.to.held_from, lane.to.off_from):
            return
        id, uid = self._actions.next(), webhook_id(at, self._chance.getrandbits(CHANCE_BITS))
        flow = self.account.before.flows[lane.to.flow]
        to = next(d for d in flow.destinations if d.id == destination)
        change = Change(
            number, SubjectKind.REGISTRATION, registration.id, registration.version, registration.created().facets, registration.state.modified, "seed",
            registration=registration.state,
        )  # fmt: skip
        key = (destination, registration.event.config.id, registration.said, registration.state.status, bool(registration.guest.mail))
        form = self._forms.form(key, flow, to, registration.event.config, change)
        if isinstance(form, ValidationFailed):
            return
        values, modified = registration.values, registration.state.modified
        action = PlayedAction(
            new_action(id, lane.lane.begun_version, Origin.REPLAY),
            uid,
            number,
            None,
            at,
            lambda: form.filled(values, uid, modified),
            names=repeats,
        )
        self.rows.add(lane.add(action, at))

    def _write_action(self, registration: SeededRegistration, lane: LaneHistory, action: PlayedAction) -> None:
        now = action.now
        self.rows.rows["action"].append((
            now.id, self.account.id, action.uid, lane.lane.id, action.run, action.change, registration.id, registration.event.config.id, lane.to.flow,
            lane.to.id, lane.mode, now.version, int(now.rank), int(now.state), int(now.origin), now.queue.code if now.queue else 0, now.due_at, now.tries,
            now.looks, now.sent, now.category.code if now.category else None, now.cause.value if now.cause else "", action.message[:500], action.lead,
            action.names, action.created, action.ended,
        ))  # fmt: skip
        if now.state is ActionState.SUCCESS and now.origin is not Origin.REPLAY:
            registration.last = (lane.to.id, now.id, action.change)

    def _write_attempt(self, lane: LaneHistory, a: PlayedAttempt) -> None:
        category = a.category.code if a.category else None
        to, account = lane.to, self.account.id
        self.rows.rows["attempt"].append(
            (account, a.action, a.n, a.kind, a.at, a.took, a.state, category, a.status, a.message[:500], to.flow, to.connection, to.numbers)
        )
        self.rows.rows["attempt_content"].append((a.action, a.n, account, a.at, a.request, a.response))

    def _facts(self, flow: Flow, destination: Destination) -> DestinationFacts:
        config = self.account.before
        assert destination.connection is not None
        held = self.plan.until - _HELD * self.plan.period // PERIOD if destination.connection == self.account.paused else _FAR
        policy = config.retry.patient() if config.connections[destination.connection].patient else config.retry
        return DestinationFacts(
            destination.id, flow.id, destination.connection, destination.does, str(used_of(config, flow, destination)), policy,
            self._retired if flow.id == self.account.retired else _FAR, held,
        )  # fmt: skip
