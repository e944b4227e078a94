"""The counters of the processes of one start for `/metrics` (O2; docs/running): numbers in memory that a process shares with its supervisor.

Each number of deliveries, documents, calls and connections has one writer: the thread that settles the one that records, or the one that stores calls, which add to it once per
batch, or the fast door's. So nothing is locked, nothing is sent, and what a process has counted survives its death. What is refused is counted by
any thread, under a lock.
"""

from __future__ import annotations

import mmap
import os
import threading
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final, Self

from heliograph.domain.delivery.retry_policy import SECOND, Category
from heliograph.store.access_refusals import Reason
from heliograph.store.database_trouble import Trouble

COUNTERS: Final = "HELIOGRAPH_COUNTERS_FILE"
"""The environment's name for the descriptor of a process's numbers."""


class ConnectionEnd(StrEnum):
    """Why the fast door ended or refused a connection for the sake of others (H5)."""

    ADDRESS = "address"
    """Its address had more connections without a valid token than it may."""
    STRANGERS = "strangers"
    """All addresses together had."""
    ACCOUNT = "account"
    """Its account had more connections than it may."""
    FULL = "full"
    """All accounts together had."""
    SLOW = "slow"
    """A head, or the rest of a refused body, did not arrive in time."""
    UNREAD = "unread"
    """Nobody read its replies."""


type OutcomeKey = tuple[str, str]
"""The end of an attempt (delivered, failed, validation) and the category of the failure, "" for none."""

OUTCOMES: Final[Sequence[OutcomeKey]] = (
    ("delivered", ""),
    *(("failed", category.value) for category in Category if category is not Category.VALIDATION),
    ("validation", Category.VALIDATION.value),
)


@dataclass(frozen=True, slots=True)
class Histogram:
    """Where a histogram stands: one number for each bound and one beyond the last, then the sum of what was observed.

    scale: how many units of the sum are one unit of the bounds.
    """

    first: int
    bounds: Sequence[float]
    scale: int = 1

    @property
    def end(self) -> int:
        return self.first + len(self.bounds) + 2


_SIZES: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)
DURATION: Final = Histogram(len(OUTCOMES), (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20), SECOND)
"""Seconds that attempts took; stored in microseconds."""
SETTLED: Final = Histogram(DURATION.end, _SIZES)
"""Lanes in a batch of outcomes."""
RECORDED: Final = Histogram(SETTLED.end, _SIZES)
"""Documents in a batch of what came in."""
STORED: Final = Histogram(RECORDED.end, _SIZES)
"""Calls of sources in a batch that was stored."""
TROUBLE: Final = STORED.end
"""The place of the last error that said that the database cannot be used: its number in `Trouble`, then the monotonic clock's milliseconds. The
clock is that of the machine, so other processes can compare it with theirs."""

type RefusalKey = tuple[str, str]
"""Where a request was refused, and the status of the answer."""

INGEST: Final = "ingest"
INBOUND: Final = "in"
OTHER: Final = "other"
_STATUSES: Final = (*map(str, (400, 401, 403, 404, 405, 408, 409, 413, 415, 422, 429, 431, 500, 501, 503)), OTHER)
REFUSALS: Final[Sequence[RefusalKey]] = tuple((entrance, status) for entrance in (INGEST, INBOUND, "api", "pages") for status in _STATUSES)
"""Both doors of /ingest and of /in, the REST API, and all else at the port of the pages."""
SIGN_IN_REASONS: Final = (
    Reason.PASSWORD,
    Reason.CODE,
    Reason.TOO_MANY_TRIES,
    Reason.SWITCHED_OFF,
    Reason.UNKNOWN_USER,
    Reason.NOT_INVITED,
)
"""Why a sign-in fails."""

ENDS: Final = TROUBLE + 2
"""The place of the first number of `ConnectionEnd`, in its order. The thread of the fast door writes them."""
REFUSED: Final = ENDS + len(ConnectionEnd)
"""The place of the first of REFUSALS."""
SIGN_INS: Final = REFUSED + len(REFUSALS)
"""The place of the first of SIGN_IN_REASONS."""
SIGNS_OF_LIFE: Final = SIGN_INS + len(SIGN_IN_REASONS)
"""The place of a number that a living process raises about once a second (`supervisor.die_with_parent`)."""
SIZE: Final = (SIGNS_OF_LIFE + 1) * 8
"""Bytes."""

_PLACES: Final = {key: n for n, key in enumerate(OUTCOMES)}
_END_PLACES: Final = {end: ENDS + n for n, end in enumerate(ConnectionEnd)}
_REFUSAL_PLACES: Final = {key: n for n, key in enumerate(REFUSALS, start=REFUSED)}
_SIGN_IN_PLACES: Final = {reason: n for n, reason in enumerate(SIGN_IN_REASONS, start=SIGN_INS)}


def entrance_of(path: str) -> str:
    """The entrance that a request to the port of the pages comes in by."""
    if path == "/ingest" or path.startswith("/ingest/"):
        return INGEST
    if path.startswith("/in/"):
        return INBOUND
    return "api" if path.startswith("/api/") else "pages"


class ProcessCounters:
    """The numbers of one process."""

    def __init__(self, memory: bytearray | mmap.mmap | None = None) -> None:
        self._numbers = memoryview(memory if memory is not None else bytearray(SIZE)).cast("q")
        self._lock = threading.Lock()

    @classmethod
    def inherited(cls) -> Self:
        """The counters that the supervisor reads; without a supervisor, counters of this process alone."""
        counters = cls.shared()
        os.environ.pop(COUNTERS, "")  # not for processes that this one starts
        return counters

    @classmethod
    def shared(cls) -> Self:
        """Like `inherited`, for a second place of this process that counts; `inherited` comes after it."""
        file = os.environ.get(COUNTERS, "")
        return cls(mmap.mmap(int(file), SIZE)) if file else cls()

    def settled(self, outcomes: Iterable[OutcomeKey], took: Iterable[int], size: int) -> None:
        """Adds a batch of outcomes. took: microseconds of its attempts; size: its lanes."""
        for key, count in Counter(outcomes).items():
            self._numbers[_PLACES[key]] += count
        self._observe(DURATION, sorted(took))
        self._observe(SETTLED, [size])

    def recorded(self, size: int) -> None:
        """Adds a batch of documents."""
        self._observe(RECORDED, [size])

    def stored(self, size: int) -> None:
        """Adds a batch of calls of sources."""
        self._observe(STORED, [size])

    def ended(self, end: ConnectionEnd) -> None:
        """Adds a connection of the fast door that was ended or refused."""
        self._numbers[_END_PLACES[end]] += 1

    def refused(self, entrance: str, status: int) -> None:
        """Adds a request that was refused, or a document of it. From any thread."""
        with self._lock:
            self._numbers[_REFUSAL_PLACES.get((entrance, str(status))) or _REFUSAL_PLACES[entrance, OTHER]] += 1

    def refused_access(self, reason: Reason, times: int) -> None:
        """Adds sign-ins that failed; other reasons are none. From any thread."""
        if reason in _SIGN_IN_PLACES:
            with self._lock:
                self._numbers[_SIGN_IN_PLACES[reason]] += times

    def show_life(self) -> None:
        """Adds a sign of life. From one thread of a process."""
        self._numbers[SIGNS_OF_LIFE] += 1

    def note_trouble(self, trouble: Trouble, at: float) -> None:
        """Stores an error of the database. From any thread: the last one counts.

        at: the monotonic clock's seconds
        """
        self._numbers[TROUBLE], self._numbers[TROUBLE + 1] = list(Trouble).index(trouble), round(at * 1000)

    def _observe(self, histogram: Histogram, values: Sequence[int]) -> None:
        """values: ascending, in units of the sum."""
        places = [0, *(bisect_right(values, bound * histogram.scale) for bound in histogram.bounds), len(values)]
        for index, (before, after) in enumerate(pairwise(places)):
            if after > before:
                self._numbers[histogram.first + index] += after - before
        self._numbers[histogram.end - 1] += sum(values)

    @property
    def values(self) -> list[int]:
        """All numbers as they are now."""
        return self._numbers.tolist()

    @property
    def outcomes(self) -> Mapping[OutcomeKey, int]:
        """How attempts ended."""
        return dict(zip(OUTCOMES, self._numbers, strict=False))

    def mean(self, histogram: Histogram) -> float | None:
        """The mean of what was observed, in units of the bounds; None for nothing."""
        values = self.values
        count = sum(values[histogram.first : histogram.end - 1])
        return values[histogram.end - 1] / histogram.scale / count if count else None


def trouble_since(values: Sequence[int], earliest: float) -> Trouble | None:
    """The trouble of the last error in a process's numbers, if it is not older than `earliest`, the monotonic clock's seconds."""
    number, milliseconds = values[TROUBLE], values[TROUBLE + 1]
    return list(Trouble)[number] if milliseconds and milliseconds / 1000 >= earliest else None
