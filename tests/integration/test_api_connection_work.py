"""What is done with connections by the REST API: tests, signing, response rules, OAuth2 access, presets (C3, C4, C7, B3)."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from django.test import Client
from django_scopes import scope
from tests.api_client import ApiClient
from tests.builders import signal_account
from tests.page_text import text_of
from tests.receiver import Answer, Receiver
from tests.story import Story
from tests.waiting import PATIENCE, until

from heliograph.accounts.models import AuditEntry, Role, TokenScope
from heliograph.accounts.vault import vault
from heliograph.connections.preset_files import presets
from heliograph.connections.services import test_progress
from heliograph.connections.services.networks import allow_networks
from heliograph.domain.connection.secret import Secret
from heliograph.store.models import Idempotency
from heliograph.store.secrets import load_secrets

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def api(story: Story) -> ApiClient:
    with story.saving() as transaction:
        allow_networks(transaction, ["127.0.0.0/8"])
    return ApiClient.for_account(story.account)


def secrets_of(story: Story, id: int) -> dict[str, str]:
    return load_secrets(story.db, vault(), story.account, "connection", [id]).get(id, {})


def body_of(story: Story, id: int) -> dict[str, Any]:
    from heliograph.connections.services.connections import connection_row

    with scope(account=story.account):
        return dict(connection_row(id).body)


# --- Save & Test


def test_C3_a_connection_is_tested_and_a_sample_is_sent(story: Story, receiver: Receiver, api: ApiClient) -> None:
    made = api.post("connections", {"name": "CRM", "auth": "Open / No Auth", "url": receiver.url("/hook/s3cr3t")})
    address = f"connections/{made['id']}/test"
    api.get(address, status=404)
    reached = api.post(address, {})
    assert (reached["verdict"], reached["is_running"], reached["sample"]) == ("reached", False, False)
    assert not receiver.requests
    assert api.get(address) | {"at": reached["at"]} == reached
    receiver.answer("/hook/s3cr3t", Answer(200, {"id": "L-1"}))
    tested = api.post(address, {"sample": True})
    assert (tested["verdict"], tested["status"], tested["finding"]) == ("tested", 200, None)
    assert "L-1" in tested["answer"]
    assert [step["state"] for step in tested["steps"]].count("failed") == 0
    (sent,) = receiver.wait_for(1, path="/hook/s3cr3t")
    assert sent.method == "POST"
    receiver.answer("/hook/s3cr3t", Answer(404, {}))
    failed = api.post(address, {"sample": True})
    assert (failed["verdict"], failed["finding"], failed["field"]) == ("failed", "not_found", "url")
    assert failed["wrong"]
    assert failed["remedy"]
    assert api.get(f"connections/{made['id']}/state")["last_test"]["verdict"] == "failed"
    assert "s3cr3t" not in json.dumps([reached, tested, failed, api.get(address)])


def test_C3_a_slow_test_is_read_step_by_step(story: Story, receiver: Receiver, api: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_progress, "PATIENCE", 0.2)  # seconds that the answer waits for a quick result
    gate = threading.Event()
    receiver.answer("/me", lambda _request: Answer(200 if gate.wait(2 * PATIENCE) else 500, "{}"))
    urls = {"url": receiver.url("/crm"), "test_url": receiver.url("/me"), "total_timeout": 20}
    id = api.post("connections", {"name": "CRM", "auth": "Open / No Auth"} | urls)["id"]
    try:
        running = api.post(f"connections/{id}/test", {})
        assert running["is_running"]
        assert [step["step"] for step in running["steps"]] == ["name", "connect", "tls", "credentials", "answer"]
        assert [step["state"] for step in running["steps"]].count("under way") == 1
        assert running["verdict"] is None
    finally:
        gate.set()
    until(lambda: api.get(f"connections/{id}/test")["verdict"] == "tested")


def test_C3_an_incomplete_connection_fails_and_too_many_tests_wait(receiver: Receiver, api: ApiClient) -> None:
    basic = {"name": "CRM", "auth": "Basic Authentication", "user_name": "ada", "url": receiver.url("/hook")}
    id = api.post("connections", basic)["id"]
    assert api.post(f"connections/{id}/test", {})["finding"] == "incomplete"
    api.patch(f"connections/{id}", {"password": "word"})
    statuses = [api.send("POST", f"connections/{id}/test", {}).status_code for _ in range(12)]
    assert statuses[0] == 201
    assert statuses[-1] == 429


def test_what_talks_to_a_target_takes_no_key(story: Story, api: ApiClient) -> None:
    id = story.connection("CRM", "/crm")
    problem = api.post(f"connections/{id}/test", {}, status=400, idempotency_key="one")
    assert problem["errors"][0]["field"] == "Idempotency-Key"
    with scope(account=story.account):
        assert not Idempotency.objects.exists()


# --- signing


def test_C7_a_signing_secret_is_made_rotated_finished_and_deleted(story: Story, api: ApiClient, client: Client) -> None:
    id = story.connection("CRM", "/crm")
    address = f"connections/{id}/signing"
    assert api.get(address) == {"is_signed": False, "is_rotating": False}
    known = api.ask("POST", address, status=201)["secret"]
    assert secrets_of(story, id)[Secret.SIGNING] == known
    second = api.ask("POST", address, status=201)
    assert second["is_rotating"]
    assert api.ask("POST", address, status=409)["type"].endswith(":confirm")
    third = api.ask("POST", f"{address}?confirmed=true", status=201)["secret"]
    assert secrets_of(story, id)[Secret.SIGNING_BEFORE] == known
    assert secrets_of(story, id)[Secret.SIGNING] == third
    for path in (address, f"connections/{id}", "connections", f"connections/{id}/state"):
        assert "whsec" not in api.send("GET", path).content.decode()
    assert api.ask("POST", f"{address}/finish") == {"is_signed": True, "is_rotating": False}
    api.delete(address)
    assert api.get(address)["is_signed"] is False
    made = [api.ask("POST", address, status=201, idempotency_key="one") for _ in range(2)]
    assert made[0] == made[1]
    with scope(account=story.account):
        assert "whsec" not in str(Idempotency.objects.get().answer)
    api.delete(address)
    with scope(account=story.account):
        done = [entry.after.get("signing") for entry in AuditEntry.objects.filter(kind="connection", what="changed").order_by("id")]
    assert [text.split(":")[0].split(";")[0] for text in done] == [
        "requests are signed with a new secret",
        "a new secret was made",
        "another new secret was made in the place of the unfinished one",
        "finished",
        "requests are not signed any more",
        "requests are signed with a new secret",
        "requests are not signed any more",
    ]


def test_P1_a_viewer_reads_how_requests_are_signed_on_the_page_and_by_rest(story: Story, api: ApiClient, client: Client) -> None:
    id = story.connection("CRM", "/crm")
    reader = ApiClient.for_account(story.account, [TokenScope.READ], Role.VIEWER)
    story.signs_in(client, Role.VIEWER)
    for method, words, state in (
        ("GET", "Not signed", (False, False)),
        ("POST", "Each request is signed (Standard Webhooks)", (True, False)),
        ("POST", "Each request is signed with the new secret and with the previous one (Standard Webhooks)", (True, True)),
    ):
        api.send(method, f"connections/{id}/signing")
        assert words in text_of(client.get(f"/signal/connections/{id}/").content)
        assert reader.get(f"connections/{id}/signing") == dict(zip(("is_signed", "is_rotating"), state, strict=True))


# --- the response rule


CLAUSES = [
    {
        "conditions": [{"place": "status", "values": ["200-299"]}, {"place": "json", "name": "ok", "values": ["true"]}],
        "then": "delivered",
        "lead": "created",
    },
    {
        "conditions": [
            {"place": "body", "how": "contains", "values": ["archived"], "unless": True},
            {"place": "header", "name": "X-State", "how": "filled"},
        ],
        "then": "failed",
        "category": "Config",
        "says": "Not taken",
        "shows": "error",
        "retry_after": 60,
        "renew": True,
    },
]


def test_C7_a_rule_lives_by_rest(story: Story, api: ApiClient) -> None:
    id = story.connection("CRM", "/crm")
    address = f"connections/{id}/rule"
    assert api.get(address) == {"clauses": []}
    saved = api.ask("PUT", address, {"clauses": CLAUSES})
    assert saved == api.get(address)
    assert saved["clauses"][1] | CLAUSES[1] | {"conditions": []} == saved["clauses"][1] | {"conditions": []}
    before = body_of(story, id)["rule"]
    seen = api.send("GET", address)["ETag"]
    api.ask("PUT", address, saved, if_match=seen)
    assert body_of(story, id)["rule"] == before
    pointer = {"conditions": [{"place": "json", "name": "$.result[0].ok", "values": ["true"]}], "then": "delivered"}
    assert api.ask("PUT", address, {"clauses": [pointer]})["clauses"][0]["conditions"][0]["name"] == "result[0].ok"
    assert api.ask("PUT", address, saved, status=412, if_match=seen)["current"]["clauses"][0]["lead"] is None
    quoted = {"conditions": [{"place": "json", "name": '["$"].ok', "values": ["true"]}], "then": "delivered"}
    kept = api.ask("PUT", address, {"clauses": [quoted]})
    assert api.ask("PUT", address, kept) == kept
    api.delete(address)
    assert api.get(address) == {"clauses": []}


def test_C7_a_wrong_rule_is_refused_at_its_member(story: Story, api: ApiClient) -> None:
    id = story.connection("CRM", "/crm")
    for clause, field in (
        ({"conditions": [], "then": "failed"}, "clauses[0]"),
        ({"conditions": [{"place": "status", "values": ["many"]}], "then": "failed"}, "clauses[0].conditions[0].values"),
        ({"conditions": [{"place": "header", "name": "a b", "values": ["x"]}], "then": "failed"}, "clauses[0].conditions[0].name"),
        ({"conditions": [{"place": "body", "values": ["ok"]}], "then": "delivered", "says": "No"}, "clauses[0].then"),
        ({"conditions": [{"place": "body", "values": ["ok"]}], "then": "failed", "retry_after": 0}, "clauses[0].retry_after"),
        ({"conditions": [{"place": "body", "values": ["ok"]}], "then": "failed", "category": "System"}, "clauses[0].category"),
    ):
        problem = api.ask("PUT", f"connections/{id}/rule", {"clauses": [clause]}, status=400)
        assert problem["errors"][0]["field"].startswith(field), problem
    assert "rule" not in body_of(story, id)


def test_C7_a_rule_is_proposed_tried_and_asks_first(story: Story, receiver: Receiver, api: ApiClient) -> None:
    id, other = story.connection("CRM", "/crm"), story.connection("Other", "/other")
    story.flow("All", [story.to(id)])
    receiver.answer("/crm", Answer(200, {"ok": False, "error": "channel is archived"}, JSON))
    with story.worker():
        story.record("R1", status="Attended")
        story.until("R1", "success")
    (answer,) = api.get(f"connections/{id}/answers")["items"]
    assert (answer["registration"], answer["status"]) == ("R1", 200)
    assert api.get(f"connections/{id}/answers?q=R2")["items"] == []
    where = {"action": answer["action"], "attempt": answer["attempt"]}
    assert api.post(f"connections/{id}/rule/trial", {"answer": where}, status=200)["delivered"] is True
    proposed = api.post(f"connections/{id}/rule/proposal", {"answer": where, "then": "failed"}, status=200)
    tried = api.post(f"connections/{id}/rule/trial", {"answer": where, "clauses": proposed["clauses"]}, status=200)
    assert (tried["delivered"], tried["clause"]) == (False, 1)
    pasted = {"status": 200, "headers": [{"name": "Content-Type", "value": "application/json"}], "body": '{"ok": true}'}
    assert api.post(f"connections/{id}/rule/trial", {"pasted": pasted, "clauses": proposed["clauses"]}, status=200)["delivered"] is True
    absent = [{"conditions": [{"place": "json", "name": "nowhere", "values": ["1"]}], "then": "failed"}]
    assert api.post(f"connections/{id}/rule/trial", {"answer": where, "clauses": absent}, status=200)["notes"]
    asked = api.ask("PUT", f"connections/{id}/rule", {"clauses": absent}, status=409)
    assert (asked["type"].split(":")[-1], len(asked["values"])) == ("confirm", 1)
    assert api.get(f"connections/{id}/rule") == {"clauses": []}
    assert api.ask("PUT", f"connections/{id}/rule?confirmed=true", {"clauses": absent})["clauses"]
    assert api.ask("PUT", f"connections/{id}/rule", proposed) == proposed

    for wrong in ({}, {"answer": where, "pasted": pasted}, {"answer": where | {"attempt": 9}}, {"answer": where | {"action": "x"}}):
        assert api.post(f"connections/{id}/rule/trial", wrong, status=400)["errors"][0]["field"] == "answer"
    assert api.post(f"connections/{other}/rule/trial", {"answer": where}, status=400)["errors"][0]["field"] == "answer"
    strange = signal_account.made(story.db, name="Another")
    stranger = ApiClient.for_account(strange.account.pk)
    own = stranger.post("connections", {"name": "Own", "auth": "Open / No Auth", "url": "https://crm.example/"})["id"]
    for path, more in (("trial", {}), ("proposal", {"then": "failed"})):
        problem = stranger.post(f"connections/{own}/rule/{path}", {"answer": where} | more, status=400)
        assert problem["errors"][0]["field"] == "answer"


# --- access, presets, other accounts


def test_C4_the_access_says_whether_somebody_has_connected(story: Story, api: ApiClient) -> None:
    code = {"auth": "OAuth2", "grant": "Authorization Code", "client_id": "app", "client_secret": "s3cr3t"}
    urls = {"authorization_url": "https://login.example/authorize", "access_token_url": "https://login.example/token?k=s3cr3t"}
    id = api.post("connections", {"name": "CRM", "url": "https://crm.example/"} | code | urls)["id"]
    access = api.get(f"connections/{id}/access")
    assert (access["state"], access["needs_connecting"], access["authority"]) == ("not yet", True, "login.example")
    assert access["redirect_url"].endswith("/oauth/return")
    assert (access["connected_at"], access["lacks"]) == (None, [])
    assert "s3cr3t" not in json.dumps(access)
    assert api.get(f"connections/{story.connection('Open', '/open')}/access")["lacks"] == ["auth"]


def test_B3_a_preset_makes_a_connection_and_its_mapping(story: Story, api: ApiClient) -> None:
    listed = api.get("presets")["items"]
    assert [each["key"] for each in listed] == [each.key for each in presets()]
    slack = api.get("presets/slack_text")
    assert slack == listed[0]
    url = "https://hooks.slack.com/services/T000/B000/s3cr3t"
    made = [api.post("presets/slack_text/connections", {"values": {"url": url}}) for _ in range(2)]
    assert [each["connection"]["name"] for each in made] == ["Slack message", "Slack message 2"]
    assert made[0]["connection"] == api.get(f"connections/{made[0]['connection']['id']}")
    assert made[0]["mappings"][0]["rows"][0]["target"] == "text"
    assert api.get(f"connections/{made[0]['connection']['id']}/rule")["clauses"]
    assert "s3cr3t" not in json.dumps(made)
    for values, field in (
        ({}, "values.url"),
        ({"url": "https://evil.example/"}, "values.url"),
        ({"url": url, "colour": "x"}, "values.colour"),
    ):
        assert api.post("presets/slack_text/connections", {"values": values}, status=400)["errors"][0]["field"] == field
    api.get("presets/nonsense", status=404)
    api.post("presets/nonsense/connections", {"values": {}}, status=404)
    assert len(api.get("connections")["items"]) == 2


def test_P1_what_only_an_administrator_sees_on_pages_needs_an_administrators_token(story: Story, api: ApiClient) -> None:
    id = story.connection("CRM", "/crm")
    planner = ApiClient.for_account(story.account, tuple(TokenScope), Role.PLANNER)
    for path in ("presets", "presets/slack_text", f"connections/{id}/answers"):
        assert planner.get(path, status=403)["type"].endswith(":role")
    assert planner.get(f"connections/{id}/rule")
    assert planner.get(f"connections/{id}/signing")


def test_nothing_of_another_account_is_reached(story: Story, api: ApiClient) -> None:
    mine = story.connection("CRM", "/crm")
    other = ApiClient.for_account(signal_account.made(story.db, name="Another").account.pk)
    before = body_of(story, mine)
    where = {"action": "1", "attempt": 1}
    for method, path, body in (
        ("GET", "test", None),
        ("POST", "test", {"sample": True}),
        ("GET", "signing", None),
        ("POST", "signing", None),
        ("POST", "signing/finish", None),
        ("DELETE", "signing", None),
        ("GET", "access", None),
        ("GET", "answers", None),
        ("GET", "rule", None),
        ("PUT", "rule", {"clauses": []}),
        ("DELETE", "rule", None),
        ("POST", "rule/trial", {"answer": where}),
        ("POST", "rule/proposal", {"answer": where, "then": "failed"}),
    ):
        assert other.ask(method, f"connections/{mine}/{path}", body, status=404)["type"].endswith("not-found"), path
    assert body_of(story, mine) == before
    assert not story.receiver.requests
