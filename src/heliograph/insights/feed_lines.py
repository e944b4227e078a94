"""The lines of the Activity Feed, read without an account's whole past (X4).

A *line* is an action, or a run without one. Each filter uses the index with the fewest other rows: failures, Test flows, one flow's actions and
waiting runs have their own. For a filter without an index (an event, a connection) at most SCAN rows are read back in time; the stretch ends
there, and the next one continues.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from heliograph.deliveries.account_reader import AccountReader
from heliograph.domain.delivery.action import ActionState
from heliograph.domain.delivery.outcomes import Cause
from heliograph.domain.flow.flow import Mode
from heliograph.insights.replay_share import ReplayShare
from heliograph.store.database import Database
from heliograph.store.row_states import RUN_NOT_TRIGGERED, STUCK_RUN_OPEN, listed
from heliograph.store.walk import Key
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
class LineSource:
    """One table of lines."""

    kind: int
    """ACTION or RUN."""
    base: str
    """The table that is walked along its index."""
    joined: str
    """The JOIN clause, or ""."""
    columns: Sequence[str]
    """The columns of id, instant, change, event and registration."""
    places: Sequence[str]
    """Conditions that an index serves. If they are several, each is a walk of its own, and the walks are merged."""
    when: Sequence[str]
    """The bounds of the instant."""
    where: Sequence[str]
    """All other conditions."""
    whole: Sequence[str]
    """All conditions for lines of known changes, where no index is walked."""
    params: Mapping[str, object]
    is_sparse: bool
    """True if rows of the walk may not match, so that the walk needs an end."""
    is_walk: bool = True
    """True if the index is in the order of time."""

    @property
    def id(self) -> str:
        return self.columns[0]

    @property
    def at(self) -> str:
        return self.columns[1]

    def read(self, db: Database, cursor: Cursor | None, bound: Key | None, scan: int) -> Stretch:
        """The lines next to a cursor, in its direction.

        bound: lines beyond this key are not read
        scan: the number of rows that are read, at most
        """
        back = cursor is not None and cursor.back
        params, place = dict(self.params), [*self.when, *self._beside(cursor)]
        if cursor is not None:
            params |= {"beside_at": cursor.key[0], "beside_id": cursor.key[2]}
        if bound is not None:
            place.append(f"{self.at} {'<=' if back else '>='} :bound")
            params["bound"] = bound[0]
        if not place:
            place.append(f"{self.at} >= 0")  # without a bound, SQLite sorts instead of walking the index
        floor = self._floor(db, place, params, scan, back=back) if self.is_walk and self.is_sparse else None
        if floor is not None:
            place.append(f"({self.at}, {self.id}) {'<=' if back else '>='} (:floor_at, :floor_id)")
            params["floor_at"], params["floor_id"] = floor
        lines = self._lines(db, place, params, LINES, back=back)
        if len(lines) == LINES:
            return Stretch(lines, lines[-1].key, LINES)
        return Stretch(lines, (floor[0], self.kind, floor[1]) if floor else None, scan if floor else LINES)

    def of_changes(self, db: Database, changes: Collection[int]) -> list[Line]:
        """All lines of some changes."""
        where = _and(db.member(self.columns[2], "changes"), *self.whole, *self.when)
        rows = db.all(
            f"SELECT {', '.join(self.columns)} FROM {self.base} {self.joined} WHERE {where}", {**self.params, "changes": sorted(changes)}
        )
        return [self._line(*row) for row in rows]

    def between(self, db: Database, since: int, until: int, most: int) -> list[Line]:
        """The lines of [since, until), newest first, at most `most`."""
        place = [*self.when, f"{self.at} >= :begin", f"{self.at} < :end"]
        return self._lines(db, place, {**self.params, "begin": since, "end": until}, most, back=False)

    def _lines(self, db: Database, place: Sequence[str], params: Mapping[str, object], limit: int, *, back: bool) -> list[Line]:
        order = f"ORDER BY {self.at} {_way(back)}, {self.id} {_way(back)} LIMIT {int(limit)}"
        select = f"SELECT {', '.join(self.columns)} FROM {self.base} {self.joined}"
        parts = [f"{select} WHERE {_and(each, *place, *self.where)} {order}" for each in self.places]
        sql = parts[0] if len(parts) == 1 else _merged(parts, limit, back=back)
        return [self._line(*row) for row in db.all(sql, params)]

    def _line(self, id: int, at: int, change: int, event: int, registration: int | None) -> Line:
        return Line((at, self.kind, id), change, event, registration)

    def _beside(self, cursor: Cursor | None) -> list[str]:
        """The condition that a walk starts behind the cursor."""
        if cursor is None:
            return []
        side = ">" if cursor.back else "<"
        if cursor.key[1] == self.kind:
            return [f"({self.at}, {self.id}) {side} (:beside_at, :beside_id)"]
        # The cursor is a line of the other kind. Of one instant, actions are above runs.
        touches = (self.kind == ACTION) == cursor.back
        return [f"{self.at} {side}{'=' if touches else ''} :beside_at"]

    def _floor(self, db: Database, place: Sequence[str], params: Mapping[str, object], scan: int, *, back: bool) -> tuple[int, int] | None:
        """The end of the walk: instant and id of the index's entry number `scan`; None if there are fewer entries."""
        floors = []
        for each in self.places:
            order = f"ORDER BY {self.at} {_way(back)}, {self.id} {_way(back)} LIMIT 1 OFFSET {scan - 1}"
            floors += db.all(f"SELECT {self.at}, {self.id} FROM {self.base} WHERE {_and(each, *place)} {order}", params)
        if not floors:
            return None
        at, id = min(floors) if back else max(floors)
        return int(at), int(id)


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

    def between(self, since: int, until: int, most: int) -> list[Line]:
        """The changes of [since, until), newest first, each as its newest line in that period.

        most: the number of lines that are read of each kind
        """
        lines = [line for source in self._sources for line in source.between(self.reader.db, since, until, most)]
        newest = _newest(lines)
        return sorted((line for line in lines if newest[line.change] == line.key), key=lambda line: line.key, reverse=True)

    def _actions(self) -> LineSource:
        feed_filter, mode, states = self.feed_filter, self.feed_filter.mode.code, _STATES[self.feed_filter.result]
        narrow = self._narrow("a", "a")
        if feed_filter.connection is not None:
            narrow["connection"] = "EXISTS (SELECT 1 FROM lane l WHERE l.id = a.lane_id AND l.connection_id = :connection)"
        if share := feed_filter.replays.condition("a.origin"):
            narrow["replays"] = share
        if states:
            narrow["state"] = f"a.state IN ({listed(states)})"
        known = {"account"}
        if feed_filter.flow is not None:
            # A state at a time, because the index has a flow's actions by state and mode, and then by time.
            places = [f"a.flow_id = :flow AND a.state = {int(state)} AND a.mode = {mode}" for state in states or ActionState]
            known = {"flow", "state", "mode"}
        elif feed_filter.result in (FeedResult.FAILURE, FeedResult.VALIDATION):
            places = [f"a.account_id = :account AND a.mode = {mode} AND a.state IN ({listed(_STATES[FeedResult.FAILURE])})"]
            known = {"account", "mode"} | ({"state"} if feed_filter.result is FeedResult.FAILURE else set())
        elif feed_filter.replays is ReplayShare.ONLY:
            places, known = [f"a.account_id = :account AND {feed_filter.replays.condition('a.origin')}"], {"account", "replays"}
        elif feed_filter.mode is Mode.TEST:
            places, known = [f"a.account_id = :account AND a.mode = {mode}"], {"account", "mode"}
        else:
            places = ["a.account_id = :account"]
        columns = ("a.id", "a.created", "a.change_id", "a.event_id", "a.registration_id")
        return self._source(ACTION, "action a", "", columns, places, known, narrow)

    def _runs(self) -> LineSource | None:
        """Runs without an action: those that wait for a tag or failed, or all that were not triggered if the filter includes them."""
        feed_filter, mode = self.feed_filter, self.feed_filter.mode.code
        if (
            feed_filter.result in (FeedResult.SUCCESS, FeedResult.VALIDATION)
            or feed_filter.connection is not None
            or feed_filter.replays is ReplayShare.ONLY
        ):
            return None
        known = {"account", "mode", "open"}
        if feed_filter.shows_not_triggered:
            columns = ("r.id", "r.at", "r.change_id", "c.event_id", "c.registration_id")
            places, narrow = (
                [f"r.account_id = :account AND r.mode = {mode} AND r.{RUN_NOT_TRIGGERED}"],
                self._narrow("r", "c") | {"open": f"r.{RUN_NOT_TRIGGERED}"},
            )
            return self._source(RUN, "run r", "JOIN change c ON c.id = r.change_id", columns, places, known, narrow)
        columns = ("j.id", "j.created", "j.change_id", "j.event_id", "j.registration_id")
        places, narrow = (
            [f"j.account_id = :account AND j.mode = {mode} AND j.{STUCK_RUN_OPEN}"],
            self._narrow("j", "j") | {"open": f"j.{STUCK_RUN_OPEN}"},
        )
        if feed_filter.result is FeedResult.FAILURE:  # a run that waits for a tag has not failed
            narrow["raised"] = f"j.cause = '{Cause.EXCEPTION.value}'"
        return self._source(RUN, "stuck_run j", "", columns, places, known, narrow)

    def _narrow(self, alias: str, subject_alias: str) -> dict[str, str]:
        """The conditions for every line, by name.

        alias: the table with account, mode and flow
        subject_alias: the table with event and registration
        """
        feed_filter = self.feed_filter
        conditions = {"account": f"{alias}.account_id = :account", "mode": f"{alias}.mode = {feed_filter.mode.code}"}
        if feed_filter.flow is not None:
            conditions["flow"] = f"{alias}.flow_id = :flow"
        if feed_filter.event is not None:
            conditions["event"] = f"{subject_alias}.event_id = :event"
        if self._match is not None:
            conditions["text"] = self._match.condition(self.reader.db, f"{subject_alias}.registration_id").sql
        return conditions

    def _source(
        self, kind: int, base: str, joined: str, columns: Sequence[str], places: Sequence[str], known: set[str], narrow: dict[str, str]
    ) -> LineSource:
        """known: the names of the conditions that the places contain already."""
        is_walk = self._match is None or self._match.ids is None
        if not is_walk:  # if few registrations match, all their lines are read and sorted
            assert self._match is not None
            few = self._match.condition(self.reader.db, "registration_id").sql
            places, known = [f"{columns[2]} IN (SELECT id FROM change WHERE {few})"], {"text"}
        since, before = self.feed_filter.between or (0, 0)
        when = [f"{columns[1]} >= :from", f"{columns[1]} < :before"] if self.feed_filter.between else []
        when += [f"{columns[1]} <= :until"] if self.until is not None else []
        return LineSource(
            kind=kind,
            base=base,
            joined=joined,
            columns=columns,
            places=places,
            when=when,
            where=[_apart(name, each) for name, each in narrow.items() if name not in known],
            whole=[_apart(name, each) for name, each in narrow.items() if name != "text"],
            params={
                "account": self.reader.account,
                "flow": self.feed_filter.flow,
                "event": self.feed_filter.event,
                "connection": self.feed_filter.connection,
                "from": since,
                "before": before,
                "until": self.until,
                **(self._match.condition(self.reader.db, "").params if self._match else {}),
            },
            is_sparse=bool(narrow.keys() - known),
            is_walk=is_walk,
        )


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


def _apart(name: str, condition: str) -> str:
    """A condition with a sign before it, so that SQLite uses no index for it. SQLite expects ten rows per account, and would read all of them."""
    return f"+{condition}" if name in ("account", "mode", "flow", "open") else condition


def _merged(parts: Sequence[str], limit: int, *, back: bool) -> str:
    """The SQL of several walks, merged in the order of time."""
    together = " UNION ALL ".join(f"SELECT * FROM ({part}) w{i}" for i, part in enumerate(parts))
    return f"SELECT * FROM ({together}) u ORDER BY 2 {_way(back)}, 1 {_way(back)} LIMIT {limit}"


def _and(*conditions: str) -> str:
    return " AND ".join(conditions)


def _way(back: bool) -> str:
    return "ASC" if back else "DESC"
