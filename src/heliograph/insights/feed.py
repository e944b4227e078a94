"""The Activity Feed (guide: Activity Feed; X4): what flows decided and sent, newest first.

A line is an action, or a run without one: not triggered, or not yet decided. Lines are sorted by their instant: an action's creation, a
run's decision. Nothing is counted, and a page reads a bounded number of rows whatever the account's size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from heliograph.deliveries.actions import COLUMNS, FROM, Action, Attempt, action_of, attempts_of
from heliograph.deliveries.database import AccountReader, RowPerson
from heliograph.domain.delivery.action import ActionState, QueueStatus
from heliograph.domain.figures import mode_code
from heliograph.domain.flow.decision import Reason
from heliograph.domain.flow.flow import Mode
from heliograph.domain.registration.change import Change
from heliograph.domain.setup.configuration import EventConfig
from heliograph.store.like import escaped
from heliograph.store.registrations import folded
from heliograph.web.cursor import ROWS, Cursor, Key, ListPage, pages

PARTS = (int, int, int)
"""The types of a cursor: instant, 1 for an action or 0 for a run, id."""
FOUND = 200
"""Most registrations that a search considers; with more matches, the person should type on."""


class FeedResult(StrEnum):
    """The results by which the feed can be filtered."""

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
    def narrows(self) -> bool:
        """True if it selects less than everything of the mode."""
        return bool(self.result or self.text or self.event or self.flow or self.between)


@dataclass(frozen=True, slots=True)
class FeedLine:
    """One line. at: microseconds. change: None if its content is no longer stored. Exactly one of action and reason is set."""

    at: int
    id: int
    change_id: int
    change: Change | None
    event: EventConfig | None
    person: RowPerson | None
    flow: str
    flow_id: int
    action: Action | None = None
    attempt: Attempt | None = None  # the last one
    connection: str = ""
    reason: Reason | None = None
    queue: QueueStatus | None = None  # of a run that is reconsidered
    due: int | None = None

    @property
    def key(self) -> Key:
        """Its position in the feed."""
        return (self.at, 1 if self.action else 0, self.id)


@dataclass(slots=True)
class _Found:
    """The rows of a page before names are added."""

    key: Key
    action: Action | None = None
    run: tuple[int, int, int, int, str, int | None, int | None] = (0, 0, 0, 0, "", None, None)
    registration: int | None = None


@dataclass
class Feed:
    """The feed of one account."""

    reading: AccountReader
    wanted: FeedFilter
    _conditions: list[str] = field(default_factory=list)

    def page(self, cursor: Cursor | None, *, size: int = ROWS) -> ListPage[FeedLine]:
        """One page of the feed."""
        registrations = self._registrations()
        if registrations is not None and not registrations:
            return ListPage([])

        def fetch(at: Cursor | None, limit: int) -> Sequence[_Found]:
            return self._fetch(at, limit, registrations)

        found = pages(fetch, lambda row: row.key, cursor, size=size)
        return ListPage(self._lines(found.rows), found.newer, found.older)

    def newer_than(self, moment: int, limit: int = 100) -> int:
        """Counts the lines after `moment`, up to `limit`, for a paused page."""
        registrations = self._registrations()
        if registrations is not None and not registrations:
            return 0
        return len(self._fetch(Cursor((moment, 1, 2**62), back=True), limit, registrations))

    def _registrations(self) -> list[int] | None:
        """Ids of the registrations that match the text; None = all."""
        words = folded(self.wanted.text).split()
        if not words:
            return None
        where = " AND ".join(f"search LIKE :w{i} ESCAPE '!'" for i in range(len(words)))
        rows = self.reading.db.all(
            f"SELECT id FROM registration WHERE account_id = :account AND {where} ORDER BY modified DESC LIMIT {FOUND}",
            {"account": self.reading.account} | {f"w{i}": f"%{escaped(word)}%" for i, word in enumerate(words)},
        )
        return [id for (id,) in rows]

    def _fetch(self, cursor: Cursor | None, limit: int, registrations: list[int] | None) -> list[_Found]:
        back = cursor is not None and cursor.back
        rows = self._actions(cursor, limit, registrations)
        # A full page of actions limits which runs can stand between them.
        edge = rows[-1].key[0] if len(rows) == limit else None
        rows += self._runs(cursor, limit, registrations, int(edge) if edge is not None else None)
        rows.sort(key=lambda row: row.key, reverse=not back)
        return rows[:limit]

    def _actions(self, cursor: Cursor | None, limit: int, registrations: list[int] | None) -> list[_Found]:
        states = _STATES[self.wanted.result]
        if states == ():
            return []
        where, params = self._where("a", "a.created", registrations)
        if states:
            where.append(f"a.state IN ({', '.join(str(int(s)) for s in states)})")
        order = _place(where, params, cursor, "a.created", "a.id", kind=1)
        rows = self.reading.db.all(f"SELECT {COLUMNS} FROM {FROM} WHERE {' AND '.join(where)} {order} LIMIT {int(limit)}", params)
        actions = [action_of(row) for row in rows]
        return [_Found((a.created, 1, a.id), action=a, registration=a.registration) for a in actions]

    def _runs(self, cursor: Cursor | None, limit: int, registrations: list[int] | None, edge: int | None) -> list[_Found]:
        if self.wanted.result in (FeedResult.SUCCESS, FeedResult.VALIDATION):
            return []
        where, params = self._where("r", "r.at", registrations, event="c.event_id")
        where.append("r.decision = 1")
        if self.wanted.result is FeedResult.FAILURE:
            where.append("j.queue IN (1, 2, 3)")
        if edge is not None:
            where.append("r.at <= :edge" if cursor is not None and cursor.back else "r.at >= :edge")
            params["edge"] = edge
        order = _place(where, params, cursor, "r.at", "r.id", kind=0)
        rows = self.reading.db.all(
            "SELECT r.id, r.at, r.change_id, r.flow_id, r.reason, j.queue, j.due_at, c.registration_id, c.event_id FROM run r"
            " JOIN change c ON c.id = r.change_id LEFT JOIN judgement j ON j.run_id = r.id"
            f" WHERE {' AND '.join(where)} {order} LIMIT {int(limit)}",
            params,
        )
        return [
            _Found((at, 0, id), run=(change, event, flow, id, reason, queue, due), registration=registration)
            for id, at, change, flow, reason, queue, due, registration, event in rows
        ]

    def _where(
        self, alias: str, at: str, registrations: list[int] | None, *, event: str = "a.event_id"
    ) -> tuple[list[str], dict[str, object]]:
        # For few registrations, their lines are found and sorted; otherwise lines are read in order of time, along the account's index.
        walks = "" if registrations is None else "+"
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
        if registrations is not None:
            member = self.reading.db.member("registration_id", "registrations")
            where.append(f"{alias}.change_id IN (SELECT id FROM change WHERE {member})")
            params["registrations"] = registrations
        return where, params

    def _lines(self, found: Sequence[_Found]) -> list[FeedLine]:
        reading = self.reading
        changes = reading.changes([row.action.change if row.action else row.run[0] for row in found])
        events = reading.events([row.action.event if row.action else row.run[1] for row in found])
        people = reading.people(row.registration for row in found)
        flows = reading.flow_names([row.action.flow if row.action else row.run[2] for row in found])
        actions = [row.action for row in found if row.action]
        attempts = attempts_of(reading.db, reading.account, [a.id for a in actions])
        connections = reading.connection_names([a.connection for a in actions])
        out = []
        for row in found:
            change_id, event_id, flow_id = (row.action.change, row.action.event, row.action.flow) if row.action else row.run[:3]
            common: dict[str, Any] = {
                "at": int(row.key[0]),
                "change_id": change_id,
                "change": changes.get(change_id, (None, ()))[0],
                "event": events.get(event_id),
                "person": people.get(row.registration) if row.registration is not None else None,
                "flow": flows.get(flow_id, ""),
                "flow_id": flow_id,
            }
            if row.action:
                tries = attempts.get(row.action.id)
                name = connections.get(tries[-1].connection if tries else row.action.connection) or connections.get(
                    row.action.connection, ""
                )
                out.append(FeedLine(**common, id=row.action.id, action=row.action, attempt=tries[-1] if tries else None, connection=name))
            else:
                _, _, _, id, reason, queue, due = row.run
                out.append(
                    FeedLine(
                        **common, id=id, reason=Reason(reason), queue=QueueStatus.of_code(queue or 0), due=due if queue in (1, 2) else None
                    )
                )
        return out


_STATES: dict[FeedResult, tuple[ActionState, ...] | None] = {
    FeedResult.ALL: None,
    FeedResult.SUCCESS: (ActionState.SUCCESS,),
    FeedResult.FAILURE: (ActionState.QUEUED, ActionState.FAILED, ActionState.VALIDATION),
    FeedResult.VALIDATION: (ActionState.VALIDATION,),
    FeedResult.NOT_TRIGGERED: (),
}


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
