"""What targets and authorities repeat from their requests is neither stored nor shown (C5, finding A1).

The credentials are read from the requests that the receiver actually got, never from the set-up.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from django.test import Client
from tests.builders.worker import LOOPBACK
from tests.credentials import Repeating, found, received, signing_key, written
from tests.oauth import Authority
from tests.receiver import Answer, Received, Receiver
from tests.rows import everything
from tests.story import Story
from tests.waiting import until

from heliograph.accounts.models import Role
from heliograph.connections import answers, page_sender
from heliograph.connections.services import save_and_test
from heliograph.connections.services.connections import ConnectionFacts, save_connection
from heliograph.domain.connection.secret import Secret, signing_secret

SIGNING = signing_secret(bytes(range(190, 222)))
PASSWORD = 'pl4nted "pass" wörd+/=&<x>'
PATHS = {"header": "/by-header", "chips": "/hooks/T0PL4NT3D%2B99xyz/SUMMIT/in"}
SHOWS = {"if": [{"in": "status", "is": ["200-599"]}], "then": "failed", "says": "It said", "shows": "error"}


@pytest.fixture
def loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_sender, "policy", lambda _account: LOOPBACK)


def basic(story: Story, **fields: Any) -> int:
    secrets = {Secret.PASSWORD: PASSWORD, Secret.SIGNING: SIGNING}
    return story.connection("basic", "/basic", auth="Basic Authentication", user_name="ada", secrets=secrets, **fields)


def connections(story: Story, authority: Authority) -> dict[str, int]:
    """One connection for each way to authenticate."""
    key = "API Key / Token"
    signed = {Secret.SIGNING: SIGNING}
    return {
        "basic": basic(story),
        "short": story.connection("short", "/short", auth="Basic Authentication", user_name="ada", secrets={Secret.PASSWORD: "k7?"}),
        "bearer": story.connection("bearer", "/bearer", auth=key, secrets={Secret.KEY: "pl4nted.bearer_token-77/+=="} | signed),
        "header": story.connection(
            "header", "/by-header", auth=key, key_place="header", key_name="X-Key", secrets={Secret.KEY: "pl4nted key 88"}
        ),
        "query": story.connection(
            "query", "/query", auth=key, key_place="query", key_name="key", secrets={Secret.KEY: "pl4nted/in+a=query&9"}
        ),
        "chips": story.connection("chips", "/hooks/T0PL4NT3D%2B99xyz/{event.code}/in?sig=s1g%2Fn"),
        "oauth": story.connection("oauth", "/oauth", secrets=authority.secrets(), **authority.fields()),
    }


def users(story: Story) -> Iterator[tuple[str, Client]]:
    """A browser of each role."""
    for role in (Role.VIEWER, Role.PLANNER, Role.ADMINISTRATOR):
        client = Client()
        story.signs_in(client, role, name="Ada", email=f"{role.name}@example.org")
        yield role.name, client


def pages(story: Story, connections: Mapping[str, int]) -> dict[str, str]:
    """What each role is shown about deliveries and connections; without Connection Setup, where Administrators see URLs."""
    addresses = ["/signal/registrations/SUMMIT/R0/", "/signal/metrics/feed/", "/signal/retry/", "/signal/connections/", "/signal/flows/"]
    addresses += [f"/signal/retry/{action['key']}/" for action in story.actions()]
    for id in connections.values():
        addresses += [f"/signal/connections/{id}/{page}/" for page in ("versions", "access", "rule")]
    shown = {}
    for role, client in users(story):
        setup = [f"/signal/connections/{id}/" for id in connections.values()] if role != Role.ADMINISTRATOR.name else []
        for address in [*addresses, *setup]:
            answer = client.get(address)
            assert answer.status_code in (200, 302, 403, 404), address
            shown[f"{role} {address}"] = answer.content.decode() + str(answer.headers)
    assert sum("X-Said-0" in text or "x-said-0" in text for text in shown.values()) >= 3  # each role sees the targets' answers
    return shown


def test_C5_A1_credentials_that_came_are_found_nowhere_in_any_spelling(story: Story, receiver: Receiver, loopback: None) -> None:
    authority = Authority(receiver)
    made = connections(story, authority)
    repeating = {name: Repeating(known=signing_key(SIGNING) if name in ("basic", "bearer") else ()) for name in made}
    for name in made:
        receiver.answer(PATHS.get(name, f"/{name}"), repeating[name])
        story.flow(f"To {name}", [story.to(made[name])])
    story.retries(3_600, 3_600, 3_600)
    codes = [f"R{n}" for n in range(8)]
    with story.worker():
        for code in codes:
            story.record(code, status="Attended")
        until(lambda: len(story.db.all("SELECT 1 FROM attempt")) == len(codes) * len(made))
    reports = [json.dumps(save_and_test.try_connection(story.account, id, sample=True).to_body()) for id in made.values()]
    came = received(receiver.requests) - {"/token"}  # the path of the token endpoint is not secret
    needles = {text for credential in came for text in written(credential)} | signing_key(SIGNING)
    assert len(needles) > 300
    places: dict[str, Any] = {f"table {name}": content for name, content in everything(story.db).items()}
    places |= {f"report {n}": text for n, text in enumerate(reports)} | pages(story, made)
    assert not found(places, needles)
    assert not found(places, ["c00kie-of-the-target", "pl4nted", "T0PL4NT3D"])


@pytest.mark.parametrize("cap", [1_024, 16 * 1_024])
def test_C5_A1_what_a_cap_cuts_leaves_no_beginning(story: Story, receiver: Receiver, cap: int) -> None:
    id = basic(story, **({"answer_cap": 1} if cap == 1_024 else {}))
    story.flow("All", [story.to(id)])
    story.retries(3_600, 3_600, 3_600)
    spellings: list[str] = []

    def answer(request: Received) -> Answer:
        """The next spelling, of which the cap cuts off half."""
        token = (request.header("authorization") or "").partition(" ")[2]
        pair = base64.b64decode(token).decode()
        signature = request.header("webhook-signature") or ""
        texts = [token, pair, PASSWORD, PASSWORD.encode().hex(), json.dumps(PASSWORD)[1:-1], signature, SIGNING.removeprefix("whsec_")]
        text = texts[len(spellings)]
        spellings.append(text)
        half = text.encode()[: len(text.encode()) // 2]
        return Answer(400, b"-" * (cap - len(half)) + text.encode() + b" and more" * 9_000)

    receiver.answer("/basic", answer)
    with story.worker():
        for n in range(7):
            story.record(f"R{n}", status="Attended")
            story.wait_for(lambda n=n: len(spellings) == n + 1)  # type: ignore[misc]
        until(lambda: len(story.db.all("SELECT 1 FROM attempt")) == 7 or None)
    kept = [json.loads(text) for (text,) in story.db.all("SELECT response FROM attempt_content")]
    assert len(kept) == 7
    for response in kept:
        assert response["cut"]
        assert response["body"].lstrip("-") in ("…", "ada:…", "v1,…"), response["body"][-60:]  # no secrets
    halves = {text[: max(6, len(text) // 3)] for text in spellings} - {"ada:pl"}
    assert not found({"kept": json.dumps(kept, ensure_ascii=False)}, halves)


@pytest.mark.parametrize("before", [0, 150, 185, 195])
def test_C5_A1_a_reason_loses_credentials_before_it_is_cut(story: Story, receiver: Receiver, loopback: None, before: int) -> None:
    """The reason's own whitespace cleanup would change a password with two spaces in it."""
    with story.saving() as transaction:
        body = {"name": "CRM", "auth": "Basic Authentication", "user_name": "ada", "rule": [SHOWS]}
        secrets = {Secret.PASSWORD: "pl4nted  with  spaces", Secret.SIGNING: SIGNING}
        id = save_connection(transaction, ConnectionFacts(body, url=receiver.url("/crm"), secrets=secrets), http=True).pk
    story.flow("All", [story.to(id)])

    def answer(request: Received) -> Answer:
        token = (request.header("authorization") or "").partition(" ")[2]
        texts = [token, base64.b64decode(token).decode(), request.header("webhook-signature"), SIGNING.removeprefix("whsec_")]
        return Answer(400, {"error": ["x" * before, *(f"not {text}!" for text in texts)]})

    receiver.answer("/crm", answer)
    with story.worker():
        story.record("R1", status="Attended")
        story.wait_for(lambda: len(story.attempts(story.actions("R1")[0])) >= 1)
    report = save_and_test.try_connection(story.account, id, sample=True)
    assert report.detail.startswith(f"It said: {'x' * before}")
    (action,) = story.actions("R1")
    said = answers.try_rule(story.db, story.account, action["id"], 1, [SHOWS])
    places: dict[str, Any] = {f"table {name}": content for name, content in everything(story.db).items()}
    places |= {"report": json.dumps(report.to_body()), "tried": said.message}
    needles = {text[:6] for text in received(receiver.requests) if not text.startswith(("/", "ada:", "Basic "))} | {SIGNING[6:14]}
    assert not found(places, needles)


@pytest.mark.parametrize("place", ["description", "error", "scope"])
def test_C5_A1_an_authority_that_repeats_the_request_is_not_quoted(story: Story, receiver: Receiver, loopback: None, place: str) -> None:
    authority = Authority(receiver, secret="pl4ntedClientSecret0123456789")
    id = story.connection("CRM", "/crm", secrets=authority.secrets(), **authority.fields())

    def answer(request: Received) -> Answer:
        token = (request.header("authorization") or "").partition(" ")[2] or request.body.decode()
        match place:
            case "description":
                return Answer(
                    400, {"error": "invalid_scope", "error_description": "x" * 170 + f" {token} of {base64.b64decode(token).decode()}"}
                )
            case "error":
                return Answer(400, {"error": authority.secret, "error_description": request.body.decode()})
            case _:
                given = "access-token-pl4nted-77"
                return Answer(200, {"access_token": given, "token_type": "bearer", "scope": f"leads {token} {given} {authority.secret}"})

    receiver.answer("/token", answer)
    receiver.answer("/crm", Repeating(401))
    story.flow("All", [story.to(id)])
    report = save_and_test.try_connection(story.account, id, sample=True)
    with story.worker():
        story.record("R1", status="Attended")
        story.wait_for(lambda: len(story.attempts(story.actions("R1")[0])) >= 1)
    places: dict[str, Any] = {f"table {name}": content for name, content in everything(story.db).items()}
    places |= {"report": json.dumps(report.to_body())} | pages_of_access(story, id)
    needles = {text[:8] for text in received(receiver.requests) if not text.startswith(("/", authority.client))} | {"pl4nted"}
    assert not found(places, needles)


def pages_of_access(story: Story, id: int) -> dict[str, str]:
    return {role: client.get(f"/signal/connections/{id}/access/").content.decode() for role, client in users(story)}
