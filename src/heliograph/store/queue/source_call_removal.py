"""Removes old calls and pages of live sources, and old counts of them (O4, X6; docs/design/retention.md).

What waits stays: a call that is not recorded yet, or that a corrected mapping is to cure.
"""

from __future__ import annotations

from typing import Final

from heliograph.domain.source.source_states import CallState
from heliograph.store.database import Database

_ENDED: Final = f"state IN ({CallState.RECORDED.value}, {CallState.NOTHING.value})"
COUNTS: Final = ("source_refusal", "source_changes")
"""Tables with a row for an hour of a source. They name nobody."""


def remove_calls(db: Database, account: int, before: int, limit: int) -> int:
    """Removes the oldest calls, pages, records and entries of files that came before an instant (microseconds). Returns how many. In the caller's
    transaction."""
    removed = 0
    for (source,) in db.all("SELECT id FROM source WHERE account_id = :account ORDER BY id", {"account": account}):
        removed += db.run(
            "DELETE FROM source_call WHERE id IN (SELECT id FROM source_call WHERE source_id = :source AND at < :before"
            f" AND {_ENDED} ORDER BY at LIMIT :limit)",
            {"source": source, "before": before, "limit": limit - removed},
        )
        if removed >= limit:
            break
    return removed


def remove_counts(db: Database, account: int, table: str, before: int, limit: int) -> int:
    """Removes the counts of hours that began before an instant (microseconds). Returns how many. In the caller's transaction.

    table: one of COUNTS
    """
    return db.run(
        f"DELETE FROM {table} WHERE id IN (SELECT c.id FROM source s JOIN {table} c ON c.source_id = s.id"
        " WHERE s.account_id = :account AND c.hour < :before LIMIT :limit)",
        {"account": account, "before": before, "limit": limit},
    )
