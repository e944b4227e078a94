"""Removes jobs that ended long ago (O4, X6; docs/design/retention.md), because their parameters may name a person.

A replay's jobs are removed with the replay. An import's job stays, because it remembers how the columns of a file were mapped.
"""

from __future__ import annotations

from typing import Final

from heliograph.store.database import Database
from heliograph.store.instants import from_micros

_OVER: Final = "('done', 'failed', 'cancelled')"
"""`jobs.models.ENDED`, and what failed: nothing more happens to it by itself."""


def remove_some(db: Database, account: int, ended_before: int, limit: int) -> int:
    """Removes the oldest jobs of an account that ended before an instant (microseconds). Returns how many. In the caller's transaction."""
    ended = from_micros(ended_before)
    rows = db.all(
        f"SELECT j.id FROM jobs_job j WHERE j.account_id = :account AND j.kind <> 'import' AND j.state IN {_OVER} AND j.finished < :ended"
        " AND NOT EXISTS (SELECT 1 FROM replay r WHERE r.account_id = :account AND j.id IN (r.check_job, r.send_job)) ORDER BY j.id LIMIT :limit"
        f"{db.for_update}",
        {"account": account, "ended": ended if db.vendor == "postgresql" else f"{ended:%Y-%m-%d %H:%M:%S.%f}", "limit": limit},
    )
    jobs = [id for (id,) in rows]
    db.run(f"DELETE FROM retry_download_row WHERE {db.member('job_id', 'jobs')}", {"jobs": jobs})
    return db.run(f"DELETE FROM jobs_job WHERE {db.member('id', 'jobs')}", {"jobs": jobs}) if jobs else 0
