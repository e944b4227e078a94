"""After a worker's crash: the versions that it had in flight count as begun, and their lanes get a mark (docs/design/queue.md, section 10; D1, D2, D4).

The supervisor does this before it restarts a worker: it reads the journal before a new process could write one, and updates lanes, slots
and the worker's row in one transaction.
"""

from __future__ import annotations

from pathlib import Path

import structlog

from heliograph import failpoints
from heliograph.engine.worker.inflight_journal import left_behind, worker_of
from heliograph.store.database import Database
from heliograph.store.queue import slot_leases
from heliograph.store.queue.outcome_store import mark_in_flight_at_crash

log = structlog.get_logger(__name__)


def recover(db: Database, folder: Path) -> int:
    """Stores what every crashed worker's journal says. Returns how many lanes were in flight. Safe to repeat, because a file is deleted
    after its commit; safe to run concurrently, because the file is locked until then.

    (If the deletion of a file is lost with the machine, it is stored twice: begun stays the same, and a lane gets one mark more, which its
    next outcome clears.)
    """
    lanes = 0
    for path, in_flight in left_behind(folder):
        with db.transaction():
            marked_lanes = mark_in_flight_at_crash(db, in_flight)
            slot_leases.leave(db, worker_of(path))
        failpoints.reach(failpoints.Instant.CRASH_RECORDED)
        path.unlink(missing_ok=True)
        lanes += marked_lanes
        log.warning("worker_ended_uncleanly", worker=worker_of(path), in_flight=marked_lanes)
    return lanes
