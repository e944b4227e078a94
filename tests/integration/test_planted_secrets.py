"""Secrets are planted in every field for one, the whole story runs, and then everything is searched for them (C5).

The needles: what was planted, and every credential that the receiver actually got, in every spelling (`tests/credentials.py`). The places:
every table, the log, every page without arguments and those of failed items for each role, the output of `test-connection`, the operations
port.
"""

from __future__ import annotations

import contextlib
import json
import urllib.error
import urllib.request
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.test import Client
from django.urls import NoReverseMatch, get_resolver, reverse
from django_scopes import scope
from tests.credentials import bytes_spelled, found, received, signing_key, spelled
from tests.oauth import Authority
from tests.processes import Starter, free_port
from tests.receiver import Answer, Received, Receiver
from tests.rows import everything
from tests.story import Story
from tests.waiting import PATIENCE

from heliograph.accounts.models import AuditEntry, Role
from heliograph.connections import page_sender
from heliograph.connections.services.connections import ConnectionFacts, connection_row, save_connection
from heliograph.domain.connection.secret import Secret, signing_secret
from heliograph.domain.mapping.mapping import MappingKind
from heliograph.outbound.guard import Policy

PLANTED = {
    "path": "/services/T0PLANT3D/B0PLANT3D/pl4nted-path-Zq7&x=1",
    "test_path": "/test/pl4nted-test-path-9f3c2a",
    "basic": 'pl4nted "pass" wörd+/=&<x>',
    "header": "pl4nted-key-in-a-header-77",
    "query": "pl4nted key/in+a=query&88",
    "client": "pl4nted-client-secret+/=<&>",
    "code_client": "pl4nted-secret-of-the-code-client",
    "fixed": "pl4nted-in-a-fixed-header+/77",
    "row": "pl4nted-in-a-row-of-a-mapping+/88",
    "signing": signing_secret(b"pl4nted-signing-secret-of-32-byte"),
}


def echo(status: int, **more: Any) -> Any:
    """A target that answers with everything it was sent, as targets do in errors."""

    def answer(request: Received) -> Answer:
        text = json.dumps({"path": request.path, "headers": dict(request.headers), "body": request.body.decode(errors="replace")})
        shown = {"x-path": request.path[:300].encode("ascii", "replace").decode(), "x-auth": request.header("authorization") or "none"}
        said = [text, *(value for _, value in request.headers), *sorted(received([request]))]
        if request.header("webhook-signature"):  # a target that checks signatures knows the key
            said += sorted(signing_key(PLANTED["signing"]))
        cookie = {"set-cookie": "session=pl4nted-cookie-of-the-target; Path=/"}
        return Answer(status, "\n".join(said), shown | cookie | more.get("headers", {}))

    return answer


@pytest.fixture
def loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Policy.parse(["127.0.0.0/8"])
    monkeypatch.setattr(page_sender, "policy", lambda _account: opened)


def connects(client: Client, authority: Authority, connection: int) -> tuple[list[str], list[str]]:
    """Connects by pages. Returns the secrets involved, and the pages' answers."""
    left = client.post(f"/signal/connections/{connection}/connect/")
    asked = {key: values[0] for key, values in parse_qs(urlsplit(left["Refresh"].partition("url=")[2]).query).items()}
    code = authority.signs_in(asked["code_challenge"], asked["redirect_uri"])
    came = client.get(f"/oauth/return?{urlencode({'code': code, 'state': asked['state']})}")
    after = client.get(came["Location"])
    verifier = next(form["code_verifier"] for form in authority.asked if form.get("code") == code)
    return [code, verifier], [came.content.decode() + str(came.headers), after.content.decode()]


def pages_without_arguments() -> list[str]:
    """The path of every page without arguments, from the URL table; except those that sign out."""
    found = []
    for name in {name for name in get_resolver().reverse_dict if isinstance(name, str)} - {"account_logout"}:
        with contextlib.suppress(NoReverseMatch):
            found.append(reverse(name))
    return sorted(found)


AS_TEXT = ("slack", "basic", "code", "refused")
"""Connections whose test is read as text, too: an account may test twenty times a minute."""


def said_by_tests(heliograph: Starter, names: Iterable[str]) -> list[str]:
    """The output of Save & Test for each connection, as text and, for a sample, as JSON; with all its logs."""
    said = []
    for name in names:
        for form in ((), ("--sample", "--json")) if name in AS_TEXT else (("--sample", "--json"),):
            test = heliograph.run(
                "test-connection", name, "--account", "ACME", *form, HELIOGRAPH_ALLOWED_NETWORKS="127.0.0.0/8", HELIOGRAPH_LOG_LEVEL="debug"
            )
            assert test.returncode in (0, 1), test.output
            said.append(test.output)
    return said


def test_C5_planted_secrets_are_found_nowhere(
    story: Story, receiver: Receiver, client: Client, heliograph: Starter, loopback: None
) -> None:
    credentials = Authority(receiver, client="cc", secret=PLANTED["client"], path="/token1")
    code = Authority(receiver, client="code", secret=PLANTED["code_client"], path="/token2", rotates=True)
    url = receiver.url
    path = PLANTED["path"]
    secrets = {Secret.SIGNING: PLANTED["signing"]}
    made = {
        "slack": story.connection("slack", url=url(path), secrets=secrets),
        "basic": story.connection(
            "basic", "/basic", auth="Basic Authentication", user_name="ada", secrets=secrets | {Secret.PASSWORD: PLANTED["basic"]}
        ),
        "header": story.connection(
            "header", "/header", auth="API Key / Token", key_place="header", key_name="X-Key", secrets={Secret.KEY: PLANTED["header"]}
        ),
        "query": story.connection(
            "query", "/query", auth="API Key / Token", key_place="query", key_name="key", secrets={Secret.KEY: PLANTED["query"]}
        ),
        "cc": story.connection("cc", "/cc", secrets={Secret.CLIENT_SECRET: PLANTED["client"]}, **credentials.fields()),
        "code": story.connection(
            "code", "/code", secrets={Secret.CLIENT_SECRET: PLANTED["code_client"]}, **code.fields(grant="Authorization Code")
        ),
        "open": story.connection("open", "/open", headers=[["X-API-Key", PLANTED["fixed"]]]),
        "refused": story.connection("refused", url=f"http://127.0.0.1:{free_port()}{path}"),
        "tls": story.connection("tls", url=f"https://127.0.0.1:{receiver.port}{path}"),
        "dns": story.connection("dns", url=f"https://no-such-name.invalid{path}"),
        "reset": story.connection("reset", "/reset/pl4nted-path-Zq7"),
    }
    with story.saving() as transaction:
        facts = ConnectionFacts(connection_row(made["slack"]).body, test_url=url(PLANTED["test_path"]))
        save_connection(transaction, facts, made["slack"], http=True)
    headers = story.mapping("Credentials", {"Authorization": f"=Bearer {PLANTED['row']}"}, kind=MappingKind.HEADER)
    answers = {"/open": 400, "/basic": 401, "/header": 500, "/query": 302, "/cc": 403, path.partition("&")[0]: 404}
    for place, status in answers.items():
        receiver.answer(place, echo(status, headers={"location": url("/elsewhere")} if status == 302 else {}))
    guarded: Any = code.guards()
    receiver.answer("/code", lambda request: echo(guarded(request).status)(request))
    receiver.answer("/reset/pl4nted-path-Zq7", Answer(then="reset"))
    story.signs_in(client, name="Ada")
    planted, shown = connects(client, code, made["code"])
    for name, connection in made.items():
        story.flow(f"To {name}", [story.to(connection, header=headers if name == "open" else None)])

    ports = {name: free_port() for name in ("BIND", "OPERATIONS_BIND")}
    env = {f"HELIOGRAPH_{name}": f"127.0.0.1:{port}" for name, port in ports.items()}
    env |= {"HELIOGRAPH_BASE_URL": f"http://127.0.0.1:{ports['BIND']}", "HELIOGRAPH_ALLOWED_NETWORKS": "127.0.0.0/8"}
    serve = heliograph("serve", HELIOGRAPH_LOG_LEVEL="debug", **env)
    serve.until_answers(f"http://127.0.0.1:{ports['BIND']}/accounts/sign-in/")
    story.record("R1", status="Attended")
    story.wait_for(lambda: len(story.states("R1")) == len(made) and "pending" not in story.states("R1"), 60.0)
    code.revoke(refresh=True)
    story.record("R2", status="Attended")
    story.wait_for(lambda: len(story.states("R2")) == len(made) and "pending" not in story.states("R2"), 60.0)
    for place in ("/metrics", "/health/ready"):
        address = f"http://127.0.0.1:{ports['OPERATIONS_BIND']}{place}"
        with contextlib.suppress(urllib.error.HTTPError), urllib.request.urlopen(address, timeout=PATIENCE) as answered:
            shown.append(answered.read().decode())
    serve.terminate()
    tested = said_by_tests(heliograph, made)
    reports = [json.loads(line) for text in tested if (line := text.splitlines()[-1]).startswith("{")]
    assert len(reports) == len(made)
    assert {report["finding"] for report in reports} >= {"unauthorized", "broken", "moved", "connect_again", "refused", "tls"}
    assert sum(len(report["answer"]) > 100 for report in reports) >= 4  # the targets did repeat their requests

    planted += [*credentials.given, *code.given, *code.refresh, *code.used]
    came = received(receiver.requests) - answers.keys() - {"/code", "/token1", "/token2"}  # words of a path, and the token endpoints
    needles = {text for secret in {*PLANTED.values(), *planted, *came} for text in spelled(secret)} | signing_key(PLANTED["signing"])
    needles |= {"pl4nted", *bytes_spelled(b"pl4nted")}
    pages = ["/signal/registrations/SUMMIT/R1/", "/registrations/SUMMIT/R1/"]
    pages += [f"/signal/mappings/{headers}/", f"/signal/mappings/{headers}/versions/", f"/signal/connections/{made['open']}/versions/"]
    pages += [f"/signal/connections/{id}/access/" for name, id in made.items() if name in ("cc", "code")]
    pages += [f"/signal/retry/{action['key']}/" for action in story.actions() if action["queue"]]
    for role in Role:
        story.signs_in(client, role, name="Ada", email=f"{role.name}@example.org")
        for address in pages:
            answer = client.get(address)
            assert answer.status_code == 200, address
            shown.append(answer.content.decode() + str(answer.headers))
        for address in pages_without_arguments():
            answer = client.get(address, follow=address != "/oauth/return")
            assert answer.status_code in (200, 400, 403, 404, 405), address
            shown.append(answer.content.decode() + str(answer.headers))
    with scope(account=story.account):
        assert AuditEntry.objects.filter(kind="connection").count() > len(made)  # the rows that are searched below
    causes = {action["cause"] for action in story.actions()}
    assert {"answer", "refused", "tls", "reset", "oauth"} <= causes
    assert causes & {"dns", "no_name_server"}, "as the machine of the test has a name server or none"

    places: dict[str, str | bytes] = {f"table {name}": content for name, content in everything(story.db).items()}
    places |= {"log": serve.output} | {f"page {n}": text for n, text in enumerate(shown)}
    places |= {f"test {n}": text for n, text in enumerate(tested)}
    hits = found(places, needles)
    assert not hits, "\n".join(map(str, hits))
    assert len(receiver.at("/basic")) >= 2  # they were sent
    assert {(r.header("x-api-key"), r.header("authorization")) for r in receiver.at("/open")} >= {
        (PLANTED["fixed"], f"Bearer {PLANTED['row']}")
    }
    assert any("x-auth" in str(text).lower() for text in places.values())
