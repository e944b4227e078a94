"""Which accounts belong to a restored copy that nobody has released yet (O14).

A restored database repeats what waited when it was backed up: it may have left since. So every account of it starts without sending, and the worker
asks here. Accounts are released one by one, by an Administrator of each, or all together by the operator.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from heliograph.domain.delivery.action import ActionState
from heliograph.store.database import Database
from heliograph.store.row_states import ACTION_OPEN

MOST_READ: Final = 100_000


@dataclass(frozen=True, slots=True)
class RestoredCopy:
    """An account that came from a backup and sends nothing yet. Instants are microseconds."""

    instant: int
    """Of the backup: what was accepted later is lost."""
    last_change: int | None
    """When the last change in the backup, of any account, was accepted."""
    restored: int


def mark_restored(db: Database, instant: int, last_change: int | None) -> None:
    """Marks every account, in the caller's transaction."""
    db.run(
        "INSERT INTO restored_copy (account_id, instant, last_change, restored) SELECT id, :instant, :last, :now FROM accounts_account WHERE true"
        " ON CONFLICT (account_id) DO UPDATE SET instant = excluded.instant, last_change = excluded.last_change, restored = excluded.restored,"
        " released = NULL, released_by = ''",
        {"instant": instant, "last": last_change, "now": db.now()},
    )


def unreleased_accounts(db: Database) -> frozenset[int]:
    """The accounts that send nothing because nobody has released them."""
    return frozenset(account for (account,) in db.all("SELECT account_id FROM restored_copy WHERE released IS NULL"))


def unreleased_copy(db: Database, account: int, *, lock: bool = False) -> RestoredCopy | None:
    """What an account is restored from, while it is not released; None if it sends.

    lock: True to lock the row until the caller's transaction ends
    """
    rows = db.all(
        f"SELECT instant, last_change, restored FROM restored_copy WHERE account_id = :account AND released IS NULL{db.for_update if lock else ''}",
        {"account": account},
    )
    return RestoredCopy(*rows[0]) if rows else None


def release_account(db: Database, account: int, by: str) -> bool:
    """Lets an account send, in the caller's transaction. False if it did already."""
    done = db.run(
        "UPDATE restored_copy SET released = :now, released_by = :by WHERE account_id = :account AND released IS NULL",
        {"account": account, "now": db.now(), "by": by[:60]},
    )
    return bool(done)


@dataclass(frozen=True, slots=True)
class WaitingActions:
    """The actions of an account that go out once it is released."""

    first_attempts: int
    """Their first attempt has not ended, as far as the backup knows."""
    retries: int
    is_complete: bool
    """False if counting stopped at MOST_READ actions of all accounts."""


def waiting_actions(db: Database, account: int) -> WaitingActions:
    """Counts the open actions of an account, among the first MOST_READ of all accounts."""
    rows = db.all(
        f"SELECT account_id, state, count(*) FROM (SELECT account_id, state FROM action WHERE {ACTION_OPEN} AND lane_id > 0"
        f" LIMIT {MOST_READ + 1}) t GROUP BY account_id, state"
    )
    first, all_open = ActionState.PENDING, [(state, int(n)) for owner, state, n in rows if owner == account]
    return WaitingActions(
        sum(n for state, n in all_open if state == first),
        sum(n for state, n in all_open if state != first),
        sum(int(n) for _owner, _state, n in rows) <= MOST_READ,
    )
