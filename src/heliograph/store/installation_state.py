"""The state of this installation (O2), for `heliograph status` and the operations port. Counts of rows only, no personal data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from heliograph.domain.delivery.action import ActionState, QueueStatus
from heliograph.store.backup.backup_runs import last_backup
from heliograph.store.connection_states import failing_for, held_actions
from heliograph.store.database import Database
from heliograph.store.disk_room import DiskRoom, disk_rooms
from heliograph.store.instants import from_micros
from heliograph.store.ledger_reads import counted_gaps
from heliograph.store.restored_copy import unreleased_accounts
from heliograph.store.row_states import ACTION_IN_QUEUE, ACTION_OPEN, LANE_READY, LANE_WAITING, STUCK_RUN_UNTAGGED, STUCK_RUN_WAITING

MOST_COUNTED = 100_000  # a count that would have to read more rows says "more than"

FAILING_FOR: Final = {"0s": 0, "5m": 300, "1h": 3_600, "1d": 86_400}
"""Seconds by name. Connections that fail for longer are counted for each."""

JOB_STATES = ("queued", "running", "paused", "cancelling", "cancelled", "done", "failed")
"""The states of `jobs.models.JobState`, repeated because that module needs Django."""


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """A live worker, with its own report (slots, in_memory, delivered, failed, last_error ...)."""

    id: str
    report: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """The numbers of this installation at one moment. Ages are seconds; None if nothing waits."""

    pending: int
    """Actions whose first attempt has not ended and that no connection holds."""
    held_count: int
    """Actions that were never tried, because their connection sends nothing at present."""
    waiting: int
    """Items of the Retry Queue that are tried again, also once their flow runs again."""
    untagged: int
    """Runs that wait for a tag."""
    failed: int
    """Items of the Retry Queue that are Failed."""
    counted: bool
    """False if counting stopped at MOST_COUNTED for one of them."""
    oldest_pending: float | None
    oldest_due: float | None
    paused_connections: int
    held_connections: int
    failing_connections: Mapping[str, int]
    """Connections that deliver nothing, though they are tried, for longer than each of FAILING_FOR."""
    owned_slots: int
    workers: tuple[WorkerStatus, ...]
    last_error: str
    unfolded_figures: int
    jobs: Mapping[str, int]
    """Numbers by state."""
    database_bytes: int | None
    """None if the size cannot be read."""
    disks: Mapping[str, DiskRoom]
    """The disks that are written to, by what for: data, database, backups, temporary."""
    last_change: float | None
    """When the last change was accepted, in seconds since the epoch; None if there was none."""
    backup_age: float | None
    """Seconds since the newest complete backup began; None if there was none."""
    unreleased_accounts: int
    """Accounts of a restored copy that nobody has released (O14)."""
    ledger_gaps: int
    """Gaps of all sources, as they were counted last (S9)."""

    @property
    def is_working(self) -> bool:
        """True if at least one worker is alive."""
        return bool(self.workers)

    def as_json(self) -> dict[str, Any]:
        """For `--json` and for monitoring."""
        return {
            "queue": {
                "pending": self.pending,
                "held": self.held_count,
                "waiting": self.waiting,
                "untagged": self.untagged,
                "failed": self.failed,
                "exact": self.counted,
                "oldest_pending_s": self.oldest_pending,
                "oldest_due_s": self.oldest_due,
            },
            "connections": {
                "paused": self.paused_connections,
                "held": self.held_connections,
                "failing_longer_than": dict(self.failing_connections),
            },
            "slots": {"owned": self.owned_slots, "of": 64},
            "workers": [{"id": w.id, **w.report} for w in self.workers],
            "last_error": self.last_error,
            "unfolded_figures": self.unfolded_figures,
            "jobs": dict(self.jobs),
            "database_bytes": self.database_bytes,
            "disk_free_bytes": disk.free if (disk := self.disks.get("data")) else None,
            "disks": {name: {"free_bytes": disk.free, "size_bytes": disk.size} for name, disk in self.disks.items()},
            "last_change_at": self.last_change,
            "backup_age_s": self.backup_age,
            "unreleased_accounts": self.unreleased_accounts,
            "ledger_gaps": self.ledger_gaps,
        }


def has_users(db: Database) -> bool:
    """Whether anybody may ever have signed in (O6)."""
    return bool(db.all("SELECT 1 FROM accounts_user LIMIT 1"))


def has_accounts(db: Database) -> bool:
    """Whether there is an account: whether this is an installation, and not just its schema."""
    return bool(db.all("SELECT 1 FROM accounts_account LIMIT 1"))


def read_status(db: Database, folders: Mapping[str, Path] | None = None, file: Path | None = None) -> ServerStatus:
    """Reads the status once, by a bounded number of short statements.

    folders: those that are written to, by what for
    file: SQLite's, for its size
    """
    now = db.now()
    untried, waiting = (_count(db, state) for state in (ActionState.PENDING, ActionState.QUEUED))
    untried_and_held = held_actions(db, now, MOST_COUNTED + 1)
    untagged, undecided = _waiting_runs(db)
    failed = _failed(db)
    ((paused, held_count),) = db.all(
        "SELECT COALESCE(SUM(CASE WHEN s.paused THEN 1 ELSE 0 END), 0), COALESCE(SUM(CASE WHEN s.held_until > :now THEN 1 ELSE 0 END), 0)"
        " FROM connection_state s JOIN connection c ON c.id = s.connection_id AND c.deleted_at IS NULL",
        {"now": now},
    )
    failing = failing_for(db, now)
    last_change = db.all("SELECT at FROM change WHERE id = (SELECT max(id) FROM change)")
    ((owned,),) = db.all("SELECT count(*) FROM slot WHERE owner IS NOT NULL AND until > :now", {"now": now})
    workers = tuple(
        WorkerStatus(id, json.loads(report or "{}"))
        for id, report in db.all("SELECT id, said FROM worker WHERE until > :now ORDER BY id", {"now": now})
    )
    ((unfolded,),) = db.all(f"SELECT count(*) FROM (SELECT 1 FROM figure_delta LIMIT {MOST_COUNTED}) t")
    return ServerStatus(
        pending=min(max(0, untried - untried_and_held), MOST_COUNTED),
        held_count=min(untried_and_held, MOST_COUNTED),
        waiting=min(waiting + undecided, MOST_COUNTED),
        untagged=min(untagged, MOST_COUNTED),
        failed=min(failed, MOST_COUNTED),
        counted=max(untried, waiting, untagged + undecided, failed) <= MOST_COUNTED,
        oldest_pending=_age(
            db,
            now,
            f"SELECT MIN(a.created) FROM lane l JOIN action a ON a.lane_id = l.id AND a.{ACTION_OPEN} WHERE l.{LANE_READY} AND a.state = {ActionState.PENDING}",
        ),
        oldest_due=_age(db, now, f"SELECT MIN(due_at) FROM lane WHERE {LANE_WAITING} AND due_at <= {now}"),
        paused_connections=paused,
        held_connections=held_count,
        failing_connections={name: sum(seconds >= least for seconds in failing) for name, least in FAILING_FOR.items()},
        owned_slots=owned,
        workers=workers,
        last_error=next((w.report["last_error"] for w in workers if w.report.get("last_error")), ""),
        unfolded_figures=unfolded,
        jobs=dict.fromkeys(JOB_STATES, 0) | dict(db.all("SELECT state, count(*) FROM jobs_job GROUP BY state")),
        database_bytes=_size(db, file),
        disks=disk_rooms(folders or {}),
        last_change=last_change[0][0] / 1_000_000 if last_change else None,
        backup_age=None if (last := last_backup(db)) is None else max(0.0, round((now - last) / 1_000_000, 1)),
        unreleased_accounts=len(unreleased_accounts(db)),
        ledger_gaps=counted_gaps(db),
    )


def _count(db: Database, state: ActionState) -> int:
    """Open actions in a state, counted by the index of open ones; at most MOST_COUNTED + 1."""
    open_ones = f"SELECT 1 FROM action WHERE {ACTION_OPEN} AND state = {state} AND lane_id > 0 LIMIT {MOST_COUNTED + 1}"
    ((count,),) = db.all(f"SELECT count(*) FROM ({open_ones}) t")
    return int(count)


def _waiting_runs(db: Database) -> tuple[int, int]:
    """Runs that wait, counted by the index of open ones: for a tag, and for their flow or to be judged again; MOST_COUNTED + 1 of both together."""
    waiting = (
        f"SELECT CASE WHEN {STUCK_RUN_UNTAGGED} THEN 1 ELSE 0 END AS untagged FROM stuck_run WHERE {STUCK_RUN_WAITING} AND account_id > 0"
        f" LIMIT {MOST_COUNTED + 1}"
    )
    ((count, untagged),) = db.all(f"SELECT count(*), COALESCE(SUM(untagged), 0) FROM ({waiting}) t")
    return int(untagged), int(count - untagged)


def _failed(db: Database) -> int:
    """Items that are Failed, actions and undecided runs, by the queue's index of each account; at most MOST_COUNTED + 1.

    CROSS JOIN has SQLite begin with the accounts, not with all that ever was in the queue."""
    ((count,),) = db.all(
        f"""SELECT count(*) FROM (
            SELECT 1 FROM accounts_account c CROSS JOIN action a WHERE a.account_id = c.id AND a.queue = {QueueStatus.FAILED.code} AND a.{ACTION_IN_QUEUE}
            UNION ALL SELECT 1 FROM accounts_account c CROSS JOIN stuck_run j WHERE j.account_id = c.id AND j.queue = {QueueStatus.FAILED.code}
            LIMIT {MOST_COUNTED + 1}) t"""
    )
    return int(count)


def _size(db: Database, file: Path | None) -> int | None:
    """Bytes on disk, with SQLite's log."""
    if db.vendor == "postgresql":
        ((size,),) = db.all("SELECT pg_database_size(current_database())")
        return int(size)
    if file is None:
        return None
    return sum(part.stat().st_size for part in (file, Path(f"{file}-wal")) if part.exists())


def _age(db: Database, now: int, sql: str) -> float | None:
    ((oldest,),) = db.all(sql)
    return None if oldest is None else max(0.0, round((from_micros(now) - from_micros(oldest)).total_seconds(), 1))
