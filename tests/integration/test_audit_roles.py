"""The audit shows a role no more about a connection than its own pages do (A5): for every field, on the page and by the search."""

from __future__ import annotations

import dataclasses
import html
import re
from typing import Any
from urllib.parse import urljoin

import pytest
from django.test import Client
from django_scopes import scope
from tests.story import Story

from heliograph.accounts.audit import Deed, note
from heliograph.accounts.models import Role
from heliograph.connections.services.connections import ConnectionFacts, connection_row, delete_connection, save_connection
from heliograph.domain.connection.connection import Connection
from heliograph.domain.connection.secret import Secret

PLANTED: dict[str, dict[str, Any]] = {
    "name": {"name": "N4me-of-it"},
    "origin": {"url": "https://pl4nted-host.example.org/pl4nted-path?pl4nted-query=1"},
    "test_origin": {"test_url": "https://pl4nted-test.example.org/pl4nted-test-path?pl4nted-test-query=1"},
    "auth": {},
    "content_type": {"content_type": "application/x-www-form-urlencoded"},
    "method": {"method": "PATCH"},
    "primary": {"primary": True},
    "user_name": {"auth": "Basic Authentication", "user_name": "pl4nted-user"},
    "key_place": {"auth": "API Key / Token", "key_place": "query", "key_name": "pl4nted-place"},
    "key_name": {"auth": "API Key / Token", "key_place": "header", "key_name": "X-Pl4nted-Key-Name"},
    "grant": {"auth": "OAuth2", "grant": "Client Credentials"},
    "client_id": {"auth": "OAuth2", "client_id": "pl4nted-client"},
    "authorization_url": {
        "auth": "OAuth2",
        "grant": "Authorization Code",
        "authorization_url": "https://pl4nted-signin.example.org/pl4nted-signin-path?pl4nted-signin-query=1",
    },
    "access_token_url": {
        "auth": "OAuth2",
        "access_token_url": "https://pl4nted-access.example.org/pl4nted-access-path?pl4nted-access-query=1",
    },
    "refresh_token_url": {
        "auth": "OAuth2",
        "refresh_token_url": "https://pl4nted-refresh.example.org/pl4nted-refresh-path?pl4nted-refresh-query=1",
    },
    "scope": {"auth": "OAuth2", "scope": "pl4nted-scope"},
    "client_auth": {"auth": "OAuth2", "client_auth": "Body"},
    "connected": {},
    "headers": {"headers": [["X-Pl4nted-Name", "pl4nted-header-value"]]},
    "rate": {"rate": 7_341},
    "parallel": {"parallel": 743},
    "patient": {"patient": True},
    "connect_timeout": {"connect_timeout": 9},
    "total_timeout": {"total_timeout": 19},
    "answer_cap": {"answer_cap": 947},
    "authorities": {},
    "rule": {"rule": [{"if": [{"in": "status", "is": ["299"]}], "then": "failed"}]},
    "secrets": {"auth": "API Key / Token", "secrets": {Secret.KEY: "pl4nted-key"}},
}
NEEDLES = (
    *("pl4nted-path", "pl4nted-query", "pl4nted-test-path", "pl4nted-test-query", "pl4nted-user", "pl4nted-place", "Pl4nted-Key-Name"),
    *("pl4nted-client", "pl4nted-scope", "pl4nted-header-value", "pl4nted-key", "pl4nted-host", "pl4nted-test.example", "Pl4nted-Name"),
    *(f"pl4nted-{which}{part}" for which in ("signin", "access", "refresh") for part in ("-path", "-query", ".example")),
    *("pl4nted-bond", "profile.last_name", "event.code"),
)
PLAIN = {"name": "N4me-of-it", "auth": "Open / No Auth", "content_type": "application/json", "method": "POST"}


def planted(field: str) -> ConnectionFacts:
    """A connection with this field filled."""
    more = dict(PLANTED[field])
    url, test_url, secrets = more.pop("url", "https://a.example.org/"), more.pop("test_url", ""), more.pop("secrets", {})
    return ConnectionFacts({**PLAIN, **more}, url=url, test_url=test_url, secrets=secrets)


def browser(story: Story, role: Role) -> Client:
    client = Client()
    story.signs_in(client, role)
    return client


def text_of(client: Client, *addresses: str) -> str:
    shown = []
    for address in addresses:
        answer = client.get(address)
        assert answer.status_code == 200, address
        shown.append(html.unescape(answer.content.decode()))
    return "\n".join(shown)


@pytest.fixture
def connection(story: Story) -> int:
    """A connection saved with each field filled in turn, emptied again, and once with everything a body can contain, including fields of an
    older release."""
    with story.saving() as transaction:
        id = save_connection(transaction, ConnectionFacts(PLAIN, url="https://a.example.org/{profile.last_name}"), http=True).pk
    for field in PLANTED:
        for facts in (planted(field), ConnectionFacts(PLAIN, url="https://a.example.org/{event.code}", test_url="")):
            with story.saving() as transaction:
                forgotten = connection_secrets(id) - frozenset(facts.secrets)
                save_connection(transaction, dataclasses.replace(facts, forget=forgotten), id, confirmed=True, http=True)
    with story.saving() as transaction:
        whole = {name: value for field in PLANTED.values() for name, value in field.items() if name not in ("url", "test_url", "secrets")}
        whole |= {"connected": "pl4nted-bond", "path": "/pl4nted-path", "url": "https://x.example.org/pl4nted-path", "edition": 3}
        for before, after in ((None, whole), ({}, whole), (whole, {})):
            note(
                transaction.db,
                transaction.account,
                by=transaction.by,
                what=Deed.CHANGED,
                kind="connection",
                id=id,
                name=PLAIN["name"],
                before=before,
                after=after,
            )
    return id


def connection_secrets(id: int) -> frozenset[Secret]:
    return Connection.from_body(connection_row(id).body).secrets - {Secret.PATH, Secret.TEST_PATH}


def test_A5_every_field_of_a_connection_is_planted() -> None:
    assert set(PLANTED) == {field.name for field in dataclasses.fields(Connection)}


@pytest.mark.parametrize("role", list(Role))
def test_C5_A5_the_audit_says_no_more_of_a_connection_than_its_pages(story: Story, connection: int, role: Role) -> None:
    client = browser(story, role)
    with scope(account=story.account):
        versions = connection_row(connection).number
    about = f"/signal/connections/{connection}/"
    said = text_of(client, about, *(f"{about}versions/?version={n}" for n in range(1, versions + 1)))
    with story.saving() as transaction:
        delete_connection(transaction, connection)
    audit = text_of(client, *every_page_of_the_audit(client))
    assert "N4me-of-it" in audit
    told = {needle for needle in NEEDLES if needle in audit}
    shown = {needle for needle in NEEDLES if needle in said}
    assert told <= shown
    assert ("pl4nted-header-value" in told) is (role is Role.ADMINISTRATOR)
    assert "pl4nted-host" in told
    assert "Pl4nted-Name" in told


@pytest.mark.parametrize("role", list(Role))
def test_C5_A5_the_search_of_the_audit_finds_by_nothing_that_it_does_not_show(story: Story, connection: int, role: Role) -> None:
    client = browser(story, role)
    if role is Role.ADMINISTRATOR:
        assert "Changed the connection" in text_of(client, "/settings/audit/?q=pl4nted-header-value")
        return
    for needle in NEEDLES:
        shown = text_of(client, f"/settings/audit/?q={needle}")
        assert "Changed the connection" not in shown, needle
        assert "No entry matches" in shown, needle
    assert "Changed the connection" in text_of(client, "/settings/audit/?q=N4me-of-it")


def every_page_of_the_audit(client: Client) -> list[str]:
    found = ["/settings/audit/"]
    while older := re.search(r'rel="next" href="([^"]+)"', client.get(found[-1]).content.decode()):
        found.append(urljoin(found[-1], html.unescape(older[1])))
    return found
