"""Moves what an account has recorded into the past, figures with their rows."""

from __future__ import annotations

from heliograph.domain.delivery.retry_policy import MINUTE
from heliograph.domain.retention import DAY
from heliograph.store.database import Database


def age(db: Database, account: int, days: int) -> None:
    """Makes every change, decision, action and attempt of the account older by so many days."""
    by = days * DAY
    with db.transaction():
        for table in ("change", "change_content", "run", "attempt", "attempt_content"):
            db.run(f"UPDATE {table} SET at = at - {by} WHERE account_id = {account}")
        db.run(f"UPDATE action SET created = created - {by}, ended = ended - {by} WHERE account_id = {account}")
        db.run(f"UPDATE stuck_run SET created = created - {by} WHERE account_id = {account}")
        db.run(f"UPDATE figure_delta SET minute = minute - {by // MINUTE} WHERE account_id = {account}")
