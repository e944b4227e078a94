"""A job's progress, read from its row: fast enough to catch a running job, unlike a command that has to start first."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from tests.databases import DatabaseFacts

NEWEST = "SELECT id, phase, done FROM jobs_job ORDER BY id DESC LIMIT 1"


@contextlib.contextmanager
def watched(facts: DatabaseFacts) -> Iterator[Callable[[], tuple[int, str, int]]]:
    """`newest_job`, on a connection that stays: for those who look many times a second."""
    with contextlib.closing(facts.open(read_only=True)) as db:

        def newest() -> tuple[int, str, int]:
            rows = db.all(NEWEST)
            return (int(rows[0][0]), str(rows[0][1]), int(rows[0][2])) if rows else (0, "", 0)

        yield newest


def newest_job(facts: DatabaseFacts) -> tuple[int, str, int]:
    """(id, phase, rows done) of the newest job; (0, "", 0) without one."""
    with watched(facts) as newest:
        return newest()
