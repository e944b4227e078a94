"""Concurrency, rate limit and breaker of one connection, and its lanes that wait to be sent (C7, C8, D9).

They are kept in the memory of one worker, because a connection has one owner. Only the worker's reading thread touches them. Times are
monotonic seconds.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

from heliograph.domain.delivery.action import Rank
from heliograph.domain.delivery.replay import SMALLEST_SHARE, replay_room
from heliograph.store.queue.lanes import LaneWant

LEAST_SHARE = 2
"""Lanes that each connection with work may keep in memory, however many connections there are."""
PARALLEL = 50
"""Concurrent requests if the connection sets no limit."""

DEEPEST = 600
"""Most lanes of one connection in memory."""

FAILURES_TO_TRIP = 5
"""In a row. One answer closes the breaker again. If more failures were allowed, a thousand dead targets would cost the others too much."""
FIRST_TRIP = 0.25
LONGEST_TRIP = 10.0
CATCH_UP = 0.25
"""Seconds of a rate limit that may be caught up on, because the reading thread wakes in steps."""
MARGIN = 0.75
"""Seconds by which requests may arrive closer together than they were sent."""
LOOK_AHEAD = 2.0
"""Seconds of a rate limit to read ahead. Lanes that would wait longer are read again later."""
RATE_WINDOW = 0.25
LESSON_FOR = 2.0
FLOOR_TRAIL = 1.0
REPLAY_TURN = round(1 / SMALLEST_SHARE)
"""While live lanes wait, one of so many starts is a replay's."""
ANSWERS_FOR = 1.0
"""Seconds for which answers count: older ones say nothing about how fast a target is now."""


@dataclass(slots=True)
class ConnectionLimiter[T]:
    """One connection's limits and waiting lanes. T: what waits to be started."""

    connection: int
    account: int
    parallel: int = PARALLEL
    spacing: float = 0.0
    paused: bool = False
    held_until: float = 0.0
    _held_here: float = 0.0
    _learned: float = -math.inf
    waiting: deque[T] = field(default_factory=deque)
    replayed: deque[T] = field(default_factory=deque)
    """Lanes of replays that wait: they start when no other waits, and else once in REPLAY_TURN starts (Y1)."""
    in_flight: int = 0
    in_memory: int = 0
    """Lanes in memory: waiting, in flight, or being settled."""
    _next_start: float = 0.0
    _passed: int = 0
    """Starts of others since a replay that waits was last let go."""
    known: bool = False
    """The previous owner's failures have been taken over from the table."""
    epoch: int | None = None
    """Of its slot, when its requests were last known."""
    _reach: tuple[str, object] | None = None
    _failures: int = 0
    _tripped_until: float = 0.0
    _window: float = 0.0
    _ended: int = 0
    _ended_before: int = 0
    _silent_since: float = 0.0
    _floors: dict[Rank, int] = field(default_factory=dict)
    _trail: dict[Rank, deque[tuple[float, int]]] = field(default_factory=dict)

    def limit(self, now: float, parallel: int | None, rate: int | None) -> None:
        """Sets the connection's limits. rate: requests in any minute, so CATCH_UP is subtracted from the spacing of the rest.

        If the limit or the connection is new, the first request waits one spacing, because it is not known what was sent before.
        """
        self.parallel = parallel or PARALLEL
        spacing = (60.0 + CATCH_UP + MARGIN) / rate if rate else 0.0
        if spacing and not self.spacing:
            self._next_start = max(self._next_start, now + spacing)
        self.spacing = spacing

    def taken_over(self, epoch: int | None) -> None:
        """Notes that slots have changed hands. If another worker had this connection's meanwhile, it is not known what was sent.

        epoch: of its slot; None if it is not ours.
        """
        self.forget_floors()
        self.known = False
        if epoch != self.epoch:
            self.epoch, self.spacing = epoch, 0.0

    def recall(self, now: float, failures: int) -> None:
        """Takes over the previous owner's consecutive failures, so that a dead target is probed instead of getting every request again."""
        self.known = True
        self._failures = max(self._failures, failures)
        if self.is_tripped:
            self._tripped_until = max(self._tripped_until, now + FIRST_TRIP)

    def reached_by(self, origin: str, reach: object) -> None:
        """Says how the connection is reached, and where. Once the way changes, failures before it do not count, and the new way is tried at
        once; where another target answers, it has asked for no rest either."""
        if self._reach is not None and self._reach != (origin, reach):
            self._failures, self._tripped_until = 0, 0.0
            if self._reach[0] != origin:
                self.held_until = self._held_here = 0.0
        self._reach = (origin, reach)

    def told(self, now: float, *, paused: bool, held_until: float) -> None:
        """Takes over the stored state. A hold learned here a moment ago wins, because it may not be committed yet."""
        self.paused = paused
        self.held_until = max(held_until, self._held_here) if now - self._learned < LESSON_FOR else held_until

    def hold(self, now: float, seconds: float) -> None:
        """Sends nothing for `seconds`, as the target requested."""
        self._learned, self._held_here = now, max(self.held_until, now + seconds)
        self.held_until = self._held_here

    def is_open(self, now: float) -> bool:
        """True if its lanes may be read. A paused connection costs nothing, however much waits."""
        return not self.paused and now >= self.held_until and now >= self._tripped_until

    def may_start(self, now: float) -> bool:
        if not self.is_open(now) or self.in_flight >= (1 if self.is_tripped else self.parallel):
            return False
        return self.spacing == 0.0 or now >= self._next_start

    def started(self, now: float) -> None:
        if not self.in_flight:
            self._silent_since = now
        self.in_flight += 1
        if self.spacing:
            self._next_start = max(self._next_start, now - CATCH_UP) + self.spacing

    @property
    def has_waiting(self) -> bool:
        return bool(self.waiting or self.replayed)

    def next_line(self) -> deque[T]:
        """The line whose first lane starts next: the live one, but for every REPLAY_TURN-th start while replays wait (Y1)."""
        if not self.replayed:
            self._passed = 0
            return self.waiting
        if self.waiting and self._passed < REPLAY_TURN - 1:
            self._passed += 1
            return self.waiting
        self._passed = 0
        return self.replayed

    def ended(self, now: float, *, reached: bool) -> None:
        """Notes the end of a request. reached: the target answered, whatever it said."""
        self.in_flight -= 1
        self._silent_since = now
        if now - self._window > RATE_WINDOW:
            self._ended_before, self._ended, self._window = self._ended, 0, now
        self._ended += 1
        if reached:
            self._failures, self._tripped_until = 0, 0.0
        else:
            self._failures += 1
            if self.is_tripped:
                self._tripped_until = now + min(LONGEST_TRIP, FIRST_TRIP * 2 ** min(10, self._failures - FAILURES_TO_TRIP))

    @property
    def is_tripped(self) -> bool:
        """True if the breaker is open, after FAILURES_TO_TRIP failures in a row: then one probe at a time, at growing intervals. Waiting
        uses no try (C8)."""
        return self._failures >= FAILURES_TO_TRIP

    def is_slow(self, now: float) -> bool:
        """True if the target does not answer: the last request did not reach it, or nothing has come back for a second."""
        return self._failures > 0 or (self.in_flight > 0 and now - self._silent_since > ANSWERS_FOR)

    def wakes_at(self, now: float) -> float:
        """The time of the next allowed start if only time prevents it, else infinity."""
        at = max(self.held_until, self._tripped_until, self._next_start if self.spacing else 0.0)
        return at if at > now else math.inf

    # Reading ahead.

    @property
    def depth(self) -> int:
        """Lanes to keep in memory: enough for half a second at the current rate, few if the target is slow."""
        if self.is_tripped:
            return 1
        depth = min(DEEPEST, max(2 * self.parallel, 2 * max(self._ended, self._ended_before)))
        return min(depth, 1 + round(LOOK_AHEAD / self.spacing)) if self.spacing else depth

    def wants(self, now: float = 0.0, share: int = DEEPEST) -> list[LaneWant]:
        """What to read now; nothing while enough is in memory.

        share: lanes in memory for each connection with work whose target answers; a faster one may have more. So a thousand targets that
        never answer leave room for the one that does (D9).
        """
        depth = min(self.depth, LEAST_SHARE if self.is_slow(now) else max(share, self._answered(now)))
        room = depth - self.in_memory + len(self.replayed)  # a replay that waits takes no place from live traffic
        if room < max(1, depth // 4):
            return []
        found = [
            LaneWant(self.connection, Rank.SUBMITTED, room + self.in_memory, self._floors.get(Rank.SUBMITTED, 0)),
            LaneWant(self.connection, None, max(1, room // 4) + self.in_memory),
            LaneWant(self.connection, Rank.LIVE, room + self.in_memory, self._floors.get(Rank.LIVE, 0)),
        ]
        replay = replay_room(room, len(self.waiting)) - len(self.replayed)
        if replay > 0:
            found.append(LaneWant(self.connection, Rank.REPLAY, replay + self.in_memory, self._floors.get(Rank.REPLAY, 0)))
        return found

    def _answered(self, now: float) -> int:
        """Lanes for half a second at the current rate; 0 if nothing came back for a second."""
        return 0 if now - self._window > ANSWERS_FOR else 2 * max(self._ended, self._ended_before)

    def saw(self, rank: Rank, pos: int, now: float) -> None:
        """Notes a position that was read. The floor follows a second behind, because transactions do not commit in the order in which they
        draw positions."""
        trail = self._trail.setdefault(rank, deque())
        if trail and trail[-1][0] == now:
            trail[-1] = (now, max(pos, trail[-1][1]))
        else:
            trail.append((now, pos))
        while trail and trail[0][0] < now - FLOOR_TRAIL:
            self._floors[rank] = trail.popleft()[1]

    def forget_floors(self) -> None:
        """Reads from the start of the queue again: a late commit or an unsent lane that was given back may be below the floors."""
        self._floors.clear()
        self._trail.clear()
