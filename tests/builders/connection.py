"""Connections."""

from __future__ import annotations

from collections.abc import Mapping

from heliograph.connections.models import Connection
from heliograph.connections.services.connections import ConnectionFacts, save_connection
from heliograph.domain.connection.secret import Secret
from heliograph.setup.services.transaction import SetupTransaction


def connection(
    transaction: SetupTransaction,
    name: str,
    url: str,
    *,
    test_url: str | None = None,
    secrets: Mapping[Secret, str] | None = None,
    http: bool | None = None,
    **fields: object,
) -> Connection:
    """A new connection, without authentication unless `auth` says otherwise. Keywords are fields of its body; http: whether http:// will do."""
    body = {"name": name, "auth": "Open / No Auth", **fields}
    return save_connection(transaction, ConnectionFacts(body, url, test_url, secrets or {}), http=http)
