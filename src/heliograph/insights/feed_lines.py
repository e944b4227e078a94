"""The lines of the Activity Feed, read without an account's whole past (X4).

A *line* is an action, or a run without one. Each filter uses the index with the fewest other rows: failures, Test flows, one flow's actions and
waiting runs have their own. For a filter without an index (an event, a connection) at most SCAN rows are read back in time; the stretch ends
there, and the next one continues.
"""

from __future__ import annotations

import datetime
from collections import ChainMap
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from heliograph.deliveries.account_reader import AccountReader
from heliograph.domain.delivery.action import ActionState
from heliograph.domain.delivery.outcomes import Cause
from heliograph.domain.flow.flow import Mode
from heliograph.insights.replay_share import ReplayShare
from heliograph.store.database import Database, Row
from heliograph.store.instants import to_micros
from heliograph.store.queue.action_rows import own_connection
from heliograph.store.row_states import RUN_NOT_TRIGGERED, STUCK_RUN_OPEN, listed
from heliograph.store.walk import AFTER_ALL, BEFORE_ALL, Key, Walk
from heliograph.store.where import Where
from heliograph.web.cursor import Cursor

LINES: Final = 100
"""The number of lines that are read at once. A change has a line for each destination of its flows."""
SCAN: Final = 10_000
"""The number of rows that are read for one stretch, at most."""
ACTION, RUN = 1, 0
"""The kinds of lines in a key. Of lines of one instant, actions are above runs."""


class FeedResult(StrEnum):
    """The results by which the feed is filtered. NOT_TRIGGERED adds the changes on which flows did not act."""

    ALL = ""
    SUCCESS = "success"
    FAILURE = "failure"
    VALIDATION = "validation"
    NOT_TRIGGERED = "not-triggered"


def ends_of_day(day: datetime.date, zone: datetime.tzinfo) -> tuple[int, int]:
    """The beginning and the end (exclusive) of a day, in microseconds."""
    midnight = datetime.datetime.combine(day, datetime.time(), zone)
    return to_micros(midnight), to_micros(midnight + datetime.timedelta(days=1))


def overlap(*spans: tuple[int, int] | None) -> tuple[int, int] | None:
    """What several spans [from, before) have in common, as from = before if that is nothing; None stands for all time."""
    bounded = [span for span in spans if span is not None]
    if not bounded:
        return None
    begin = max(span[0] for span in bounded)
    return begin, max(begin, min(span[1] for span in bounded))


@dataclass(frozen=True, slots=True)
class FeedFilter:
    """The filters of the feed."""

    mode: Mode = Mode.LIVE
    result: FeedResult = FeedResult.ALL
    text: str = ""
    """A part of a registration's code or name."""
    event: int | None = None
    flow: int | None = None
    between: tuple[int, int] | None = None
    """[from, before), in microseconds."""
    connection: int | None = None
    replays: ReplayShare = ReplayShare.ALL

    @property
    def shows_not_triggered(self) -> bool:
        return self.result is FeedResult.NOT_TRIGGERED


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the feed."""

    key: Key
    """Its place in the feed: instant, kind, id."""
    change: int
    event: int
    registration: int | None


@dataclass(frozen=True, slots=True)
class Stretch:
    """The lines next to a position in the feed, nearest first."""

    lines: Sequence[Line]
    known_to: Key | None
    """All lines up to this key have been read; None for the end of the feed."""
    scanned: int
    """About how many rows were read."""


@dataclass(frozen=True, slots=True)
class SpreadLines:
    """Some of the changes of a period, evenly spread over them, newest first, each as its newest line in that period."""

    lines: Sequence[Line]
    total: int
    """The number of changes that were read."""
    is_all: bool
    """False if the period has more of them."""


@dataclass(frozen=True, slots=True)
class LineSource:
    """One table of lines."""

    kind: int
    """ACTION or RUN."""
    tables: str
    """The FROM clause."""
    columns: Sequence[str]
    """The columns of id, instant, change, event and registration."""
    walks: Sequence[Walk]
    """The walks through the feed's period, each along an index; their lines are merged."""
    where: Where
    """The conditions that no index serves."""
    whole: Where
    """All conditions but the text and the period, for the lines of known changes, where no index is walked."""
    is_sparse: bool
    """True if the walks may read rows that do not match, so that they need an end. False if the rows are not walked in the order of time, but sorted."""

    def read(self, db: Database, cursor: Cursor | None, bound: Key | None, scan: int) -> Stretch:
        """The lines next to a cursor, in its direction.

        bound: lines beyond this key are not read
        scan: the number of rows that are read, at most
        """
        back = cursor is not None and cursor.back
        since, until = (0, AFTER_ALL) if bound is None else (0, int(bound[0]) + 1) if back else (int(bound[0]), AFTER_ALL)
        after = None
        if cursor is not None:  # it may be a line of the other kind: of one instant, actions are above runs
            at, kind, id = cursor.key
            after = at, id if kind == self.kind else BEFORE_ALL if self.kind == ACTION else AFTER_ALL
        walks = [replace(walk, after=after, ascends=back) for walk in self._within(since, until)]
        ends = [end for walk in walks if (end := walk.end(db, scan - 1)) is not None] if self.is_sparse else []
        end = (min if back else max)(ends, default=None)
        lines = self._lines(db, walks, LINES, end)
        if len(lines) == LINES:
            return Stretch(lines, lines[-1].key, LINES)
        return Stretch(lines, (end[0], self.kind, end[1]) if end else None, scan if end else LINES)

    def of_changes(self, db: Database, changes: Collection[int]) -> list[Line]:
        """All lines of some changes."""
        where = Where(db.member(self.columns[2], "changes"), changes=sorted(changes)) & self.whole & self.walks[0].bounds()
        rows = db.all(f"SELECT {', '.join(self.columns)} FROM {self.tables} WHERE {where.sql}", where.params)
        return [self._line(*row) for row in rows]

    def between(self, db: Database, since: int, until: int, most: int) -> list[Row]:
        """The lines of [since, until), newest first, at most `most`, as rows of `columns`."""
        return self._rows(db, self._within(since, until), most)

    def _within(self, since: int, until: int) -> list[Walk]:
        """The walks, bounded to [since, until)."""
        return [replace(walk, since=max(walk.since or 0, since), until=min(walk.until or AFTER_ALL, until)) for walk in self.walks]

    def _lines(self, db: Database, walks: Sequence[Walk], limit: int, end: Key | None = None) -> list[Line]:
        return [self._line(*row) for row in self._rows(db, walks, limit, end)]

    def _rows(self, db: Database, walks: Sequence[Walk], limit: int, end: Key | None = None) -> list[Row]:
        select = f"SELECT {', '.join(self.columns)} FROM {self.tables}"
        statements = [walk.statement(select, self.where, limit, end=end) for walk in walks]
        if len(statements) == 1:
            return db.all(*statements[0])
        each = " UNION ALL ".join(f"SELECT * FROM ({sql}) w{n}" for n, (sql, _params) in enumerate(statements))
        way = "ASC" if walks[0].ascends else "DESC"
        merged = f"SELECT * FROM ({each}) lines ORDER BY 2 {way}, 1 {way} LIMIT {int(limit)}"
        return db.all(merged, ChainMap(*(dict(params) for _sql, params in statements)))

    def _line(self, id: int, at: int, change: int, event: int, registration: int | None) -> Line:
        return Line((at, self.kind, id), change, event, registration)


_KeyedRow = tuple[int, int, int, int, int, int | None]
"""A line as a tuple: its instant, kind, id, change, event and registration."""


@dataclass
class FeedLines:
    """The lines of one account's feed."""

    reader: AccountReader
    feed_filter: FeedFilter
    until: int | None = None
    """Microseconds. Lines that began later are not read."""
    scan: int = SCAN
    """The number of rows that are read for one stretch."""

    def __post_init__(self) -> None:
        self._match = self.reader.match(self.feed_filter.text)
        self._sources = [source for source in (self._actions(), self._runs()) if source is not None]

    @property
    def are_none(self) -> bool:
        """Whether there are no lines, because no registration contains the text or the flow is another account's."""
        return (self._match is not None and self._match.ids == []) or self.reader.is_of_another("flow", self.feed_filter.flow)

    def stretch(self, cursor: Cursor | None) -> Stretch:
        """The next lines behind a cursor, in its direction."""
        back = cursor is not None and cursor.back
        lines: list[Line] = []
        known_to: Key | None = None
        scanned = 0
        for source in self._sources:
            part = source.read(self.reader.db, cursor, known_to, self.scan)
            lines += part.lines
            scanned += part.scanned
            if part.known_to is not None and (known_to is None or (part.known_to < known_to if back else part.known_to > known_to)):
                known_to = part.known_to
        if known_to is not None:
            lines = [line for line in lines if (line.key <= known_to if back else line.key >= known_to)]
        return Stretch(sorted(lines, key=lambda line: line.key, reverse=not back), known_to, scanned)

    def newest_of(self, changes: Collection[int]) -> dict[int, Key]:
        """The key of each change's newest line."""
        if not changes:
            return {}
        return _newest(line for source in self._sources for line in source.of_changes(self.reader.db, changes))

    def spread(self, since: int, until: int, count: int, most: int) -> SpreadLines:
        """`count` of the changes of [since, until), or all if there are no more.

        most: the number of lines that are read of each kind

        Only the lines that are returned become objects: thousands would keep the garbage collector busy for longer than their reading.
        """
        rows: list[_KeyedRow] = []
        is_all = True
        for source in self._sources:
            part = source.between(self.reader.db, since, until, most)
            is_all = is_all and len(part) < most
            rows += [(at, source.kind, id, change, event, registration) for id, at, change, event, registration in part]
        rows.sort(reverse=True)
        newest_of: dict[int, _KeyedRow] = {}
        for row in rows:
            newest_of.setdefault(row[3], row)
        newest = list(newest_of.values())
        chosen = [newest[i * len(newest) // count] for i in range(count)] if len(newest) > count else newest
        return SpreadLines([Line(row[:3], *row[3:]) for row in chosen], len(newest), is_all)

    def _actions(self) -> LineSource:
        feed_filter, in_mode, states = self.feed_filter, f"a.mode = {self.feed_filter.mode.code}", _STATES[self.feed_filter.result]
        narrow = self._narrow("a", "a")
        if feed_filter.connection is not None:
            of_connection = f"EXISTS (SELECT 1 FROM lane l WHERE l.id = a.lane_id AND {own_connection('a', 'l')} = :connection)"
            narrow["connection"] = Where(of_connection, connection=feed_filter.connection)
        if share := feed_filter.replays.condition("a.origin"):
            narrow["replays"] = Where(share)
        if states:
            narrow["state"] = Where(f"a.state IN ({listed(states)})")
        of_account, served = Where("a.account_id = :account", account=self.reader.account), {"account"}
        indexes = [of_account]
        if feed_filter.flow is not None:
            # A state at a time, because the index has a flow's actions by state and mode, and then by time.
            indexes = [
                Where("a.flow_id = :flow", f"a.state = {int(state)}", in_mode, flow=feed_filter.flow) for state in states or ActionState
            ]
            served = {"flow", "state", "mode"}
        elif feed_filter.result in (FeedResult.FAILURE, FeedResult.VALIDATION):
            indexes = [of_account & Where(in_mode, f"a.state IN ({listed(_STATES[FeedResult.FAILURE])})")]
            served = {"account", "mode"} | ({"state"} if feed_filter.result is FeedResult.FAILURE else set())
        elif feed_filter.replays is ReplayShare.ONLY:
            indexes, served = [of_account & narrow["replays"]], {"account", "replays"}
        elif feed_filter.mode is Mode.TEST:
            indexes, served = [of_account & Where(in_mode)], {"account", "mode"}
        columns = ("a.id", "a.created", "a.change_id", "a.event_id", "a.registration_id")
        return self._source(ACTION, "action a", columns, indexes, served, narrow)

    def _runs(self) -> LineSource | None:
        """Runs without an action: those that wait for a tag or failed, or all that were not triggered if the filter includes them."""
        feed_filter = self.feed_filter
        if (
            feed_filter.result in (FeedResult.SUCCESS, FeedResult.VALIDATION)
            or feed_filter.connection is not None
            or feed_filter.replays is ReplayShare.ONLY
        ):
            return None
        if feed_filter.shows_not_triggered:
            alias, open_, narrow = "r", RUN_NOT_TRIGGERED, self._narrow("r", "c")
            columns: tuple[str, ...] = ("r.id", "r.at", "r.change_id", "c.event_id", "c.registration_id")
            tables = "run r JOIN change c ON c.id = r.change_id"
        else:
            alias, open_, narrow = "j", STUCK_RUN_OPEN, self._narrow("j", "j")
            columns = ("j.id", "j.created", "j.change_id", "j.event_id", "j.registration_id")
            tables = "stuck_run j"
            if feed_filter.result is FeedResult.FAILURE:  # a run that waits for a tag has not failed
                narrow["raised"] = Where(f"j.cause = '{Cause.EXCEPTION.value}'")
        narrow["open"] = Where(f"+{alias}.{open_}")
        of_account = Where(f"{alias}.account_id = :account", account=self.reader.account)
        index = of_account & Where(f"{alias}.mode = {feed_filter.mode.code}", f"{alias}.{open_}")
        return self._source(RUN, tables, columns, [index], {"account", "mode", "open"}, narrow)

    def _narrow(self, alias: str, registration_alias: str) -> dict[str, Where]:
        """The conditions for every line, by name.

        A plus before a column keeps SQLite from using an index for that condition. Otherwise it would take the account's index, expect ten rows,
        and read all.

        alias: the table with account, mode and flow
        registration_alias: the table with event and registration
        """
        feed_filter = self.feed_filter
        conditions = {
            "account": Where(f"+{alias}.account_id = :account", account=self.reader.account),
            "mode": Where(f"+{alias}.mode = {feed_filter.mode.code}"),
        }
        if feed_filter.flow is not None:
            conditions["flow"] = Where(f"+{alias}.flow_id = :flow", flow=feed_filter.flow)
        if feed_filter.event is not None:
            conditions["event"] = Where(f"{registration_alias}.event_id = :event", event=feed_filter.event)
        if self._match is not None:
            conditions["text"] = self._match.condition(self.reader.db, f"{registration_alias}.registration_id")
        return conditions

    def _source(
        self, kind: int, tables: str, columns: tuple[str, ...], indexes: list[Where], served: set[str], narrow: dict[str, Where]
    ) -> LineSource:
        """indexes: the conditions of one index each
        served: the names of the conditions that these indexes serve
        """
        is_walk = self._match is None or self._match.ids is None
        if self._match is not None and not is_walk:  # if few registrations match, all their lines are read and sorted
            has_words = self._match.condition(self.reader.db, "registration_id")
            indexes = [Where(f"{columns[2]} IN (SELECT id FROM change WHERE {has_words.sql})", **has_words.params)]
            served = {"text"}
        since, before = self.feed_filter.between or (0, AFTER_ALL)
        until = before if self.until is None else min(before, self.until + 1)
        # Without a bound of the instant, SQLite would sort instead of walking the index.
        walks = [Walk(" ".join(tables.split()[:2]), index, (columns[1], columns[0]), since=since, until=until) for index in indexes]
        where, whole = Where(), Where()
        for name, condition in narrow.items():
            where = where & condition if name not in served else where
            whole = whole & condition if name != "text" else whole
        return LineSource(kind, tables, columns, walks, where, whole, is_sparse=is_walk and bool(narrow.keys() - served))


_STATES: Final[Mapping[FeedResult, tuple[ActionState, ...]]] = {
    FeedResult.ALL: (),
    FeedResult.SUCCESS: (ActionState.SUCCESS,),
    FeedResult.FAILURE: (ActionState.QUEUED, ActionState.FAILED, ActionState.VALIDATION),
    FeedResult.VALIDATION: (ActionState.VALIDATION,),
    FeedResult.NOT_TRIGGERED: (),
}
"""The states of the actions that a result includes; () for all."""


def _newest(lines: Iterable[Line]) -> dict[int, Key]:
    newest: dict[int, Key] = {}
    for line in lines:
        newest[line.change] = max(newest.get(line.change, line.key), line.key)
    return newest
