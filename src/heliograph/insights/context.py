"""What Signal's band and panel show on every page: how many wait, how many are being sent, the pages of Metrics. Read only if a template uses it."""

from __future__ import annotations

from typing import Any, Final

from django.db import connections
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from heliograph.deliveries.database import READ, AccountReader
from heliograph.domain.delivery.action import QueueStatus
from heliograph.domain.delivery.outcomes import Cause
from heliograph.domain.delivery.retry_policy import MINUTE
from heliograph.insights.integrations import Integration, integrations_of
from heliograph.retry.retry_queue import MOST
from heliograph.store import connection_states
from heliograph.store.django_database import of_django

LATELY = 10 * MINUTE
"""Actions that are older and have not been tried are held up, not on their way."""
LOOKED_AT = 5_000
"""Only this many of the newest actions are checked for unsent ones: ten minutes can contain a million."""
MOST_SENDING = 1_000


def counts(request: HttpRequest) -> dict[str, Any]:
    """What every page of Signal shows in its panel.

    retry_waiting, retry_untagged, retry_failed: items of the Retry Queue that are tried again, that wait for a tag, and that only a person can
    send again; MOST + 1 stands for more.
    sending: actions made lately whose first attempt has not ended and whose connection is not held, at most MOST_SENDING.
    integrations: those that have a page in Metrics.
    """
    account = getattr(request, "account", None)
    if account is None:
        return {}
    return {
        "retry_waiting": SimpleLazyObject(lambda: _items(account.pk, *_RETRIED)),
        "retry_untagged": SimpleLazyObject(lambda: _items(account.pk, _UNTAGGED)),
        "retry_failed": SimpleLazyObject(lambda: _items(account.pk, *_FAILED)),
        "sending": SimpleLazyObject(lambda: _sending(account.pk)),
        "integrations": SimpleLazyObject(lambda: _integrations(account.pk)),
    }


_OF_ACTIONS: Final = "action WHERE account_id = :account AND queue > 0 AND queue ="
_RETRIED: Final = (
    f"{_OF_ACTIONS} {QueueStatus.RETRY.code}",
    f"{_OF_ACTIONS} {QueueStatus.ERROR.code}",
    f"stuck_run WHERE account_id = :account AND queue < 3 AND due_at >= 0 AND cause = '{Cause.EXCEPTION.value}'",
)
_UNTAGGED: Final = f"stuck_run WHERE account_id = :account AND queue = {QueueStatus.RETRY.code} AND cause = '{Cause.UNTAGGED.value}'"
_FAILED: Final = (
    f"{_OF_ACTIONS} {QueueStatus.FAILED.code}",
    f"stuck_run WHERE account_id = :account AND queue = {QueueStatus.FAILED.code}",
)


def _items(account: int, *among: str) -> int:
    """How many rows are among these, at most MOST + 1. among: tables with conditions, each with an index that has little else."""
    limit = MOST + 1
    parts = [f"(SELECT count(*) FROM (SELECT 1 FROM {rows} LIMIT {limit}) q{number})" for number, rows in enumerate(among)]
    ((n,),) = of_django(connections[READ]).all(f"SELECT {' + '.join(parts)}", {"account": account})
    return min(int(n), limit)


def _sending(account: int) -> int:
    """A pause, or the rest that a target asked for, holds what waits for a connection: none of that is being sent."""
    db, held = of_django(connections[READ]), connection_states.HELD
    now = db.now()
    rows = db.all(
        "SELECT count(*) FROM (SELECT state, lane_id FROM action WHERE account_id = :account AND created > :since ORDER BY created DESC, id DESC"
        f" LIMIT {LOOKED_AT}) newest JOIN lane l ON l.id = newest.lane_id WHERE newest.state = 1"
        f" AND NOT EXISTS (SELECT 1 FROM connection_state s WHERE s.connection_id = l.connection_id AND {held})",
        {"account": account, "since": now - LATELY, "now": now},
    )
    return min(int(rows[0][0]), MOST_SENDING)


def _integrations(account: int) -> list[Integration]:
    return integrations_of(AccountReader(of_django(connections[READ]), account).config)
