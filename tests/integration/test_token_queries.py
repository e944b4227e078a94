"""Secrets in the query of an address that OAuth2 asks are sealed like those of the connection's own URLs (C5)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from tests.builders.worker import LOOPBACK
from tests.oauth import Authority
from tests.receiver import Answer, Receiver
from tests.rows import everything
from tests.story import Story

from heliograph.accounts.models import Role
from heliograph.accounts.vault import vault
from heliograph.connections import page_sender
from heliograph.connections.services import save_and_test
from heliograph.connections.services.connections import ConnectionFacts, SecretsAgain, connection_row, copy_connection, save_connection
from heliograph.domain.connection.diagnosis import DiagnosisVerdict
from heliograph.domain.connection.secret import Secret
from heliograph.setup.setup_errors import Invalid
from heliograph.store.secrets import load_secrets

QUERY = "tenant=acme&api_key=pl4nted-query-0123"


@pytest.fixture
def authority(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Authority:
    monkeypatch.setattr(page_sender, "policy", lambda _account: LOOPBACK)
    authority = Authority(receiver)
    receiver.answer("/crm", authority.guards(Answer(200, {"ok": True})))
    return authority


def fields(authority: Authority, query: str = QUERY) -> dict[str, Any]:
    given = authority.fields()
    return given | {"access_token_url": f"{given['access_token_url']}?{query}"}


def save(story: Story, id: int, more: dict[str, Any]) -> None:
    with story.saving() as transaction:
        save_connection(transaction, ConnectionFacts({**connection_row(id).body, **more}), id, http=True)


def queries(story: Story, id: int) -> dict[str, str]:
    stored = load_secrets(story.db, vault(), story.account, "connection", [id])[id]
    return {name: text for name, text in stored.items() if name.endswith("_query")}


def test_C5_the_query_of_a_token_address_is_sent_and_neither_stored_nor_shown(
    story: Story, receiver: Receiver, authority: Authority
) -> None:
    id = story.connection("CRM", "/crm", secrets=authority.secrets(), **fields(authority))
    story.flow("All", [story.to(id)])
    assert queries(story, id) == {"access_token_query": f"?{QUERY}"}
    report = save_and_test.try_connection(story.account, id, sample=True)
    assert report.verdict is DiagnosisVerdict.TESTED
    with story.worker():
        story.record("R1", status="Attended")
        story.until("R1", "success")
    save(story, id, {"scope": "leads"})  # the form sends the sealed query back
    assert queries(story, id) == {"access_token_query": f"?{QUERY}"}
    with story.saving() as transaction:
        copy = copy_connection(transaction, id, "Copy")
    assert queries(story, copy.pk) == queries(story, id)
    asked = [request for request in receiver.requests if request.path.startswith("/token")]
    assert asked
    assert all("pl4nted-query" in request.path for request in asked)
    shown = {f"table {name}": content for name, content in everything(story.db).items()} | {"report": json.dumps(report.to_body())}
    for role in (Role.VIEWER, Role.PLANNER, Role.ADMINISTRATOR):
        client = Client()
        story.signs_in(client, role, name="Ada", email=f"{role.name}@example.org")
        for page in ("", "versions/", "access/"):
            shown[f"{role} {page}"] = client.get(f"/signal/connections/{id}/{page}").content.decode()
        shown[f"{role} audit"] = client.get("/account/audit/", follow=True).content.decode()
    assert [name for name, content in shown.items() if "pl4nted" in str(content)] == []
    assert "token?…" in shown[f"{Role.ADMINISTRATOR} "]


def test_C5_an_authority_that_repeats_the_query_of_its_address_is_not_quoted(
    story: Story, receiver: Receiver, authority: Authority
) -> None:
    receiver.answer("/token", Answer(400, {"error": "invalid_scope", "error_description": f"not for pl4nted-query-0123 or ?{QUERY}"}))
    id = story.connection("CRM", "/crm", secrets=authority.secrets(), **fields(authority))
    story.flow("All", [story.to(id)])
    report = save_and_test.try_connection(story.account, id, sample=True)
    assert "not for …" in report.detail
    with story.worker():
        story.record("R1", status="Attended")
        story.wait_for(lambda: len(story.attempts(story.actions("R1")[0])) >= 1)
    assert "pl4nted" not in str(everything(story.db)) + json.dumps(report.to_body())


def test_C5_another_query_replaces_the_stored_one_and_bad_ones_are_refused(story: Story, authority: Authority) -> None:
    id = story.connection("CRM", "/crm", secrets=authority.secrets(), **fields(authority))
    save(story, id, fields(authority, "api_key=another"))
    assert queries(story, id) == {"access_token_query": "?api_key=another"}
    for query in ("a=…", "a={event.code}", "a=b#c"):
        with pytest.raises(Invalid) as refused:
            save(story, id, fields(authority, query))
        assert list(refused.value.fields) == ["access_token_url"]
    with pytest.raises(SecretsAgain) as again:
        save(story, id, {"access_token_url": "https://elsewhere.example.com/token?…"})
    assert {Secret.ACCESS_TOKEN_QUERY, Secret.CLIENT_SECRET} <= again.value.names
    save(story, id, authority.fields())
    assert queries(story, id) == {}
    with pytest.raises(Invalid) as refused:
        save(story, id, fields(authority, "…"))
    assert list(refused.value.fields) == ["access_token_url"]
