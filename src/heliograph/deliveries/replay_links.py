"""Links to Replay with its form filled in, and whether there is anything to replay (Y1)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from heliograph.domain.delivery.retry_policy import DAY
from heliograph.store.database import Database
from heliograph.store.moments import from_micros

LATELY: Final = 7 * DAY
_LOOKED_AT: Final = 5_000
"""Deliveries of the last days that are looked at, newest first."""


def replay_address(flow: int, since: int | None = None, until: int | None = None) -> str:
    """Replay with this flow chosen, and the days of these two instants (microseconds) in the account's timezone."""
    asked: dict[str, str | int] = {"flow": flow}
    if since is not None:
        asked["from"] = _day(since)
    if until is not None:
        asked["to"] = _day(until)
    return f"{reverse('replay')}?{urlencode(asked)}"


def _day(at: int) -> str:
    return timezone.localtime(from_micros(at)).date().isoformat()


def delivered_lately(db: Database, account: int, flows: Collection[int], now: int) -> set[int]:
    """Those of the flows that delivered something in the last seven days."""
    rows = db.all(
        "SELECT DISTINCT flow_id FROM (SELECT flow_id FROM action WHERE account_id = :account AND ended > :since AND state = 10"
        f" ORDER BY ended DESC LIMIT {_LOOKED_AT}) a WHERE {db.member('flow_id', 'flows')}",
        {"account": account, "since": now - LATELY, "flows": sorted(flows)},
    )
    return {id for (id,) in rows}
