"""What the filters of Signal's lists offer, and the filter by event that they share."""

from __future__ import annotations

from django.utils.translation import gettext_lazy

from heliograph.accounts.roles import AccountRequest
from heliograph.deliveries.database import AccountReader, reading
from heliograph.domain.flow.configuration import AccountConfig
from heliograph.domain.natural_order import natural_order
from heliograph.web.list_filters import ListFilters, TextFilter

MOST = 200
"""The newest events, which a list offers."""


class EventCodeFilter(TextFilter):
    """The code of an event, where not all of them can be offered."""

    def __init__(self) -> None:
        super().__init__(gettext_lazy("Code of another event"), param="event-code")


class FiltersByEvent(ListFilters):
    """Filters with `event`, the newest events to choose from, and `event_code`: where an account has more of them, a code is typed."""

    def __init__(self, request: AccountRequest) -> None:
        super().__init__(request)
        with reading(request.account.pk) as of:
            found = _newest_events(of, MOST + 1)
            code = self.cleaned_data["event_code"] if len(found) > MOST else ""
            self._typed = event_of_code(of, code) if code else None
        if len(found) <= MOST:
            del self.fields["event_code"]
        self.offer("event", sorted(found[:MOST], key=lambda event: natural_order(str(event[1]))))

    @property
    def event_id(self) -> int | None:
        """The event that is wanted: by its code, if one was typed; 0, which none has, for a code that none has."""
        chosen: int | None = self.cleaned_data["event"]
        return chosen if self._typed is None else self._typed


def event_of_code(of: AccountReader, code: str) -> int:
    """The event with this code, capitals first as typed; 0 for none."""
    rows = of.db.all(
        "SELECT id FROM event WHERE account_id = :account AND lower(code) = lower(:code)"
        " ORDER BY CASE WHEN code = :code THEN 0 ELSE 1 END, id DESC LIMIT 1",
        {"account": of.account, "code": code},
    )
    return int(rows[0][0]) if rows else 0


def event_choices(of: AccountReader) -> list[tuple[int, str]]:
    """Id and code of the account's newest events, by code."""
    return sorted(_newest_events(of, MOST), key=lambda event: natural_order(event[1]))


def _newest_events(of: AccountReader, most: int) -> list[tuple[int, str]]:
    rows = of.db.all(f"SELECT id, code FROM event WHERE account_id = :account ORDER BY id DESC LIMIT {most}", {"account": of.account})
    return [(int(id), str(code)) for id, code in rows]


def flow_choices(config: AccountConfig) -> list[tuple[int, str]]:
    """Id and name of the account's flows, by name."""
    return sorted(((flow.id, flow.name) for flow in config.flows.values()), key=lambda row: natural_order(row[1]))


def connection_choices(config: AccountConfig) -> list[tuple[int, str]]:
    """Id and name of the account's connections, by name."""
    return sorted(((id, connection.name) for id, connection in config.connections.items()), key=lambda row: natural_order(row[1]))
