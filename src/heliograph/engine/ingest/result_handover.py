"""Results on their way from a writer's thread to the event loop that waits for them (docs/design/processes.md, section 6)."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from heliograph.engine.ingest.batch_queue import Mishap
from heliograph.engine.ingest.request_rules import REPLY_WITHIN


@dataclass(frozen=True, slots=True)
class _PendingReply:
    """The reply to what a writer is recording.

    until: when its sender stops waiting, by the loop's clock
    """

    future: asyncio.Future[Sequence[Any]]
    count: int
    until: float

    def give_up(self) -> None:
        """Sets the results to UNAVAILABLE, unless the writer has set them."""
        if not self.future.done():
            self.future.set_result([Mishap.UNAVAILABLE] * self.count)


class Landing:
    """The results that requests of one event loop wait for."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._landed: deque[tuple[asyncio.Future[Sequence[Any]], Sequence[Any]]] = deque()
        self._pending: deque[_PendingReply] = deque()
        self._is_watching = False

    async def submit[Item, Result](
        self,
        submit: Callable[[Sequence[Item], int, Callable[[Sequence[Result]], None]], None],
        items: Sequence[Item],
        size: int,
    ) -> Sequence[Result | Mishap]:
        """Results after the commit. Raises WriterBusy.

        submit: of a writer, whose `on_answered` is `wake`
        """
        future: asyncio.Future[Sequence[Any]] = self._loop.create_future()
        submit(items, size, lambda results: self._landed.append((future, results)))
        self._pending.append(_PendingReply(future, len(items), self._loop.time() + REPLY_WITHIN))
        if not self._is_watching:
            self._watch()
        return await future

    def _watch(self) -> None:
        """Gives up what the writer has not answered in time, and comes again when the next answer would be late. All wait equally long, so one
        timer, for the first of them, is enough: one for each request would be made only to be cancelled."""
        self._deliver()  # after a long stall, answers are there that the loop has not seen
        now = self._loop.time()
        while self._pending and self._pending[0].until <= now:
            self._pending.popleft().give_up()
        self._is_watching = bool(self._pending)
        if self._is_watching:
            self._loop.call_at(self._pending[0].until, self._watch)

    def wake(self) -> None:
        """On the writer's thread: wakes the loop once for a whole batch."""
        try:
            self._loop.call_soon_threadsafe(self._deliver)
        except RuntimeError:  # the loop is closed: nobody is waiting any more
            self._landed.clear()

    def _deliver(self) -> None:
        while self._landed:
            future, results = self._landed.popleft()
            if not future.done():
                future.set_result(results)
        while self._pending and self._pending[0].future.done():
            self._pending.popleft()
