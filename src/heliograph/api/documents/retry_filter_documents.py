"""The filter of the Retry Queue (guide: Filtering the Queue), as parameters of a list and as JSON."""

from __future__ import annotations

from typing import Annotated

import msgspec

from heliograph.api.api_problems import Problem
from heliograph.api.documents.retry_documents import CauseKey, OneCause
from heliograph.api.documents.shared_forms import Document, Id, Instant, numbers_of, optional_number
from heliograph.api.list_answers import ListQuery
from heliograph.deliveries.account_reader import AccountReader
from heliograph.domain.delivery.retry_policy import Category
from heliograph.retry.retry_items import RetryFilter, StatusChoice
from heliograph.store.instants import to_micros

Moment = Instant
Text = Annotated[str, msgspec.Meta(max_length=200, description="Words in the code or name of a registration, or a text in the reason.")]
Status = Annotated[
    StatusChoice | None, msgspec.Meta(description="A status; `waiting`: Retry and Error without `untagged`; `untagged`: waits for a tag.")
]
FlowId = Annotated[Id | None, msgspec.Meta(description="Only items of this flow.")]
EventId = Annotated[Id | None, msgspec.Meta(description="Only items of this event.")]
ConnectionId = Annotated[Id | None, msgspec.Meta(description="Only items of this connection.")]


class RetryQuery(ListQuery):
    """The parameters of the list of items. An id that the account does not have matches no item."""

    q: Text = ""
    status: Status = None
    category: Category | None = None
    connection: ConnectionId = None
    flow: FlowId = None
    event: EventId = None
    cause: CauseKey = ""
    since: Annotated[Moment | None, msgspec.Meta(description="Only items that ended then or later.")] = None

    @property
    def retry_filter(self) -> RetryFilter:
        """The filter, as the queue takes it."""
        return _filter(self, self.since)


class ItemFilter(Document):
    """Which items are meant; with no member, all of them."""

    q: Text = ""
    status: Status = None
    category: Category | None = None
    connection: ConnectionId = None
    flow: FlowId = None
    event: EventId = None
    cause: OneCause | None = None

    def retry_filter(self, reader: AccountReader) -> RetryFilter:
        """The filter, as the queue takes it. Raises Problem (400) for the id of something that the account does not have."""
        names = {"connection": reader.connection_names, "flow": reader.flow_names, "event": reader.events}
        for field, known in names.items():
            if (id := getattr(self, field)) is not None and not known(numbers_of(field, [id])):
                raise Problem.from_field(field, "There is none with this id.")
        return _filter(self, None)


def _filter(members: RetryQuery | ItemFilter, since: Instant | None) -> RetryFilter:
    chosen = members.status
    return RetryFilter(
        statuses=chosen.statuses if chosen else (),
        category=members.category,
        flow=optional_number("flow", members.flow),
        event=optional_number("event", members.event),
        connection=optional_number("connection", members.connection),
        text=members.q.strip(),
        cause=members.cause or "",
        ended_since=to_micros(since) if since else None,
        untagged=chosen.untagged if chosen else None,
    )
