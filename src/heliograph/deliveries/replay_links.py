"""Links to Replay with a filled form, and the flows that have something to replay (Y1)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from heliograph.domain.delivery.action import ActionState
from heliograph.domain.delivery.retry_policy import DAY
from heliograph.store.database import Database
from heliograph.store.instants import from_micros

LATELY: Final = 7 * DAY
_MOST_READ: Final = 5_000
"""The number of deliveries that are read, newest first."""


def replay_address(flow: int, since: int | None = None, until: int | None = None) -> str:
    """The URL of Replay with a flow and the days of two instants (microseconds), in the account's time zone."""
    query: dict[str, str | int] = {"flow": flow}
    if since is not None:
        query["from"] = _day(since)
    if until is not None:
        query["to"] = _day(until)
    return f"{reverse('replay')}?{urlencode(query)}"


def _day(at: int) -> str:
    return timezone.localtime(from_micros(at)).date().isoformat()


def delivered_lately(db: Database, account: int, flows: Collection[int], now: int) -> set[int]:
    """The flows among `flows` that delivered something in the last seven days."""
    rows = db.all(
        f"SELECT DISTINCT flow_id FROM (SELECT flow_id FROM action WHERE account_id = :account AND ended > :since AND state = {ActionState.SUCCESS}"
        f" ORDER BY ended DESC LIMIT {_MOST_READ}) a WHERE {db.member('flow_id', 'flows')}",
        {"account": account, "since": now - LATELY, "flows": sorted(flows)},
    )
    return {id for (id,) in rows}
