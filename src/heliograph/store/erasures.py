"""Erasures as the account sees them, and what sources propose (B7). Instants are microseconds."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from heliograph.store.database import Database, Row
from heliograph.store.json_sql import stored_document


@dataclass(frozen=True, slots=True)
class ErasureRow:
    """An erasure. It names nobody."""

    id: int
    job: int | None
    why: str
    reference: str
    by: str
    begun: int
    ended: int | None
    registrations: int
    counts: Mapping[str, int]
    applications: Sequence[str]


_COLUMNS = "id, job_id, why, reference, by, begun, ended, registrations, counts, applications"


def begin(db: Database, account: int, *, why: str, reference: str, by: str, registrations: int, applications: Sequence[str]) -> int:
    """Notes an erasure that begins, in the caller's transaction. Returns its id."""
    ((id,),) = db.all(
        "INSERT INTO erasure (account_id, why, reference, by, begun, registrations, counts, applications)"
        f" VALUES (:account, :why, :reference, :by, :now, :registrations, {stored_document(db, 'counts')}, {stored_document(db, 'applications')}) RETURNING id",
        {
            "account": account,
            "why": why,
            "reference": reference[:60],
            "by": by[:60],
            "now": db.now(),
            "registrations": registrations,
            "counts": "{}",
            "applications": json.dumps(list(applications)),
        },
    )
    return int(id)


def note_job(db: Database, erasure: int, job: int) -> None:
    """Stores which job does an erasure."""
    db.run("UPDATE erasure SET job_id = :job WHERE id = :id", {"job": job, "id": erasure})


def note_counts(db: Database, erasure: int, counts: Mapping[str, int], *, ended: bool) -> None:
    """Stores what has gone so far, in the transaction in which it went."""
    db.run(
        f"UPDATE erasure SET counts = {stored_document(db, 'counts')}, ended = :ended WHERE id = :id",
        {"counts": json.dumps(dict(counts)), "ended": db.now() if ended else None, "id": erasure},
    )


def erasures(db: Database, account: int, before: int | None = None, limit: int = 25) -> list[ErasureRow]:
    """The newest erasures of the account.

    before: only those with a smaller id
    """
    rows = db.all(
        f"SELECT {_COLUMNS} FROM erasure WHERE account_id = :account AND id < :before ORDER BY id DESC LIMIT :limit",
        {"account": account, "before": (1 << 62) if before is None else before, "limit": limit},
    )
    return [_erasure(row) for row in rows]


def erasure(db: Database, account: int, id: int) -> ErasureRow | None:
    """An erasure of the account; None if it has no such one."""
    rows = db.all(f"SELECT {_COLUMNS} FROM erasure WHERE account_id = :account AND id = :id", {"account": account, "id": id})
    return _erasure(rows[0]) if rows else None


def _erasure(row: Row) -> ErasureRow:
    id, job, why, reference, by, begun, ended, registrations, counts, applications = row
    return ErasureRow(id, job, why, reference, by, begun, ended, registrations, _loaded(counts), _loaded(applications))


def _loaded(stored: Any) -> Any:
    return json.loads(stored) if isinstance(stored, str) else stored


# ---- proposals -------------------------------------------------------------------------------------------------------------------


class Decision(StrEnum):
    """What became of a proposal."""

    ERASED = "erased"
    KEPT = "kept"


@dataclass(frozen=True, slots=True)
class Proposal:
    """A registration that its source has erased, and about which nobody has decided yet."""

    id: int
    registration: int
    by: str
    at: int


def propose(db: Database, account: int, registrations: Collection[int], by: str) -> int:
    """Proposes to erase registrations of the account, in the caller's transaction. Returns how many are new.

    A registration is proposed once: what was decided about it stands.
    """
    rows = db.all(
        f"SELECT id FROM registration WHERE +account_id = :account AND version > 0 AND erased_at IS NULL AND {db.member('id', 'ids')}"
        f" AND NOT EXISTS (SELECT 1 FROM erasure_proposal p WHERE p.registration_id = registration.id) ORDER BY id{db.for_update}",
        {"account": account, "ids": sorted(set(registrations))},
    )
    now = db.now()
    db.many(
        "INSERT INTO erasure_proposal (account_id, registration_id, by, at) VALUES (:account, :registration, :by, :now)",
        [{"account": account, "registration": id, "by": by[:60], "now": now} for (id,) in rows],
    )
    return len(rows)


def open_proposals(db: Database, account: int, limit: int = 200) -> list[Proposal]:
    """The oldest open proposals of the account."""
    rows = db.all(
        "SELECT id, registration_id, by, at FROM erasure_proposal WHERE account_id = :account AND decision = '' ORDER BY id LIMIT :limit",
        {"account": account, "limit": limit},
    )
    return [Proposal(*row) for row in rows]


def lock_proposal(db: Database, account: int, id: int) -> Proposal | None:
    """An open proposal of the account, locked; None if there is no such one."""
    rows = db.all(
        "SELECT id, registration_id, by, at FROM erasure_proposal"
        f" WHERE id = :id AND account_id = :account AND decision = ''{db.for_update}",
        {"id": id, "account": account},
    )
    return Proposal(*rows[0]) if rows else None


def decide(db: Database, account: int, registrations: Collection[int], decision: Decision, by: str) -> int:
    """Ends the open proposals of these registrations, in the caller's transaction. Returns how many."""
    return db.run(
        "UPDATE erasure_proposal SET decision = :decision, decided = :now, decided_by = :by"
        f" WHERE +account_id = :account AND decision = '' AND {db.member('registration_id', 'ids')}",
        {"decision": decision.value, "now": db.now(), "by": by[:60], "account": account, "ids": sorted(registrations)},
    )
