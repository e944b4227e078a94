"""Removes old replays with the lines of their dry runs (O4, X6; docs/design/retention.md), in chunks. Instants are microseconds.

a dry run of which nothing was sent     removed DRY_RUN_KEPT after it was made
a replay that was sent                  removed with the records of its time
a problem that quotes a change          removed with the content of its time
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from heliograph.domain.delivery.replay import ReplayVerdict
from heliograph.domain.retention import DAY
from heliograph.store.database import Database

DRY_RUN_KEPT: Final = 30 * DAY
_GOES_ON: Final = "('queued', 'running', 'paused', 'cancelling')"
"""States of jobs that are not over (`jobs.models.JobState`)."""


@dataclass(frozen=True, slots=True)
class OldReplay:
    """A replay that is to be removed. jobs: its dry run and its sending."""

    id: int
    jobs: tuple[int, ...]


def old_replays(db: Database, account: int, now: int, sent_before: int, limit: int = 100) -> list[OldReplay]:
    """The account's replays to remove now: old dry runs of which nothing was sent, and replays sent before `sent_before`. None that still
    runs."""
    rows = db.all(
        "SELECT r.id, r.check_job, r.send_job FROM replay r WHERE r.account_id = :account"
        " AND ((r.send_job IS NULL AND r.created < :dry) OR (r.send_job IS NOT NULL AND COALESCE(r.started, r.created) < :sent))"
        f" AND NOT EXISTS (SELECT 1 FROM jobs_job j WHERE j.id IN (r.check_job, r.send_job) AND j.state IN {_GOES_ON})"
        " ORDER BY r.id LIMIT :limit",
        {"account": account, "dry": now - DRY_RUN_KEPT, "sent": sent_before, "limit": limit},
    )
    return [OldReplay(id, tuple(job for job in jobs if job is not None)) for id, *jobs in rows]


def remove_some(db: Database, old: OldReplay, limit: int) -> bool:
    """Removes some lines of a replay in the caller's transaction, and with the last ones the replay and its jobs. True if nothing is left to
    do: it is removed, or somebody has started it.

    The first chunk cancels the dry run, so that nobody starts a replay that is half removed.
    """
    lock = " FOR UPDATE" if db.vendor == "postgresql" else ""
    rows = db.all(f"SELECT check_job, send_job FROM replay WHERE id = :id{lock}", {"id": old.id})
    if not rows or tuple(job for job in rows[0] if job is not None) != old.jobs:
        return True
    db.run(f"UPDATE jobs_job SET state = 'cancelled' WHERE {db.member('id', 'ids')} AND state <> 'cancelled'", {"ids": list(old.jobs)})
    gone = db.run(
        "DELETE FROM replay_line WHERE id IN (SELECT id FROM replay_line WHERE replay_id = :replay ORDER BY at, id LIMIT :limit)",
        {"replay": old.id, "limit": limit},
    )
    if gone == limit:
        return False
    db.run("DELETE FROM replay WHERE id = :id", {"id": old.id})
    db.run(f"DELETE FROM jobs_job WHERE {db.member('id', 'ids')}", {"ids": list(old.jobs)})
    return True


def blank_problems(db: Database, account: int, made_before: int, limit: int) -> int:
    """Removes the problems in lines of old replays, because they may quote a change. Returns the number of lines.

    made_before: the cut; replays that were created before it are old
    """
    return db.run(
        "UPDATE replay_line SET problem = '' WHERE id IN (SELECT l.id FROM replay r JOIN replay_line l ON l.replay_id = r.id"
        " WHERE r.account_id = :account AND r.created < :cut AND l.verdict = :fails AND l.problem <> '' LIMIT :limit)",
        {"account": account, "cut": made_before, "fails": ReplayVerdict.WOULD_FAIL.code, "limit": limit},
    )
