"""Connections by the REST API (C1, C5, C8, P12): the same as by their pages, and no secret in any answer."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from django_scopes import scope
from tests.api_client import ApiClient
from tests.authority import Authority
from tests.builders import signal_account
from tests.counted import counting_pages
from tests.story import Story

from heliograph.accounts.models import Role, TokenScope
from heliograph.accounts.vault import vault
from heliograph.api.documents.connection_documents import ConnectionChange, ConnectionDocument
from heliograph.api.endpoints.connection_endpoints import ConnectionQuery
from heliograph.connections.services import signing_secrets
from heliograph.connections.views.connection_list_page import ConnectionListFilters
from heliograph.domain.connection.connection import Connection as Settings
from heliograph.jobs.models import Job
from heliograph.store.secrets import load_secrets

NEW: dict[str, Any] = {"name": "CRM", "auth": "Open / No Auth", "url": "https://crm.example/hook/s3cr3t?k=s3cr3t"}
BASIC = {"auth": "Basic Authentication", "user_name": "ada", "password": "s3cr3t-password"}
KEY = {"auth": "API Key / Token", "key": "s3cr3t-key", "key_place": "header", "key_name": "X-Key"}
CLIENT = {
    "auth": "OAuth2",
    "grant": "Client Credentials",
    "client_id": "app-1",
    "client_secret": "s3cr3t-client",
    "access_token_url": "https://login.example/token?tenant=s3cr3t",
    "scope": "leads",
    "client_auth": "Body",
}
CODE = CLIENT | {"grant": "Authorization Code", "authorization_url": "https://login.example/authorize", "refresh_token_url": ""}


@pytest.fixture
def api(story: Story) -> ApiClient:
    return ApiClient.for_account(story.account)


def secrets_of(story: Story, id: str) -> dict[str, str]:
    return load_secrets(story.db, vault(), story.account, "connection", [int(id)]).get(int(id), {})


@pytest.mark.parametrize("kind", [{}, BASIC, KEY, CLIENT, CODE])
def test_a_connection_lives_by_rest_with_every_authentication(story: Story, api: ApiClient, kind: dict[str, Any]) -> None:
    limits = {"rate": 60, "parallel": 2, "patient": True, "connect_timeout": 5, "total_timeout": 10, "answer_cap": 64, "primary": True}
    headers = [{"name": "X-Source", "value": "events"}, {"name": "X-Api-Token", "value": "s3cr3t-header"}]
    more = {"content_type": "application/x-www-form-urlencoded", "method": "PUT", "test_url": "https://crm.example/me?k=s3cr3t"}
    made = api.post("connections", NEW | kind | limits | more | {"headers": headers})
    id = made["id"]
    assert made == api.get(f"connections/{id}")
    assert made["host"] == made["test_host"] == "crm.example"
    assert made["headers"] == [headers[0], {"name": "X-Api-Token"}]
    shown = {name: value for name, value in (NEW | kind | limits | more).items() if name not in ("url", "test_url")}
    for name in ("password", "key", "client_secret"):
        shown.pop(name, None)
    if "access_token_url" in shown:
        shown["access_token_url"] = "https://login.example/token"
    assert {name: made[name] for name in shown} == shown
    assert made["lacks"] == (["connected"] if kind is CODE else [])
    assert "s3cr3t" not in json.dumps(made)

    changed = api.patch(f"connections/{id}", {"name": "CRM 2", "rate": None, "test_url": None})
    assert changed == made | {
        "name": "CRM 2",
        "rate": None,
        "test_host": None,
        "version": 2,
        "secrets": [name for name in made["secrets"] if name != "test_path"],
    }
    copy = api.post(f"connections/{id}/copy", {"name": "Copy"})
    assert copy == changed | {"id": copy["id"], "name": "Copy", "version": 1}
    assert secrets_of(story, copy["id"]) == secrets_of(story, id)
    assert [item["name"] for item in api.every("connections?limit=1")] == ["CRM 2", "Copy"]
    api.delete(f"connections/{id}")
    api.get(f"connections/{id}", status=404)
    assert secrets_of(story, id) == {}


def test_C5_secrets_stay_are_replaced_and_deleted_and_are_in_no_answer(story: Story, api: ApiClient, tmp_path: Path) -> None:
    made = api.post("connections", NEW | BASIC | {"headers": [{"name": "X-Api-Token", "value": "s3cr3t-header"}]})
    address = f"connections/{made['id']}"
    seen = api.send("GET", address)["ETag"]
    before = secrets_of(story, made["id"])
    assert before["password"] == "s3cr3t-password"
    api.patch(address, {"headers": [{"name": "X-Api-Token"}], "user_name": "eve"})
    assert secrets_of(story, made["id"]) == before
    api.patch(address, {"password": "n3w-password"}, status=412, if_match=seen)
    seen = api.send("GET", address)["ETag"]
    api.patch(address, {"password": "n3w-password", "url": "https://crm.example/other/s3cr3t"}, if_match=seen)
    assert api.send("GET", address)["ETag"] != seen  # a changed secret is a change
    assert secrets_of(story, made["id"]) == before | {"password": "n3w-password", "path": "/other/s3cr3t"}
    assert api.patch(address, {"password": None})["lacks"] == ["password"]
    turned = api.patch(address, KEY)
    assert turned["secrets"] == ["key", "path"]
    assert "user_name" not in turned
    signed = api.patch(address, {"client_certificate": Authority(tmp_path).identity("client")})
    assert signed["secrets"] == ["client_certificate", "key", "path"]
    assert api.patch(address, {"client_certificate": None})["secrets"] == ["key", "path"]
    for path in ("connections", address, f"{address}/state"):
        answer = api.send("GET", path).content.decode()
        assert "s3cr3t" not in answer
        assert "n3w-password" not in answer


def test_C5_another_host_needs_the_secrets_again(story: Story, api: ApiClient) -> None:
    made = api.post("connections", NEW | KEY | {"headers": [{"name": "X-Api-Token", "value": "s3cr3t"}]})
    address = f"connections/{made['id']}"
    with story.saving() as transaction:
        signing_secrets.rotate(transaction, int(made["id"]))
    problem = api.patch(address, {"url": "https://evil.example/"}, status=400)
    assert {each["field"] for each in problem["errors"]} == {"key", "headers", "signing_secret"}
    assert api.get(address)["host"] == "crm.example"
    again = {"key": "again", "headers": [{"name": "X-Api-Token", "value": "again"}], "signing_secret": None}
    moved = api.patch(address, {"url": "https://new.example/"} | again)
    assert (moved["host"], moved["secrets"]) == ("new.example", ["key", "path"])


def test_what_is_wrong_is_refused_at_its_member(api: ApiClient) -> None:
    api.post("connections", NEW)
    for wrong, field in (
        ({"name": "crm"}, "name"),
        ({"name": " "}, "name"),
        ({"url": "crm.example"}, "url"),
        ({"url": ""}, "url"),
        ({"test_url": "http://"}, "test_url"),
        ({"auth": "Bearer"}, "auth"),
        ({"method": "DELETE"}, "method"),
        ({"rate": 0}, "rate"),
        ({"total_timeout": 21}, "total_timeout"),
        ({"headers": [{"name": "Authorization", "value": "x"}]}, "headers"),
        ({"headers": [{"name": "X-Token"}]}, "headers"),
        (BASIC | {"user_name": "a:b"}, "user_name"),
        (KEY | {"key_name": ""}, "key_name"),
        (KEY | {"key": "a\nb"}, "key"),
        (KEY | {"key": ""}, "key"),
        (CLIENT | {"access_token_url": "ftp://login.example"}, "access_token_url"),
        ({"client_certificate": "none"}, "client_certificate"),
        ({"authorities": "none"}, "authorities"),
        ({"signing_secret": "whsec_"}, "signing_secret"),
        ({"colour": "red"}, "colour"),
        ({"host": "crm.example"}, "host"),
    ):
        problem = api.post("connections", NEW | {"name": "Other"} | wrong, status=400)
        assert [each["field"] for each in problem["errors"]] == [field], problem
    assert len(api.get("connections")["items"]) == 1


def test_C8_a_connection_is_paused_released_and_resumed(story: Story, api: ApiClient) -> None:
    id = story.connection("CRM", "/crm")
    assert api.get(f"connections/{id}/state")["health"] == "untried"
    api.post(f"connections/{id}/release", {"rate": 60}, status=409)
    paused = api.post(f"connections/{id}/pause", {"why": "Moving"}, status=200)
    assert (paused["health"], paused["pause"]["why"], paused["pause"]["held_count"]) == ("paused", "Moving", 0)
    assert api.get("connections?health=paused")["items"][0]["state"] == paused
    assert api.get("connections?health=answers")["items"] == []
    assert api.post(f"connections/{id}/release", {"rate": 0}, status=400)["errors"][0]["field"] == "rate"
    job = api.post(f"connections/{id}/release", {"rate": 60}, status=202)
    with scope(account=story.account):
        assert Job.objects.get().pk == int(job["id"])
    assert api.get(f"connections/{id}/state")["release_rate"] == 60
    assert api.post(f"connections/{id}/resume", status=200)["pause"] is None
    assert not story.paused(id)[0]


def test_P12_F2_what_is_in_use_stays_and_what_stops_a_flow_asks_first(story: Story, api: ApiClient) -> None:
    id = story.connection("CRM", url="https://crm.example/hook")
    flow = story.flow("Leads", [story.to(id)])
    assert api.delete(f"connections/{id}", status=409)["uses"]
    assert api.get(f"connections/{id}/state")["flows"] == [{"id": str(flow), "name": "Leads"}]
    assert [each["name"] for each in api.get("connections?q=leads&type=Open%20/%20No%20Auth")["items"]] == ["CRM"]
    stops = api.patch(f"connections/{id}", BASIC | {"password": None}, status=409)
    assert (stops["type"], stops["flows"]) == ("urn:heliograph:problem:stops-flows", ["Leads"])
    assert api.get(f"connections/{id}")["version"] == 1
    changed = api.patch(f"connections/{id}?confirmed=true", BASIC | {"password": None})
    assert changed["lacks"] == ["password"]


def test_nothing_of_another_account_is_reached(story: Story, api: ApiClient) -> None:
    mine = story.connection("CRM", "/crm")
    other = ApiClient.for_account(signal_account.made(story.db, name="Another").account.pk)
    assert str(mine) not in {each["id"] for each in other.every("connections")}
    for method, path, body in (
        ("GET", "", None),
        ("PATCH", "", {"name": "Theirs"}),
        ("DELETE", "", None),
        ("GET", "/state", None),
        ("POST", "/copy", {"name": "Theirs"}),
        ("POST", "/pause", {"why": ""}),
        ("POST", "/resume", None),
        ("POST", "/release", {"rate": 60}),
    ):
        assert other.ask(method, f"connections/{mine}{path}", body, status=404)["type"].endswith("not-found")
    assert api.get(f"connections/{mine}")["version"] == 1
    assert not story.paused(mine)[0]


def test_C5_a_viewer_sees_no_more_than_on_pages(story: Story, api: ApiClient) -> None:
    made = api.post("connections", NEW | CLIENT | {"headers": [{"name": "X-Source", "value": "events"}]})
    viewer = ApiClient.for_account(story.account, [TokenScope.READ], Role.VIEWER)
    shown = viewer.get(f"connections/{made['id']}")
    assert shown["headers"] == [{"name": "X-Source"}]
    assert made.keys() - shown.keys() == {
        *("authorities", "client_id", "access_token_url", "refresh_token_url", "scope", "client_auth"),
    }
    assert viewer.get("connections")["items"][0] | shown == viewer.get("connections")["items"][0]


def test_the_parameters_are_named_as_in_the_addresses_of_the_page() -> None:
    page = {getattr(field, "param", "") or name for name, field in ConnectionListFilters.base_fields.items()}
    own = set(get_type_hints(ConnectionQuery)) - {"limit", "cursor"}
    assert own == page


def test_the_number_of_queries_does_not_grow(story: Story, api: ApiClient) -> None:
    def queries() -> int:
        with counting_pages() as cost:
            api.get("connections")
        return cost.statements

    for number in range(2):
        story.pause(story.connection(f"A{number}", "/a"))
    before = queries()
    for number in range(5):
        story.pause(story.connection(f"B{number}", "/b"))
    assert queries() <= before


def test_every_setting_of_a_connection_can_be_written_and_read(api: ApiClient) -> None:
    """What no document has is of Heliograph's own making."""
    names = {field.name for field in dataclasses.fields(Settings)} - {"connected", "rule", "secrets", "origin", "test_origin"}
    assert names <= set(ConnectionDocument.__struct_fields__)
    assert names <= set(ConnectionChange.__struct_fields__)
