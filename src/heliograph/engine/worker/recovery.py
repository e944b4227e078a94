"""After an unclean end: what a dead worker had in flight counts as begun and is marked (docs/design/queue.md, section 10; D1, D2, D4).

The supervisor does this before it starts a worker again: the file is read before a new process could write into one, and lanes,
slots and the worker's row change in one transaction.
"""

from __future__ import annotations

from pathlib import Path

import structlog

from heliograph.engine.worker.inflight_journal import left_behind, worker_of
from heliograph.store.database import Database
from heliograph.store.queue import slots
from heliograph.store.queue.outcomes import unclean_end

log = structlog.get_logger(__name__)


def recover(db: Database, folder: Path) -> int:
    """Tells the database of every worker that left its file behind; how many lanes were in flight. Safe to repeat: a file goes after its commit,
    and safe beside another: it is locked until then.

    (A file whose removal is lost with the machine is told twice: begun stays the same, a lane gets a mark more, which its next outcome clears.)
    """
    lanes = 0
    for path, in_flight in left_behind(folder):
        with db.transaction():
            found = unclean_end(db, in_flight)
            slots.leave(db, worker_of(path))
        path.unlink(missing_ok=True)
        lanes += found
        log.warning("worker_ended_uncleanly", worker=worker_of(path), in_flight=found)
    return lanes
