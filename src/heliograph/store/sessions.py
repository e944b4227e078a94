"""Removal of what sign-in leaves behind: sessions that have expired, the list of a person's sessions, forms that waited for a sign-in in vain.

The tables are Django's, allauth's and `accounts.kept_form`'s; only their age is read here.
"""

from __future__ import annotations

from heliograph.store.database import Database
from heliograph.store.instants import from_micros


def remove_expired(db: Database, now: int, limit: int) -> int:
    """Deletes at most `limit` sessions that expired before `now` (microseconds), the oldest first. Returns how many. In the caller's transaction."""
    return db.run(
        "DELETE FROM django_session WHERE session_key IN"
        " (SELECT session_key FROM django_session WHERE expire_date < :now ORDER BY expire_date LIMIT :limit)",
        {"now": db.django_time(from_micros(now)), "limit": limit},
    )


def remove_lists(db: Database, limit: int) -> int:
    """Deletes at most `limit` entries of the page "Active sessions" whose session no longer exists. Returns their number. In the caller's
    transaction."""
    return db.run(
        "DELETE FROM usersessions_usersession WHERE id IN (SELECT entry.id FROM usersessions_usersession entry"
        " WHERE NOT EXISTS (SELECT 1 FROM django_session WHERE django_session.session_key = entry.session_key) LIMIT :limit)",
        {"limit": limit},
    )


def remove_kept_forms(db: Database, now: int, limit: int) -> int:
    """Deletes at most `limit` stored forms that expired before `now` (microseconds). Returns their number. In the caller's transaction."""
    return db.run(
        "DELETE FROM kept_form WHERE user_id IN (SELECT user_id FROM kept_form WHERE until < :now LIMIT :limit)",
        {"now": now, "limit": limit},
    )
