"""One item of the Retry Queue (D8): the change, how the flow decided it, the rendered request and every attempt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from heliograph.deliveries.account_reader import AccountReader
from heliograph.deliveries.exchanges import Exchange, exchanges
from heliograph.deliveries.explanation import Why, why
from heliograph.deliveries.last_mappings import MappedThen, mapped_then
from heliograph.domain.delivery.action import SUBMITTABLE
from heliograph.domain.registration.change import Change
from heliograph.domain.setup.compiled_setup import EventConfig
from heliograph.flows.services.request_preview import RequestPreview, preview
from heliograph.retry.retry_items import RetryFilter, RetryItem, group_key
from heliograph.retry.retry_queue import RetryQueue
from heliograph.store.instants import from_micros
from heliograph.store.queue.action_rows import StoredAttempt, attempts_of
from heliograph.web.list_count import ListCount


@dataclass(frozen=True, slots=True)
class Details:
    """An item with everything that its page shows."""

    item: RetryItem
    change: Change | None
    """The change; None if its content is no longer stored (X6)."""
    event: EventConfig | None
    at: int
    by: str
    why: Why | None
    flow_number: int
    attempts: Sequence[StoredAttempt]
    exchanges: Mapping[int, Exchange]
    alike: ListCount
    """The number of items with this cause, including the item itself."""
    cause: str
    """The key of the item's group."""
    then: MappedThen | None = None
    """The mappings of its last attempt; None if they are not known."""
    today: RequestPreview | None = None
    """The request that today's mapping would make; None if its flow or destination is gone, or if nothing was sent yet."""

    @property
    def last_sent(self) -> Exchange | None:
        """The newest exchange whose request is stored."""
        return next((self.exchanges[n] for n in sorted(self.exchanges, reverse=True) if self.exchanges[n].sent), None)


def details(reader: AccountReader, key: str) -> Details | None:
    """An item by its key; None if the account has no such item."""
    queue = RetryQueue(reader)
    item = queue.find(key)
    if item is None:
        return None
    row = item.row
    change, _ = reader.changes([row.change]).get(row.change, (None, (0, 0, 0, 0)))
    rows = reader.db.all(
        "SELECT c.at, c.by, c.account_version, c.event_version, r.flow_number FROM change c"
        " LEFT JOIN run r ON r.change_id = c.id AND +r.flow_id = :flow WHERE c.account_id = :account AND c.id = :change",
        {"account": reader.account, "change": row.change, "flow": row.flow},
    )
    at, by, account_version, event_version, number = rows[0] if rows else (0, "", 0, 0, None)
    event = reader.events([row.event]).get(row.event)
    attempts = attempts_of(reader.db, reader.account, [row.id]).get(row.id, []) if item.action else []
    exchange_of_attempt = exchanges(reader.db, reader.account, [row.id]) if item.action else {}
    group = group_key(item)
    sent = item.action is not None and any(exchange.sent for exchange in exchange_of_attempt.values())
    return Details(
        item=item,
        change=change,
        event=event,
        at=at,
        by=by,
        why=why(reader, change, row.flow, account_version, row.event, event_version) if change and rows else None,
        flow_number=number or 0,
        attempts=attempts,
        exchanges={number: exchange for (_, number), exchange in exchange_of_attempt.items()},
        alike=queue.count(RetryFilter(statuses=SUBMITTABLE, cause=group)),
        cause=group,
        then=mapped_then(reader.db, reader.account, row.id) if sent else None,
        today=_today(reader, item, change, event) if sent else None,
    )


def _today(reader: AccountReader, item: RetryItem, change: Change | None, event: EventConfig | None) -> RequestPreview | None:
    """The request that today's mapping would make of an action's change (D8)."""
    flow = reader.config.flows.get(item.row.flow)
    action = item.action
    destination = next((d for d in flow.destinations if action and d.id == action.destination), None) if flow else None
    if flow is None or destination is None or change is None or event is None:
        return None
    return preview(reader.db, reader.config, event, change, flow, destination, now=from_micros(reader.db.now()))
