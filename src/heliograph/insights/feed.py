"""The Activity Feed (guide: Activity Feed; X4): each change that flows acted on, newest first, with what became of it at each destination.

A *line* is an action, or a run without one: waiting for a tag, or not triggered. A change stands once, where its newest line is, so that a
replay or a manual send brings it to the top. Nothing is counted, and a page reads a bounded number of rows whatever the account's size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

from heliograph.deliveries.actions import COLUMNS, FROM, Action, Attempt, action_of, attempts_of
from heliograph.deliveries.database import AccountReader, RowPerson
from heliograph.deliveries.prospects import NO_PROSPECT, Prospect, prospects
from heliograph.domain.delivery.action import QueueStatus
from heliograph.domain.figures import mode_code
from heliograph.domain.flow.decision import Reason
from heliograph.domain.registration.change import Change
from heliograph.domain.setup.configuration import EventConfig
from heliograph.insights.feed_lines import ACTION, RUN, SCAN, FeedFilter, FeedLines, Line
from heliograph.web.cursor import ROWS, Cursor, Key, ListPage, WalkedRows, walked

PARTS = (int, int, int)
"""The types of a cursor: instant, 1 for an action or 0 for a run, id."""
SECOND: Final = 1_000_000
LOOKED: Final = 4
"""How many times SCAN rows are looked at for one page."""
SLICE: Final = 10 * SECOND
SETTLED: Final = 2 * SECOND
"""A slice is shown this long after its end: by then what began in it has been committed."""
READABLE: Final = 50
"""The most changes of a slice that are shown one by one."""
SAMPLED: Final = 20
MOST_IN_SLICE: Final = 20_000


def jumped_to(moment: int) -> Cursor:
    """Where a page begins whose newest change is of this moment, or of before."""
    return Cursor((moment, ACTION, 2**62))


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
    prospect: Prospect = NO_PROSPECT
    """What becomes of an action when its time comes."""

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
class FeedSample:
    """Some of the changes of [since, until), evenly spread, where more came than can be read. total: how many there were; is_all: else there were
    more than could be counted. older: the cursor of what was before."""

    rows: Sequence[FeedRow]
    total: int
    is_all: bool
    since: int
    until: int
    older: str


@dataclass
class Feed:
    """The feed of one account. until: microseconds; nothing that began later is read, so that a paused feed stands still."""

    reading: AccountReader
    wanted: FeedFilter
    until: int | None = None
    scan: int = SCAN

    def page(self, cursor: Cursor | None, *, size: int = ROWS) -> ListPage[FeedRow]:
        """One page of it. Looking is broken off where few lines match."""
        lines = self._lines()
        found = walked(lambda at, limit: self._changes(lines, at, limit), attrgetter("key"), cursor, size=size)
        return found.with_rows(self._rows(found.rows))

    def sample(self, now: int) -> FeedSample | None:
        """What the live page shows instead while more comes than can be read: a part of the last whole slice. None where all can be shown."""
        until = (now - SETTLED) // SLICE * SLICE
        found = self._lines().between(until - SLICE, until, MOST_IN_SLICE)
        if len(found) <= READABLE:
            return None
        chosen = [found[i * len(found) // SAMPLED] for i in range(SAMPLED)]
        before = str(Cursor((until - SLICE, RUN, 0)))
        return FeedSample(self._rows(chosen), len(found), len(found) < MOST_IN_SLICE, until - SLICE, until, before)

    def newer_than(self, moment: int, limit: int = 100) -> int:
        """How many changes came, or moved up, after `moment`, at most `limit`: what a paused page says."""
        lines = FeedLines(self.reading, self.wanted, scan=self.scan)
        return len(self._changes(lines, Cursor(jumped_to(moment).key, back=True), limit).rows)

    def _lines(self) -> FeedLines:
        return FeedLines(self.reading, self.wanted, self.until, self.scan)

    def _changes(self, lines: FeedLines, cursor: Cursor | None, limit: int) -> WalkedRows[Line]:
        """Changes from the cursor on, in its direction, each by its newest line."""
        if lines.are_none:
            return WalkedRows([])
        back = cursor is not None and cursor.back
        found: list[Line] = []
        looked = 0
        while len(found) < limit:
            stretch = lines.stretch(cursor)
            newest = lines.newest_of({line.change for line in stretch.lines})
            found += [line for line in stretch.lines if newest[line.change] == line.key]
            looked += stretch.looked
            if stretch.edge is None:
                break
            if looked >= LOOKED * self.scan:
                return WalkedRows(found[:limit], stretch.edge)
            cursor = Cursor(stretch.edge, back=back)
        return WalkedRows(found[:limit])

    # --- what became of them

    def _rows(self, lines: Sequence[Line]) -> list[FeedRow]:
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
            "SELECT r.id, r.change_id, r.flow_id, r.reason, j.queue, j.due_at FROM run r LEFT JOIN stuck_run j ON j.run_id = r.id"
            f" WHERE +r.account_id = :account AND r.mode = :mode AND r.decision = 1 AND {db.member('r.change_id', 'changes')} ORDER BY r.id",
            given,
        )
        flows = reading.flow_names([action.flow for action in actions] + [row[2] for row in runs])
        attempts = attempts_of(db, reading.account, [action.id for action in actions])
        connections = reading.connection_names(
            [action.connection for action in actions] + [tries[-1].connection for tries in attempts.values()]
        )
        found: dict[int, list[FlowOutcome]] = {}
        prospects_of = prospects(reading, actions) if any(action.state.is_open for action in actions) else {}
        for action in actions:
            last = attempts[action.id][-1] if action.id in attempts else None
            name = (connections.get(last.connection) if last else None) or connections.get(action.connection, "")
            found.setdefault(action.change, []).append(
                FlowOutcome(
                    action.id,
                    flows.get(action.flow, ""),
                    action.flow,
                    action=action,
                    attempt=last,
                    connection=name,
                    prospect=prospects_of.get(action.id, NO_PROSPECT),
                )
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
