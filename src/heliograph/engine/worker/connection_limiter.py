"""Concurrency, rate limit and breaker of one connection, and its lanes that wait to be sent (C7, C8, D9).

They are kept in the memory of one worker, because a connection has one owner. Only the worker's reading thread changes them. Times are
monotonic seconds.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

from heliograph.domain.delivery.action import Rank
from heliograph.domain.delivery.outcomes import FAILURES_TO_TRIP
from heliograph.domain.delivery.replay import SMALLEST_SHARE, replay_room
from heliograph.store.queue.lane_reads import LaneWant

LEAST_SHARE = 2
"""Lanes that each connection with work may keep in memory, however many connections there are."""
PARALLEL = 50
"""Concurrent requests if the connection sets no limit."""

DEEPEST = 600
"""Most lanes of one connection in memory."""

FIRST_PROBE_AFTER = 0.25
LONGEST_PROBE_AFTER = 10.0
"""The first and the longest interval between two probes of a tripped breaker, in seconds."""
CATCH_UP = 0.25
"""Seconds by which starts may lag behind a rate limit and still catch up, because the reading thread wakes in steps."""
MARGIN = 0.75
"""Seconds added to the minute of a rate limit, because requests may arrive closer together than they were sent."""
LOOK_AHEAD = 2.0
"""Seconds of a rate limit to read ahead. Lanes that would wait longer are read again later."""
RATE_WINDOW = 0.25
"""Seconds over which ended requests are counted, to know the current rate."""
OWN_HOLD_FOR = 2.0
"""Seconds for which a hold from a response to this worker wins over the stored one, because this hold may not be committed yet."""
FLOOR_TRAIL = 1.0
"""Seconds by which a floor lags behind the positions that were read."""
REPLAY_TURN = round(1 / SMALLEST_SHARE)
"""While live lanes wait, one of REPLAY_TURN starts is a replay's."""
RESPONSES_FOR = 1.0
"""Seconds for which responses count. Older ones say nothing about how fast a target is now."""


@dataclass(slots=True)
class ConnectionLimiter[T]:
    """One connection's limits and waiting lanes. T: what waits to be started."""

    connection: int
    account: int
    parallel: int = PARALLEL
    """Most requests in flight at the same time."""
    spacing: float = 0.0
    """Seconds between two starts; 0 without a rate limit."""
    paused: bool = False
    held_until: float = 0.0
    _own_hold_until: float = 0.0
    """The end of the last hold that a response to this worker asked for."""
    _own_hold_set_at: float = -math.inf
    waiting: deque[T] = field(default_factory=deque)
    """Submitted and live lanes that wait for their start."""
    replayed: deque[T] = field(default_factory=deque)
    """Lanes of replays that wait. They start when no other lane waits, and otherwise once in REPLAY_TURN starts (Y1)."""
    in_flight: int = 0
    in_memory: int = 0
    """Lanes in memory: waiting, in flight, or being settled."""
    _next_start: float = 0.0
    _starts_since_replay: int = 0
    """Starts of other lanes since the last start of a replay, while replays wait."""
    knows_failures: bool = False
    """The previous owner's failures have been taken over from the table."""
    epoch: int | None = None
    """The slot's epoch in which this worker has sent. In another epoch another worker may have sent."""
    _target: tuple[str, object] | None = None
    """Origin and reach, as given to `set_target`."""
    _failures: int = 0
    """Requests in a row that did not reach the target."""
    _next_probe_at: float = 0.0
    _window_began: float = 0.0
    _ended: int = 0
    """Requests that ended in the current window of RATE_WINDOW seconds."""
    _ended_before: int = 0
    """Requests that ended in the window before the current one."""
    _silent_since: float = 0.0
    """When the last request ended, or when the first one started after a time without any."""
    _floors: dict[Rank, int] = field(default_factory=dict)
    """For each rank, the position above which the next read begins."""
    _trail: dict[Rank, deque[tuple[float, int]]] = field(default_factory=dict)
    """For each rank, (time, position) of recent reads; they become floors FLOOR_TRAIL seconds later."""

    def set_limits(self, now: float, parallel: int | None, rate: int | None) -> None:
        """Sets the connection's limits. If the rate limit or the connection is new, the first request waits one spacing, because nobody here
        knows what was sent before.

        parallel: requests at the same time; None: PARALLEL.
        rate: requests in any minute; None: no limit. Bursts of CATCH_UP seconds are allowed, so the spacing allows for them.
        """
        self.parallel = parallel or PARALLEL
        spacing = (60.0 + CATCH_UP + MARGIN) / rate if rate else 0.0
        if spacing and not self.spacing:
            self._next_start = max(self._next_start, now + spacing)
        self.spacing = spacing

    def note_slots_changed(self, epoch: int | None) -> None:
        """Notes that slots have changed hands. If another worker owned this one in between, nobody here knows what was sent.

        epoch: the current epoch of the connection's slot; None if the slot is not ours.
        """
        self.forget_floors()
        self.knows_failures = False
        if epoch != self.epoch:
            self.epoch, self.spacing = epoch, 0.0  # as if new: `set_limits` then waits one spacing

    def adopt_failures(self, now: float, failures: int) -> None:
        """Takes over the previous owner's consecutive failures, so that a dead target is probed first instead of getting all requests."""
        self.knows_failures = True
        self._failures = max(self._failures, failures)
        if self.is_tripped:
            self._next_probe_at = max(self._next_probe_at, now + FIRST_PROBE_AFTER)

    def set_target(self, origin: str, reach: object) -> None:
        """Sets which target the connection sends to. After a change, earlier failures do not count and the new target is tried at once.

        origin: scheme, host and port. If it changes, a hold ends too: the new target has not asked for one.
        reach: everything else that decides whether a request arrives, such as timeouts. Compared only.
        """
        if self._target is not None and self._target != (origin, reach):
            self._failures, self._next_probe_at = 0, 0.0
            if self._target[0] != origin:
                self.held_until = self._own_hold_until = 0.0
        self._target = (origin, reach)

    def set_holds(self, now: float, *, paused: bool, held_until: float) -> None:
        """Takes over the stored state. For OWN_HOLD_FOR seconds a later end that a target asked for here wins."""
        self.paused = paused
        self.held_until = max(held_until, self._own_hold_until) if now - self._own_hold_set_at < OWN_HOLD_FOR else held_until

    def hold(self, now: float, seconds: float) -> None:
        """Sends nothing for `seconds`, as the target requested."""
        self._own_hold_set_at, self._own_hold_until = now, max(self.held_until, now + seconds)
        self.held_until = self._own_hold_until

    def may_send(self, now: float) -> bool:
        """True if its lanes may be read. A paused connection costs nothing, however much waits."""
        return not self.paused and now >= self.held_until and now >= self._next_probe_at

    def may_start(self, now: float) -> bool:
        if not self.may_send(now) or self.in_flight >= (1 if self.is_tripped else self.parallel):
            return False
        return self.spacing == 0.0 or now >= self._next_start

    def note_start(self, now: float) -> None:
        if not self.in_flight:
            self._silent_since = now
        self.in_flight += 1
        if self.spacing:
            self._next_start = max(self._next_start, now - CATCH_UP) + self.spacing

    @property
    def has_waiting(self) -> bool:
        return bool(self.waiting or self.replayed)

    def next_queue(self) -> deque[T]:
        """The queue from which the next lane starts: `replayed` if nothing else waits, and for every REPLAY_TURN-th start (Y1); else
        `waiting`. Counts the choice."""
        if not self.replayed:
            self._starts_since_replay = 0
            return self.waiting
        if self.waiting and self._starts_since_replay < REPLAY_TURN - 1:
            self._starts_since_replay += 1
            return self.waiting
        self._starts_since_replay = 0
        return self.replayed

    def note_end(self, now: float, *, reached: bool) -> None:
        """Notes the end of a request.

        reached: True if the target responded, with any status
        """
        self.in_flight -= 1
        self._silent_since = now
        if now - self._window_began > RATE_WINDOW:
            self._ended_before, self._ended, self._window_began = self._ended, 0, now
        self._ended += 1
        if reached:
            self._failures, self._next_probe_at = 0, 0.0
        else:
            self._failures += 1
            if self.is_tripped:
                self._next_probe_at = now + min(LONGEST_PROBE_AFTER, FIRST_PROBE_AFTER * 2 ** min(10, self._failures - FAILURES_TO_TRIP))

    @property
    def is_tripped(self) -> bool:
        """True if the breaker is tripped, after FAILURES_TO_TRIP failures in a row. Then one probe is sent at a time, at growing intervals; the
        other lanes wait, which uses none of their tries (C8)."""
        return self._failures >= FAILURES_TO_TRIP

    def is_slow(self, now: float) -> bool:
        """True if the target does not respond: the last request did not reach it, or no response has come for RESPONSES_FOR seconds."""
        return self._failures > 0 or (self.in_flight > 0 and now - self._silent_since > RESPONSES_FOR)

    def wakes_at(self, now: float) -> float:
        """When hold, breaker and rate limit will have passed; infinity if none of them prevents a start now. Pause and concurrency are not
        considered."""
        at = max(self.held_until, self._next_probe_at, self._next_start if self.spacing else 0.0)
        return at if at > now else math.inf

    # Reading ahead.

    @property
    def depth(self) -> int:
        """The number of lanes to keep in memory. `wants` reads less for a slow target.

        usually              as many as start in half a second at the current rate, at least twice `parallel`
        with a rate limit    no more than start in LOOK_AHEAD seconds
        tripped breaker      one
        always               at most DEEPEST
        """
        if self.is_tripped:
            return 1
        depth = min(DEEPEST, max(2 * self.parallel, 2 * max(self._ended, self._ended_before)))
        return min(depth, 1 + round(LOOK_AHEAD / self.spacing)) if self.spacing else depth

    def wants(self, now: float = 0.0, share: int = DEEPEST) -> list[LaneWant]:
        """The reads that are due; none while enough lanes are in memory.

        share: lanes in memory for each connection with work whose target responds; a faster target may have more. So a thousand targets that
        never respond leave space for the one that does (D9).
        """
        depth = LEAST_SHARE
        if not self.is_slow(now):  # half a second at the current rate, if anything came back in the last RESPONSES_FOR seconds
            current = now - self._window_began <= RESPONSES_FOR
            depth = max(share, 2 * max(self._ended, self._ended_before) if current else 0)
        depth = min(self.depth, depth)
        space = depth - self.in_memory + len(self.replayed)  # a replay that waits takes no place from live traffic
        if space < max(1, depth // 4):
            return []
        # lanes in memory are read again and left out, so the limits below include them
        wants = [
            LaneWant(self.connection, Rank.SUBMITTED, space + self.in_memory, self._floors.get(Rank.SUBMITTED, 0)),
            LaneWant(self.connection, None, max(1, space // 4) + self.in_memory),
            LaneWant(self.connection, Rank.LIVE, space + self.in_memory, self._floors.get(Rank.LIVE, 0)),
        ]
        replays = replay_room(space, len(self.waiting)) - len(self.replayed)
        if replays > 0:
            wants.append(LaneWant(self.connection, Rank.REPLAY, replays + self.in_memory, self._floors.get(Rank.REPLAY, 0)))
        return wants

    def note_position(self, rank: Rank, pos: int, now: float) -> None:
        """Notes a position that was read. The floor lags FLOOR_TRAIL seconds behind, because transactions do not commit in the order in
        which they draw positions."""
        trail = self._trail.setdefault(rank, deque())
        if trail and trail[-1][0] == now:
            trail[-1] = (now, max(pos, trail[-1][1]))
        else:
            trail.append((now, pos))
        while trail and trail[0][0] < now - FLOOR_TRAIL:
            self._floors[rank] = trail.popleft()[1]

    def forget_floors(self) -> None:
        """Reads from the start of the queue again: below the floors there may be a late commit, or a lane that was given back without being
        sent."""
        self._floors.clear()
        self._trail.clear()
