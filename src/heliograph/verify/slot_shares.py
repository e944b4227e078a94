"""Workers come and go under load: each has its share of the 64 slots soon (docs/design/queue.md, section 3)."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Final

from heliograph.domain.delivery.slots import SLOTS
from heliograph.stage.processes import ServiceProcess, wait_until
from heliograph.store.database import Database

WITHIN: Final = 10.0
"""Seconds within which the shares are as they should be."""
LONGEST: Final = 60.0


def shares(db: Database) -> list[int]:
    """How many slots each living owner has, most first."""
    rows = db.all("SELECT count(*) FROM slot WHERE owner IS NOT NULL AND until > :now GROUP BY owner", {"now": db.now()})
    return sorted((int(count) for (count,) in rows), reverse=True)


def is_shared_by(found: Sequence[int], workers: int) -> bool:
    """Whether all slots are owned, by so many workers, none with more than its share."""
    return len(found) == workers and sum(found) == SLOTS and max(found) <= math.ceil(SLOTS / workers)


def up_and_down(db: Database, first: ServiceProcess, more: Sequence[ServiceProcess]) -> dict[str, float]:
    """Starts more workers beside the first one, and asks them to stop again: seconds, by step, until the shares are right.

    Counted from when the last of them has started, and from when it has ended. db: a connection that nobody else uses.
    """
    all_ = 1 + len(more)
    steps = {"1": _until_shared(db, 1)}
    for part in more:
        part.start()
    for part in more:
        part.until_ready()
    steps[f"1 to {all_}"] = _until_shared(db, all_)
    for part in more:
        part.running.ask_to_stop()
    for part in more:
        part.running.wait(20.0)
    steps[f"{all_} to 1"] = _until_shared(db, 1)
    assert first.running.returncode is None
    return steps


def _until_shared(db: Database, workers: int) -> float:
    began = time.monotonic()
    wait_until(lambda: is_shared_by(shares(db), workers), LONGEST, every=0.1)
    return round(time.monotonic() - began, 1)
