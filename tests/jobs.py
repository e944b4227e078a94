"""A job's progress, read from its row: fast enough to catch a running job, unlike a command that has to start first."""

from __future__ import annotations

from tests.databases import DatabaseFacts


def newest_job(facts: DatabaseFacts) -> tuple[int, str, int]:
    """(id, phase, rows done) of the newest job; (0, "", 0) without one."""
    db = facts.open(read_only=True)
    try:
        rows = db.all("SELECT id, phase, done FROM jobs_job ORDER BY id DESC LIMIT 1")
    finally:
        db.close()
    return (int(rows[0][0]), str(rows[0][1]), int(rows[0][2])) if rows else (0, "", 0)
