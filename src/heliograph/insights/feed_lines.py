"""The lines of the Activity Feed, and how they are found without reading an account's whole past (X4).

A *line* is an action, or a run without one. Each filter goes by the index in which least has to be looked at: failures, Test flows, one flow's
actions and what waits have their own. What no index knows (an event, a connection) is met on the way back in time, SCAN rows at once: a
stretch then ends where looking ended, and the next one goes on there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from heliograph.deliveries.database import AccountReader
from heliograph.domain.delivery.action import ActionState
from heliograph.domain.delivery.outcomes import Cause
from heliograph.domain.figures import mode_code
from heliograph.domain.flow.flow import Mode
from heliograph.insights.replay_share import ReplayShare
from heliograph.store.database import Database
from heliograph.web.cursor import Cursor, Key

LINES: Final = 100
"""Lines that are read at once: a change has one for each of its flows' destinations."""
SCAN: Final = 10_000
"""Rows that are looked at in one stretch at most."""
ACTION, RUN = 1, 0
"""The kinds of lines in a key: at the same instant actions stand above runs."""


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
    connection: int | None = None
    replays: ReplayShare = ReplayShare.ALL

    @property
    def shows_not_triggered(self) -> bool:
        return self.result is FeedResult.NOT_TRIGGERED


@dataclass(frozen=True, slots=True)
class Line:
    """One line. key: its place in the feed: instant, kind, id."""

    key: Key
    change: int
    event: int
    registration: int | None


@dataclass(frozen=True, slots=True)
class Stretch:
    """Lines beside a position, nearest first. edge: up to where all of them are known, None for the end of the feed. looked: about how many rows
    were looked at."""

    lines: Sequence[Line]
    edge: Key | None
    looked: int


@dataclass(frozen=True, slots=True)
class LineSource:
    """One table of lines.

    base: the table that is walked, by its index; joined: what hangs on it; columns: id, instant, change, event, registration. places: conditions
    that an index follows, several for several walks at once; when: bounds of the instant; where: all other conditions. is_sparse: lines on the
    way may not match. whole: the conditions without an index, for lines of known changes. is_walk: the index has the order of time.
    """

    kind: int
    base: str
    joined: str
    columns: Sequence[str]
    places: Sequence[str]
    when: Sequence[str]
    where: Sequence[str]
    whole: Sequence[str]
    params: Mapping[str, object]
    is_sparse: bool
    is_walk: bool = True

    @property
    def id(self) -> str:
        return self.columns[0]

    @property
    def at(self) -> str:
        return self.columns[1]

    def read(self, db: Database, cursor: Cursor | None, bound: Key | None, scan: int) -> Stretch:
        """The lines next to a cursor, in its direction. bound: none beyond it is wanted."""
        back = cursor is not None and cursor.back
        params, place = dict(self.params), [*self.when, *self._beside(cursor)]
        if cursor is not None:
            params |= {"beside_at": cursor.key[0], "beside_id": cursor.key[2]}
        if bound is not None:
            place.append(f"{self.at} {'<=' if back else '>='} :bound")
            params["bound"] = bound[0]
        if not place:
            place.append(f"{self.at} >= 0")  # SQLite would rather sort than walk an index of which it is asked no part
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
        """The lines of [since, until), newest first, at most so many."""
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
        """The conditions that start at the cursor."""
        if cursor is None:
            return []
        side = ">" if cursor.back else "<"
        if cursor.key[1] == self.kind:
            return [f"({self.at}, {self.id}) {side} (:beside_at, :beside_id)"]
        # The other kind's rows at the same instant: above a run come actions, below an action come runs.
        touches = (self.kind == ACTION) == cursor.back
        return [f"{self.at} {side}{'=' if touches else ''} :beside_at"]

    def _floor(self, db: Database, place: Sequence[str], params: Mapping[str, object], scan: int, *, back: bool) -> tuple[int, int] | None:
        """Where looking ends: the last of `scan` entries of the index; None if there are fewer."""
        found = []
        for each in self.places:
            order = f"ORDER BY {self.at} {_way(back)}, {self.id} {_way(back)} LIMIT 1 OFFSET {scan - 1}"
            found += db.all(f"SELECT {self.at}, {self.id} FROM {self.base} WHERE {_and(each, *place)} {order}", params)
        if not found:
            return None
        at, id = min(found) if back else max(found)
        return int(at), int(id)


@dataclass
class FeedLines:
    """The lines of one account's feed. until: microseconds, none that began later. scan: rows of one stretch."""

    reading: AccountReader
    wanted: FeedFilter
    until: int | None = None
    scan: int = SCAN

    def __post_init__(self) -> None:
        self._match = self.reading.match(self.wanted.text)
        self._sources = [source for source in (self._actions(), self._runs()) if source is not None]

    @property
    def are_none(self) -> bool:
        """Whether the text is in no registration, or the flow is not the account's."""
        return (self._match is not None and self._match.ids == []) or self.reading.is_of_another("flow", self.wanted.flow)

    def stretch(self, cursor: Cursor | None) -> Stretch:
        """The next lines from a cursor on, in its direction."""
        back = cursor is not None and cursor.back
        found: list[Line] = []
        edge: Key | None = None
        looked = 0
        for source in self._sources:
            part = source.read(self.reading.db, cursor, edge, self.scan)
            found += part.lines
            looked += part.looked
            if part.edge is not None and (edge is None or (part.edge < edge if back else part.edge > edge)):
                edge = part.edge
        if edge is not None:
            found = [line for line in found if (line.key <= edge if back else line.key >= edge)]
        return Stretch(sorted(found, key=lambda line: line.key, reverse=not back), edge, looked)

    def newest_of(self, changes: Collection[int]) -> dict[int, Key]:
        """The key of each change's newest line."""
        if not changes:
            return {}
        return _newest(line for source in self._sources for line in source.of_changes(self.reading.db, changes))

    def between(self, since: int, until: int, most: int) -> list[Line]:
        """The changes of [since, until), newest first, each by its newest line there; of at most `most` lines of each kind."""
        lines = [line for source in self._sources for line in source.between(self.reading.db, since, until, most)]
        newest = _newest(lines)
        return sorted((line for line in lines if newest[line.change] == line.key), key=lambda line: line.key, reverse=True)

    def _actions(self) -> LineSource:
        wanted, mode, states = self.wanted, mode_code(self.wanted.mode), _STATES[self.wanted.result]
        narrow = self._narrow("a", "a")
        if wanted.connection is not None:
            narrow["connection"] = "EXISTS (SELECT 1 FROM lane l WHERE l.id = a.lane_id AND l.connection_id = :connection)"
        if share := wanted.replays.condition("a.origin"):
            narrow["replays"] = share
        if states:
            narrow["state"] = f"a.state IN ({_listed(states)})"
        known = {"account"}
        if wanted.flow is not None:
            # A state at a time, because the index has a flow's actions by state and mode, and then by time.
            places = [f"a.flow_id = :flow AND a.state = {int(state)} AND a.mode = {mode}" for state in states or ActionState]
            known = {"flow", "state", "mode"}
        elif wanted.result in (FeedResult.FAILURE, FeedResult.VALIDATION):
            places = [f"a.account_id = :account AND a.mode = {mode} AND a.state IN ({_listed(_STATES[FeedResult.FAILURE])})"]
            known = {"account", "mode"} | ({"state"} if wanted.result is FeedResult.FAILURE else set())
        elif wanted.replays is ReplayShare.ONLY:
            places, known = [f"a.account_id = :account AND {wanted.replays.condition('a.origin')}"], {"account", "replays"}
        elif wanted.mode is Mode.TEST:
            places, known = [f"a.account_id = :account AND a.mode = {mode}"], {"account", "mode"}
        else:
            places = ["a.account_id = :account"]
        columns = ("a.id", "a.created", "a.change_id", "a.event_id", "a.registration_id")
        return self._source(ACTION, "action a", "", columns, places, known, narrow)

    def _runs(self) -> LineSource | None:
        """Runs without an action: what waits for a tag or failed; or, if asked for, all that was not triggered."""
        wanted, mode = self.wanted, mode_code(self.wanted.mode)
        if (
            wanted.result in (FeedResult.SUCCESS, FeedResult.VALIDATION)
            or wanted.connection is not None
            or wanted.replays is ReplayShare.ONLY
        ):
            return None
        known = {"account", "mode", "open"}
        if wanted.shows_not_triggered:
            columns = ("r.id", "r.at", "r.change_id", "c.event_id", "c.registration_id")
            places, narrow = (
                [f"r.account_id = :account AND r.mode = {mode} AND r.decision = 1"],
                self._narrow("r", "c") | {"open": "r.decision = 1"},
            )
            return self._source(RUN, "run r", "JOIN change c ON c.id = r.change_id", columns, places, known, narrow)
        columns = ("j.id", "j.created", "j.change_id", "j.event_id", "j.registration_id")
        places, narrow = [f"j.account_id = :account AND j.mode = {mode} AND j.queue < 4"], self._narrow("j", "j") | {"open": "j.queue < 4"}
        if wanted.result is FeedResult.FAILURE:  # what waits for a tag has not failed
            narrow["raised"] = f"j.cause = '{Cause.EXCEPTION.value}'"
        return self._source(RUN, "stuck_run j", "", columns, places, known, narrow)

    def _narrow(self, alias: str, of: str) -> dict[str, str]:
        """What every line must be, by name. of: the table with its event and registration."""
        wanted = self.wanted
        found = {"account": f"{alias}.account_id = :account", "mode": f"{alias}.mode = {mode_code(wanted.mode)}"}
        if wanted.flow is not None:
            found["flow"] = f"{alias}.flow_id = :flow"
        if wanted.event is not None:
            found["event"] = f"{of}.event_id = :event"
        if self._match is not None:
            found["text"] = self._match.condition(self.reading.db, f"{of}.registration_id")
        return found

    def _source(
        self, kind: int, base: str, joined: str, columns: Sequence[str], places: Sequence[str], known: set[str], narrow: dict[str, str]
    ) -> LineSource:
        """known: what the places say already."""
        is_walk = self._match is None or self._match.ids is None
        if not is_walk:  # of few registrations all lines are read, and sorted
            assert self._match is not None
            few = self._match.condition(self.reading.db, "registration_id")
            places, known = [f"{columns[2]} IN (SELECT id FROM change WHERE {few})"], {"text"}
        since, before = self.wanted.between or (0, 0)
        when = [f"{columns[1]} >= :from", f"{columns[1]} < :before"] if self.wanted.between else []
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
                "account": self.reading.account,
                "flow": self.wanted.flow,
                "event": self.wanted.event,
                "connection": self.wanted.connection,
                "from": since,
                "before": before,
                "until": self.until,
                **(self._match.params if self._match else {}),
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
"""States of actions that are asked for; () = all."""


def _newest(lines: Iterable[Line]) -> dict[int, Key]:
    found: dict[int, Key] = {}
    for line in lines:
        found[line.change] = max(found.get(line.change, line.key), line.key)
    return found


def _apart(name: str, condition: str) -> str:
    """A condition that no index is to follow: SQLite estimates ten rows per account, and would read all of them."""
    return f"+{condition}" if name in ("account", "mode", "flow", "open") else condition


def _merged(parts: Sequence[str], limit: int, *, back: bool) -> str:
    """Several walks as one."""
    together = " UNION ALL ".join(f"SELECT * FROM ({part}) w{i}" for i, part in enumerate(parts))
    return f"SELECT * FROM ({together}) u ORDER BY 2 {_way(back)}, 1 {_way(back)} LIMIT {limit}"


def _listed(states: Iterable[ActionState]) -> str:
    return ", ".join(str(int(state)) for state in states)


def _and(*conditions: str) -> str:
    return " AND ".join(conditions)


def _way(back: bool) -> str:
    return "ASC" if back else "DESC"
