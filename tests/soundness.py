"""What must add up in every database at any time: figures and lanes (X2, D2)."""

from __future__ import annotations

from dataclasses import replace

from pyroaring import BitMap

from heliograph.domain.delivery.retry_policy import MINUTE
from heliograph.domain.figures import Delta, Figures, Measure, Period, total
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.flow import Mode
from heliograph.store.database import Database
from tests.recounts import Recount, wrong_lanes

_COLUMNS = "account_id, minute, mode, measure, n, flow_id, connection_id, category, integration"


def figures(db: Database, account: int, mode: Mode = Mode.LIVE) -> Figures:
    """The figures over all time, from the deltas, folded or not."""
    return total(_always(mode), _deltas(db, account))


def recounted(db: Database, account: int, mode: Mode = Mode.LIVE) -> Figures:
    """The same, from the rows."""
    return Recount(db, account).figures(_always(mode))


def check(db: Database, account: AccountConfig) -> None:
    """Asserts that the figures equal a recount, that X2's equations hold, and that no lane is stuck."""
    for mode in Mode:
        added, counted = figures(db, account.id, mode), recounted(db, account.id, mode)
        # a check finds no row of its own: a later retry counts under it
        if db.all("SELECT 1 FROM action WHERE looks > 0 LIMIT 1"):
            counted = replace(counted, retried_by_category=added.retried_by_category)
        assert added == counted
    does = {d.id: d.does for flow in account.flows.values() for d in flow.destinations}
    wrong = wrong_lanes(db, account.id, does)
    assert not wrong, "\n".join(wrong)


def _always(mode: Mode) -> Period:
    return Period(0, 2**40 * MINUTE, 1 if mode is Mode.LIVE else 2)


def _deltas(db: Database, account: int) -> list[Delta]:
    of = {"account": account, "changes": int(Measure.CHANGES)}
    rows = db.all(
        f"SELECT {_COLUMNS}, serials FROM figure_delta WHERE account_id = :account"
        f" UNION ALL SELECT {_COLUMNS}, NULL FROM figure_sum WHERE account_id = :account",
        of,
    )
    rows += db.all(
        "SELECT account_id, bucket * unit, mode, :changes, 0, 0, 0, 0, integration, bits FROM figure_bitmap WHERE account_id = :account", of
    )
    return [replace(Delta(*row[:9]), serials=tuple(BitMap.deserialize(bytes(row[9])) if row[9] is not None else ())) for row in rows]
