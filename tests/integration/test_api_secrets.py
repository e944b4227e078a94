"""Secrets are planted in every place of an account that can hold one; then every answer of the REST API is searched for them (C5).

Read is whatever the OpenAPI file has a GET for, so that a new endpoint is searched by itself; written is what tests/api_deeds.py has, and
what is refused. The audit, the log and all tables are searched besides.
"""

from __future__ import annotations

import json
from contextlib import closing
from typing import Any, Final

import pytest
from django.conf import settings
from django.http import HttpResponse
from pydantic import SecretStr
from tests.api_client import ApiClient
from tests.api_deeds import DEEDS, answered_id, each_of, filled
from tests.api_reads import PREFIX, addresses, ids_of
from tests.builders import deeds_account
from tests.builders.deeds_account import DeedsAccount
from tests.builders.planted_account import MARK, PATH, Planted, plant
from tests.credentials import found, token_secret
from tests.databases import DatabaseFacts
from tests.rows import everything

from heliograph.api import openapi
from heliograph.api.urls import ROUTER
from heliograph.connections import page_sender
from heliograph.insights.record_kinds import RecordKind
from heliograph.outbound.guard import Policy
from heliograph.store.database import Database

QUERIES: Final = {
    "events/{event}/leave-testing": "?status={event_live}",
    "flows/filter-values": "?field=event.code",
    "flows/{flow}/test": "?registration={registration_p1}",
    "ledger/flows": "?event=SUMMIT",
    "registrations/lookup": "?event_code=SUMMIT&code=P1",
}
"""The parameters that an endpoint wants besides."""
REFUSED: Final[tuple[dict[str, Any], ...]] = (
    {"auth": "Basic Authentication", "user_name": "a:b", "password": f"{MARK}-word"},
    {"auth": "API Key / Token", "key": f"{MARK}\nkey", "key_place": "bearer"},
    {"auth": "API Key / Token", "key": [f"{MARK}-key"], "key_place": "bearer"},
    {"auth": "OAuth2", "grant": "Client Credentials", "client_id": "app", "access_token_url": f"ftp://login.example/?q={MARK}"},
    {"signing_secret": f"whsec_{MARK}"},
    {"client_certificate": f"-----BEGIN {MARK}"},
    {"authorities": f"{MARK}-none"},
    {"url": f"ftp://crm.example/{MARK}"},
    {"url": f"https://ada:{MARK}@crm.example/"},
    {"url": f"https://crm.example:{MARK}/"},
    {"test_url": f"//{MARK}/"},
    {"headers": [{"name": "X-Api-Token", "value": f"{MARK}\u0000"}]},
    {"headers": [{"name": "Authorization", "value": f"Bearer {MARK}"}]},
    {"headers": {"X-Api-Token": MARK}},
)
"""What is refused of a connection, with a secret in it."""
CREDENTIALS: Final = {
    "name": "Credentials by REST",
    "kind": "header",
    "rows": [{"target": "Authorization", "parts": [{"kind": "text", "text": f"Bearer {MARK}-of-a-row"}]}],
}
"""A mapping of headers that holds a credential."""


class Reader:
    """Asks, and keeps every answer: status, headers and body."""

    def __init__(self, api: ApiClient) -> None:
        self.api = api
        self.answers: dict[str, str] = {}

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> HttpResponse:
        """Sends a request."""
        response = self.api.send(method, path, body, **headers)
        content = b"".join(response.streaming_content) if response.streaming else response.content  # type: ignore[attr-defined]
        self.answers[f"{method} {path} {len(self.answers)}"] = f"{response.status_code} {response.headers}\n{content.decode()}"
        return response


@pytest.fixture
def _installation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Secrets of the installation; targets on this machine may be reached."""
    opened = Policy.parse(["127.0.0.0/8"])
    monkeypatch.setattr(page_sender, "policy", lambda _account: opened)
    names = {
        "smtp_url": f"smtp://ada:{MARK}@127.0.0.1:9",
        "proxy": f"http://ada:{MARK}@127.0.0.1:9",
        "oidc_client_secret": MARK,
        "admin_password": MARK,
    }
    planted = {name: SecretStr(value) for name, value in names.items()}
    monkeypatch.setattr(settings, "HELIOGRAPH", settings.HELIOGRAPH.model_copy(update=planted))


@pytest.mark.usefixtures("_installation")
def test_C5_no_secret_is_in_any_answer(
    database: DatabaseFacts, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    account = deeds_account.put(database, plant)
    planted: Planted = account.added
    assert planted.answered >= 6, "the targets did repeat what they were sent"
    reader = Reader(account.api)
    with closing(database.open()) as db:
        unread = _read_everything(db, account, reader)
    assert not unread, "an endpoint answered nothing: give it ids of this account (TABLES, QUERIES)"
    _write_what_is_refused(account, reader)
    with closing(database.open()) as db:
        places: dict[str, str | bytes] = {f"table {name}": content for name, content in everything(db).items()}
    assert not (hits := found(places, planted.needles)), "\n".join(map(str, hits))
    done = 0
    planted.add("s3cr3t")  # the secrets of tests/api_deeds.py
    for deed in DEEDS:
        account = deeds_account.put(database, plant)
        ids = dict(account.ids)
        for request in each_of(deed.requests):
            response = reader.ask(request.method, filled(request.path, ids), filled(request.body, ids))
            done += response.status_code < 300
            ids["answer"] = answered_id(response.content)
    assert done > 80
    output = capfd.readouterr()
    places = {**reader.answers, "log": caplog.text, "standard output": output.out, "standard error": output.err}
    hits = found(places, planted.needles | planted.stored)
    assert not hits, "\n".join(map(str, hits[:20]))
    assert any("•••" in text for text in reader.answers.values()), "what was sent and answered is among the answers, masked"


def _read_everything(db: Database, account: DeedsAccount, reader: Reader) -> set[str]:
    """Asks every GET of the OpenAPI file with all ids. Returns the endpoints that never answered 200."""
    document = openapi.document(ROUTER)
    presets, recipes = ([row["key"] for row in account.api.every(name)] for name in ("presets", "recipes"))
    ids = ids_of(db, presets, recipes, [kind.value for kind in RecordKind])
    ids["change"] = ids["change"][-8:]
    unread = set()
    for path, operations in document["paths"].items():
        if "get" in operations:
            endpoint = path.removeprefix(PREFIX)
            statuses = {
                reader.ask("GET", address).status_code
                for address in addresses(endpoint, ids, filled(QUERIES.get(endpoint, ""), account.ids))
            }
            assert statuses <= {200, 400, 404, 409}, (endpoint, statuses)
            if 200 not in statuses:
                unread.add(endpoint)
    return unread


def _write_what_is_refused(account: DeedsAccount, reader: Reader) -> None:
    """Sends secrets that are refused, or stored beside others; and a secret that is answered once, with a key."""
    new = {"name": "Refused", "auth": "Open / No Auth", "url": f"https://crm.example{PATH}"}
    for members in REFUSED:
        assert reader.ask("POST", "connections", new | members).status_code == 400, members
        assert reader.ask("PATCH", f"connections/{account.ids['spare']}", members).status_code == 400, members
    moved = {"url": f"https://x.example/{MARK}"}
    assert reader.ask("PATCH", f"connections/{account.ids['spare']}", moved, if_match='"old"').status_code == 412
    assert reader.ask("POST", "mappings", CREDENTIALS).status_code == 201
    for path in ("mappings", "mappings/preview"):
        reader.ask("POST", path, CREDENTIALS)
        reader.ask("POST", path, CREDENTIALS | {"colour": "red"})
    for token in (f"hg_000000000000_{MARK}", MARK, f"hg_{MARK}"):
        assert reader.ask("GET", "tags", authorization=f"Bearer {token}").status_code == 401
    made = account.api.send("POST", "tokens", {"name": "Once", "scopes": ["read"]}, idempotency_key="once")
    planted: Planted = account.added
    planted.add(token_secret(json.loads(made.content)["secret"]))
