"""The Activity Feed (guide: Activity Feed; X4): each change that flows acted on, newest first, with its outcome at each destination.

A *line* is an action, or a run without one: waiting for a tag, or not triggered. A change is listed once, at the place of its newest line, so a
replay or a manual send brings it to the top. Nothing is counted, and a page reads a bounded number of rows in an account of any size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

from heliograph.deliveries.account_reader import AccountReader, RowPerson
from heliograph.deliveries.prospects import NO_PROSPECT, Prospect, prospect_of_run, prospects, stop_of_run
from heliograph.domain.delivery.action import OPEN_STATUSES, SUBMITTABLE, QueueStatus
from heliograph.domain.flow.decision import Reason
from heliograph.domain.registration.change import Change
from heliograph.domain.setup.compiled_setup import EventConfig
from heliograph.insights.feed_lines import ACTION, RUN, SCAN, FeedFilter, FeedLines, Line
from heliograph.store.queue.action_rows import ACTION_WITH_LANE, StoredAction, StoredAttempt, action_columns, action_of, attempts_of
from heliograph.store.row_states import RUN_NOT_TRIGGERED
from heliograph.store.walk import Key, WalkedRows
from heliograph.web.cursor import ROWS, Cursor, ListPage, walked
from heliograph.web.list_count import ListCount

PARTS = (int, int, int)
"""The types of a cursor: instant, 1 for an action or 0 for a run, id."""
SECOND: Final = 1_000_000
SCANS_PER_PAGE: Final = 4
"""The most reads of SCAN rows for one page."""
SLICE: Final = 10 * SECOND
"""The length of the period of which a sample is shown (microseconds)."""
SETTLED: Final = 2 * SECOND
"""Microseconds after its end at which a slice is shown, because by then the transactions that began in it have been committed."""
READABLE: Final = 50
"""The most changes of a slice that are all shown. Of more, a sample is shown."""
SAMPLED: Final = 20
"""The number of changes in a sample."""
MOST_NEWER: Final = 100
"""The number of changes that are counted after the moment at which a feed was paused."""
MOST_IN_SLICE: Final = 20_000
"""The number of lines of a slice, of each kind, that are read at most."""


def jumped_to(moment: int) -> Cursor:
    """The cursor of a page whose newest change is not newer than this moment (microseconds)."""
    return Cursor((moment, ACTION, 2**62))


@dataclass(frozen=True, slots=True)
class FlowOutcome:
    """The outcome of a change in one flow: an action with its last attempt, or the reason why there is no action."""

    id: int
    flow: str
    flow_id: int
    action: StoredAction | None = None
    attempt: StoredAttempt | None = None
    connection: str = ""
    """The name of the action's connection."""
    reason: Reason | None = None
    queue: QueueStatus | None = None
    """The status in the Retry Queue of a run without an action."""
    due: int | None = None
    """When such a run is judged again (microseconds)."""
    prospect: Prospect = NO_PROSPECT
    """What happens to the action, or the run, when it is due."""
    stop: str = ""
    """The message of a run that waits for its flow."""

    @property
    def is_open_or_failed(self) -> bool:
        """Whether a run without an action waits in the Retry Queue, or failed there."""
        return self.queue in SUBMITTABLE


@dataclass(frozen=True, slots=True)
class FeedRow:
    """One change of the feed."""

    key: Key
    """The key of its newest line."""
    change_id: int
    change: Change | None
    """None if its content is no longer stored."""
    event: EventConfig | None
    person: RowPerson | None
    outcomes: Sequence[FlowOutcome]
    is_erased: bool = False
    """A registration changed, and its person was erased since."""

    @property
    def at(self) -> int:
        """The instant of its newest line (microseconds)."""
        return int(self.key[0])


@dataclass(frozen=True, slots=True)
class FeedSample:
    """Some of the changes of [since, until), evenly spread, because more came than a person can read."""

    rows: Sequence[FeedRow]
    total: int
    """The number of all changes of the period."""
    is_all: bool
    """False if there were more than `total`, too many to be counted."""
    since: int
    """Microseconds."""
    until: int
    """Microseconds."""
    older: str
    """The cursor of the page of changes before the period."""


@dataclass
class Feed:
    """The feed of one account."""

    reader: AccountReader
    feed_filter: FeedFilter
    until: int | None = None
    """Microseconds. Lines that began later are not read, so that a paused feed does not move."""
    scan: int = SCAN
    """The number of rows that are read at once."""

    def page(self, cursor: Cursor | None, *, size: int = ROWS) -> ListPage[FeedRow]:
        """One page of the feed. Reading is broken off if few lines match."""
        lines = self._lines()
        walked_lines = walked(lambda at, limit: self._changes(lines, at, limit), attrgetter("key"), cursor, size=size)
        return walked_lines.with_rows(self._rows(walked_lines.rows))

    def sample(self, now: int) -> FeedSample | None:
        """A sample of the last whole slice, for the live page; None if the slice has few enough changes that all can be shown."""
        until = (now - SETTLED) // SLICE * SLICE
        spread = self._lines().spread(until - SLICE, until, SAMPLED, MOST_IN_SLICE)
        if spread.total <= READABLE:
            return None
        before = str(Cursor((until - SLICE, RUN, 0)))
        return FeedSample(self._rows(spread.lines), spread.total, spread.is_all, until - SLICE, until, before)

    def newer_than(self, moment: int) -> ListCount:
        """How many changes came or moved up after a moment, counted up to MOST_NEWER. A paused page shows the number."""
        lines = FeedLines(self.reader, self.feed_filter, scan=self.scan)
        newer = self._changes(lines, Cursor(jumped_to(moment).key, back=True), MOST_NEWER + 1)
        return ListCount(min(len(newer.rows), MOST_NEWER), len(newer.rows) > MOST_NEWER or newer.scan_end is not None)

    def _lines(self) -> FeedLines:
        return FeedLines(self.reader, self.feed_filter, self.until, self.scan)

    def _changes(self, lines: FeedLines, cursor: Cursor | None, limit: int) -> WalkedRows[Line]:
        """The changes behind the cursor, in its direction, each as its newest line."""
        if lines.are_none:
            return WalkedRows([])
        back = cursor is not None and cursor.back
        newest_lines: list[Line] = []
        scanned = 0
        while len(newest_lines) < limit:
            stretch = lines.stretch(cursor)
            newest = lines.newest_of({line.change for line in stretch.lines})
            newest_lines += [line for line in stretch.lines if newest[line.change] == line.key]
            scanned += stretch.scanned
            if stretch.known_to is None:
                break
            if scanned >= SCANS_PER_PAGE * self.scan:
                return WalkedRows(newest_lines[:limit], stretch.known_to)
            cursor = Cursor(stretch.known_to, back=back)
        return WalkedRows(newest_lines[:limit])

    # --- outcomes

    def _rows(self, lines: Sequence[Line]) -> list[FeedRow]:
        reader = self.reader
        ids = [line.change for line in lines]
        changes = reader.changes(ids)
        events = reader.events([line.event for line in lines])
        people = reader.people(line.registration for line in lines)
        outcomes = self._outcomes(ids)
        return [
            FeedRow(
                key=line.key,
                change_id=line.change,
                change=changes.get(line.change, (None, ()))[0],
                event=events.get(line.event),
                person=people.get(line.registration) if line.registration is not None else None,
                outcomes=outcomes.get(line.change, ()),
                is_erased=line.registration is not None and line.registration not in people,
            )
            for line in lines
        ]

    def _outcomes(self, changes: Sequence[int]) -> dict[int, list[FlowOutcome]]:
        """The outcomes of changes in all flows of the mode, by change: actions in their order, then runs without an action.

        Runs that were not triggered are left out, unless the filter includes them.
        """
        if not changes:
            return {}
        reader, db = self.reader, self.reader.db
        given = {"account": reader.account, "mode": self.feed_filter.mode.code, "changes": sorted(changes)}
        actions = [
            action_of(row)
            for row in db.all(
                f"SELECT {action_columns()} FROM {ACTION_WITH_LANE} WHERE +a.account_id = :account AND a.mode = :mode AND {db.member('a.change_id', 'changes')}"
                " ORDER BY a.id",
                given,
            )
        ]
        runs = db.all(
            "SELECT r.id, r.change_id, r.flow_id, r.reason, j.queue, j.due_at, COALESCE(j.message, '') FROM run r LEFT JOIN stuck_run j ON j.run_id = r.id"
            f" WHERE +r.account_id = :account AND r.mode = :mode AND r.{RUN_NOT_TRIGGERED} AND {db.member('r.change_id', 'changes')} ORDER BY r.id",
            given,
        )
        flows = reader.flow_names([action.flow for action in actions] + [row[2] for row in runs])
        attempts = attempts_of(db, reader.account, [action.id for action in actions])
        connections = reader.connection_names([action.connection for action in actions])
        outcomes: dict[int, list[FlowOutcome]] = {}
        prospects_of = prospects(reader, actions) if any(action.state.is_open for action in actions) else {}
        for action in actions:
            last = attempts[action.id][-1] if action.id in attempts else None
            outcomes.setdefault(action.change, []).append(
                FlowOutcome(
                    action.id,
                    flows.get(action.flow, ""),
                    action.flow,
                    action=action,
                    attempt=last,
                    connection=connections.get(action.connection, ""),
                    prospect=prospects_of.get(action.id, NO_PROSPECT),
                )
            )
        for id, change, flow, reason, queue, due, message in runs:
            status = QueueStatus.of_code(queue or 0)
            is_open, stop = status in OPEN_STATUSES, stop_of_run(Reason(reason), status, message)
            outcome = FlowOutcome(
                id,
                flows.get(flow, ""),
                flow,
                reason=Reason(reason),
                queue=status,
                due=due if is_open else None,
                prospect=prospect_of_run(reader.config, flow, self.feed_filter.mode.code, stop) if is_open else NO_PROSPECT,
                stop=stop,
            )
            if outcome.is_open_or_failed or self.feed_filter.shows_not_triggered:
                outcomes.setdefault(change, []).append(outcome)
        return outcomes
