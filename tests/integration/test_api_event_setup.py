"""What an event is set up with by REST: the same as by its pages (P3-P6, P12)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.api_client import ApiClient
from tests.builders.account import Acme, acme
from tests.builders.platform_account import EVENT, planned
from tests.builders.tag import tag
from tests.databases import DatabaseFacts

from heliograph.accounts.models import Role, TokenScope
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.store import config_cache

PROBLEM = "urn:heliograph:problem:"


@dataclass(frozen=True)
class Noun:
    """One kind of things of an event: what is posted by REST and by its page, what becomes of it, and a change."""

    path: str
    page: str
    word: str
    new: dict[str, Any]
    form: dict[str, str]
    stored: dict[str, Any]
    change: dict[str, Any]
    kind: TagKind | None = None
    refused: list[tuple[dict[str, Any], str]] = field(default_factory=list)


NOUNS = [
    Noun(
        "custom-statuses",
        "custom-statuses",
        "registration status",
        {"name": "Paid", "class": "Pending"},
        {"name": "Paid", "cls": "Pending"},
        {"code": "Paid", "name": "Paid", "class": "Pending", "tags": []},
        {"class": "Denied"},
        TagKind.REGISTRATION_STATUS,
        [({"name": "New", "class": "Pending"}, "name"), ({"name": "A", "class": "Maybe"}, "class"), ({"name": "A"}, "class")],
    ),
    Noun(
        "attendee-types",
        "attendee-types",
        "attendee type",
        {"name": "Speaker", "code": "SPK"},
        {"name": "Speaker", "code": "SPK"},
        {"code": "SPK", "name": "Speaker", "tags": []},
        {"name": "Guest"},
        TagKind.ATTENDEE_TYPE,
    ),
    Noun(
        "questions",
        "questions",
        "question",
        {"label": "Diet", "type": "multi-select", "options": ["Vegan", "Halal"]},
        {"label": "Diet", "type": "multi-select", "options": "Vegan\r\nHalal"},
        {"code": "Diet", "label": "Diet", "type": "multi-select", "options": ["Vegan", "Halal"], "tag": None},
        {"options": ["Vegan", "Kosher"]},
        None,
        [({"label": "A", "type": "radio"}, "options"), ({"label": "A", "tag": "999999"}, "tag"), ({"label": "A", "tag": "x"}, "tag")],
    ),
    Noun(
        "sessions",
        "sessions",
        "session",
        {"name": "Opening", "start": "2026-03-01T10:00:00+01:00", "end": "2026-03-01T10:00:00Z"},
        {"name": "Opening", "start": "2026-03-01T09:00", "end": "2026-03-01T10:00"},
        {"code": "Opening", "name": "Opening", "start": "2026-03-01T09:00:00Z", "end": "2026-03-01T10:00:00Z"},
        {"end": None},
        None,
        [
            ({"name": "A", "start": "2026-03-01T10:00:00"}, "start"),
            ({"name": "A", "start": "0001-01-01T00:00:00+10:00"}, "start"),
            ({"name": "A", "end": "9999-12-31T23:00:00-10:00"}, "end"),
            ({"name": "A", "start": "2026-03-01T10:00:00Z", "end": "2026-03-01T09:00:00Z"}, "end"),
        ],
    ),
    Noun(
        "properties",
        "configure",
        "registration property",
        {"name": "VIP"},
        {"name": "VIP"},
        {"code": "VIP", "name": "VIP", "tags": []},
        {"code": "V-I-P"},
        TagKind.REGISTRATION_PROPERTY,
        [({"name": "Badge Printed"}, "name")],
    ),
]
of_each_noun = pytest.mark.parametrize("noun", NOUNS, ids=lambda noun: noun.path)


@pytest.fixture(autouse=True)
def _nothing_compiled() -> None:
    """Rolled-back versions of configuration return with other content."""
    config_cache.PROCESS.forget()


@pytest.fixture
def account(db: None) -> Acme:
    return acme()


@of_each_noun
def test_it_is_added_read_changed_and_deleted(account: Acme, noun: Noun) -> None:
    api = ApiClient.for_account(account.pk, [TokenScope.READ, TokenScope.SET_UP], Role.PLANNER)
    base = f"events/{account.event}/{noun.path}"
    assert api.get(base) == {"items": [], "next": None}
    row = api.post(base, noun.new)
    assert row == {"id": row["id"]} | noun.stored
    address = f"{base}/{row['id']}"
    assert api.get(address) == row
    assert api.get(base)["items"] == [row]
    seen = api.send("GET", address)["ETag"]
    changed = api.patch(address, noun.change, if_match=seen)
    assert changed == row | noun.change == api.get(address)
    api.patch(address, noun.change, status=412, if_match=seen)
    assert api.patch(address, {}) == changed
    named = "label" if "label" in noun.new else "name"
    second = api.post(base, noun.new | {named: "Second", "code": ""})
    assert second["code"] == "Second", "an empty code is made of the name"
    assert [each["id"] for each in api.every(f"{base}?limit=1")] == [row["id"], second["id"]]
    api.delete(address)
    api.get(address, status=404)
    api.delete(address, status=404)


@of_each_noun
def test_what_is_refused_names_the_field(account: Acme, noun: Noun) -> None:
    api = ApiClient.for_account(account.pk)
    base = f"events/{account.event}/{noun.path}"
    named = "label" if "label" in noun.new else "name"
    for body, member in (
        *noun.refused,
        (noun.new | {named: ""}, named),
        (noun.new | {named: "a\u0000b"}, named),
        (noun.new | {"code": "a b"}, "code"),
        (noun.new | {"event": "1"}, "event"),
    ):
        assert member in {error["field"] for error in api.post(base, body, status=400)["errors"]}, body
    assert api.get(base)["items"] == []
    api.post(base, noun.new | {"code": "ONE"})
    taken = noun.new | {named: "Another", "code": "one"}
    assert [error["field"] for error in api.post(base, taken, status=400)["errors"]] == ["code"]


@pytest.mark.parametrize("noun", [noun for noun in NOUNS if noun.kind], ids=lambda noun: noun.path)
def test_it_has_tags_of_its_own_account_and_kind(account: Acme, noun: Noun) -> None:
    assert noun.kind is not None
    with account.setting_up() as transaction:
        vip, of_questions = tag(transaction, "VIP", noun.kind), tag(transaction, "Q", TagKind.QUESTION)
    with acme().setting_up() as transaction:
        theirs = tag(transaction, "Theirs", noun.kind)
    api = ApiClient.for_account(account.pk)
    base = f"events/{account.event}/{noun.path}"
    for wrong in (theirs.pk, of_questions.pk, "x"):
        problem = api.post(base, noun.new | {"tags": [str(wrong)]}, status=400)
        assert [error["field"] for error in problem["errors"]] == ["tags"]
    row = api.post(base, noun.new | {"tags": [str(vip.pk)]})
    assert row["tags"] == [str(vip.pk)]
    assert api.patch(f"{base}/{row['id']}", noun.change)["tags"] == [str(vip.pk)]
    assert api.patch(f"{base}/{row['id']}", {"tags": []})["tags"] == []


def test_a_question_has_one_tag(account: Acme) -> None:
    with account.setting_up() as transaction:
        diet = tag(transaction, "Food", TagKind.QUESTION)
    with acme().setting_up() as transaction:
        theirs = tag(transaction, "Theirs", TagKind.QUESTION)
    api = ApiClient.for_account(account.pk)
    base = f"events/{account.event}/questions"
    assert api.post(base, {"label": "Diet", "tag": str(theirs.pk)}, status=400)["errors"][0]["field"] == "tag"
    row = api.post(base, {"label": "Diet", "tag": str(diet.pk)})
    assert row["tag"] == str(diet.pk)
    assert api.patch(f"{base}/{row['id']}", {"label": "Food"})["tag"] == str(diet.pk)
    assert api.patch(f"{base}/{row['id']}", {"tag": None})["tag"] is None


@of_each_noun
def test_nothing_of_another_account_or_event_is_reached(account: Acme, noun: Noun) -> None:
    other = acme()
    theirs = ApiClient.for_account(other.pk).post(f"events/{other.event}/{noun.path}", noun.new)
    api = ApiClient.for_account(account.pk)
    own = api.post(f"events/{account.event}/{noun.path}", noun.new)
    for event, thing in ((other.event, theirs["id"]), (account.event, theirs["id"]), (other.event, own["id"]), ("x", own["id"])):
        address = f"events/{event}/{noun.path}/{thing}"
        api.get(address, status=404)
        api.patch(address, noun.change, status=404)
        api.delete(address, status=404)
        api.get(f"{address}/uses", status=404)
    api.get(f"events/{other.event}/{noun.path}", status=404)
    api.post(f"events/{other.event}/{noun.path}", noun.new, status=404)
    assert ApiClient.for_account(other.pk).get(f"events/{other.event}/{noun.path}")["items"] == [theirs]


def test_P12_what_registrations_use_cannot_be_deleted(database: DatabaseFacts) -> None:
    with planned(database) as site:
        site.record(
            "R-1",
            status="Paid",
            attendee_type="Speaker",
            answers={"diet": ["Vegan"]},
            properties={"VIP guest": True},
            sessions=[{"code": "KEYNOTE"}],
        )
        api = ApiClient.for_account(site.pk)
        for path, name in (
            ("custom-statuses", "Paid"),
            ("attendee-types", "Speaker"),
            ("questions", "Dietary needs"),
            ("properties", "VIP guest"),
            ("sessions", "KEYNOTE"),
        ):
            address = f"events/{site.acme.event}/{path}/{site.ids[name]}"
            problem = api.delete(address, status=409)
            assert (problem["type"], problem["uses"][0]) == (PROBLEM + "in-use", f"1 registration of {EVENT}")
            uses = api.get(f"{address}/uses")["items"]
            assert {"kind": "registrations", "id": str(site.acme.event), "name": EVENT, "count": 1} in uses
            assert len(uses) == len(problem["uses"])
            api.get(address)


def test_P4_an_event_has_at_most_30_properties(account: Acme) -> None:
    api = ApiClient.for_account(account.pk)
    base = f"events/{account.event}/properties"
    for number in range(30):
        api.post(base, {"name": f"P{number}"})
    problem = api.post(base, {"name": "One more"}, status=400)
    assert "at most 30" in problem["detail"]


def test_a_standard_status_is_none_of_the_event(database: DatabaseFacts) -> None:
    with planned(database) as site:
        api = ApiClient.for_account(site.pk)
        address = f"events/{site.acme.event}/custom-statuses/{site.acme.status('New')}"
        api.get(address, status=404)
        api.patch(address, {"name": "Old"}, status=404)
        api.delete(address, status=404)
