"""What Signal's band and panel show on every page: how many wait, how many are being sent, the pages of Metrics. Read only if a template uses it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connections
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from heliograph.deliveries.database import READ, AccountReader
from heliograph.domain.delivery.action import QueueStatus
from heliograph.domain.delivery.retry_policy import MINUTE
from heliograph.insights.integrations import Integration, integrations_of
from heliograph.retry.retry_queue import MOST
from heliograph.store.django_database import of_django

LATELY = 10 * MINUTE
"""Actions that are older and have not been tried are held up, not on their way."""
LOOKED_AT = 5_000
"""Only this many of the newest actions are checked for unsent ones: ten minutes can contain a million."""
MOST_SENDING = 1_000


def counts(request: HttpRequest) -> dict[str, Any]:
    """retry_waiting, retry_failed: items of the Retry Queue that are tried again, and that only a person can send again; MOST + 1 stands for more. sending: actions made lately whose first attempt has
    not ended, at most MOST_SENDING. integrations: those that have a page in Metrics."""
    account = getattr(request, "account", None)
    if account is None:
        return {}
    return {
        "retry_waiting": SimpleLazyObject(lambda: _items(account.pk, (QueueStatus.RETRY, QueueStatus.ERROR))),
        "retry_failed": SimpleLazyObject(lambda: _items(account.pk, (QueueStatus.FAILED,))),
        "sending": SimpleLazyObject(lambda: _sending(account.pk)),
        "integrations": SimpleLazyObject(lambda: _integrations(account.pk)),
    }


def _items(account: int, statuses: Sequence[QueueStatus]) -> int:
    limit = MOST + 1
    parts = [
        f"(SELECT count(*) FROM (SELECT 1 FROM {table} WHERE account_id = :account{more} AND queue = {status.code} LIMIT {limit}) q{status.code}{table[0]})"
        for table, more in (("action", " AND queue > 0"), ("stuck_run", ""))
        for status in statuses
    ]
    ((n,),) = of_django(connections[READ]).all(f"SELECT {' + '.join(parts)}", {"account": account})
    return min(int(n), limit)


def _sending(account: int) -> int:
    db = of_django(connections[READ])
    rows = db.all(
        "SELECT count(*) FROM (SELECT state FROM action WHERE account_id = :account AND created > :since ORDER BY created DESC, id DESC"
        f" LIMIT {LOOKED_AT}) newest WHERE state = 1",
        {"account": account, "since": db.now() - LATELY},
    )
    return min(int(rows[0][0]), MOST_SENDING)


def _integrations(account: int) -> list[Integration]:
    return integrations_of(AccountReader(of_django(connections[READ]), account).config)
