"""The routes of a connection, from its settings: the same for deliveries, tests and access tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from heliograph.domain.connection.connection import Connection
from heliograph.domain.connection.secret import Secret
from heliograph.outbound import authorities
from heliograph.outbound.exchange import KIB, Route
from heliograph.outbound.guard import Policy

TOKEN_CAP: Final = 64 * KIB


@dataclass(frozen=True, slots=True)
class Limits:
    """Default limits, and the most that a connection may set; seconds. A request must end before the lease of its slot does."""

    connect_timeout: float = 5.0
    total_timeout: float = 10.0
    longest: float = 20.0


def route_of(account: int, id: int, connection: Connection, secrets: Mapping[str, str], policy: Policy, limits: Limits) -> Route:
    """The route of a connection. policy: the networks that the operator allowed this account."""
    total = min(connection.total_timeout or limits.total_timeout, limits.longest)
    return Route(
        account,
        id,
        policy,
        connect_timeout=min(connection.connect_timeout or limits.connect_timeout, total),
        total_timeout=total,
        body_cap=(connection.answer_cap or 64) * KIB,
        authorities=connection.authorities,
        identity=secrets.get(Secret.CLIENT_CERTIFICATE, ""),
    )


def token_route(route: Route, connection: Connection) -> Route:
    """The route to the authority of a connection's tokens: like its target's, except for settings meant for the target alone (C4).

    On another host than the target's, public certificate authorities are trusted too, and the client certificate is not sent. Answers are
    read in full, however little is kept of the target's.
    """
    target = urlsplit(connection.origin).hostname
    token_urls = (connection.access_token_url, connection.refresh_token_url or connection.access_token_url)
    is_one_host = all(urlsplit(url).hostname == target for url in token_urls)
    return replace(
        route,
        body_cap=TOKEN_CAP,
        authorities=route.authorities if is_one_host or not route.authorities else authorities.with_public(route.authorities),
        identity=route.identity if is_one_host else "",
    )


@lru_cache(maxsize=4096)
def network_policy(everyone: Policy, networks: tuple[str, ...]) -> Policy:
    """The networks that the operator allowed all accounts, and those that this account may reach in addition. Raises GuardError."""
    return Policy.parse(networks).joined(everyone) if networks else everyone
