"""What the filters of Signal's lists offer."""

from __future__ import annotations

from heliograph.deliveries.database import AccountReader
from heliograph.domain.flow.configuration import AccountConfig

MOST = 200
"""The newest events, which a list offers."""


def event_choices(of: AccountReader) -> list[tuple[int, str]]:
    """Id and code of the account's events, by code."""
    rows = of.db.all(
        f"SELECT id, code FROM event WHERE account_id = :account ORDER BY id DESC LIMIT {MOST}",
        {"account": of.account},
    )
    return sorted(((int(id), str(code)) for id, code in rows), key=lambda row: row[1])


def flow_choices(config: AccountConfig) -> list[tuple[int, str]]:
    """Id and name of the account's flows, by name."""
    return sorted(((flow.id, flow.name) for flow in config.flows.values()), key=lambda row: row[1].casefold())


def connection_choices(config: AccountConfig) -> list[tuple[int, str]]:
    """Id and name of the account's connections, by name."""
    return sorted(((id, connection.name) for id, connection in config.connections.items()), key=lambda row: row[1].casefold())
