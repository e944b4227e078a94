"""What a delivery costs, guarded without a clock: statements, rows, transactions, wakes and calls of one change and of a batch of 64.

The counts stand in docs/reference/performance.md. If a change of the engine is meant to change them, write them anew, once for each database:

    HELIOGRAPH_TEST_WRITE=1 .venv/bin/python -m pytest tests/integration/test_delivery_costs.py
    HELIOGRAPH_TEST_WRITE=1 .venv/bin/python -m tests.run --database postgres tests/integration/test_delivery_costs.py
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import queue
import re
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest
from tests.builders.running_account import RunningAccount
from tests.builders.worker import LOOPBACK
from tests.counted import Cost, counting
from tests.databases import DatabaseFacts
from tests.doors import PATH, acme, make_token
from tests.receiver import Answer, Receiver
from tests.waiting import PATIENCE, until

from heliograph.engine.ingest import batch_writer
from heliograph.engine.ingest.door_places import DoorPlaces
from heliograph.engine.ingest.door_protocol import IS_WHOLE, PLACE
from heliograph.engine.ingest.fast_door import Edge
from heliograph.engine.ingest.reception import Reception
from heliograph.engine.supervisor import wakeup_pipe
from heliograph.engine.worker.slot_ownership import Lease
from heliograph.engine.worker.worker import Worker, WorkerParts
from heliograph.store.config_cache import Committed, ConfigCache
from heliograph.store.database import Database

__all__ = ["acme"]

TABLE: Final = Path(__file__).parents[2] / "docs" / "reference" / "performance.md"
BATCHES: Final = (1, 64)
BAND: Final = 0.03
FEW_CALLS: Final = 32
"""Calls may differ by so much from the table, as a share or in all: how often a thread looks whether another has finished depends on the machine."""
WAKERS: Final = {
    threading.Event.set: "Event.set",
    queue.SimpleQueue.put: "SimpleQueue.put",
    os.write: "a byte in a pipe",
    asyncio.BaseEventLoop.call_soon_threadsafe: "call_soon_threadsafe",
}
SECONDS: Final = 0.5


class Kept:
    """Opens connections, and keeps them, so that what runs on them can be counted."""

    def __init__(self, facts: DatabaseFacts) -> None:
        self._facts = facts
        self.opened: list[Database] = []

    def writer(self) -> Database:
        self.opened.append(self._facts.open())
        return self.opened[-1]

    def reader(self) -> Database:
        self.opened.append(self._facts.open(read_only=True))
        return self.opened[-1]


class OpenConnection:
    """A connection that waits for its reply."""

    is_idle = is_waiting = False

    def drop(self, *, is_stranger: bool) -> None:
        raise AssertionError("there are places for all")


class CountedEdge:
    """The edge, from the request to its answer, without the HTTP server: what is posted together is recorded in one batch."""

    def __init__(self, acme: RunningAccount, ring: Any) -> None:
        self._kept = Kept(acme.facts)
        self._deaths: list[BaseException] = []
        provider = lambda db: Committed(db, ConfigCache())  # noqa: E731
        self.reception = Reception(self._kept.writer, acme.open, provider, on_recorded=ring, on_death=self._deaths.append)
        self._edge = Edge(self.reception)
        self._token = make_token(acme.db)
        self._places = DoorPlaces()

    def close(self) -> None:
        self.reception.close()
        assert not self._deaths

    async def post(self, codes: Sequence[str]) -> Cost:
        """Posts new registrations, each in a request with a key. Returns what it cost."""
        held, free = threading.Event(), threading.Event()
        self.reception.writer.submit([], 0, lambda _: _hold(held, free))
        await asyncio.to_thread(until, held.is_set)
        scopes = [self._scope(code) for code in codes]
        statuses: list[int] = []
        with counting(*self._kept.opened, wakers=WAKERS) as cost:
            tasks = [
                asyncio.ensure_future(self._edge(scope, _receive(code), _send(statuses))) for scope, code in zip(scopes, codes, strict=True)
            ]
            await asyncio.to_thread(until, lambda: self.reception.writer.queue._waiting == len(codes))
            free.set()
            await asyncio.gather(*tasks)
        assert statuses == [201] * len(codes)
        return cost

    def _scope(self, code: str) -> dict[str, Any]:
        headers = {"content-type": "application/json", "authorization": f"Bearer {self._token}", "idempotency-key": f"k-{code}"}
        sent = [(name.encode(), value.encode()) for name, value in headers.items()]
        place = self._places.take(OpenConnection(), "127.0.0.1", time.monotonic())
        return {"type": "http", "method": "POST", "path": PATH, "headers": sent, PLACE: place, IS_WHOLE: True}


def _hold(held: threading.Event, free: threading.Event) -> None:
    """On the writer's thread: it takes nothing more until it is freed."""
    held.set()
    assert free.wait(PATIENCE)


def _receive(code: str) -> Any:
    body = json.dumps(
        {"event": "SUMMIT", "code": code, "status": "Attended", "profile": {"first_name": "Zoë", "email": f"{code}@example.org"}}
    )

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body.encode(), "more_body": False}

    return receive


def _send(statuses: list[int]) -> Any:
    async def send(message: dict[str, Any]) -> None:
        if "status" in message:
            statuses.append(message["status"])

    return send


class CountedWorker:
    """A worker whose turns the test takes, on one thread: from the read of its lanes to their settlement, with requests that really leave."""

    def __init__(self, acme: RunningAccount) -> None:
        self._kept = Kept(acme.facts)
        setup = WorkerParts(
            open_writer=self._kept.writer,
            open_reader=self._kept.reader,
            provider=lambda db: Committed(db, ConfigCache()),
            vault=acme.vault,
            policy=lambda _account: LOOPBACK,
            folder=acme.facts.data / "flight",
            lease=Lease(300.0, 60.0),
        )
        self.worker = Worker(setup)
        self.worker._own()

    def settled(self, count: int) -> Cost:
        """Reads, sends and settles so many lanes. Returns what it cost."""
        worker, memory = self.worker, self.worker.memory
        worker.reader.confirmation._confirmed_at = time.monotonic() if worker.reader.limiters else float("-inf")
        with counting(*self._kept.opened, wakers=WAKERS) as cost:
            while memory.size < count:
                worker.wake()
                worker.reader.pace.paused_until = 0.0
                worker.reader._work_finder.again_at = 0.0  # a slow search before this one would let it be left out
                worker.reader.cycle()
            while len(memory.landed) < count:
                worker.sender.turn(SECONDS)
            worker._settle(worker.completer.take())
        return cost

    def close(self) -> None:
        self.worker.reader.closing = True
        stopping = threading.Thread(target=self.worker.sender.stop, args=(1.0,))
        stopping.start()
        while self.worker.sender.turn(SECONDS):
            pass
        stopping.join()
        for db in self._kept.opened:
            db.close()
        self.worker.journal.close()


@pytest.fixture
def bell(monkeypatch: pytest.MonkeyPatch) -> Iterator[wakeup_pipe.Bell]:
    made = wakeup_pipe.Bell()
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    yield made
    made.close()


def test_B6_a_delivery_costs_what_the_reference_says(acme: RunningAccount, bell: wakeup_pipe.Bell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_writer, "CONFIRM_EVERY", math.inf)  # four times a second, so it belongs to no batch
    with Receiver() as receiver:
        receiver.answer("/crm", Answer(200))
        acme.flow(acme.connection(receiver.url("/crm"), parallel=BATCHES[-1]))
        found = _measured(acme)
    vendor = "SQLite" if acme.db.vendor == "sqlite" else "PostgreSQL"
    lines = {(step, n): _line(step, vendor, n, cost) for (step, n), cost in found.items()}
    if os.environ.get("HELIOGRAPH_TEST_WRITE"):
        text = TABLE.read_text("utf-8")
        for (step, n), line in lines.items():
            text = re.sub(rf"^\| {step} \| {vendor} \| {n} \|.*$", line, text, flags=re.MULTILINE)
        TABLE.write_text(text, "utf-8")
    written = TABLE.read_text("utf-8").splitlines()
    for (step, n), line in lines.items():
        (was,) = [each for each in written if each.startswith(f"| {step} | {vendor} | {n} |")]
        *counts, calls = _numbers(line)
        *counts_before, calls_before = _numbers(was)
        assert counts == counts_before, f"{was} is now {line}: {_said(found[step, n])}"
        assert abs(calls - calls_before) <= max(FEW_CALLS, BAND * calls_before), f"{was} is now {line}"


def _measured(acme: RunningAccount) -> dict[tuple[str, int], Cost]:
    """What each step costs, once everything is compiled and connected."""
    found: dict[tuple[str, int], Cost] = {}

    async def run() -> None:
        for n in (BATCHES[-1], *BATCHES):  # the first time compiles
            ran = len(found)
            found["recorded", n] = await edge.post([f"R{ran}-{n}-{i}" for i in range(n)])
            found["settled", n] = worker.settled(n)

    with closing(CountedWorker(acme)) as worker, closing(CountedEdge(acme, wakeup_pipe.ringer())) as edge:
        with ThreadPoolExecutor(1) as thread:  # this one may have the browser's loop
            thread.submit(lambda: asyncio.run(run())).result()
        until(lambda: set(acme.states()) == {"success"})
    return found


def _said(cost: Cost) -> str:
    """What was done, for whoever looks for one too many."""
    return "\n".join(each[:100] for each in (*cost.texts, *sorted(set(cost.places))))


def _line(step: str, vendor: str, n: int, cost: Cost) -> str:
    waits = f"{cost.waits}" if cost.waits else "–"
    return f"| {step} | {vendor} | {n} | {cost.statements} | {waits} | {cost.rows} | {cost.transactions} | {cost.wakes} | {cost.calls:,} |"


def _numbers(line: str) -> list[int]:
    return [int(cell.replace(",", "")) for cell in (each.strip() for each in line.split("|")[4:-1]) if cell != "–"]
