"""Limits how many page threads wait for outbound calls at once (C3, C4), so that the other pages keep working."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from heliograph.domain.errors import HeliographError

MOST_AT_ONCE = 4
MOST_OF_ACCOUNT = 2
"""Threads of this process that may wait at once: for all accounts, and for one account. Pages have 8 threads by default."""
_under_way: Counter[int] = Counter()
_lock = threading.Lock()


MOST_UNSAVED = 10
"""Samples over unsaved connections that one account may send in UNSAVED_WINDOW from one process. Those of saved ones are counted in the
database."""
UNSAVED_WINDOW = 60.0
"""Seconds."""


class UnsavedSamples:
    """Counts the samples that are sent over connections before they are saved, by account."""

    def __init__(self) -> None:
        self._begun: dict[int, deque[float]] = {}

    def may_begin(self, account: int, now: float | None = None) -> bool:
        """Counts a sample that is about to be sent. False if there were too many; then it is not counted.

        now: seconds of a clock that only moves forward
        """
        now = monotonic() if now is None else now
        with _lock:
            self._begun = {id: times for id, times in self._begun.items() if times[-1] > now - UNSAVED_WINDOW}
            times = self._begun.setdefault(account, deque(maxlen=MOST_UNSAVED))
            if len(times) == MOST_UNSAVED and times[0] > now - UNSAVED_WINDOW:
                return False
            times.append(now)
            return True


class NoRoom(HeliographError):
    "Other tests or sign-ins are running. Wait until they have ended, and try again."


@contextmanager
def limited_wait(account: int) -> Iterator[None]:
    """A context around a page thread's wait for a target or an authority. Raises NoRoom if too many threads wait already."""
    with _lock:
        if sum(_under_way.values()) >= MOST_AT_ONCE or _under_way[account] >= MOST_OF_ACCOUNT:
            raise NoRoom
        _under_way[account] += 1
    try:
        yield
    finally:
        with _lock:
            _under_way[account] -= 1


unsaved_samples = UnsavedSamples()
