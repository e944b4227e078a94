"""Removes what the queue and its history hold of an erased registration (B7; docs/design/erasure.md).

What removes old content removes this, too (`removal`): only the registration's changes are chosen here, whatever their age. Records stay, with
their states and times, and so do all figures. Each function works in the caller's transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from heliograph.domain.delivery.replay import ReplayVerdict
from heliograph.domain.registration.erasure import ErasedPart
from heliograph.store.database import Database
from heliograph.store.queue import pending_items, removal, stuck_runs

CHUNK: Final = 200
"""Changes of one transaction."""
_EVER: Final = (1 << 62) - 1
"""An instant after every attempt."""


@dataclass(frozen=True, slots=True)
class ErasedChunk:
    """What a chunk has removed. last: the change to continue after; None if there are no more."""

    counts: dict[ErasedPart, int]
    last: int | None


def erase_chunk(db: Database, account: int, registration: int, after: int) -> ErasedChunk:
    """Ends what is undelivered of the registration, and removes the content of its next changes: their states, what was sent and answered,
    and every word that quotes it."""
    rows = db.all(
        "SELECT id FROM change WHERE registration_id = :registration AND id > :after AND +account_id = :account ORDER BY id LIMIT :limit",
        {"registration": registration, "after": after, "account": account, "limit": CHUNK},
    )
    changes = [id for (id,) in rows]
    if not changes:
        return ErasedChunk({}, None)
    stuck_runs.end_runs_of_erased(db, changes)  # before lanes: the worker locks in this order, too
    removal.lock_lanes_of(db, "change_id", changes)
    undelivered = pending_items.end_registration(db, account, registration)
    actions = [id for (id,) in db.all(f"SELECT id FROM action WHERE {db.member('change_id', 'ids')}", {"ids": changes})]
    states = removal.blank_changes(db, changes).contents
    exchanges = removal.blank_exchanges(db, actions, _EVER).contents
    problems = _blank_problems(db, account, registration)
    counts = {
        ErasedPart.TIMELINE: states,
        ErasedPart.EXCHANGES: exchanges,
        ErasedPart.UNDELIVERED: undelivered,
        ErasedPart.DRY_RUNS: problems,
    }
    return ErasedChunk(counts, changes[-1] if len(changes) == CHUNK else None)


def _blank_problems(db: Database, account: int, registration: int) -> int:
    """Removes what lines of dry runs quote of the registration. They are found by their replays: few lines would fail."""
    return db.run(
        "UPDATE replay_line SET problem = '' WHERE id IN (SELECT l.id FROM replay r JOIN replay_line l ON l.replay_id = r.id AND l.verdict = :fails"
        " WHERE r.account_id = :account AND l.registration_id = :registration AND l.problem <> '')",
        {"account": account, "registration": registration, "fails": ReplayVerdict.WOULD_FAIL.code},
    )


def erase_downloads(db: Database, account: int, registration: int) -> int:
    """Deletes the rows of downloads of the Retry Queue that are about the registration. Returns how many."""
    return db.run(
        "DELETE FROM retry_download_row WHERE registration_id = :registration"
        " AND job_id IN (SELECT id FROM jobs_job WHERE account_id = :account AND kind = 'retry-download')",
        {"registration": registration, "account": account},
    )
