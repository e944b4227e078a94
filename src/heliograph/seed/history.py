"""Invents a history of any size, change by change in the order of time, with constant memory.

A bounded number of registrations is open at a time. One that leaves is written with its lanes, once these are played to their end. Flows decide by
`decide`, attempts are settled by the rules of lanes, and figures are counted with their facts. The same seed gives the same history.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from heliograph.domain.delivery.action import RunState, RunVerdict, StuckRun, stuck
from heliograph.domain.delivery.retry_policy import MINUTE
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.decision import FlowDecision, decide, mode_of
from heliograph.domain.registration.change import Change, RegistrationState, SessionState, SubjectKind
from heliograph.recording.contents import write_before, write_session
from heliograph.seed.delivery_history import DeliveryHistory
from heliograph.seed.guest_names import countryman, guest
from heliograph.seed.history_account import SeededAccount
from heliograph.seed.history_plan import HistoryPlan
from heliograph.seed.history_rows import DRAWN, HistoryRows, Numbers
from heliograph.seed.registration_history import SeededRegistration, SeededSession, Step, ways_of
from heliograph.seed.request_forms import values_of
from heliograph.seed.rhythm import minutes
from heliograph.seed.state_forms import state_form
from heliograph.store.database import Database
from heliograph.store.instants import from_micros, to_micros

MOST_OPEN: Final = 40_000
"""Registrations that may still change."""
NEW: Final = 0.3
"""The share of changes that create a registration."""
AT_ONCE: Final = 4_000
"""Changes of all copies that one transaction writes."""
SOON: Final = 0.15
"""The share of further changes that follow a change of the same registration at once, as when somebody corrects what was just typed."""
_WEIGHTS: Final = (6, 3, 2, 1)
"""How often each event gets a registration."""


class History:
    """A history of one account."""

    def __init__(self, db: Database, account: SeededAccount, plan: HistoryPlan) -> None:
        self.db, self.account, self.plan = db, account, plan
        self.rows = HistoryRows(db, account.id, plan.copies)
        self._chance = random.Random(plan.seed)  # noqa: S311 -- a story, not a secret
        self._others = random.Random(plan.seed)  # noqa: S311 -- the guests of the copies
        self._ways = [ways_of(event, account.since, self._chance) for event in account.events]
        self._sessions = {status.name: status.id for status in account.before.session_statuses.values()}
        self._retired = plan.retired_from
        self._decided: dict[object, tuple[int, list[FlowDecision]]] = {}
        self._open: list[SeededRegistration] = []
        self._most_open = max(40, min(MOST_OPEN, plan.changes // plan.copies // 20))
        self._subjects, self._serials = Numbers(db, "subject_id", plan.copies), Numbers(db, "registration_serial", plan.copies)
        self._changes, self._runs = Numbers(db, "change_id", plan.copies), Numbers(db, "run_id", plan.copies)
        self._deliveries = DeliveryHistory(db, account, plan, self.rows, self._chance)
        self._at_once = max(500, AT_ONCE // plan.copies)
        self.done = 0

    def write(self, progress: Callable[[int], None] = lambda _: None, stop: Callable[[], bool] = lambda: False) -> None:
        """Writes the history in many transactions.

        progress: called with the number of changes so far
        stop: returns True to end early
        """
        for moments in self._chunks():
            for at in moments:
                self._change(at)
            self.rows.write()
            self.done += len(moments) * self.plan.copies
            progress(self.done)
            if stop():
                break
        while self._open:
            for _ in range(min(self._at_once // 2, len(self._open))):
                self._leaves(self._open.pop())
            self.rows.write()

    def _chunks(self) -> Iterator[Sequence[int]]:
        """The moments of the changes in microseconds, in blocks of at least `_at_once`."""
        moments: list[int] = []
        zone = ZoneInfo(self.account.since.timezone)
        for minute, count in minutes(self.plan.changes // self.plan.copies, self.plan.first_since, self.plan.until, zone):
            moments += sorted(minute + int(self._chance.random() * MINUTE) for _ in range(count))
            if len(moments) >= self._at_once:
                yield moments
                moments = []
        if moments:
            yield moments

    # --- registrations

    def _change(self, at: int) -> None:
        """One change: of a registration that is open, or of a new one."""
        when = from_micros(at)
        while self._open and self._chance.random() >= NEW:
            count = len(self._open)
            index = count - 1 if self._chance.random() < SOON else int(self._chance.random() * count)
            registration = self._open[index]
            self._open[index], self._open[-1] = self._open[-1], registration
            step = registration.step(self._chance, when, self._sessions)
            if step is not None:
                self._record(registration, step, at, when)
                return
            self._leaves(self._open.pop())
        registration = self._registers(when)
        self._record(registration, registration.created(), at, when)

    def _registers(self, when: datetime) -> SeededRegistration:
        if len(self._open) >= self._most_open:
            index = int(self._chance.random() * len(self._open))
            leaves, self._open[index] = self._open[index], self._open[-1]
            self._open.pop()
            self._leaves(leaves)
        event = self._chance.choices(self._ways, _WEIGHTS[: len(self._ways)])[0]
        id, serial = self._subjects.next(), self._serials.next()
        answer_set, person = int(self._chance.random() * len(event.answer_sets)), guest(self._chance, serial)
        has = event.answer_sets[answer_set]
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
        others = [countryman(self._others, person, serial + copy * DRAWN) for copy in range(1, self.plan.copies)]
        people = (
            values_of(state),
            *(
                (other.first, other.last, other.mail, other.organization, other.position, f"{event.prefix}{serial + copy * DRAWN:07}")
                for copy, other in enumerate(others, 1)
            ),
        )
        made = SeededRegistration(id, serial, event, answer_set, person, state, people, state_form(state))
        self._open.append(made)
        return made

    def _leaves(self, registration: SeededRegistration) -> None:
        """Plays the lanes of a registration that will not change any more to their end, and writes it."""
        self._deliveries.finish(registration)
        state, account = registration.state, self.account.id
        created, modified = to_micros(state.created), to_micros(state.modified)
        self.rows.rows["registration"].append((
            registration, account, registration.event.config.id, state.status, state.attendee_type, state.active, state.is_test, created, modified,
        ))  # fmt: skip
        for session in registration.sessions.values():
            self.rows.rows["session_registration"].append(
                (session.id, account, registration.id, session.session, session.status, session.version, session.created, session.modified)
            )

    # --- changes

    def _record(self, registration: SeededRegistration, step: Step, at: int, when: datetime) -> None:
        account, event = (self.account.before if at < self._retired else self.account.since), registration.event.config
        session, subject, version = None, registration.id, registration.version
        if step.kind is SubjectKind.REGISTRATION:
            registration.version += 1
            version = registration.version
            registration.form = state_form(registration.state)
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
        rows["change_content"].append(
            (number, account.id, at, registration, registration.form, write_session(session), write_before(step.before))
        )
        minute = at // MINUTE
        self.rows.activity[minute, mode, int(step.facets)] += 1
        if decisions:
            self.rows.serials.setdefault((minute, mode), []).append(registration.serial)
        for decision in decisions:
            run, flow = self._runs.next(), decision.flow
            triggered = decision.state is RunState.TRIGGERED
            reason = decision.reason.value if decision.reason else ""
            rows["run"].append((run, account.id, number, flow.id, flow.number, 2 if triggered else 1, reason, mode, at))
            self.rows.runs[minute, mode, flow.id, decision.state] += 1
            if decision.state is RunState.UNTAGGED:
                item: StuckRun = stuck(run, RunVerdict.UNTAGGED, at, self.account.before.retry)
                rows["stuck_run"].append((
                    run, account.id, run, number, flow.id, registration.id, event.id, mode, item.queue.code, item.category.code,
                    item.tries, item.due_at, item.cause.value, "", at, None,
                ))  # fmt: skip
            elif triggered:
                for destination in flow.destinations:
                    self._deliveries.act(registration, change, number, run, flow, destination, mode, at)

    def _decisions(self, registration: SeededRegistration, change: Change, account: AccountConfig) -> tuple[int, list[FlowDecision]]:
        """The mode, and what the flows decide. Changes with equal facts share one decision."""
        key = (
            registration.event.config.id, registration.answer_set, registration.state.status, registration.state.active, change.facets,
            "active" in change.before, change.session, account.version,
        )  # fmt: skip
        decided = self._decided.get(key)
        if decided is None:
            mode = mode_of(change, account, registration.event.config)
            decided = self._decided[key] = mode.code, decide(change, account, registration.event.config, mode=mode)
        return decided
