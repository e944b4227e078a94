"""The Activity Feed (guide: Activity Feed; X4): each change that flows acted on, newest first, with what became of it at each destination.

A *line* is an action, or a run without one: waiting for a tag, or not triggered. A change stands once, where its newest line is, so that a
replay or a manual send brings it to the top. Nothing is counted, and a page reads a bounded number of rows whatever the account's size.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from heliograph.deliveries.actions import COLUMNS, FROM, Action, Attempt, action_of, attempts_of
from heliograph.deliveries.database import AccountReader, RowPerson
from heliograph.domain.delivery.action import ActionState, QueueStatus
from heliograph.domain.figures import mode_code
from heliograph.domain.flow.decision import Reason
from heliograph.domain.flow.flow import Mode
from heliograph.domain.registration.change import Change
from heliograph.domain.setup.configuration import EventConfig
from heliograph.web.cursor import ROWS, Cursor, Key, ListPage, pages

PARTS = (int, int, int)
"""The types of a cursor: instant, 1 for an action or 0 for a run, id."""
LINES = 100
"""Lines that are read at once: a change has one for each of its flows' destinations."""


class FeedResult(StrEnum):
    """What the feed can be narrowed to; or widened, to what flows took and did not act on."""

    ALL = ""
    SUCCESS = "success"
    FAILURE = "failure"
    VALIDATION = "validation"
    NOT_TRIGGERED = "not-triggered"


@dataclass(frozen=True, slots=True)
class FeedFilter:
    """The filters. between: [from, before) in microseconds. text: part of a registration's code or name."""

    mode: Mode = Mode.LIVE
    result: FeedResult = FeedResult.ALL
    text: str = ""
    event: int | None = None
    flow: int | None = None
    between: tuple[int, int] | None = None

    @property
    def shows_not_triggered(self) -> bool:
        return self.result is FeedResult.NOT_TRIGGERED


@dataclass(frozen=True, slots=True)
class FlowOutcome:
    """What became of a change in one flow: an action with its last attempt, or the reason why there is none.

    connection: its name, "" without an action. queue, due: of a run that is judged again; due in microseconds.
    """

    id: int
    flow: str
    flow_id: int
    action: Action | None = None
    attempt: Attempt | None = None
    connection: str = ""
    reason: Reason | None = None
    queue: QueueStatus | None = None
    due: int | None = None

    @property
    def is_open_or_failed(self) -> bool:
        """Whether a run without an action waits in the Retry Queue, or failed there."""
        return self.queue in (QueueStatus.RETRY, QueueStatus.ERROR, QueueStatus.FAILED)


@dataclass(frozen=True, slots=True)
class FeedRow:
    """One change. at: microseconds, of its newest line. change: None where its content is no longer kept."""

    key: Key
    change_id: int
    change: Change | None
    event: EventConfig | None
    person: RowPerson | None
    outcomes: Sequence[FlowOutcome]

    @property
    def at(self) -> int:
        return int(self.key[0])


@dataclass(frozen=True, slots=True)
class _Line:
    """A line before its change has names. key: its place in the feed."""

    key: Key
    change: int
    event: int
    registration: int | None


@dataclass
class Feed:
    """The feed of one account."""

    reading: AccountReader
    wanted: FeedFilter
    until: int | None = None
    """Microseconds: nothing that began later is read, so that a paused feed stands still."""

    def page(self, cursor: Cursor | None, *, size: int = ROWS) -> ListPage[FeedRow]:
        """One page of it."""
        registrations = self.reading.registrations_with(self.wanted.text)
        if registrations is not None and not registrations:
            return ListPage([])

        def fetch(at: Cursor | None, limit: int) -> Sequence[_Line]:
            return self._changes(at, limit, registrations)

        found = pages(fetch, lambda line: line.key, cursor, size=size)
        return ListPage(self._rows(found.rows), found.newer, found.older)

    def newer_than(self, moment: int, limit: int = 100) -> int:
        """How many changes came, or moved up, after `moment`, at most `limit`: what a paused page says."""
        present = Feed(self.reading, self.wanted)
        registrations = self.reading.registrations_with(self.wanted.text)
        if registrations is not None and not registrations:
            return 0
        return len(present._changes(Cursor((moment, 1, 2**62), back=True), limit, registrations))

    # --- which changes

    def _changes(self, cursor: Cursor | None, limit: int, registrations: list[int] | None) -> list[_Line]:
        """Changes from the cursor on, in its direction: of each the newest of its lines."""
        back = cursor is not None and cursor.back
        found: list[_Line] = []
        while len(found) < limit:
            lines = self._lines(cursor, LINES, registrations)
            newest = self._newest_of({line.change for line in lines}, registrations)
            found += [line for line in lines if newest[line.change] == line.key]
            if len(lines) < LINES:
                break
            cursor = Cursor(lines[-1].key, back=back)
        return found[:limit]

    def _newest_of(self, changes: Collection[int], registrations: list[int] | None) -> dict[int, Key]:
        """The key of each change's newest line."""
        if not changes:
            return {}
        found: dict[int, Key] = {}
        for line in (*self._actions(None, None, registrations, changes), *self._runs(None, None, registrations, changes)):
            found[line.change] = max(found.get(line.change, line.key), line.key)
        return found

    def _lines(self, cursor: Cursor | None, limit: int, registrations: list[int] | None) -> list[_Line]:
        back = cursor is not None and cursor.back
        rows = self._actions(cursor, limit, registrations)
        # A full page of actions bounds what of the runs can stand between them.
        edge = int(rows[-1].key[0]) if len(rows) == limit else None
        rows += self._runs(cursor, limit, registrations, edge=edge)
        rows.sort(key=lambda row: row.key, reverse=not back)
        return rows[:limit]

    def _actions(
        self, cursor: Cursor | None, limit: int | None, registrations: list[int] | None, changes: Collection[int] | None = None
    ) -> list[_Line]:
        where, params = self._where("a", "a.created", "a.event_id", registrations, changes)
        if states := _STATES[self.wanted.result]:
            where.append(f"a.state IN ({', '.join(str(int(s)) for s in states)})")
        order = _place(where, params, cursor, "a.created", "a.id", kind=1) if limit else ""
        rows = self.reading.db.all(
            f"SELECT a.id, a.created, a.change_id, a.event_id, a.registration_id FROM action a WHERE {' AND '.join(where)} {order}"
            + (f" LIMIT {int(limit)}" if limit else ""),
            params,
        )
        return [_Line((created, 1, id), change, event, registration) for id, created, change, event, registration in rows]

    def _runs(
        self,
        cursor: Cursor | None,
        limit: int | None,
        registrations: list[int] | None,
        changes: Collection[int] | None = None,
        *,
        edge: int | None = None,
    ) -> list[_Line]:
        if self.wanted.result in (FeedResult.SUCCESS, FeedResult.VALIDATION):
            return []
        where, params = self._where("r", "r.at", "c.event_id", registrations, changes)
        where.append("r.decision = 1")
        source = "run r"
        if not self.wanted.shows_not_triggered:
            # The few that wait or failed are found by their queue, not among all runs.
            source = "judgement j CROSS JOIN run r" if changes is None else "run r CROSS JOIN judgement j"
            where += ["j.run_id = r.id", "j.account_id = :account", "j.queue IN (1, 2, 3)"]
        if edge is not None:
            where.append("r.at <= :edge" if cursor is not None and cursor.back else "r.at >= :edge")
            params["edge"] = edge
        order = _place(where, params, cursor, "r.at", "r.id", kind=0) if limit else ""
        rows = self.reading.db.all(
            f"SELECT r.id, r.at, r.change_id, c.event_id, c.registration_id FROM {source} CROSS JOIN change c"
            f" WHERE c.id = r.change_id AND {' AND '.join(where)} {order}" + (f" LIMIT {int(limit)}" if limit else ""),
            params,
        )
        return [_Line((at, 0, id), change, event, registration) for id, at, change, event, registration in rows]

    def _where(
        self, alias: str, at: str, event: str, registrations: list[int] | None, changes: Collection[int] | None
    ) -> tuple[list[str], dict[str, object]]:
        # Lines of few registrations or changes are found and sorted; all others are met on the way through time, which the account's index follows.
        walks = "" if registrations is None and changes is None else "+"
        where = [f"{walks}{alias}.account_id = :account", f"{alias}.mode = :mode"]
        params: dict[str, object] = {"account": self.reading.account, "mode": mode_code(self.wanted.mode)}
        if self.wanted.flow is not None:
            where.append(f"{alias}.flow_id = :flow")
            params["flow"] = self.wanted.flow
        if self.wanted.event is not None:
            where.append(f"{event} = :event")
            params["event"] = self.wanted.event
        if self.wanted.between is not None:
            where += [f"{at} >= :from", f"{at} < :before"]
            params["from"], params["before"] = self.wanted.between
        if self.until is not None:
            where.append(f"{at} <= :until")
            params["until"] = self.until
        if changes is not None:
            where.append(self.reading.db.member(f"{alias}.change_id", "changes"))
            params["changes"] = sorted(changes)
        elif registrations is not None:
            member = self.reading.db.member("registration_id", "registrations")
            where.append(f"{alias}.change_id IN (SELECT id FROM change WHERE {member})")
            params["registrations"] = registrations
        return where, params

    # --- what became of them

    def _rows(self, lines: Sequence[_Line]) -> list[FeedRow]:
        reading = self.reading
        ids = [line.change for line in lines]
        changes = reading.changes(ids)
        events = reading.events([line.event for line in lines])
        people = reading.people(line.registration for line in lines)
        outcomes = self._outcomes(ids)
        return [
            FeedRow(
                key=line.key,
                change_id=line.change,
                change=changes.get(line.change, (None, ()))[0],
                event=events.get(line.event),
                person=people.get(line.registration) if line.registration is not None else None,
                outcomes=outcomes.get(line.change, ()),
            )
            for line in lines
        ]

    def _outcomes(self, changes: Sequence[int]) -> dict[int, list[FlowOutcome]]:
        """What became of changes in all flows of the mode, in the order in which it began; runs that were not triggered only if asked for."""
        if not changes:
            return {}
        reading, db = self.reading, self.reading.db
        given = {"account": reading.account, "mode": mode_code(self.wanted.mode), "changes": sorted(changes)}
        actions = [
            action_of(row)
            for row in db.all(
                f"SELECT {COLUMNS} FROM {FROM} WHERE +a.account_id = :account AND a.mode = :mode AND {db.member('a.change_id', 'changes')}"
                " ORDER BY a.id",
                given,
            )
        ]
        runs = db.all(
            "SELECT r.id, r.change_id, r.flow_id, r.reason, j.queue, j.due_at FROM run r LEFT JOIN judgement j ON j.run_id = r.id"
            f" WHERE +r.account_id = :account AND r.mode = :mode AND r.decision = 1 AND {db.member('r.change_id', 'changes')} ORDER BY r.id",
            given,
        )
        flows = reading.flow_names([action.flow for action in actions] + [row[2] for row in runs])
        attempts = attempts_of(db, reading.account, [action.id for action in actions])
        connections = reading.connection_names(
            [action.connection for action in actions] + [tries[-1].connection for tries in attempts.values()]
        )
        found: dict[int, list[FlowOutcome]] = {}
        for action in actions:
            last = attempts[action.id][-1] if action.id in attempts else None
            name = (connections.get(last.connection) if last else None) or connections.get(action.connection, "")
            found.setdefault(action.change, []).append(
                FlowOutcome(action.id, flows.get(action.flow, ""), action.flow, action=action, attempt=last, connection=name)
            )
        for id, change, flow, reason, queue, due in runs:
            outcome = FlowOutcome(
                id,
                flows.get(flow, ""),
                flow,
                reason=Reason(reason),
                queue=QueueStatus.of_code(queue or 0),
                due=due if queue in (1, 2) else None,
            )
            if outcome.is_open_or_failed or self.wanted.shows_not_triggered:
                found.setdefault(change, []).append(outcome)
        return found


_STATES: dict[FeedResult, tuple[ActionState, ...]] = {
    FeedResult.ALL: (),
    FeedResult.SUCCESS: (ActionState.SUCCESS,),
    FeedResult.FAILURE: (ActionState.QUEUED, ActionState.FAILED, ActionState.VALIDATION),
    FeedResult.VALIDATION: (ActionState.VALIDATION,),
    FeedResult.NOT_TRIGGERED: (),
}
"""States of actions that are asked for; () = all."""


def _place(where: list[str], params: dict[str, object], cursor: Cursor | None, at: str, id: str, *, kind: int) -> str:
    """Adds the condition that starts at the cursor, and returns the order. At the same instant actions come before runs."""
    back = cursor is not None and cursor.back
    if cursor is not None:
        when, of, number = cursor.key
        side = ">" if back else "<"
        params["when"] = when
        if of == kind:
            where.append(f"({at}, {id}) {side} (:when, :number)")
            params["number"] = number
        else:
            # The other kind's rows at the same instant: above a run come actions, below an action come runs.
            touches = (kind == 1) == back
            where.append(f"{at} {side}{'=' if touches else ''} :when")
    return f"ORDER BY {at} {'ASC' if back else 'DESC'}, {id} {'ASC' if back else 'DESC'}"
