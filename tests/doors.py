"""Both doors of /ingest, each with its own database, and a sender that posts to them."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from cryptography.fernet import Fernet

from heliograph.domain.client_address import ClientAddresses
from heliograph.domain.http_request import LOCAL, Hosts
from heliograph.domain.source.handshake import Handshake
from heliograph.domain.source.verification import Verification
from heliograph.engine.ingest.door_places import PlaceLimits
from heliograph.engine.ingest.fast_door import DIRECT, Door
from heliograph.engine.ingest.reception import Reception
from heliograph.engine.ingest.wsgi_door import IngestApplication
from heliograph.store.config_cache import Committed, ConfigCache
from heliograph.store.database import Database
from heliograph.store.secrets import SecretPlace, Vault, save_secret
from heliograph.store.token_check import digest_of, new_token, prefix_of
from heliograph.web.limits import HeadRules
from heliograph.web.server import pages_server
from tests.builders.running_account import ACCOUNT, RunningAccount
from tests.databases import DatabaseFacts
from tests.waiting import PATIENCE

VAULT = Vault([Fernet.generate_key().decode()])
PATH = "/ingest/registrations"
JSON, NDJSON = "application/json", "application/x-ndjson"


def make_token(db: Database, *scopes: str, account: int = ACCOUNT) -> str:
    token = new_token()
    with db.transaction():
        db.run(
            "INSERT INTO api_token (account_id, name, prefix, digest, scopes, created, created_by)"
            " VALUES (:account, 'test', :prefix, :digest, :scopes, :now, 'test')",
            {
                "account": account,
                "prefix": prefix_of(token),
                "digest": digest_of(token),
                "scopes": json.dumps(list(scopes or ("ingest",))),
                "now": db.now(),
            },
        )
    return token


def make_source(
    db: Database,
    path: str,
    verification: Verification | None,
    *secrets: str,
    handshake: Handshake | None = None,
    account: int = ACCOUNT,
    state: int = 1,
) -> int:
    """A source that is called at /in/<path>. Returns its id. secrets: oldest first"""
    settings: dict[str, Any] = {"verification": verification.to_body()} if verification else {}
    if handshake:
        settings["handshake"] = handshake.to_body()
    params = {
        "account": account,
        "name": path,
        "folded_name": path,
        "path": path,
        "settings": json.dumps(settings),
        "state": state,
        "now": db.now(),
    }
    with db.transaction():
        ((source,),) = db.all(
            "INSERT INTO source (account_id, name, folded_name, platform, path, settings, state, created, created_by, changed)"
            " VALUES (:account, :name, :folded_name, 'webhook', :path, :settings, :state, :now, 'test', :now) RETURNING id",
            params,
        )
    for secret in secrets:
        add_secret(db, source, secret, account=account)
    return int(source)


def add_secret(db: Database, source: int, text: str, *, ends: int | None = None, account: int = ACCOUNT) -> int:
    """A secret of a source. ends: microseconds"""
    with db.transaction():
        ((id,),) = db.all(
            "INSERT INTO source_secret (account_id, source_id, created, created_by, ends) VALUES (:account, :source, :now, 'test', :ends) RETURNING id",
            {"account": account, "source": source, "now": db.now(), "ends": ends},
        )
        save_secret(db, VAULT, SecretPlace(account, "source", source, str(id)), text)
    return int(id)


@dataclass
class Said:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.body.splitlines()]


@dataclass
class Sender:
    """Posts to a door."""

    acme: RunningAccount
    reception: Reception
    port: int
    kind: str
    token: str
    deaths: list[BaseException] = field(default_factory=list)

    def post(
        self,
        body: bytes | dict[str, Any],
        *,
        path: str = PATH,
        method: str = "POST",
        type: str = JSON,
        source: str = "127.0.0.1",
        **headers: str,
    ) -> Said:
        """source: the address from which the request comes"""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE, source_address=(source, 0))
        said = {"Content-Type": type, "Authorization": f"Bearer {self.token}", **{k.replace("_", "-"): v for k, v in headers.items()}}
        try:
            connection.request(method, path, data, {k: v for k, v in said.items() if v})
            answer = connection.getresponse()
            return Said(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def many(self, *documents: dict[str, Any] | bytes, **headers: str) -> Said:
        lines = [d if isinstance(d, bytes) else json.dumps(d).encode() for d in documents]
        return self.post(b"\n".join(lines) + b"\n", type=NDJSON, **headers)

    @property
    def changes(self) -> int:
        ((count,),) = self.acme.db.all("SELECT count(*) FROM change WHERE kind = 1")
        return int(count)


def document(code: str = "R1", **more: Any) -> dict[str, Any]:
    return {"event": "SUMMIT", "code": code, "status": "Attended", **more}


@contextmanager
def opened(
    acme: RunningAccount,
    kind: str,
    hosts: Hosts = LOCAL,
    limits: PlaceLimits | None = None,
    clients: ClientAddresses = DIRECT,
    on_stored: Callable[[], object] = lambda: None,
) -> Iterator[Sender]:
    """A door that is open. limits, clients: of the fast door; on_stored: called after calls of sources were stored"""
    deaths: list[BaseException] = []
    reception = Reception(
        acme.open,
        lambda: acme.open(read_only=True),
        lambda db: Committed(db, ConfigCache()),
        on_death=deaths.append,
        vault=VAULT,
        on_stored=on_stored,
    )
    sender = Sender(acme, reception, 0, kind, make_token(acme.db), deaths)
    if kind == "fast":
        door = Door("127.0.0.1", 0, reception, hosts=hosts, clients=clients, limits=limits, on_death=deaths.append)
        door.open()
        sender.port = door.port
        try:
            yield sender
        finally:
            door.close()
    else:

        def pages(environ: Any, start_response: Any) -> list[bytes]:
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [b"a page"]

        application = IngestApplication(pages, reception)
        server = pages_server("127.0.0.1", 0, application=application, hosts=hosts, rules=HeadRules(admits=application.admits), threads=4)
        sender.port = int(server.effective_port)
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            yield sender
        finally:
            with server.trigger.lock:  # its thread closes what it is woken by, and must not before it is woken
                server.trigger.thunks.append(server.close)
                server.pull_trigger()
            thread.join(PATIENCE)
            server.task_dispatcher.shutdown()
            reception.close()
    assert not deaths


@pytest.fixture
def acme(fresh_database: DatabaseFacts) -> Iterator[RunningAccount]:
    made = RunningAccount(fresh_database)
    with made.db.transaction():
        made.db.run(
            "INSERT INTO accounts_account (id, code, name, timezone, signal_enabled, created) VALUES (1, 'ACME', 'Acme', 'UTC', :yes, :now)",
            {"yes": True, "now": "2026-03-01 09:00:00+00:00"},
        )
    yield made
    made.close()
