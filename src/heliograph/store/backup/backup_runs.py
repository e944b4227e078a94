"""The backups that were made, as the database knows them: for schedules, metrics and `heliograph doctor` (O13). Instants are microseconds."""

from __future__ import annotations

from typing import Final

from heliograph.store.database import Database

LOCK: Final = (4, 3)
"""The advisory lock under which a scheduled backup is begun; (4, 1) is that of migrations, (4, 2) that of trials."""
KEPT_ROWS: Final = 200


def begin_run(db: Database, *, scheduled: bool) -> int:
    """Notes that a backup begins, in the caller's transaction. Returns its id."""
    ((run,),) = db.all(
        "INSERT INTO backup_run (begun, scheduled) VALUES (:now, :scheduled) RETURNING id", {"now": db.now(), "scheduled": scheduled}
    )
    db.run("DELETE FROM backup_run WHERE id <= :old", {"old": int(run) - KEPT_ROWS})
    return int(run)


def begin_due_run(db: Database, every: int, again: int) -> int | None:
    """Begins a scheduled backup if one is due, in the caller's transaction; of several processes that ask at once, one begins it.

    every: microseconds between two backups
    again: microseconds between two tries, while they fail or one runs
    """
    db.lock(*LOCK)
    return begin_run(db, scheduled=True) if is_due(db, every, again) else None


def is_due(db: Database, every: int, again: int) -> bool:
    """Whether a scheduled backup is to begin now. Backups by hand count, too."""
    now = db.now()
    ((last, tried),) = db.all("SELECT max(CASE WHEN size IS NOT NULL THEN begun END), max(begun) FROM backup_run")
    return (last is None or last <= now - every) and (tried is None or tried <= now - min(every, again))


def end_run(db: Database, run: int, *, file: str = "", size: int | None = None, failure: str = "") -> None:
    """Notes how a backup ended, in the caller's transaction.

    size: bytes of the file; None if it failed
    """
    db.run(
        "UPDATE backup_run SET ended = :now, file = :file, size = :size, failure = :failure WHERE id = :id",
        {"id": run, "now": db.now(), "file": file[:1000], "size": size, "failure": failure[:1000]},
    )


def last_backup(db: Database) -> int | None:
    """When the newest complete backup began; None if there was none."""
    ((begun,),) = db.all("SELECT max(begun) FROM backup_run WHERE size IS NOT NULL")
    return None if begun is None else int(begun)


def last_failure(db: Database) -> str:
    """Why the newest backup failed; "" if it did not."""
    rows = db.all("SELECT failure FROM backup_run WHERE ended IS NOT NULL ORDER BY id DESC LIMIT 1")
    return str(rows[0][0]) if rows else ""
