"""The pages of the API's reference: every endpoint, search, problem types."""

from __future__ import annotations

import re
from collections import Counter
from html import escape
from pathlib import Path

import pytest
from django.test import Client
from tests.api_client import ApiClient
from tests.api_routes import ROUTES
from tests.builders.people import team
from tests.processes import Starter

from heliograph.accounts.models import Role
from heliograph.api import openapi
from heliograph.api.api_problems import PROBLEM_TYPES
from heliograph.api.reference import endpoints
from heliograph.api.urls import ROUTER
from heliograph.setup.services.account_creation import AccountFacts, create_account


@pytest.fixture(scope="module", autouse=True)
def _openapi_file() -> None:
    """Makes the OpenAPI file before a test begins its transaction: PostgreSQL ends one that is idle meanwhile on a busy machine."""
    endpoints(ROUTER)


@pytest.fixture
def client(db: None) -> Client:
    client = Client()
    client.force_login(team(create_account(AccountFacts("API", "API"), by="test"))[Role.VIEWER])
    return client


def test_every_endpoint_has_a_page_with_its_members_and_an_example(client: Client) -> None:
    rows = endpoints(ROUTER)
    assert {(row.method, row.path.removeprefix("/")) for row in rows.values()} == set(ROUTES), (
        "tests/api_routes.py differs from the controllers"
    )
    for row in rows.values():
        page = client.get(f"/settings/api/{row.key}/")
        assert page.status_code == 200, row.key
        text = page.content.decode()
        assert escape(row.title) in text
        assert f"/api/v1{row.path}" in text
        for member in (*row.parameters, *row.body, *row.answer):
            assert f"<code>{member.name}</code>" in text
            assert member.type != "any JSON" or member.text, f"{row.key}: what is {member.name}?"


def test_the_reference_is_searched(client: Client) -> None:
    text = client.get("/settings/api/?q=merge+tags").content.decode()
    assert re.findall(r"<summary>(\w+) <span", text) == ["tags"]
    assert "No endpoint matches." in client.get("/settings/api/?q=zeppelin").content.decode()
    assert client.get("/settings/api/nothing/").status_code == 404


def test_every_problem_type_is_on_its_page(client: Client) -> None:
    text = client.get("/settings/api/problems/").content.decode()
    for name in PROBLEM_TYPES:
        assert f"<code>{name}</code>" in text


def test_the_openapi_file_is_open_to_everyone(db: None) -> None:
    assert Client().get("/api/v1/openapi.json").status_code == 200


def test_a_command_writes_the_file_that_is_served(heliograph: Starter, db: None, tmp_path: Path) -> None:
    """Without a data folder and without a key, as in a build."""
    served = Client().get("/api/v1/openapi.json").content
    file = tmp_path / "openapi.json"
    without_key = {"HELIOGRAPH_KEY": "", "HELIOGRAPH_DATA": str(tmp_path / "none")}
    written = heliograph.run("openapi", "--output", str(file), **without_key)
    assert written.returncode == 0, written.output
    assert file.read_bytes() == served
    assert heliograph.run("openapi", **without_key).output.encode() == served
    assert not (tmp_path / "none").exists()
    refused = heliograph.run("openapi", "--output", str(tmp_path / "none" / "openapi.json"), **without_key)
    assert (refused.returncode, "Traceback" in refused.output) == (1, False)


def test_postman_and_bruno_import_the_file() -> None:
    """What their converters were seen to need: a server, one folder for each request, and no two requests of one name in it."""
    document = openapi.document(ROUTER)
    [server] = document["servers"]
    assert server["url"].format(host=server["variables"]["host"]["default"]) == "https://signal.example"
    names: Counter[tuple[str, str]] = Counter()
    for method, path in ROUTES:
        operation = document["paths"][f"/api/v1/{path}"][method.lower()]
        [folder] = operation["tags"]
        names[folder, re.sub(r"[^\w ]", "-", operation["summary"]).strip(" -").lower()] += 1
    assert names.total() == len(ROUTES)
    assert [name for name, count in names.items() if count > 1] == []


def test_postman_may_delete(db: None) -> None:
    """It asks for the only answer with content that the OpenAPI file has for DELETE: problem documents."""
    api = ApiClient.for_account(create_account(AccountFacts("API", "API"), by="test").pk)
    tag = api.post("tags", {"name": "VIP", "kinds": ["attendee_type"]})
    api.delete(f"tags/{tag['id']}", accept="application/problem+json")
    assert api.delete(f"tags/{tag['id']}", accept="application/problem+json", status=404)["status"] == 404
    assert Client().get("/settings/api/").status_code == 302
