"""The route to the authority of a connection's tokens (C4)."""

from __future__ import annotations

from typing import Any

import pytest

from heliograph.domain.connection.connection import Auth, Connection
from heliograph.outbound.exchange import KIB, Route
from heliograph.outbound.routes import token_route

OWN = "-----BEGIN CERTIFICATE-----\nown\n-----END CERTIFICATE-----\n"
ROUTE = Route(1, 2, total_timeout=7.0, body_cap=KIB, authorities=OWN, identity="certificate and key")


def connection(**more: Any) -> Connection:
    return Connection(**{"name": "CRM", "origin": "https://crm.example.com", "auth": Auth.OAUTH2, "client_id": "abc", **more})


def test_C4_a_targets_own_authority_is_asked_as_the_target_but_read_whole() -> None:
    asked = token_route(ROUTE, connection(access_token_url="https://crm.example.com:8443/token"))
    assert (asked.authorities, asked.identity, asked.total_timeout) == (OWN, ROUTE.identity, 7.0)
    assert asked.body_cap == 64 * KIB
    assert (asked.account, asked.connection, asked.policy) == (1, 2, ROUTE.policy)


@pytest.mark.parametrize(
    "more",
    [
        {"access_token_url": "https://login.example.net/token"},
        {"access_token_url": "https://crm.example.com/token", "refresh_token_url": "https://login.example.net/refresh"},
        {"access_token_url": "https://crm.example.com.example.net/token"},
    ],
)
def test_C4_another_host_is_trusted_by_the_public_authorities_and_not_shown_the_client_certificate(more: dict[str, str]) -> None:
    asked = token_route(ROUTE, connection(**more))
    assert asked.identity == ""
    assert asked.authorities.endswith(OWN)
    assert asked.authorities.count("BEGIN CERTIFICATE") > 50


def test_C4_without_certificates_of_its_own_nothing_is_added() -> None:
    assert token_route(Route(1, 2), connection(access_token_url="https://login.example.net/token")).authorities == ""
