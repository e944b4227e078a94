"""The update seals the queries of OAuth2 URLs that an earlier release stored as plain text (C5)."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.fernet import Fernet
from django.db import connection as django_connection
from django.test import Client
from pydantic import SecretStr
from tests.builders.worker import LOOPBACK
from tests.oauth import Authority, connects
from tests.receiver import Receiver
from tests.rows import everything
from tests.story import Story

from heliograph.accounts import vault as installation
from heliograph.accounts.vault import vault
from heliograph.connections import page_sender
from heliograph.connections.services.connections import ConnectionFacts, connection_row, delete_connection, save_connection
from heliograph.domain.connection.connection import Connection, OAuthGrant
from heliograph.options import OptionsError
from heliograph.store.config_cache import PROCESS
from heliograph.store.secrets import UnknownKey, Vault, check_key, load_secrets

FIELDS: Final = ("authorization_url", "access_token_url", "refresh_token_url")
ACCESS, SIGN_IN, RENEWAL, PAST, DELETED = (f"api_key=pl4nted-{name}-0123" for name in ("access", "sign-in", "renewal", "past", "deleted"))
MIGRATION: Final[Any] = importlib.import_module("heliograph.connections.migrations.0003_seal_token_queries")


class Editor:
    """As much of a schema editor as a data migration asks for."""

    connection = django_connection


def plain_bond(body: Mapping[str, Any]) -> str:
    """The bond of a body as an earlier release made it: with the whole URLs."""
    facts = Connection.from_body(body)
    for name in FIELDS:
        object.__setattr__(facts, name, body.get(name, ""))
    return facts.bond


def as_an_earlier_release_stored_it(story: Story, id: int, queries: Mapping[str, str], past: Mapping[str, str] | None = None) -> None:
    """Puts the queries in plain text into the row, the versions and the audit entries of a connection, and takes the sealed ones away.

    queries: by field of the URL
    past: the queries of all versions but the newest
    """
    db = story.db

    def plain(body: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
        urls = {name: f"{body[name].partition('?')[0]}?{text}" for name, text in texts.items() if name in body}
        old = {**body, **urls}
        if "secrets" in body:
            old["secrets"] = [name for name in body["secrets"] if not name.endswith("_query")]
        if body.get("connected") and "origin" in body:
            old["connected"] = plain_bond(old)
        return old

    def read(value: Any) -> Any:
        return json.loads(value) if isinstance(value, str) else value

    with db.transaction():
        ((stored,),) = db.all("SELECT body FROM connection WHERE id = :id", {"id": id})
        body = plain(read(stored), queries)
        cast = "CAST(:body AS jsonb)" if db.vendor == "postgresql" else ":body"
        db.run(f"UPDATE connection SET body = {cast} WHERE id = :id", {"id": id, "body": json.dumps(body)})
        versions = db.all("SELECT id, body FROM config_history WHERE kind = 'connection' AND entity_id = :id ORDER BY number", {"id": id})
        for row, text in versions:
            old = plain(json.loads(text), queries if past is None or row == versions[-1][0] else past)
            written = json.dumps(old, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
            db.run("UPDATE config_history SET body = :body WHERE id = :row", {"row": row, "body": written})
        for row, *parts in db.all("SELECT id, before, after FROM audit_entry WHERE kind = 'connection' AND object_id = :id", {"id": id}):
            for column, part in zip(("before", "after"), parts, strict=True):
                if (value := read(part)) is not None:
                    old = plain(value, {name: text for name, text in queries.items() if name in value})
                    db.run(f"UPDATE audit_entry SET {column} = {cast} WHERE id = :row", {"row": row, "body": json.dumps(old)})
        db.run("DELETE FROM secret WHERE row_id = :id AND field LIKE '%\\_query' ESCAPE '\\'", {"id": id})
        db.run("UPDATE oauth_access SET bond = :bond WHERE connection_id = :id", {"id": id, "bond": plain_bond(body)})


def tables_with_plain_queries(story: Story) -> set[str]:
    return {name for name, content in everything(story.db).items() if b"pl4nted" in content}


def row_and_number(story: Story, id: int) -> tuple[dict[str, Any], int]:
    """The body of a connection, and the number of its newest version."""
    ((stored, number),) = story.db.all("SELECT body, number FROM connection WHERE id = :id", {"id": id})
    return json.loads(stored) if isinstance(stored, str) else stored, number


def lacking(story: Story, id: int) -> tuple[str, ...]:
    return Connection.from_body(row_and_number(story, id)[0]).lacks


def save(story: Story, id: int, **fields: Any) -> None:
    with story.saving() as transaction:
        save_connection(transaction, ConnectionFacts({**connection_row(id).body, **fields}), id, http=True)


@pytest.fixture
def authority(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Authority:
    monkeypatch.setattr(page_sender, "policy", lambda _account: LOOPBACK)
    return Authority(receiver)


@pytest.fixture
def by_client(story: Story, receiver: Receiver, authority: Authority) -> int:
    """A connection by Client Credentials with two versions, and a flow that sends to it."""
    receiver.answer("/client", authority.guards())
    url = f"{receiver.url('/token')}?{ACCESS}"
    id = story.connection("By client", "/client", secrets=authority.secrets(), **authority.fields(access_token_url=url))
    save(story, id, scope="leads")
    story.flow("To the client", [story.to(id)])
    as_an_earlier_release_stored_it(story, id, {"access_token_url": ACCESS}, past={"access_token_url": PAST})
    return id


@pytest.fixture
def by_person(story: Story, receiver: Receiver, authority: Authority, client: Client) -> int:
    """A connection by Authorization Code to which somebody has connected, and a flow that sends to it."""
    receiver.answer("/person", authority.guards())
    queries = {"access_token_url": ACCESS, "authorization_url": SIGN_IN, "refresh_token_url": RENEWAL}
    paths = {"access_token_url": "/token", "authorization_url": "/authorize", "refresh_token_url": "/token"}
    urls = {name: f"{receiver.url(paths[name])}?{query}" for name, query in queries.items()}
    grant = OAuthGrant.AUTHORIZATION_CODE.value
    id = story.connection("By person", "/person", secrets=authority.secrets(), **authority.fields(grant=grant, **urls))
    story.signs_in(client)
    connects(client, authority, id)
    assert lacking(story, id) == ()
    story.flow("To the person", [story.to(id)])
    as_an_earlier_release_stored_it(story, id, queries)
    return id


def test_C5_plain_queries_of_an_earlier_release_are_sealed_and_deliveries_go_on(
    story: Story, receiver: Receiver, authority: Authority, by_client: int, by_person: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_query = story.connection("Without query", "/client", secrets=authority.secrets(), **authority.fields())
    deleted_url = f"{receiver.url('/token')}?{DELETED}"
    deleted = story.connection("Deleted", "/client", secrets=authority.secrets(), **authority.fields(access_token_url=deleted_url))
    with story.saving() as transaction:
        delete_connection(transaction, deleted)
    as_an_earlier_release_stored_it(story, deleted, {"access_token_url": DELETED})
    assert tables_with_plain_queries(story) == {"connection", "config_history", "audit_entry"}
    assert lacking(story, by_client) == ("access_token_query",)
    assert set(lacking(story, by_person)) == {"authorization_query", "access_token_query", "refresh_token_query"}
    untouched = row_and_number(story, without_query)[0]
    monkeypatch.setattr(MIGRATION, "CHUNK", 2)
    logged: list[dict[str, Any]] = []
    monkeypatch.setattr(MIGRATION.log, "info", lambda event, **facts: logged.append({"event": event, **facts}))
    results = []
    for _ in range(2):  # the second finds nothing to do
        MIGRATION.seal_queries(None, Editor)
        results.append(everything(story.db))
        assert tables_with_plain_queries(story) == set()
    assert results[0] == results[1]
    assert logged == [{"event": "token_queries_sealed", "account": story.account, "connections": 3}]

    stored = load_secrets(story.db, vault(), story.account, "connection", [by_client, by_person, deleted, without_query])
    queries = {id: {name: text for name, text in texts.items() if name.endswith("_query")} for id, texts in stored.items()}
    assert queries == {
        by_client: {"access_token_query": f"?{ACCESS}"},
        by_person: {"access_token_query": f"?{ACCESS}", "authorization_query": f"?{SIGN_IN}", "refresh_token_query": f"?{RENEWAL}"},
        without_query: {},
    }
    assert (lacking(story, by_client), lacking(story, by_person), row_and_number(story, without_query)[0]) == ((), (), untouched)
    for id in (by_client, by_person):
        body, _ = row_and_number(story, id)
        ((in_force,),) = story.db.all(
            "SELECT body FROM config_history WHERE kind = 'connection' AND entity_id = :id AND until IS NULL", {"id": id}
        )
        assert json.loads(in_force) == body
        assert body == {**body, **Connection.from_body(body).to_body()}, "the form that is stored now"

    authority.revoke()  # so that the access that somebody gave has to be renewed
    PROCESS.forget()
    receiver.requests.clear()
    with story.worker():
        story.record("R1", status="Attended")
        story.wait_for(lambda: story.states("R1") == ["success", "success"])
    paths = {request.path for request in receiver.requests if request.path.startswith("/token")}
    assert paths == {f"/token?{ACCESS}", f"/token?{RENEWAL}"}
    _, number = row_and_number(story, by_client)
    save(story, by_client, scope="leads")
    assert row_and_number(story, by_client)[1] == number, "a save without a change makes no version"
    assert tables_with_plain_queries(story) == set()


def test_C5_sealing_that_was_stopped_is_continued(story: Story, by_client: int, by_person: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MIGRATION, "CHUNK", 1)
    newest = "id = (SELECT max(id) FROM config_history WHERE kind = 'connection')"
    ((body,),) = story.db.all(f"SELECT body FROM config_history WHERE {newest}")
    with story.db.transaction():
        story.db.run(f"UPDATE config_history SET body = 'unreadable' WHERE {newest}")
    with pytest.raises(json.JSONDecodeError):
        MIGRATION.seal_queries(None, Editor)
    assert tables_with_plain_queries(story) == {"audit_entry"}, "what was before the unreadable version is sealed"
    with story.db.transaction():
        story.db.run(f"UPDATE config_history SET body = :body WHERE {newest}", {"body": body})
    MIGRATION.seal_queries(None, Editor)
    assert tables_with_plain_queries(story) == set()
    assert (lacking(story, by_client), lacking(story, by_person)) == ((), ())


def test_C5_without_the_key_nothing_is_changed(
    story: Story, by_client: int, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with story.db.transaction():
        check_key(story.db, vault())
    rows = everything(story.db)
    with monkeypatch.context() as patched:
        patched.setattr(installation, "vault", lambda: Vault([Fernet.generate_key().decode()]))
        with pytest.raises(UnknownKey, match="Put the right key into the key file"):
            MIGRATION.seal_queries(None, Editor)
    settings.HELIOGRAPH = settings.HELIOGRAPH.model_copy(update={"key": SecretStr(""), "data": tmp_path})
    with pytest.raises(OptionsError, match="There is no key file"):
        MIGRATION.seal_queries(None, Editor)
    assert everything(story.db) == rows
    assert lacking(story, by_client) == ("access_token_query",)
