"""The data that a worker's threads share: lanes in memory, and finished ones (docs/design/processes.md, section 3).

    reading thread     adds lanes
    settling thread    removes them once their outcomes are committed
    sender's thread    passes on results

Each structure has one writer per operation that is atomic in CPython (dict.setdefault, deque.append), so no lock is needed.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from heliograph.domain.delivery.action import Does
from heliograph.domain.delivery.outcomes import Cause, Outcome
from heliograph.domain.delivery.retry_policy import RetryPolicy
from heliograph.engine.worker.attempt_record import Lesson
from heliograph.engine.worker.config_view import UsedVersions
from heliograph.engine.worker.request_builder import ReadyRequest
from heliograph.outbound.exchange import SendResult
from heliograph.store.queue.action_rows import StoredAction
from heliograph.store.queue.lane_reads import StoredLane
from heliograph.store.queue.outcome_store import StoredExchange


@dataclass(slots=True)
class TakenLane:
    """A lane in memory."""

    stored: StoredLane
    epoch: int
    """The epoch of its slot when it was read."""
    does: Does
    policy: RetryPolicy
    action: StoredAction | None
    """None: there is nothing to send."""
    at: float
    """The time of the read, in monotonic seconds."""


@dataclass(slots=True)
class FinishedLane:
    """A lane to settle: with an outcome, without its flow, or with nothing to send."""

    taken: TakenLane
    outcome: Outcome | None = None
    gone: Cause | None = None
    """The flow or destination was deleted."""
    ready: ReadyRequest | None = None
    result: SendResult | None = None
    """None: no request was sent."""
    cell: int | None = None
    """Its cell in the in-flight journal."""
    began: float = 0.0
    """Monotonic seconds."""
    ended: float = field(default_factory=time.monotonic)
    used: UsedVersions | None = None
    """The versions that the attempt used."""
    reason: str = field(default="", repr=False)
    """The target's own reason, with the secrets that may be in it."""
    exchange: StoredExchange | None = None
    """The exchange to store, once prepared."""


class SharedLanes:
    """Lanes in memory and the queues between the threads."""

    def __init__(self) -> None:
        self.lanes: dict[int, object] = {}
        """By id; the values are only compared by identity."""
        self.left: dict[int, float] = {}
        """When each lane left memory. A lane that left after a read began is ignored in that read's result."""
        self.landed: deque[FinishedLane] = deque()
        self.returned: deque[tuple[int, Lesson]] = deque()
        self.released: deque[int] = deque()
        self.to_move: deque[tuple[int, int]] = deque()
        """(account, destination) pairs whose lanes may have to move to another connection."""
        self.wake_reader: Callable[[], object] = lambda: None
        """Wakes the reading thread. Set by the worker."""
        self.wake_completer = threading.Event()
        self.clock_offset = 0
        """Microseconds to add to this machine's monotonic clock to get the database's clock."""

    @property
    def size(self) -> int:
        return len(self.lanes)

    def enter(self, lane: int) -> bool:
        """Takes a lane into memory, to send or to move it. False if it is there already."""
        own = object()
        return self.lanes.setdefault(lane, own) is own

    def land(self, landed: FinishedLane) -> None:
        """Passes a finished lane to the settling thread. From any thread."""
        self.landed.append(landed)
        if not self.wake_completer.is_set():
            self.wake_completer.set()

    def drop(self, taken: TakenLane) -> None:
        """Removes a lane from memory: it is committed, or given back unsent."""
        self.leave(taken.stored.lane.id)
        self.released.append(taken.stored.connection)

    def leave(self, lane: int) -> None:
        self.left[lane] = time.monotonic()  # before it is removed, so that no read finds a gap
        self.lanes.pop(lane, None)

    def forget_left(self, before: float) -> None:
        """Drops the marks of lanes that left long ago."""
        for lane, at in list(self.left.items()):
            if at < before:
                self.left.pop(lane, None)

    def db_time(self, monotonic: float) -> int:
        """A monotonic instant on the database's clock, in microseconds."""
        return round(monotonic * 1_000_000) + self.clock_offset
