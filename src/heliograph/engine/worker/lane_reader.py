"""The worker's reading thread: reads lanes ahead and has their requests started (docs/design/queue.md, section 4).

    confirm configuration → connections with room → lanes → their actions → choose → build → the sender

Only the owner of a slot reads its lanes, without locks or writes. A lane stays in memory until its outcome is committed, so it is never
read twice.
"""

from __future__ import annotations

import math
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from heliograph.domain.delivery.action import Rank
from heliograph.domain.delivery.outcomes import Cause, Refused
from heliograph.domain.delivery.retry_policy import Category
from heliograph.domain.delivery.slots import slot_of
from heliograph.engine.worker.connection_limiter import LEAST_SHARE, ConnectionLimiter
from heliograph.engine.worker.dispatch import choose_actions
from heliograph.engine.worker.inflight_journal import InflightJournal
from heliograph.engine.worker.request_builder import ReadContent, RequestBuilder
from heliograph.engine.worker.request_starter import STALE_READ, RequestStarter
from heliograph.engine.worker.shared_lanes import FinishedLane, SharedLanes, TakenLane
from heliograph.engine.worker.slot_ownership import Ownership
from heliograph.engine.worker.work_finder import WorkFinder
from heliograph.outbound.sender import Sender
from heliograph.store import connection_states
from heliograph.store.connection_states import StoredConnectionState
from heliograph.store.database import Database
from heliograph.store.queue import lanes as table
from heliograph.store.queue.lanes import LaneWant, StoredLane

log = structlog.get_logger(__name__)

CONFIRM_EVERY = 0.25
CONFIRMED_FOR = 2.0
"""Seconds after which nothing more is started on an unconfirmed configuration (F2)."""
FLOORS_FOR = 5.0
CONFIRM_IDLE = 1.0
"""The same while nothing is in memory and nobody has written to the database since: only time itself can have changed anything."""
IDLE = 0.2
"""Seconds between checks for changes that were not announced: those of forms, jobs and commands, and those whose announcement was lost. A
check is one cheap PRAGMA, or one read."""
READ_EVERY = 0.5  # seconds between two reads with no news; a retry is sent that much late at most
LONGEST_REST = 0.008
"""Longest pause in seconds between two reads while there is work; usually twice the duration of the last read, so that reads find more at
once."""
LOOK_EVERY = 0.16
SCAN_EVERY = 0.02
"""Seconds after which all connections with waiting lanes are checked, not only those where something happened."""
MOST_IN_MEMORY = 3000
STRETCH = 16
ALONE_FROM = 2
"""Marks (crashes while in flight) from which a lane is sent alone, so that the next crash shows which lane causes it. One mark is not
enough, because a worker may be killed for other reasons."""
POISON = Refused(Category.SYSTEM, Cause.POISON, "It was in flight at three crashes of its worker.", left=False)


@dataclass(slots=True)
class _QueuedLane:
    """A lane that was read, with the change of its action."""

    taken: TakenLane
    content: ReadContent
    marks: int


@dataclass(slots=True)
class LaneReader:
    """Runs on its own thread and database connection; `cycle` is one turn."""

    db: Database
    builder: RequestBuilder
    ownership: Ownership
    memory: SharedLanes
    journal: InflightJournal
    sender: Sender
    limiters: dict[int, ConnectionLimiter[_QueuedLane]] = field(default_factory=dict)
    alone: deque[_QueuedLane] = field(default_factory=deque)
    closing: bool = False
    taken_over: bool = False
    """Set by the settling thread: slots were won or lost."""
    news: bool = False
    """Set from any thread: something was recorded."""
    between: Callable[[], object] = lambda: None
    """Called after every STRETCH lanes, so that a thread that holds the write gate does not wait for hundreds of them."""
    starter: RequestStarter = field(init=False)
    _confirmed: float = -math.inf
    _read: float = -math.inf
    _floors: float = 0.0
    _data_version: int = -1
    _confirmed_version: int = -1
    """Of the database's data, at the last confirmation that asked for everything, which was at `_asked`."""
    _asked: float = -math.inf
    _turn: int = 0
    _started: int = 0
    _places: dict[int, int | None] = field(default_factory=dict)
    _busy: bool = False
    _cut: set[int] = field(default_factory=set)
    """Connections of which the last read left some: as many lanes as it asked for were there."""
    _full: set[int] = field(default_factory=set)
    """Connections that have work and were not read, because enough of them is in memory."""
    _rests_until: float = 0.0
    _looked: float = 0.0
    _scan_at: float = 0.0
    _search: WorkFinder = field(default_factory=WorkFinder)
    _stirred: dict[int, ConnectionLimiter[_QueuedLane]] = field(default_factory=dict)
    """Connections where something happened that may allow a start."""

    def __post_init__(self) -> None:
        self.starter = RequestStarter(self.db, self.builder, self.ownership, self.memory, self.journal, self.sender)

    def cycle(self) -> float:
        """One turn. Returns the seconds to wait for a signal before the next."""
        now = time.monotonic()
        self._take_back(now)
        if now - self._confirmed > CONFIRM_EVERY or self.taken_over:
            self._confirm(now)
        if self.closing:
            self._let_go()
            return 0.05
        if self._is_time_to_read(now):
            self._read_ahead(now)
            now, before = time.monotonic(), now
            self._rests_until = now + min(LONGEST_REST, 2 * (now - before))
            if self.news and not self._busy:  # only a search can find more
                self._rests_until = max(self._rests_until, self._search.again_at)
        self._start(now)
        pause = min(IDLE, self._scan_at - now)
        if self._busy or self.news:
            pause = min(pause, self._rests_until - now if self.memory.size < MOST_IN_MEMORY else LONGEST_REST)
        return max(0.0, pause)

    @property
    def waits_for_room(self) -> bool:
        """Whether a connection has more to send than it has room for, which outcomes give back once they are settled; from any thread."""
        return bool(self._cut or self._full)

    # What came back.

    def _take_back(self, now: float) -> None:
        while self.memory.returned:
            connection, lesson = self.memory.returned.popleft()
            self.starter.in_flight -= 1
            limiter = self.limiters[connection]
            self._stirred[connection] = limiter
            limiter.ended(now, reached=lesson.reached)
            if lesson.hold:
                limiter.hold(now, lesson.hold)
        while self.memory.released:
            freed = self.limiters.get(self.memory.released.popleft())
            if freed is not None:
                freed.in_memory -= 1
                if freed.connection in self._cut or freed.connection in self._full:  # it has room again for what the last read left
                    self.news = True

    # Configuration.

    def _confirm(self, now: float) -> None:
        if self.db.vendor == "sqlite":
            version = self._version()
            if version == self._confirmed_version and now - self._asked < CONFIRM_IDLE and not (self.taken_over or self.memory.size):
                self._confirmed = now
                return
            self._confirmed_version = version  # read before all else: what is written from now on is asked for again
        self._asked = now
        if self.taken_over:  # the previous owner may have left lanes unmoved, and positions below our floors
            self.taken_over = False
            self._places.clear()
            for limiter in self.limiters.values():
                limiter.taken_over(self.ownership.epoch(slot_of(limiter.connection)))
        changed = list(self.builder.view.refresh(self.db) if self._places else self.builder.view.all_accounts(self.db))
        if changed:
            self.db.force()  # no request may be built from what a power cut could undo
        for account in changed:
            self._find_moved(account)
        states, clock, heard = connection_states.states(self.db), self.db.now(), time.monotonic()
        self.memory.clock_offset = clock - round(heard * 1_000_000)  # when it was heard: no attempt is dated ahead, and no rest ends early
        for limiter in self.limiters.values():
            self._tell(limiter, states.get(limiter.connection, StoredConnectionState()), heard, clock)
        self._confirmed = now

    def _tell(self, limiter: ConnectionLimiter[_QueuedLane], state: StoredConnectionState, now: float, clock: int) -> None:
        """Passes the stored state of a connection to its limiter. clock: the database's current time."""
        config = self.builder.view.account(limiter.account)
        rests = config is None or not config.signal_enabled
        held_until = now + (state.held_until - clock) / 1_000_000 if state.held_until > clock else 0.0
        limiter.told(now, paused=state.holds(clock) or rests, held_until=held_until)
        if not limiter.known:
            limiter.recall(now, state.failures)
        connection = config.connections.get(limiter.connection) if config else None
        if connection is not None:
            limiter.reached_by(connection.origin, connection.reach)
            rates = [connection.rate, state.release_rate if state.is_releasing(clock) else None]
            limiter.limit(now, connection.parallel, min((rate for rate in rates if rate), default=None))
        self._scan_at = now

    def _find_moved(self, account: int) -> None:
        """Reports destinations whose connection changed to the settling thread, which moves their lanes."""
        for destination, (_, is_now) in self.builder.view.destinations(account).items():
            if self._places.get(destination) != is_now.connection:
                self._places[destination] = is_now.connection
                self.memory.to_move.append((account, destination))

    def busy_slots(self) -> set[int]:
        """Slots with a lane in memory; from any thread."""
        return {slot_of(connection) for connection, limiter in list(self.limiters.items()) if limiter.in_memory}

    def limiter_of(self, stored: StoredLane) -> ConnectionLimiter[_QueuedLane]:
        return self._limiter(stored.connection, stored.account)

    def _limiter(self, connection: int, account: int) -> ConnectionLimiter[_QueuedLane]:
        limiter = self.limiters.get(connection)
        if limiter is None:
            limiter = self.limiters[connection] = ConnectionLimiter(connection, account, epoch=self.ownership.epoch(slot_of(connection)))
            self._confirmed = self._asked = -math.inf  # whether it is paused, rests or is limited is not known yet
        return limiter

    # Reading ahead.

    def _is_time_to_read(self, now: float) -> bool:
        if self.memory.size >= MOST_IN_MEMORY or now < self._rests_until:
            return False
        if now - self._read >= READ_EVERY or self._busy or self.news:
            return True
        if self.db.vendor != "sqlite":
            return now - self._read >= IDLE / 2
        if now - self._looked < LOOK_EVERY:
            return False
        self._looked = now
        before, self._data_version = self._data_version, self._version()
        return before != self._data_version

    def _version(self) -> int:
        """A number that changes with each commit of another connection to the SQLite database."""
        ((version,),) = self.db.all("PRAGMA data_version")
        return int(version)

    def _read_ahead(self, now: float) -> int:
        self._read, self.news = now, False  # before the read: what is recorded from now on needs another read
        if now - self._floors > FLOORS_FOR:
            self._floors = now
            for limiter in self.limiters.values():
                limiter.forget_floors()
        clock = self.memory.db_time(now)
        wants = self._wants(now, clock)
        read_at = time.monotonic()
        read = table.read_lanes(self.db, wants, clock) if wants else []
        there = Counter((stored.connection, stored.lane.rank if stored.lane.state == 1 else None) for stored in read)
        self._cut -= {want.connection for want in wants}
        self._cut |= {want.connection for want in wants if there[want.connection, want.rank] >= want.limit}
        found = [stored for stored in read if self._is_free(stored, read_at)]
        for stored in found:
            if stored.lane.state == 1:
                self.limiter_of(stored).saw(stored.lane.rank, stored.pos, now)
        self._search.read({want.connection for want in wants}, {stored.connection for stored in found})
        taken = self._take(found[: max(0, MOST_IN_MEMORY - self.memory.size)], clock)
        self._busy = bool(taken) and bool(self._cut)
        return taken

    def _wants(self, now: float, clock: int) -> list[LaneWant]:
        """What to read. now: monotonic seconds; clock: the database's."""
        wants: list[LaneWant] = []
        if not self._search.look(self.db, clock):
            self.news = True
        connections = [c for c in self._search.found if self.ownership.epoch(slot_of(c)) is not None]
        full: set[int] = set()
        answering = sum(1 for c in connections if (limiter := self.limiters.get(c)) is None or not limiter.is_slow(now))
        share = max(LEAST_SHARE, MOST_IN_MEMORY // 2 // max(1, answering))
        self._turn += 1
        start = self._turn % len(connections) if connections else 0
        for connection in connections[start:] + connections[:start]:  # so that each comes first from time to time
            limiter = self.limiters.get(connection)
            if limiter is None:
                wants += [
                    LaneWant(connection, rank, 1) for rank in self._search.found[connection]
                ]  # its owner is not known yet; one lane is enough for now
            elif limiter.is_open(now):
                has_room = limiter.wants(now, share)
                wants += [want for want in has_room if want.rank in self._search.found[connection]]
                if not has_room:
                    full.add(connection)
        self._full = full
        return wants

    def _is_free(self, stored: StoredLane, read_at: float) -> bool:
        """Whether a lane that was read may be taken. One that left memory since is read again: it may have more to send."""
        if stored.lane.id in self.memory.lanes:  # asked first: a lane is marked as left before it is removed
            return False
        if self.memory.left.get(stored.lane.id, 0.0) < read_at:
            return True
        self.news = True
        return False

    def _take(self, found: list[StoredLane], clock: int) -> int:
        mine: list[tuple[StoredLane, int]] = []
        for stored in found:
            limiter = self.limiter_of(stored)
            epoch = self.ownership.epoch(stored.slot)
            if self._confirmed == -math.inf:  # the connection is new here: it is read again as soon as its state is known
                self.news = True
            if epoch is None or not limiter.is_open(time.monotonic()) or self._confirmed == -math.inf:
                continue
            assigned = self.builder.view.connection_of(stored.account, stored.lane.destination)
            if assigned is not None and assigned != stored.connection:
                self.memory.to_move.append((stored.account, stored.lane.destination))
                continue
            if self.memory.hold(stored.lane.id):
                limiter.in_memory += 1
                mine.append((stored, epoch))
        if not mine:
            return 0
        try:
            taken, content = choose_actions(self.db, self.builder, mine, clock, self.between if len(mine) > STRETCH else lambda: None)
            self.db.force()  # no request may be sent for data that a power cut could undo
        except BaseException:
            for stored, _ in mine:  # they are read again
                self.memory.leave(stored.lane.id)
                self.limiter_of(stored).in_memory -= 1
            raise
        for each in taken:
            if each.action is None:
                self.memory.land(FinishedLane(each))
            elif each.stored.lane.is_poison:
                self.memory.land(FinishedLane(each, outcome=POISON, began=time.monotonic()))
            else:
                self._queue(_QueuedLane(each, content, each.stored.lane.marks))
        return len(mine)

    def _queue(self, waiting: _QueuedLane) -> None:
        stored = waiting.taken.stored
        limiter = self._stirred[stored.connection] = self.limiter_of(stored)
        if waiting.marks >= ALONE_FROM:
            self.alone.append(waiting)
        elif stored.lane.rank == Rank.SUBMITTED:
            limiter.waiting.appendleft(waiting)
        elif stored.lane.rank == Rank.REPLAY:
            limiter.replayed.append(waiting)
        else:
            limiter.waiting.append(waiting)

    # Starting.

    def _start(self, now: float) -> None:
        if now - self._confirmed > CONFIRMED_FOR:
            self._scan_at = now + SCAN_EVERY
            return
        if self.alone:
            self._scan_at = now + SCAN_EVERY
            if self.starter.in_flight == 0 and not self._start_or_wait(self.alone, self.limiter_of(self.alone[0].taken.stored), now):
                self.memory.drop(self.alone.popleft().taken)  # it is read again; others do not wait for its access token
            return
        stirred, self._stirred = self._stirred, {}
        everything = now >= self._scan_at
        for limiter in [limiter for limiter in self.limiters.values() if limiter.has_waiting] if everything else stirred.values():
            self._drop_stale(limiter, now)
            while limiter.has_waiting and self.journal.room and limiter.may_start(now):
                if not self._start_or_wait(limiter.next_line(), limiter, now):
                    break
                self._started += 1
                if self._started % STRETCH == 0:
                    self.between()
            if limiter.has_waiting:
                self._scan_at = min(self._scan_at, now + SCAN_EVERY, limiter.wakes_at(now))
        if everything:
            waking = (min(now + SCAN_EVERY, limiter.wakes_at(now)) for limiter in self.limiters.values() if limiter.has_waiting)
            self._scan_at = min(waking, default=math.inf)

    def _drop_stale(self, limiter: ConnectionLimiter[_QueuedLane], now: float) -> None:
        """Drops the lanes that have waited for too long, to be read again, and those of a slot that is given up, for its next owner."""
        given_up = self.ownership.epoch(slot_of(limiter.connection)) is None
        for line in (limiter.waiting, limiter.replayed):
            if line and (now - line[0].taken.at > STALE_READ or not limiter.is_open(now) or given_up):
                self._drop_all(line)
                limiter.forget_floors()  # they come before what is read next

    def _start_or_wait(self, queue: deque[_QueuedLane], limiter: ConnectionLimiter[_QueuedLane], now: float) -> bool:
        """Starts the first lane. False if it waits for its access token."""
        first = queue.popleft()
        if self.starter.start(first.taken, first.content, limiter, now):
            return True
        queue.appendleft(first)
        return False

    # Letting go.

    def _let_go(self) -> None:
        for limiter in self.limiters.values():
            self._drop_all(limiter.waiting)
            self._drop_all(limiter.replayed)
        self._drop_all(self.alone)

    def _drop_all(self, waiting: deque[_QueuedLane]) -> None:
        while waiting:
            self.memory.drop(waiting.popleft().taken)
