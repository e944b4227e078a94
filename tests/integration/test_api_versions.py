"""Versions of connections and mappings by the REST API (F10, C5)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.api_client import ApiClient
from tests.builders import signal_account
from tests.builders.tag import tag
from tests.story import Story

from heliograph.accounts.models import Role, TokenScope
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.setup.services.tags import delete_tag

OPEN = {"name": "CRM", "auth": "Open / No Auth", "url": "https://crm.example/hook/s3cr3t"}
BASIC = {"auth": "Basic Authentication", "user_name": "ada", "password": "s3cr3t-word"}


@pytest.fixture
def api(story: Story) -> ApiClient:
    return ApiClient.for_account(story.account)


def test_F10_C5_a_version_of_a_connection_is_read_compared_and_restored(story: Story, api: ApiClient) -> None:
    id = api.post("connections", OPEN | {"rate": 60})["id"]
    address = f"connections/{id}/versions"
    api.patch(f"connections/{id}", BASIC | {"rate": None})
    api.patch(f"connections/{id}", {"password": "s3cr3t-other"})
    listed = api.every(f"{address}?limit=2")
    assert [each["version"] for each in listed] == [3, 2, 1]
    assert all(each["by"].startswith("token:") for each in listed)
    first = api.get(f"{address}/1")
    assert (first["connection"]["rate"], first["connection"]["auth"]) == (60, "Open / No Auth")
    assert api.get(f"{address}/3")["connection"] == api.get(f"connections/{id}")
    changed = api.get(f"{address}/1/differences?with=2")
    assert (changed["older"], changed["newer"]) == (1, 2)
    by_setting = {each["setting"]: (each["before"], each["after"]) for each in changed["differences"]}
    assert by_setting["At most per minute"] == ("60", "")
    assert by_setting["User Name"] == ("", "ada")
    (secret,) = api.get(f"{address}/3/differences")["differences"]  # of the newest: what it changed
    assert (secret["before"], secret["after"]) == ("••••", "••••")
    assert api.get(f"{address}/2/restoration")["lacks"] == []
    assert api.get(f"{address}/1/restoration")["lacks"] == []
    restored = api.ask("POST", f"{address}/1/restoration")
    assert (restored["version"], restored["rate"], restored["secrets"]) == (4, 60, ["path"])
    assert api.get(f"{address}?limit=1")["items"][0]["restored"] == 1
    assert api.get(f"{address}/2/restoration")["lacks"] == ["password"]
    assert "s3cr3t" not in json.dumps([listed, first, changed, api.get(f"{address}/2")])
    viewer = ApiClient.for_account(story.account, [TokenScope.READ], Role.VIEWER)
    assert "User Name" not in {each["setting"] for each in viewer.get(f"{address}/1/differences?with=2")["differences"]}
    assert "user_name" not in viewer.get(f"{address}/2")["connection"]


def test_F2_restoring_what_stops_a_flow_asks_first(story: Story, api: ApiClient) -> None:
    id = api.post("connections", BASIC | {"name": "CRM", "url": OPEN["url"], "password": None})["id"]
    api.patch(f"connections/{id}", {"password": "word"})
    api.patch(f"connections/{id}", {"auth": "Open / No Auth"})
    story.flow("Leads", [story.to(int(id))])
    assert api.ask("POST", f"connections/{id}/versions/1/restoration", status=409)["flows"] == ["Leads"]
    assert api.ask("POST", f"connections/{id}/versions/1/restoration?confirmed=true")["lacks"] == ["password"]


def test_F10_a_version_of_a_mapping_is_read_compared_and_restored(story: Story, api: ApiClient) -> None:
    with story.saving() as transaction:
        role = tag(transaction, "Role", TagKind.QUESTION).pk
    rows: list[dict[str, Any]] = [
        {"target": "first", "parts": [{"kind": "field", "field": "profile.first_name"}]},
        {"target": "role", "required": True, "parts": [{"kind": "field", "field": f"answer.{role}"}]},
    ]
    id = api.post("mappings", {"name": "Lead 2", "rows": rows})["id"]
    address = f"mappings/{id}/versions"
    api.patch(f"mappings/{id}", {"name": "Lead 3", "empty": "null", "rows": [rows[0] | {"trim": True}, {"target": "last"}]})
    assert [each["version"] for each in api.get(address)["items"]] == [2, 1]
    assert api.get(f"{address}/2")["mapping"] == api.get(f"mappings/{id}")
    compared = api.get(f"{address}/1/differences")
    assert next((each["before"], each["after"]) for each in compared["differences"]) == ("Lead 2", "Lead 3")
    pairs = [((each["before"] or {}).get("target"), (each["after"] or {}).get("target")) for each in compared["rows"]]
    assert pairs == [("first", "first"), (None, "last"), ("role", None)]
    assert api.get(f"{address}/1/restoration")["left_out"] == []
    with story.saving() as transaction:
        delete_tag(transaction, role)
    question = api.get(f"{address}/1/restoration")
    assert question["stops"] == ["role"]
    assert "(deleted)" in question["left_out"][0]
    restored = api.ask("POST", f"{address}/1/restoration")
    assert restored["rows"] == question["rows"]
    assert (restored["name"], restored["version"]) == ("Lead 2", 3)


def test_nothing_of_another_account_is_reached(story: Story, api: ApiClient) -> None:
    connection = story.connection("CRM", "/crm")
    other = ApiClient.for_account(signal_account.made(story.db, name="Another").account.pk)
    for thing in (f"connections/{connection}", f"mappings/{story.lead}"):
        for method, path in (("GET", ""), ("GET", "/1"), ("GET", "/1/differences"), ("GET", "/1/restoration"), ("POST", "/1/restoration")):
            other.ask(method, f"{thing}/versions{path}", status=404)
            if path:
                api.ask(method, f"{thing}/versions{path.replace('1', '9')}", status=404)
        assert api.get(f"{thing}/versions/1/differences?with=x", status=400)["errors"][0]["field"] == "with"
        assert api.get(thing)["version"] == 1
