"""The choices of the filters of Signal's lists, and the filter by event that these lists share."""

from __future__ import annotations

from django.utils.translation import gettext_lazy

from heliograph.accounts.roles import AccountRequest
from heliograph.deliveries.account_reader import AccountReader, account_reader
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.natural_order import natural_order
from heliograph.web.list_filters import ListFilters, TextFilter

MOST = 200
"""The number of events that a list offers, the newest."""


class EventCodeFilter(TextFilter):
    """A field for the code of an event, in accounts with too many events to offer all of them."""

    def __init__(self) -> None:
        super().__init__(gettext_lazy("Code of another event"), param="event-code")


class FiltersByEvent(ListFilters):
    """Filters with the fields `event`, a choice of the newest events, and `event_code`, for the code of an older one.

    `event_code` is there only in an account with more than MOST events.
    """

    def __init__(self, request: AccountRequest) -> None:
        super().__init__(request)
        chosen = self.cleaned_data["event"]
        with account_reader(request.account.pk) as reader:
            events = _newest_events(reader, MOST + 1)
            older = [] if chosen is None or chosen in dict(events[:MOST]) else _event(reader, chosen)
            code = self.cleaned_data["event_code"] if len(events) > MOST else ""
            self._typed = event_of_code(reader, code) if code else None
        if len(events) <= MOST:
            del self.fields["event_code"]
        self.offer("event", sorted([*events[:MOST], *older], key=lambda event: natural_order(str(event[1]))))

    @property
    def event_id(self) -> int | None:
        """The chosen event, or the event of the typed code; 0 if no event has that code; None for all events."""
        chosen: int | None = self.cleaned_data["event"]
        return chosen if self._typed is None else self._typed


def event_of_code(reader: AccountReader, code: str) -> int:
    """The id of the event with this code; 0 if there is none. An event with exactly these capitals is preferred."""
    rows = reader.db.all(
        "SELECT id FROM event WHERE account_id = :account AND lower(code) = lower(:code)"
        " ORDER BY CASE WHEN code = :code THEN 0 ELSE 1 END, id DESC LIMIT 1",
        {"account": reader.account, "code": code},
    )
    return int(rows[0][0]) if rows else 0


def event_choices(reader: AccountReader, chosen: int | None = None) -> list[tuple[int, str]]:
    """Id and code of the account's newest events, and of one that is chosen already, by code."""
    events = _newest_events(reader, MOST)
    older = [] if chosen is None or chosen in dict(events) else _event(reader, chosen)
    return sorted([*events, *older], key=lambda event: natural_order(event[1]))


def _event(reader: AccountReader, id: int) -> list[tuple[int, str]]:
    """Id and code of an event of the account; empty if it has none of this id."""
    return [(id, event.code) for id, event in reader.events([id]).items()]


def _newest_events(reader: AccountReader, most: int) -> list[tuple[int, str]]:
    rows = reader.db.all(
        f"SELECT id, code FROM event WHERE account_id = :account ORDER BY id DESC LIMIT {most}", {"account": reader.account}
    )
    return [(int(id), str(code)) for id, code in rows]


def flow_choices(config: AccountConfig) -> list[tuple[int, str]]:
    """Id and name of the account's flows, by name."""
    return sorted(((flow.id, flow.name) for flow in config.flows.values()), key=lambda row: natural_order(row[1]))


def connection_choices(config: AccountConfig) -> list[tuple[int, str]]:
    """Id and name of the account's connections, by name."""
    return sorted(((id, connection.name) for id, connection in config.connections.items()), key=lambda row: natural_order(row[1]))
