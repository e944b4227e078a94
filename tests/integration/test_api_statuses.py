"""Statuses and custom fields of the account by REST: the same as by their pages (P2, P3, P5, P6, P12)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.test import Client
from tests.api_client import ApiClient
from tests.builders import platform_account
from tests.builders.account import Acme, acme
from tests.builders.platform_account import planned
from tests.builders.tag import tag
from tests.databases import DatabaseFacts

from heliograph.domain.flow.flow import FilterRow, Op
from heliograph.domain.setup.compiled_setup import QuestionType
from heliograph.domain.setup.statuses import EVENT_STATUSES, REGISTRATION_STATUSES, SESSION_STATUSES
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.flows.services.flows import save_flow
from heliograph.store import config_cache

PROBLEM = "urn:heliograph:problem:"
STATUSES = {
    "registration-statuses": (TagKind.REGISTRATION_STATUS, tuple(REGISTRATION_STATUSES), "registration status"),
    "session-registration-statuses": (TagKind.SESSION_STATUS, SESSION_STATUSES, "session status"),
    "event-statuses": (TagKind.EVENT_STATUS, EVENT_STATUSES, "event status"),
}
FIELDS = ("event-data", "profile-data")


@pytest.fixture(autouse=True)
def _nothing_compiled() -> None:
    """Rolled-back versions of configuration return with other content."""
    config_cache.PROCESS.forget()


@pytest.fixture
def account(db: None) -> Acme:
    return acme()


@pytest.mark.parametrize("path", STATUSES)
def test_the_statuses_of_the_account_are_listed_and_tagged(account: Acme, path: str) -> None:
    kind, names, _word = STATUSES[path]
    api = ApiClient.for_account(account.pk)
    rows = api.every(f"{path}?limit=2")
    assert [row["name"] for row in rows] == list(names)
    assert all((REGISTRATION_STATUSES[row["name"]] == row["class"]) for row in rows if "class" in row)
    with account.setting_up() as transaction:
        vip, guest = tag(transaction, "VIP", kind), tag(transaction, "Guest", kind)
    second = rows[1]
    assert second["tags"] == []
    address = f"{path}/{second['id']}"
    seen = api.send("GET", address)["ETag"]
    tagged = api.patch(address, {"tags": [str(guest.pk), str(vip.pk)]}, if_match=seen)
    assert tagged == second | {"tags": [str(vip.pk), str(guest.pk)]} == api.get(address)
    assert tagged in api.every(path)
    api.patch(address, {"tags": []}, status=412, if_match=seen)
    assert api.patch(address, {}) == tagged
    assert api.patch(address, {"tags": []}) == second


def test_P11_the_standard_tags_are_foreseen_and_used_by_rest(account: Acme) -> None:
    api = ApiClient.for_account(account.pk)
    with account.setting_up() as transaction:
        own = tag(transaction, "declined", TagKind.QUESTION)  # is used, and made for registration statuses, too
    rows = {row["name"]: row for row in api.every("registration-statuses")}
    tagged = [row for row in rows.values() if row["tags"]]
    plan = api.get("registration-statuses/standard-tags")
    assert plan["already_tagged"] == len(tagged)
    assert {each["status"] for each in plan["applied"]} == {row["id"] for row in rows.values() if not row["tags"]}
    assert "Declined" not in plan["created"]
    assert api.post("registration-statuses/standard-tags", {}, status=200) == plan
    after = {row["name"]: row["tags"] for row in api.every("registration-statuses")}
    assert all(after.values())
    assert after["Request Denied"] == [str(own.pk)]
    again = api.post("registration-statuses/standard-tags", {}, status=200)
    assert (again["created"], again["applied"], again["already_tagged"]) == ([], [], 11)


@pytest.mark.parametrize("path", STATUSES)
def test_refused_tags_of_a_status_name_the_field(account: Acme, path: str) -> None:
    kind, _names, _word = STATUSES[path]
    other = acme()
    with other.setting_up() as transaction:
        theirs = tag(transaction, "Theirs", kind)
    with account.setting_up() as transaction:
        of_questions = tag(transaction, "Q", TagKind.QUESTION)
    api = ApiClient.for_account(account.pk)
    address = f"{path}/{api.get(path)['items'][0]['id']}"
    before = api.get(address)
    for tags in ([str(theirs.pk)], [str(of_questions.pk)], ["999999"], ["no id"]):
        problem = api.patch(address, {"tags": tags}, status=400)
        assert problem["type"] == PROBLEM + "refused"
        assert [error["field"] for error in problem["errors"]] == ["tags"]
    assert api.patch(address, {"name": "Else"}, status=400)["errors"][0]["field"] == "name"
    assert api.get(address) == before


def test_statuses_of_another_account_or_of_an_event_are_not_there(database: DatabaseFacts) -> None:
    with planned(database) as site:
        api = ApiClient.for_account(site.pk)
        api.get(f"registration-statuses/{site.ids['Paid']}", status=404)
        api.patch(f"registration-statuses/{site.ids['Paid']}", {"tags": []}, status=404)
        theirs = ApiClient.for_account(platform_account.made(site.store).pk)
        for path in STATUSES:
            address = f"{path}/{theirs.get(path)['items'][0]['id']}"
            api.get(address, status=404)
            api.patch(address, {"tags": []}, status=404)


# --- custom fields


def test_the_types_of_the_openapi_file_are_those_of_the_platform() -> None:
    schemas: dict[str, Any] = Client().get("/api/v1/openapi.json").json()["components"]["schemas"]
    for name in ("QuestionDocument", "NewQuestion", "CustomFieldDocument", "NewCustomField"):
        assert sorted(schemas[name]["properties"]["type"]["enum"]) == sorted(QuestionType.ALL), name


@pytest.mark.parametrize("path", FIELDS)
def test_a_custom_field_is_added_read_changed_and_deleted(account: Acme, path: str) -> None:
    api = ApiClient.for_account(account.pk)
    row = api.post(path, {"label": "Cost centre", "type": "select", "options": ["4410", " 4420 "]})
    assert row == {"id": row["id"], "code": "Cost-centre", "label": "Cost centre", "type": "select", "options": ["4410", "4420"]}
    address = f"{path}/{row['id']}"
    assert api.get(address) == row
    assert api.get(path)["items"] == [row]
    seen = api.send("GET", address)["ETag"]
    changed = api.patch(address, {"label": "Centre", "code": "cost"}, if_match=seen)
    assert changed == row | {"label": "Centre", "code": "cost"}
    api.delete(address, status=412, if_match=seen)
    assert api.patch(address, {"type": "text"}, status=400)["errors"][0]["field"] == "options"
    assert api.patch(address, {"type": "text", "options": []})["options"] == []
    other = FIELDS[1 - FIELDS.index(path)]
    for method in ("GET", "DELETE"):
        api.ask(method, f"{other}/{row['id']}", status=404)
    api.patch(f"{other}/{row['id']}", {}, status=404)
    api.delete(address)
    api.get(address, status=404)


@pytest.mark.parametrize("path", FIELDS)
def test_refused_custom_fields_name_the_field(account: Acme, path: str) -> None:
    api = ApiClient.for_account(account.pk)
    api.post(path, {"label": "Taken", "code": "taken"})
    for body, field in (
        ({"label": "A", "code": "TAKEN"}, "code"),
        ({"label": "A", "code": "a b"}, "code"),
        ({"label": ""}, "label"),
        ({"label": "A\u0000"}, "label"),
        ({"label": "A", "type": "select"}, "options"),
        ({"label": "A", "options": ["x"]}, "options"),
        ({"label": "A", "type": "select", "options": ["x", "X"]}, "options"),
        ({"label": "A", "type": "select", "options": ["x", " "]}, "options"),
        ({"label": "A", "type": "colour"}, "type"),
        ({"label": "A", "kind": "event"}, "kind"),
    ):
        assert field in {error["field"] for error in api.post(path, body, status=400)["errors"]}, body
    assert len(api.get(path)["items"]) == 1


def test_P12_an_option_by_which_flows_filter_goes_only_when_confirmed(database: DatabaseFacts) -> None:
    with planned(database) as site:
        region = next(id for id, field in site.acme.config().event_fields.items() if field.code == "region")
        with site.acme.setting_up() as transaction:
            facts = site.acme.flow_facts()
            row = FilterRow(f"event.custom.{region}", Op.IS_ANY_OF, ("North",))
            save_flow(transaction, replace(facts, filters=(row,)), facts.id, confirmed=True)
        api = ApiClient.for_account(site.pk)
        problem = api.patch(f"event-data/{region}", {"options": ["South"]}, status=409)
        assert (problem["type"], problem["values"]) == (PROBLEM + "loses-values", ["North"])
        assert api.get(f"event-data/{region}")["options"] == ["North", "South"]
        assert api.patch(f"event-data/{region}?confirmed=true", {"options": ["South"]})["options"] == ["South"]
        assert site.acme.flow_facts().filters != (row,)


def test_P12_a_field_that_is_answered_cannot_be_deleted(database: DatabaseFacts) -> None:
    with planned(database) as site:
        site.record("R-1", profile={"custom": {"shirt": "M"}})
        api = ApiClient.for_account(site.pk)
        (shirt,) = api.get("profile-data")["items"]
        problem = api.delete(f"profile-data/{shirt['id']}", status=409)
        assert (problem["type"], problem["uses"]) == (PROBLEM + "in-use", ["1 registration of all events"])
        theirs = ApiClient.for_account(platform_account.made(site.store).pk)
        assert [use["count"] for use in api.get(f"profile-data/{shirt['id']}/uses")["items"]] == [1]
        api.get(f"event-data/{shirt['id']}/uses", status=404)
        theirs.get(f"profile-data/{shirt['id']}/uses", status=404)
        theirs.get(f"profile-data/{shirt['id']}", status=404)
        theirs.patch(f"profile-data/{shirt['id']}", {"label": "Theirs"}, status=404)
        theirs.delete(f"profile-data/{shirt['id']}", status=404)
        assert api.get(f"profile-data/{shirt['id']}") == shirt
