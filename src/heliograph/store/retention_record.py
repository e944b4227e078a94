"""The account's record of retention (O4, X6): its announcement, and what was removed on which day. Instants are microseconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from heliograph.domain.retention import DAY, Announcement, Cuts, Terms
from heliograph.store.database import Database


@dataclass(frozen=True, slots=True)
class Removed:
    """How much was removed. contents: of changes and of attempts together."""

    contents: int = 0
    changes: int = 0
    runs: int = 0
    actions: int = 0
    attempts: int = 0

    def __add__(self, other: Removed) -> Removed:
        return Removed(*(getattr(self, name) + getattr(other, name) for name in Removed.__slots__))

    def __bool__(self) -> bool:
        return self != Removed()


@dataclass(frozen=True, slots=True)
class RemovalDay:
    """What was removed on a day. at: when it began."""

    at: int
    removed: Removed


def accounts(db: Database) -> list[int]:
    """The ids of all accounts."""
    return [id for (id,) in db.all("SELECT id FROM accounts_account ORDER BY id")]


def announcement(db: Database, account: int) -> Announcement | None:
    """The last announcement to the account; None if there was none."""
    rows = db.all("SELECT content_days, row_days, announced, agreed FROM retention WHERE account_id = :account", {"account": account})
    return Announcement(Terms(rows[0][0], rows[0][1]), rows[0][2], rows[0][3]) if rows else None


def cuts_in_force(db: Database, account: int, terms: Terms, now: int) -> Cuts:
    """The cuts of terms that were announced and have begun; cuts of 0, than which nothing is older, for other terms."""
    known = announcement(db, account)
    return terms.cuts(now) if known is not None and known.covers(terms) and now >= known.begins else Cuts(0, 0)


def own_terms(db: Database, account: int) -> tuple[int | None, int | None]:
    """An account's own terms in days, for content and for records; None: that of the installation. On PostgreSQL they are locked until the
    caller's transaction ends."""
    lock = " FOR UPDATE" if db.vendor == "postgresql" else ""
    rows = db.all(f"SELECT content_days, row_days FROM accounts_account WHERE id = :account{lock}", {"account": account})
    return (rows[0][0], rows[0][1]) if rows else (None, None)


def narrow(db: Database, account: int, terms: Terms) -> None:
    """Removes from the announcement what the terms in force keep (O4), in the caller's transaction."""
    known = announcement(db, account)
    if known is not None and (narrowed := known.under(terms).terms) != known.terms:
        db.run(
            "UPDATE retention SET content_days = :content, row_days = :rows WHERE account_id = :account",
            {"account": account, "content": narrowed.content, "rows": narrowed.rows},
        )


def announce(db: Database, account: int, terms: Terms, now: int) -> None:
    """Announces a removal by these terms, in the caller's transaction."""
    _put(db, account, terms, now, None, "")


def agree(db: Database, account: int, terms: Terms, now: int, by: str) -> None:
    """Notes that an Administrator has seen what these terms remove, in the caller's transaction: it may begin at once."""
    _put(db, account, terms, now, now, by)


def _put(db: Database, account: int, terms: Terms, now: int, agreed: int | None, by: str) -> None:
    db.run(
        "INSERT INTO retention (account_id, content_days, row_days, announced, agreed, agreed_by)"
        " VALUES (:account, :content, :rows, :now, :agreed, :by) ON CONFLICT (account_id) DO UPDATE SET content_days = excluded.content_days,"
        " row_days = excluded.row_days, announced = excluded.announced, agreed = excluded.agreed, agreed_by = excluded.agreed_by",
        {"account": account, "content": terms.content, "rows": terms.rows, "now": now, "agreed": agreed, "by": by[:60]},
    )


def note_removal(db: Database, account: int, cuts: Cuts, removed: Removed, now: int) -> None:
    """Adds a removal to the account's day, in the transaction of the removal.

    cuts: 0 for a part that was not touched
    """
    db.run(
        "INSERT INTO retention_day AS d (account_id, day, at, content_before, rows_before, contents, changes, runs, actions, attempts)"
        " VALUES (:account, :day, :now, :content, :rows, :contents, :changes, :runs, :actions, :attempts)"
        " ON CONFLICT (account_id, day) DO UPDATE SET"
        " content_before = CASE WHEN excluded.content_before > d.content_before THEN excluded.content_before ELSE d.content_before END,"
        " rows_before = CASE WHEN excluded.rows_before > d.rows_before THEN excluded.rows_before ELSE d.rows_before END,"
        " contents = d.contents + excluded.contents, changes = d.changes + excluded.changes, runs = d.runs + excluded.runs,"
        " actions = d.actions + excluded.actions, attempts = d.attempts + excluded.attempts",
        {
            "account": account,
            "day": now // DAY,
            "now": now,
            "content": cuts.content,
            "rows": cuts.rows,
            **{name: getattr(removed, name) for name in Removed.__slots__},
        },
    )


def removal_days(db: Database, account: int, limit: int) -> list[RemovalDay]:
    """The newest days on which something was removed."""
    rows = db.all(
        "SELECT at, contents, changes, runs, actions, attempts FROM retention_day WHERE account_id = :account ORDER BY day DESC LIMIT :limit",
        {"account": account, "limit": limit},
    )
    return [RemovalDay(at, Removed(*counts)) for at, *counts in rows]


@dataclass(frozen=True, slots=True)
class Removals:
    """What was removed when: one row for each day on which something was removed."""

    days: Sequence[tuple[int, int, int]]
    """When the removal began; from which instant on content was kept; and records. 0 for a part that was not touched."""

    @classmethod
    def of_account(cls, db: Database, account: int) -> Removals:
        """Those of an account, in one statement."""
        return cls(db.all("SELECT at, content_before, rows_before FROM retention_day WHERE account_id = :account", {"account": account}))

    @property
    def records_kept_since(self) -> int:
        """The moment from which on no record was removed; 0 if none ever was."""
        return max((rows for _at, _content, rows in self.days), default=0)

    def records_removed_at(self, since: int) -> int | None:
        """When the records of the instant `since` were removed; None if they are kept."""
        return min((at for at, _content, rows in self.days if rows > since), default=None)

    def content_removed_at(self, at: int, ended: int = 0) -> int | None:
        """When the content of a change or an attempt was removed; None if it is kept.

        at: the instant of the change or attempt
        ended: until when something in the queue needed the content; 0 if nothing did
        """
        return min((removed for removed, content, _rows in self.days if content > at and removed >= ended), default=None)


def records_kept_since(db: Database, account: int) -> int:
    """`Removals.records_kept_since` of an account."""
    return Removals.of_account(db, account).records_kept_since


def records_removed_at(db: Database, account: int, since: int) -> int | None:
    """`Removals.records_removed_at` of an account."""
    return Removals.of_account(db, account).records_removed_at(since)
