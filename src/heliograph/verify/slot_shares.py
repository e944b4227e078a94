"""Workers start and stop under load: each soon has its share of the 64 slots (docs/design/queue.md, section 3)."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Final

from heliograph.domain.delivery.slots import SLOTS
from heliograph.stage.command_processes import ServiceProcess, wait_until
from heliograph.store.database import Database

WITHIN: Final = 10.0
"""Seconds within which the shares must be right."""
LONGEST: Final = 60.0


def shares(db: Database) -> list[int]:
    """The number of slots of each live owner, largest first."""
    rows = db.all("SELECT count(*) FROM slot WHERE owner IS NOT NULL AND until > :now GROUP BY owner", {"now": db.now()})
    return sorted((int(count) for (count,) in rows), reverse=True)


def is_shared_by(counts: Sequence[int], workers: int) -> bool:
    """True if all slots are owned, by this many workers, none with more than its share."""
    return len(counts) == workers and sum(counts) == SLOTS and max(counts) <= math.ceil(SLOTS / workers)


def up_and_down(db: Database, first: ServiceProcess, more: Sequence[ServiceProcess]) -> dict[str, float]:
    """Starts more workers beside the first one and stops them again. Returns the seconds, by step, until the shares are right.

    The time of a step begins when the last of its workers has started or ended.

    db: a connection that nothing else uses
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
