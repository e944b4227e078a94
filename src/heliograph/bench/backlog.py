"""Fills a queue and delivers from it part by part, and checks the result: nothing may be lost, however long the queue is."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Final

from heliograph.bench.fixture import Fixture
from heliograph.bench.runs import LoadRun
from heliograph.bench.side_load import paused
from heliograph.bench.site import BenchError, BenchReceiver, Site
from heliograph.options import Options
from heliograph.store.row_states import ACTION_OPEN

SEEN: Final = 0.5
"""Seconds after which every worker has noticed that a connection is paused."""
SETTLES: Final = 10.0
"""Seconds within which requests that were in flight at the pause must have ended."""


@dataclass(slots=True)
class Queue:
    """The queue of an account whose connection is paused except while a part is delivered."""

    site: Site
    receiver: BenchReceiver
    made: Fixture
    post: Callable[[int], int]
    """Queues a number of changes, and returns how many were accepted."""
    _accepted: int = 0
    _delivered: set[int] = field(default_factory=set)
    _lost: int = 0

    def fill(self, count: int) -> int:
        """Queues `count` changes."""
        time.sleep(SEEN)
        self._accepted += self.post(count)
        return count

    def drained(self, count: int) -> LoadRun:
        """Queues `count` changes and delivers them. Returns the measurements of the delivery."""
        self.fill(count)
        return self.part(count)

    def part(self, count: int) -> LoadRun:
        """Delivers `count` queued changes, or a few more, then pauses again. A change is lost if it was accepted but is neither delivered
        nor still queued."""
        before, began = self.site.cpu(), time.monotonic()
        self.receiver.ask("reset")
        with paused(self.made.account, self.made.connections, after=True):
            received = self.receiver.until_received(count)
            took, after = time.monotonic() - began, self.site.cpu()
        if received < count:
            raise BenchError(f"Only {received:,} of {count:,} queued deliveries arrived.")
        cpu = {name: seconds - before.get(name, 0.0) for name, seconds in after.items()}
        cpu |= {"receiver": self.receiver.counts()["cpu"]}
        lost, duplicated = self._missing()
        return LoadRun(received, took, lost, duplicated, cpu)

    def _missing(self) -> tuple[int, int]:
        """How many deliveries this part has lost and duplicated, once requests in flight have ended."""
        from heliograph.wiring import open_database  # noqa: PLC0415 -- reads Django's settings

        sql = f"SELECT count(*) FROM action WHERE account_id = :account AND {ACTION_OPEN}"  # noqa: S608
        deadline = time.monotonic() + SETTLES
        with closing(open_database(Options.load(), read_only=True)) as db:
            while True:
                keys, _ = self.receiver.arrivals()
                delivered = self._delivered.union(keys)
                ((queued,),) = db.all(sql, {"account": self.made.account})
                missing = self._accepted - len(delivered) - int(queued)
                if not missing or time.monotonic() > deadline:
                    break
                time.sleep(0.05)
        duplicated = len(keys) - (len(delivered) - len(self._delivered))
        self._delivered, lost, self._lost = delivered, missing - self._lost, missing
        return lost, duplicated


def together(runs: Sequence[LoadRun]) -> LoadRun:
    """Combines several small runs into one."""
    cpu = {name: sum(run.cpu.get(name, 0.0) for run in runs) for name in runs[0].cpu}
    return LoadRun(
        sum(run.deliveries for run in runs),
        sum(run.seconds for run in runs),
        sum(run.lost for run in runs),
        sum(run.duplicated for run in runs),
        cpu,
    )
