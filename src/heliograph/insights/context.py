"""The context of Signal's band and panel, which are on every page: numbers of waiting and unsent items, and the pages of Metrics.

Each value is read only if a template uses it.
"""

from __future__ import annotations

from typing import Any, Final

from django.db import connections
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from heliograph.deliveries.account_reader import AccountReader
from heliograph.domain.delivery.action import ActionState, QueueStatus
from heliograph.domain.delivery.outcomes import Cause
from heliograph.domain.delivery.retry_policy import MINUTE
from heliograph.insights.integrations import integrations_of
from heliograph.retry.retry_queue import RetryQueue
from heliograph.store import connection_states
from heliograph.store.django_database import of_django
from heliograph.store.restored_copy import unreleased_copy
from heliograph.store.row_states import ACTION_IN_QUEUE
from heliograph.web.list_count import MOST, ListCount

LATELY = 10 * MINUTE
"""An untried action counts as being sent for this time (microseconds). An older one is held up."""
SCANNED_ACTIONS = 5_000
"""The number of newest actions that are checked for untried ones, because ten minutes can contain a million."""
MOST_SENDING = 1_000


def counts(request: HttpRequest) -> dict[str, Any]:
    """The context processor of Signal's pages. The counts of items follow `item_state_of`.

    retry_waiting: items of the Retry Queue that are tried again automatically, or once their flow runs again (ListCount, as the next ones)
    retry_untagged: items that wait for a tag
    retry_open: both together
    retry_failed: items that are sent again only if somebody submits them
    sending: actions of the last ten minutes whose first attempt has not ended and that no connection holds, counted up to MOST_SENDING
    integrations: the integrations that have a page in Metrics
    """
    account = getattr(request, "account", None)
    if account is None:
        return {}
    undecided = SimpleLazyObject(lambda: _queue(account.pk).undecided())
    waiting = SimpleLazyObject(lambda: _queue(account.pk).retried() + undecided.stopped)
    return {
        "retry_waiting": waiting,
        "retry_untagged": SimpleLazyObject(lambda: undecided.untagged),
        "retry_open": SimpleLazyObject(lambda: waiting + undecided.untagged),
        "retry_failed": SimpleLazyObject(lambda: _items(account.pk, *_FAILED)),
        "sending": SimpleLazyObject(lambda: _sending(account.pk)),
        "integrations": SimpleLazyObject(lambda: integrations_of(AccountReader(of_django(connections["read"]), account.pk).config)),
    }


def _queue(account: int) -> RetryQueue:
    return RetryQueue(AccountReader(of_django(connections["read"]), account))


_FAILED: Final = (
    f"action WHERE account_id = :account AND {ACTION_IN_QUEUE} AND queue = {QueueStatus.FAILED.code}",
    f"stuck_run WHERE account_id = :account AND queue = {QueueStatus.FAILED.code} AND cause <> '{Cause.UNTAGGED.value}'",
)


def _items(account: int, *among: str) -> ListCount:
    """The sum of the rows of some tables, counted up to MOST.

    among: tables with conditions; each has an index that contains few other rows
    """
    limit = MOST + 1
    parts = [f"(SELECT count(*) FROM (SELECT 1 FROM {rows} LIMIT {limit}) q{number})" for number, rows in enumerate(among)]
    ((count,),) = of_django(connections["read"]).all(f"SELECT {' + '.join(parts)}", {"account": account})
    return ListCount(min(int(count), MOST), count > MOST)


def _sending(account: int) -> ListCount:
    """The number of actions that are being sent. Those that a connection holds are not (`prospects.connection_holds`)."""
    db, hold_condition = of_django(connections["read"]), connection_states.HOLDS
    if unreleased_copy(db, account) is not None:
        return ListCount()
    now = db.now()
    rows = db.all(
        "SELECT count(*) FROM (SELECT state, lane_id FROM action WHERE account_id = :account AND created > :since ORDER BY created DESC, id DESC"
        f" LIMIT {SCANNED_ACTIONS}) newest JOIN lane l ON l.id = newest.lane_id WHERE newest.state = {ActionState.PENDING}"
        f" AND NOT EXISTS (SELECT 1 FROM connection_state s WHERE s.connection_id = l.connection_id AND {hold_condition})",
        {"account": account, "since": now - LATELY, "now": now},
    )
    return ListCount(min(int(rows[0][0]), MOST_SENDING), rows[0][0] > MOST_SENDING)
