"""Workers on threads of the test's process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from heliograph.engine.worker.slot_ownership import Lease
from heliograph.engine.worker.worker import Worker, WorkerParts
from heliograph.outbound.guard import Policy
from heliograph.store.config_cache import Committed, ConfigCache
from heliograph.store.secrets import Vault
from tests.databases import DatabaseFacts
from tests.waiting import PATIENCE

LOOPBACK = Policy.parse(["127.0.0.0/8", "::1/128"])
"""A worker's requests reach only this machine."""


@contextmanager
def working(facts: DatabaseFacts, vault: Vault, beside: list[Worker], **more: Any) -> Iterator[Worker]:
    """Runs a worker, and stops it gracefully. While it runs it is in `beside`. Keywords replace parts of its set-up.

    Its times are longer than any wait on a loaded machine: only a test about a time limit sets a short one.
    """
    deaths: list[int] = []
    setup = WorkerParts(
        open_writer=facts.open,
        open_reader=lambda: facts.open(read_only=True),
        provider=lambda db: Committed(db, ConfigCache()),
        vault=vault,
        folder=facts.data / "flight",
        **({"policy": lambda _account: LOOPBACK, "lease": Lease(60.0, 1.0), "total_timeout": 20.0} | more),
    )
    worker = Worker(setup, on_death=deaths.append)
    thread = threading.Thread(target=worker.run, name="worker")
    thread.start()
    beside.append(worker)
    try:
        yield worker
    finally:
        beside.remove(worker)
        worker.stop()
        thread.join(PATIENCE)
        assert not thread.is_alive(), "the worker did not stop"
        assert not deaths, "the worker died"
