"""How the requests of a connection go out, made of what is set up in it: the same for deliveries, tests and access tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from heliograph.domain.connections import Connection, Secret
from heliograph.outbound.exchange import KIB, Route
from heliograph.outbound.guard import Policy


@dataclass(frozen=True, slots=True)
class Limits:
    """What is as usual, and the most that a connection may ask for; seconds. A request has to end before the lease of its slot does."""

    connect_timeout: float = 5.0
    total_timeout: float = 10.0
    longest: float = 20.0


def route_of(account: int, id: int, connection: Connection, secrets: Mapping[str, str], policy: Policy, limits: Limits) -> Route:
    """The route of a connection. policy: what the operator allowed this account."""
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


@lru_cache(maxsize=4096)
def policy_of(everyone: Policy, networks: tuple[str, ...]) -> Policy:
    """What the operator allowed all accounts and this one. Raises GuardError."""
    return Policy.parse(networks).joined(everyone) if networks else everyone
