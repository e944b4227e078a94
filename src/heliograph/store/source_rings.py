"""Statements on doorbells: the items that calls announced and that are not read yet, and which changes nobody announced (docs/design/sources.md,
section 12)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from heliograph.domain.source.doorbell import LATEST, MOST_KEPT
from heliograph.store.database import Database

HOUR: Final = 3_600_000_000
"""Microseconds."""


@dataclass(frozen=True, slots=True)
class Ring:
    """An item that was announced."""

    id: int
    key: str
    count: int
    """Doorbells for it since it was read last."""


def note_rings(db: Database, account: int, source: int, keys: Collection[str]) -> None:
    """Notes announced items, in the caller's transaction. Beyond MOST_KEPT of a source none is added: all that changed is read then."""
    ((count,),) = db.all("SELECT COUNT(*) FROM source_ring WHERE source_id = :source", {"source": source})
    if count + len(keys) > MOST_KEPT:
        known = {key for (key,) in db.all("SELECT key FROM source_ring WHERE source_id = :source", {"source": source})}
        new = [key for key in keys if key not in known]
        keys = [key for key in keys if key in known] + new[: max(0, MOST_KEPT - count)]
    now = db.now()
    db.many(
        "INSERT INTO source_ring (account_id, source_id, key, at, count) VALUES (:account, :source, :key, :now, 1)"
        " ON CONFLICT (source_id, key) DO UPDATE SET at = EXCLUDED.at, count = source_ring.count + 1",
        [{"account": account, "source": source, "key": key, "now": now} for key in sorted(keys)],
    )


def rings(db: Database, source: int, before: int, most: int) -> list[Ring]:
    """The items that were announced last before an instant, the oldest first."""
    rows = db.all(
        "SELECT id, key, count FROM source_ring WHERE source_id = :source AND at <= :before ORDER BY id LIMIT :most",
        {"source": source, "before": before, "most": most},
    )
    return [Ring(*row) for row in rows]


def rung_keys(db: Database, source: int, keys: Collection[str]) -> set[str]:
    """Those of these items that were announced and are not read yet."""
    rows = db.all(
        f"SELECT key FROM source_ring WHERE source_id = :source AND {db.member('key', 'keys')}", {"source": source, "keys": sorted(keys)}
    )
    return {key for (key,) in rows}


def settle_ring(db: Database, source: int, ring: Ring) -> None:
    """The item was read. A doorbell that came since then stays."""
    db.run("DELETE FROM source_ring WHERE id = :id AND count = :count", {"id": ring.id, "count": ring.count})
    _credit(db, source, [ring.key])


def settle_rings(db: Database, source: int, before: int) -> None:
    """All that changed was read by a reading that began then: it had what was announced before."""
    keys = [
        key
        for (key,) in db.all("SELECT key FROM source_ring WHERE source_id = :source AND at < :before", {"source": source, "before": before})
    ]
    if keys:
        db.run("DELETE FROM source_ring WHERE source_id = :source AND at < :before", {"source": source, "before": before})
        _credit(db, source, keys)


def count_changes(db: Database, account: int, source: int, *, announced: int, unannounced: int) -> None:
    """Adds changes to the counts of this hour, in the caller's transaction."""
    if not announced and not unannounced:
        return
    now = db.now()
    db.run(
        "INSERT INTO source_changes (account_id, source_id, hour, announced, unannounced, first_unannounced, last_unannounced)"
        " VALUES (:account, :source, :hour, :announced, :unannounced, :found, :found)"
        " ON CONFLICT (source_id, hour) DO UPDATE SET announced = source_changes.announced + EXCLUDED.announced,"
        " unannounced = source_changes.unannounced + EXCLUDED.unannounced,"
        " first_unannounced = COALESCE(source_changes.first_unannounced, EXCLUDED.first_unannounced),"
        " last_unannounced = COALESCE(EXCLUDED.last_unannounced, source_changes.last_unannounced)",
        {
            "account": account,
            "source": source,
            "hour": now - now % HOUR,
            "announced": announced,
            "unannounced": unannounced,
            "found": now if unannounced else None,
        },
    )


def _credit(db: Database, source: int, keys: Iterable[str]) -> None:
    """Counts changes that a reading found before their doorbells came as announced after all."""
    now = db.now()
    rows = db.all(
        f"SELECT id, found_at FROM source_item WHERE source_id = :source AND found_at IS NOT NULL AND {db.member('key', 'keys')}",
        {"source": source, "keys": sorted(keys)},
    )
    for id, found_at in rows:
        if now - found_at <= LATEST:
            db.run(
                "UPDATE source_changes SET announced = announced + 1, unannounced = unannounced - 1"
                " WHERE source_id = :source AND hour = :hour AND unannounced > 0",
                {"source": source, "hour": found_at - found_at % HOUR},
            )
        db.run("UPDATE source_item SET found_at = NULL WHERE id = :id", {"id": id})
