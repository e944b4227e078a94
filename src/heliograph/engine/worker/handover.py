"""Lets one thread do the work of another thread that is waiting for it.

Python runs one thread at a time. Two busy threads switch many times a millisecond, and each switch moves their data to another core, so
together they take a third to two thirds longer than one after the other. So the thread that must wait (for the write lock, for documents)
only waits, and passes its work to the thread that is busy anyway.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Final

CHECK_EVERY: Final = 0.2
"""Seconds between checks that the other thread is still alive."""


class _Call[T]:
    """A unit of work and its result. Whichever thread takes it first runs it, once."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._taken = threading.Lock()
        self._done = threading.Event()
        self._result: list[T] = []
        self._error: BaseException | None = None

    def run(self) -> None:
        if not self._taken.acquire(blocking=False):
            return
        try:
            self._result.append(self._work())
        except BaseException as error:  # noqa: BLE001 -- it is the caller's, on its own thread
            self._error = error
        finally:
            self._done.set()

    def wait(self, seconds: float) -> bool:
        return self._done.wait(seconds)

    def result(self) -> T:
        if self._error is not None:
            raise self._error
        return self._result[0]


class Handover:
    """Passes work to one thread.

    wake: makes that thread call `turn` soon; from any thread. Raises RuntimeError if the thread is gone.
    is_alive: whether the thread still runs.
    """

    def __init__(self, wake: Callable[[], object], is_alive: Callable[[], bool]) -> None:
        self._wake, self._is_alive = wake, is_alive
        self._calls: deque[_Call[object]] = deque()

    def do[T](self, work: Callable[[], T]) -> T:
        """Has the other thread do the work, and waits for the result. If that thread has ended, this one does it. Raises the errors of the
        work."""
        call = _Call(work)
        self._calls.append(call)  # type: ignore[arg-type]
        try:
            self._wake()
        except RuntimeError:
            call.run()
        while not call.wait(CHECK_EVERY):
            if not self._is_alive():
                call.run()
        return call.result()

    def turn(self) -> None:
        """On the other thread: runs the work that was passed to it."""
        while self._calls:
            self._calls.popleft().run()
