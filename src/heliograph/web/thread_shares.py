"""No client address holds more than a share of the threads that serve pages; the rest is for others (O10)."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable

FOR_OTHERS = 4
"""One thread in this many, and at least one, is left to other clients."""


def share_of(threads: int) -> int:
    """How many of the threads one client may hold: 6 of 8."""
    return max(1, threads - max(1, threads // FOR_OTHERS))


class ThreadShares[Task]:
    """Gives tasks to the threads, or lets them wait while their client holds its share.

    dispatch: gives a task to the threads' queue.
    share: how many tasks of one client may be in that queue or run.
    """

    def __init__(self, dispatch: Callable[[Task], None], share: int) -> None:
        self._dispatch, self._share = dispatch, share
        self._holding: Counter[str] = Counter()
        self._waiting: dict[str, deque[Task]] = {}
        self._lock = threading.Lock()

    def add(self, task: Task, client: str) -> None:
        """Dispatches the task, or lets it wait. The client "" stands for many clients, so it has no share."""
        if client:
            with self._lock:
                if self._holding[client] >= self._share:
                    self._waiting.setdefault(client, deque()).append(task)
                    return
                self._holding[client] += 1
        self._dispatch(task)

    def end(self, client: str) -> None:
        """Called when a task has ended: the client's next one is dispatched."""
        if not client:
            return
        with self._lock:
            waiting = self._waiting.get(client)
            task = waiting.popleft() if waiting else None
            if not waiting:
                self._waiting.pop(client, None)
            if task is None:
                self._holding[client] -= 1
                if not self._holding[client]:
                    del self._holding[client]
        if task is not None:
            self._dispatch(task)
