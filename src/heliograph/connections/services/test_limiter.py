"""Limits how many page threads wait for outbound calls at once (C3, C4), so that the other pages keep working."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from heliograph.domain.errors import HeliographError

MOST_AT_ONCE = 4
MOST_OF_ACCOUNT = 2
"""Threads of this process that may wait at once: for all accounts, and for one account. Pages have 8 threads by default."""
_under_way: Counter[int] = Counter()
_lock = threading.Lock()


class NoRoom(HeliographError):
    """Other tests or sign-ins are under way. Wait until they have ended, and try again."""


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
