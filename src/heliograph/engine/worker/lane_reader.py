"""The worker's reading thread: reads lanes ahead and has their requests started (docs/design/queue.md, section 4).

    confirm configuration → connections with space → lanes → their actions → choose → build → the sender

Only the owner of a slot reads its lanes, without locks or writes. A lane stays in memory until its outcome is committed, so it is never
taken twice: a row that is read again is left out.

    ReadPace         when the next read is due
    Confirmation     whether the configuration is confirmed, and which destinations have another connection
    ReadSelection    which connections a read asks for
    LaneReader       reads, queues and starts
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from heliograph.domain.delivery.action import Rank
from heliograph.domain.delivery.attempt_sentences import AttemptSentence
from heliograph.domain.delivery.lanes import LaneState
from heliograph.domain.delivery.outcomes import Cause, Refused
from heliograph.domain.delivery.retry_policy import Category
from heliograph.domain.delivery.slots import slot_of
from heliograph.engine.tracer import Tracer
from heliograph.engine.worker.config_confirmation import Confirmation
from heliograph.engine.worker.connection_limiter import ConnectionLimiter
from heliograph.engine.worker.dispatch import choose_actions
from heliograph.engine.worker.inflight_journal import InflightJournal
from heliograph.engine.worker.read_pace import ReadPace
from heliograph.engine.worker.read_selection import MOST_IN_MEMORY, ReadSelection
from heliograph.engine.worker.request_builder import ReadContent, RequestBuilder
from heliograph.engine.worker.request_starter import STALE_READ, RequestStarter
from heliograph.engine.worker.shared_lanes import FinishedLane, SharedLanes, TakenLane
from heliograph.engine.worker.slot_ownership import Ownership
from heliograph.engine.worker.work_finder import WorkFinder
from heliograph.outbound.sender import Sender
from heliograph.store import connection_states
from heliograph.store.connection_states import StoredConnectionState
from heliograph.store.database import Database
from heliograph.store.queue import lane_reads as table
from heliograph.store.queue.lane_reads import StoredLane
from heliograph.store.restored_copy import unreleased_accounts

log = structlog.get_logger(__name__)

CLOSING_PAUSE = 0.05
"""Seconds between two turns while the worker stops."""
FLOORS_FOR = 5.0
"""Seconds after which every connection is read from the start of its queue again."""
SCAN_EVERY = 0.02
"""Seconds between two scans of all connections with waiting lanes; in between, only connections with news are checked for starts."""
STRETCH = 16
"""Lanes after which the thread lets another thread's work go in between."""
ALONE_FROM = 2
"""Crashes while in flight from which a lane is sent alone, so that the next crash shows which lane causes it. One crash is not enough, because a
worker may be killed for other reasons."""
POISON = Refused(Category.SYSTEM, Cause.POISON, AttemptSentence.POISON.fill(), left=False)


@dataclass(slots=True)
class _QueuedLane:
    """A lane that was read, with the change of its action."""

    taken: TakenLane
    content: ReadContent


@dataclass(slots=True)
class LaneReader:
    """Runs on its own thread and database connection; `cycle` is one turn."""

    db: Database
    builder: RequestBuilder
    ownership: Ownership
    memory: SharedLanes
    journal: InflightJournal
    sender: Sender
    tracer: Tracer | None = None
    limiters: dict[int, ConnectionLimiter[_QueuedLane]] = field(default_factory=dict)
    closing: bool = False
    between: Callable[[], object] = lambda: None
    """Called after every STRETCH starts, and between the reads for more than STRETCH lanes, so that a thread that holds the write lock does not
    wait for hundreds of them."""
    pace: ReadPace = field(init=False)
    confirmation: Confirmation = field(default_factory=Confirmation)
    selection: ReadSelection = field(default_factory=ReadSelection)
    starter: RequestStarter = field(init=False)
    _work_finder: WorkFinder = field(default_factory=WorkFinder)
    _floors_since: float = 0.0
    _alone: deque[_QueuedLane] = field(default_factory=deque)
    """Lanes that are sent while no other request is in flight."""
    _goes_alone: bool = False
    """True from the start of such a lane until its outcome is committed."""
    _starts: int = 0
    _scan_at: float = 0.0
    """When all connections with waiting lanes are checked again."""
    _unreleased: frozenset[int] = frozenset()
    """Accounts of a restored copy that nobody has released (O14)."""
    _connections_with_news: dict[int, ConnectionLimiter[_QueuedLane]] = field(default_factory=dict)
    """Connections where something happened that may allow a start."""

    def __post_init__(self) -> None:
        self.pace = ReadPace(None if self.db.is_shared else self.db.data_version)
        self.starter = RequestStarter(self.db, self.builder, self.ownership, self.memory, self.journal, self.sender, self.tracer)

    def cycle(self) -> float:
        """One turn. Returns the seconds to wait for a signal before the next."""
        now = time.monotonic()
        self._take_returned(now)
        if self.closing:
            for limiter in self.limiters.values():
                self._drop_all(limiter.waiting)
                self._drop_all(limiter.replayed)
            self._drop_all(self._alone)
            return CLOSING_PAUSE
        if self.confirmation.is_due(now):
            self._confirm(now)
        if self.memory.size < MOST_IN_MEMORY and self.pace.is_due(now):
            self._read_ahead(now)
            began, now = now, time.monotonic()
            self.pace.end_read(began, now, next_search_at=self._work_finder.again_at)
        self._start(now)
        pause = self.pace.pause(now, memory_is_full=self.memory.size >= MOST_IN_MEMORY)
        return max(0.0, min(pause, self._scan_at - now))

    @property
    def waits_for_space(self) -> bool:
        """Whether a connection has more to send than fits into memory; from any thread."""
        return self.selection.waits_for_space

    def announce_news(self) -> None:
        """Something was recorded, so the next turn reads. From any thread."""
        self.pace.news = True

    def announce_slots_changed(self) -> None:
        """Slots were won or lost. Called by the settling thread."""
        self.confirmation.slots_changed = True

    def busy_slots(self) -> set[int]:
        """Slots with a lane in memory; from any thread."""
        return {slot_of(connection) for connection, limiter in list(self.limiters.items()) if limiter.in_memory}

    # What came back.

    def _take_returned(self, now: float) -> None:
        """Passes ended requests to their limiters, and frees the space of lanes that left memory."""
        while self.memory.returned:
            connection, lesson = self.memory.returned.popleft()
            self.starter.in_flight -= 1
            limiter = self.limiters[connection]
            self._connections_with_news[connection] = limiter
            limiter.note_end(now, reached=lesson.reached)
            if lesson.hold:
                limiter.hold(now, lesson.hold)
        freed_connections: set[int] = set()
        while self.memory.released:
            connection = self.memory.released.popleft()
            if connection in self.limiters:
                self.limiters[connection].in_memory -= 1
                freed_connections.add(connection)
        if freed_connections and self.selection.waits_for(freed_connections):
            self.pace.news = True

    # Configuration.

    def _confirm(self, now: float) -> None:
        """Confirms the configuration and the states of the connections, or finds that neither can have changed."""
        data_version = self.db.data_version()  # before everything else is read
        if self.confirmation.extend(now, data_version, memory_is_empty=not self.memory.size):
            return
        if self.confirmation.slots_changed:  # the previous owner may have left lanes unmoved, and positions below our floors
            self.confirmation.forget_destinations()
            for limiter in self.limiters.values():
                limiter.note_slots_changed(self.ownership.epoch(slot_of(limiter.connection)))
        view = self.builder.view
        changed_accounts = list(view.refresh(self.db) if self.confirmation.knows_destinations else view.all_accounts(self.db))
        if changed_accounts:
            self.db.force()  # no request may be built from what a power cut could undo
        for account in changed_accounts:
            self.memory.to_move.extend((account, destination) for destination in self.confirmation.moved(view.destinations(account)))
        self._unreleased = unreleased_accounts(self.db)
        states, clock, read_at = connection_states.states(self.db), self.db.now(), time.monotonic()
        # The offset is of the moment after the read: no attempt is dated ahead, and no hold ends early.
        self.memory.clock_offset = clock - round(read_at * 1_000_000)
        for limiter in self.limiters.values():
            self._update_limiter(limiter, states.get(limiter.connection, StoredConnectionState()), read_at, clock)
        if self.limiters:
            self._scan_at = read_at
        self.confirmation.complete(now, data_version)

    def _update_limiter(self, limiter: ConnectionLimiter[_QueuedLane], state: StoredConnectionState, now: float, clock: int) -> None:
        """Passes a connection's stored state and its configured limits to its limiter.

        now: monotonic seconds.
        clock: the database's time at that moment, in microseconds.
        """
        config = self.builder.view.account(limiter.account)
        account_is_off = config is None or not config.signal_enabled or limiter.account in self._unreleased
        held_until = now + (state.held_until - clock) / 1_000_000 if state.held_until > clock else 0.0
        limiter.set_holds(now, paused=state.holds(clock) or account_is_off, held_until=held_until)
        if not limiter.knows_failures:
            limiter.adopt_failures(now, state.failures)
        connection = config.connections.get(limiter.connection) if config else None
        if connection is not None:
            limiter.set_target(connection.origin, connection.reach)
            rates = [connection.rate, state.release_rate if state.is_releasing(clock) else None]
            limiter.set_limits(now, connection.parallel, min((rate for rate in rates if rate), default=None))

    def _limiter(self, connection: int, account: int) -> ConnectionLimiter[_QueuedLane]:
        limiter = self.limiters.get(connection)
        if limiter is None:
            limiter = self.limiters[connection] = ConnectionLimiter(connection, account, epoch=self.ownership.epoch(slot_of(connection)))
            self.confirmation.revoke()
        return limiter

    # Reading ahead.

    def _read_ahead(self, now: float) -> None:
        """Reads lanes and takes them into memory with the actions that they send next."""
        self.pace.begin_read(now)
        if now - self._floors_since > FLOORS_FOR:
            self._floors_since = now
            for limiter in self.limiters.values():
                limiter.forget_floors()

        # What to ask for
        clock = self.memory.db_time(now)
        if not self._work_finder.search(self.db, clock):
            self.pace.news = True
        work = {
            connection: ranks
            for connection, ranks in self._work_finder.work.items()
            if self.ownership.epoch(slot_of(connection)) is not None
        }
        wants = self.selection.choose(now, work, self.limiters)

        # The read
        read_at = time.monotonic()
        lanes = table.read_lanes(self.db, wants, clock) if wants else []
        self.selection.note_read(wants, lanes)

        # What of it is taken
        free_lanes = [stored for stored in lanes if self._is_free(stored, read_at)]
        for stored in free_lanes:
            if stored.lane.state is LaneState.READY:
                self._limiter(stored.connection, stored.account).note_position(stored.lane.rank, stored.pos, now)
        self._work_finder.drop_emptied({want.connection for want in wants}, {stored.connection for stored in free_lanes})
        taken = self._take(free_lanes[: max(0, MOST_IN_MEMORY - self.memory.size)], clock)
        self.pace.has_work = taken > 0 and self.selection.has_unread

    def _is_free(self, stored: StoredLane, read_at: float) -> bool:
        """True if a lane that was read may be taken. A lane that left memory since the read began is not taken, but read again: it may have
        more to send."""
        if stored.lane.id in self.memory.lanes:  # checked first: `left` is written before a lane is removed
            return False
        if self.memory.left.get(stored.lane.id, 0.0) < read_at:
            return True
        self.pace.news = True
        return False

    def _take(self, lanes: list[StoredLane], clock: int) -> int:
        """Takes lanes into memory and queues them. Lanes without an action and poison lanes are landed at once, and counted.

        clock: the database's time in microseconds.
        Returns how many lanes were taken.
        """
        lanes_with_epochs: list[tuple[StoredLane, int]] = []
        try:
            for stored in lanes:
                self._enter(stored, lanes_with_epochs)
            if not lanes_with_epochs:
                return 0
            between = self.between if len(lanes_with_epochs) > STRETCH else lambda: None
            taken_lanes, content = choose_actions(self.db, self.builder, lanes_with_epochs, clock, between)
            self.db.force()  # no request may be sent for data that a power cut could undo
        except BaseException:
            for stored, _ in lanes_with_epochs:  # they are read again
                self.memory.leave(stored.lane.id)
                self._limiter(stored.connection, stored.account).in_memory -= 1
            raise
        for taken in taken_lanes:
            if taken.action is None:
                self.memory.land(FinishedLane(taken))
            elif taken.stored.lane.is_poison:
                self.memory.land(FinishedLane(taken, outcome=POISON, began=time.monotonic()))
            else:
                self._queue(_QueuedLane(taken, content))
        return len(lanes_with_epochs)

    def _enter(self, stored: StoredLane, entered: list[tuple[StoredLane, int]]) -> None:
        """Enters a lane into memory, and into the list with the epoch under which it may be read, if it may be sent here and now."""
        limiter = self._limiter(stored.connection, stored.account)
        epoch = self.ownership.epoch(stored.slot)
        if not self.confirmation.is_known:  # the connection is new here: it is read again as soon as its state is known
            self.pace.news = True
            return
        if epoch is None or not limiter.may_send(time.monotonic()):
            return
        assigned = self.builder.view.connection_of(stored.account, stored.lane.destination)
        if assigned is not None and assigned != stored.connection:
            self.memory.to_move.append((stored.account, stored.lane.destination))
        elif self.memory.enter(stored.lane.id):
            limiter.in_memory += 1
            entered.append((stored, epoch))

    def _queue(self, queued: _QueuedLane) -> None:
        """Queues a lane at its connection: submitted lanes first, then live ones. Replays have a queue of their own."""
        stored = queued.taken.stored
        limiter = self._connections_with_news[stored.connection] = self._limiter(stored.connection, stored.account)
        if stored.lane.crashes >= ALONE_FROM:
            self._alone.append(queued)
        elif stored.lane.rank == Rank.SUBMITTED:
            limiter.waiting.appendleft(queued)
        elif stored.lane.rank == Rank.REPLAY:
            limiter.replayed.append(queued)
        else:
            limiter.waiting.append(queued)

    # Starting.

    def _start(self, now: float) -> None:
        """Starts lanes at connections with news, and every SCAN_EVERY seconds at all connections with waiting lanes. While a lane goes alone,
        no other lane starts."""
        if not self.confirmation.allows_starts(now):
            self._scan_at = now + SCAN_EVERY
            return
        if self._is_kept_for_alone(now):
            self._scan_at = now + SCAN_EVERY
            return
        next_alone = self._alone[0].taken.stored.connection if self._alone else None
        with_news, self._connections_with_news = self._connections_with_news, {}
        is_scan = now >= self._scan_at
        limiters = [limiter for limiter in self.limiters.values() if limiter.has_waiting] if is_scan else list(with_news.values())
        for limiter in limiters:
            # lanes that have waited for too long are read again; those of a slot that is given up are for its next owner
            given_up = self.ownership.epoch(slot_of(limiter.connection)) is None
            for queue in (limiter.waiting, limiter.replayed):
                if queue and (now - queue[0].taken.at > STALE_READ or not limiter.may_send(now) or given_up):
                    self._drop_all(queue)
                    limiter.forget_floors()  # they come before what is read next
            if limiter.connection == next_alone:  # the next start that its rate limit allows is for the lane that goes alone
                continue
            while limiter.has_waiting and self.journal.free_cells and limiter.may_start(now):
                if not self._start_first(limiter.next_queue(), limiter, now):
                    break
                self._starts += 1
                if self._starts % STRETCH == 0:
                    self.between()
            if limiter.has_waiting:
                self._scan_at = min(self._scan_at, now + SCAN_EVERY, limiter.wakes_at(now))
        if is_scan:
            waking = (min(now + SCAN_EVERY, limiter.wakes_at(now)) for limiter in limiters if limiter.has_waiting)
            self._scan_at = min(waking, default=math.inf)
        if next_alone is not None:
            self._scan_at = min(self._scan_at, now + SCAN_EVERY)

    def _is_kept_for_alone(self, now: float) -> bool:
        """Starts the first of the lanes that go alone, once nothing else is in flight. True while no other lane may start because of it.

        A lane is in flight until its outcome is committed: until then its crash count rises if the worker crashes.
        """
        if self._goes_alone:
            self._goes_alone = not self.journal.is_empty
            if self._goes_alone:
                return True
        while self._alone:
            taken = self._alone[0].taken
            limiter = self._limiter(taken.stored.connection, taken.stored.account)
            is_limited = limiter.wakes_at(now) < math.inf  # by its rate limit, if it may send
            if not limiter.may_send(now) or (is_limited and now - taken.at > STALE_READ):
                self.memory.drop(self._alone.popleft().taken)  # it is read again; others do not wait for it
                limiter.forget_floors()
            elif is_limited:
                return False
            elif not self.journal.is_empty:
                return True
            elif self._start_first(self._alone, limiter, now):
                self._goes_alone = not self.journal.is_empty
                return True
            else:
                self.memory.drop(self._alone.popleft().taken)  # it is read again; others do not wait for its access token
                return True
        return False

    def _start_first(self, queue: deque[_QueuedLane], limiter: ConnectionLimiter[_QueuedLane], now: float) -> bool:
        """Starts the first lane of a queue. False if it waits for its access token."""
        if not self.starter.start(queue[0].taken, queue[0].content, limiter, now):
            return False
        queue.popleft()  # only now: a lane whose start the database has failed stays in the queue
        return True

    def _drop_all(self, queue: deque[_QueuedLane]) -> None:
        while queue:
            self.memory.drop(queue.popleft().taken)
