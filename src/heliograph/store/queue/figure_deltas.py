"""Figures are appended as deltas in the transaction of the fact, and folded later (docs/design/figures.md; ARCHITECTURE.md, rule 10).

A figure is folded + unfolded, read in one statement or one snapshot. There is no watermark: a commit that is minutes late still counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from pyroaring import BitMap

from heliograph.domain.figures import Delta, merged
from heliograph.store.database import Database

_LOCK = 3
"""The class of the advisory locks on PostgreSQL (`jobs.owners` lists the others)."""
FOLD_ROWS = 5_000
BITMAP_UNITS = (60, 1440)  # minutes: by hour and by day

type BitmapKey = tuple[int, int, int, int]
"""Unit in minutes, bucket, mode, integration."""


def put_deltas(db: Database, deltas: Iterable[Delta]) -> None:
    """Appends one row per key, in the transaction of the fact."""
    rows = [
        {
            "account": delta.account,
            "minute": delta.minute,
            "mode": delta.mode,
            "integration": delta.integration,
            "flow": delta.flow,
            "connection": delta.connection,
            "category": delta.category,
            "measure": int(delta.measure),
            "n": delta.count,
            "serials": BitMap(delta.serials).serialize() if delta.serials else None,
        }
        for delta in merged(deltas)
    ]
    if rows:
        db.many(
            "INSERT INTO figure_delta (account_id, minute, mode, integration, flow_id, connection_id, category, measure, n, serials)"
            " VALUES (:account, :minute, :mode, :integration, :flow, :connection, :category, :measure, :n, :serials)",
            rows,
        )


def fold(db: Database, account: int, limit: int = FOLD_ROWS) -> int:
    """Adds up to `limit` delta rows of an account to its sums and bitmaps and deletes them. Returns how many. One folder per account at a
    time."""
    if not db.try_lock(_LOCK, account):
        return 0
    rows = db.all(
        "DELETE FROM figure_delta WHERE id IN (SELECT id FROM figure_delta WHERE account_id = :account ORDER BY id LIMIT :limit)"
        " RETURNING minute, mode, integration, flow_id, connection_id, category, measure, n, serials",
        {"account": account, "limit": limit},
    )
    sums: Counter[tuple[int, ...]] = Counter()
    bitmaps: dict[BitmapKey, BitMap] = {}
    for minute, mode, integration, flow, connection, category, measure, count, serials in rows:
        sums[minute, mode, integration, flow, connection, category, measure] += count
        if serials is not None:
            bitmap = BitMap.deserialize(bytes(serials))
            for unit in BITMAP_UNITS:
                bitmaps.setdefault((unit, minute // unit, mode, integration), BitMap()).__ior__(bitmap)
    add_folded(db, account, sums, bitmaps)
    return len(rows)


type SumKey = tuple[int, ...]
"""minute, mode, integration, flow, connection, category, measure."""


def add_folded(db: Database, account: int, sums: Mapping[SumKey, int], bitmaps: Mapping[BitmapKey, BitMap]) -> None:
    """Adds to the folded figures of an account. Only one may do so at a time."""
    hours: Counter[SumKey] = Counter()
    for (minute, *place), count in sums.items():
        hours[minute // HOUR, *place] += count
    for statement, totals in ((_SUM.format("figure_sum", "minute"), sums), (_SUM.format("figure_hour", "hour"), hours)):
        db.many(
            statement,
            [{"account": account, "n": count, **dict(zip(_KEY, key, strict=True))} for key, count in sorted(totals.items()) if count],
        )
    unite(db, account, bitmaps)


def unite(db: Database, account: int, bitmaps: Mapping[BitmapKey, BitMap]) -> None:
    """Adds serials to the stored bitmaps."""
    for (unit, bucket, mode, integration), bits in sorted(bitmaps.items()):
        place = {"account": account, "unit": unit, "bucket": bucket, "mode": mode, "integration": integration}
        where = "account_id = :account AND unit = :unit AND bucket = :bucket AND mode = :mode AND integration = :integration"
        old = db.all(f"SELECT bits FROM figure_bitmap WHERE {where}", place)
        if old:
            db.run(
                f"UPDATE figure_bitmap SET bits = :bits WHERE {where}",
                place | {"bits": (BitMap.deserialize(bytes(old[0][0])) | bits).serialize()},
            )
        else:
            db.run(
                "INSERT INTO figure_bitmap (account_id, unit, bucket, mode, integration, bits) VALUES (:account, :unit, :bucket, :mode, :integration, :bits)",
                place | {"bits": bits.serialize()},
            )


HOUR = 60
_KEY = ("time", "mode", "integration", "flow", "connection", "category", "measure")
_SUM = (
    "INSERT INTO {0} AS f (account_id, {1}, mode, integration, flow_id, connection_id, category, measure, n)"
    " VALUES (:account, :time, :mode, :integration, :flow, :connection, :category, :measure, :n)"
    " ON CONFLICT (account_id, {1}, mode, integration, flow_id, connection_id, category, measure) DO UPDATE SET n = f.n + excluded.n"
)


def accounts_to_fold(db: Database) -> list[int]:
    """Accounts that have unfolded rows."""
    return [account for (account,) in db.all("SELECT DISTINCT account_id FROM figure_delta")]
