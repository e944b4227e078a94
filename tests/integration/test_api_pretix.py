"""The set-up of a pretix source by REST, against a stub of pretix: it looks, chooses events and creates what is missing, as the pages do (S4)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django_scopes import scopes_disabled
from tests.api_client import ApiClient
from tests.builders.platform_account import PlatformAccount, planned
from tests.builders.pretix_order import SPEAKER, TICKET, WORKSHOP, place
from tests.builders.pretix_source import token_connection
from tests.databases import DatabaseFacts
from tests.pretix_shop import TOKEN, PretixShop
from tests.shown_form import as_shown

from heliograph.accounts.models import Account, Role
from heliograph.setup.models import AttendeeType, Question, RegistrationStatus, Session, Tag
from heliograph.sources.models import Source
from heliograph.store.models import Event


@pytest.fixture
def site(database: DatabaseFacts) -> Iterator[PlatformAccount]:
    with planned(database) as site:
        Account.objects.filter(pk=site.pk).update(allowed_networks=["127.0.0.0/8"])
        yield site


@pytest.fixture
def shop() -> Iterator[PretixShop]:
    with PretixShop() as shop:
        shop.sell("AAAAA", place(1), place(2, 2, SPEAKER), place(3, 3, WORKSHOP, variation=1, addon_to=1))
        yield shop


def connected(site: PlatformAccount, shop: PretixShop) -> tuple[ApiClient, str]:
    """A client, and the address of a source that names its pretix."""
    api = ApiClient.for_account(site.pk)
    id = api.post("sources", {"platform": "pretix", "name": "Tickets"})["id"]
    connection = token_connection(site, f"{shop.origin}/", TOKEN)
    settings = {"server": shop.origin, "organizer": "acme", "connection": connection}
    api.ask("PUT", f"sources/{id}/pretix", {"pretix": settings})
    return api, f"sources/{id}"


def test_S4_from_a_look_to_what_is_created_and_switched_on(site: PlatformAccount, shop: PretixShop) -> None:
    api, address = connected(site, shop)
    look = api.post(f"{address}/pretix/look", status=200)
    assert [(each["event"], each["name"], each["code"]) for each in look["events"]] == [
        ("gala.26", "Winter Gala", None),
        ("summit26", "Summit 2026", None),
    ]
    assert (look["organizer"], look["new"]) == ("acme", [])
    api.get(f"{address}/pretix/match", status=400)

    chosen = {"events": [{"event": "summit26", "code": "SUMMIT-26"}, {"event": "gala.26"}]}
    look = api.ask("PUT", f"{address}/pretix/events", chosen)
    assert {each["event"]: each["code"] for each in look["events"]} == {"summit26": "SUMMIT-26", "gala.26": "GALA-26"}
    proposed = api.get(f"{address}/pretix/match")
    assert {each["state"]: each["status"] for each in proposed["statuses"]}["expired"] == "Expired"
    names = {each["products"][0]: (each["use"], each["name"]) for each in proposed["products"]}
    assert names[f"{TICKET}"] == ("attendee type", "Conference ticket")
    assert names[f"{WORKSHOP}/2"] == ("session", "Workshop: Evening")
    assert {each["question"]: each["target"] for each in proposed["questions"]}["job.title"] == "profile.position"
    with scopes_disabled():
        assert not RegistrationStatus.objects.filter(name="Expired").exists()  # only proposed

    chosen_parts = {
        "products": [{"products": [f"{SPEAKER}"], "use": "attendee type", "name": "Guest", "tags": ["On stage"]}],
        "questions": [{"question": "NEWS", "target": ""}],
        "include_test_mode": True,
    }
    settings = api.ask("PUT", f"{address}/pretix/match", chosen_parts)["pretix"]
    assert {each["key"]: each["name"] for each in settings["items"]}[f"{SPEAKER}"] == "Guest"
    assert settings["include_test_mode"] is True
    assert "NEWS" not in {each["identifier"] for each in settings["questions"]}
    with scopes_disabled():
        gala = Event.objects.get(code="GALA-26").pk
        assert RegistrationStatus.objects.filter(event=gala, name="Expired", tags__name="Expired").exists()
        assert AttendeeType.objects.filter(event__code="SUMMIT-26", name="Guest", tags__name="On stage").exists()
        assert Session.objects.filter(event__code="SUMMIT-26", name="Workshop: Evening").exists()
        assert Question.objects.filter(event=gala, label="Any dietary needs?").exists()
        assert Tag.objects.filter(name="On stage").exists()
    assert api.get(f"{address}/pretix")["pretix"] == settings
    assert {each["products"][0]: each["name"] for each in api.get(f"{address}/pretix/match")["products"]}[f"{SPEAKER}"] == "Guest"
    assert api.post(f"{address}/switch-on", {"kept_calls": "leave"}, status=200)["state"] == "on"


def test_S4_the_page_and_rest_propose_and_create_the_same(site: PlatformAccount, shop: PretixShop, client: Client) -> None:
    shop.add_series("tour", "City Tour", [(51, "2030-05-03T09:00:00+02:00"), (52, "2030-05-04T09:00:00+02:00")])
    api, address = connected(site, shop)
    api.post(f"{address}/pretix/look", status=200)
    keys = ["summit26", "tour/51", "tour/52"]
    api.ask("PUT", f"{address}/pretix/events", {"events": [{"event": key} for key in keys]})
    proposed = api.get(f"{address}/pretix/match")
    site.signs_in(client)
    fields = as_shown(client, f"/settings/{address}/pretix/match/")
    for each in proposed["statuses"]:
        assert fields[f"status-{each['state']}-to"] == [each["status"]]
        assert fields[f"status-{each['state']}-tags"] == ["; ".join(each["tags"])]
    kinds = {"attendee type": "type:", "session": "session:", "left out": ""}
    for each in proposed["products"]:
        row = f"item-{each['products'][0].replace('/', '_')}"
        assert fields[f"{row}-to"] == [kinds[each["use"]] + (each["name"] if kinds[each["use"]] else "")]
    for each in proposed["questions"]:
        assert fields[f"question-{each['question']}-to"] == [each["target"]]
        if each["target"].startswith("answers."):
            assert fields[f"question-{each['question']}-tags"] == [each["tag"]]

    answer = client.post(f"/settings/{address}/pretix/match/", fields)
    assert answer.status_code == 302
    by_page = api.get(f"{address}/pretix")
    assert {each["code"] for each in by_page["pretix"]["events"]} == {"SUMMIT26", "TOUR-2030-05-03", "TOUR-2030-05-04"}
    assert api.ask("PUT", f"{address}/pretix/match", {}) == by_page
    assert api.ask("PUT", f"{address}/pretix/match", api.get(f"{address}/pretix/match")) == by_page


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("events", {"events": []}, "Choose at least one event."),
        ("events", {"events": [{"event": "gone"}]}, "This event is no longer in pretix."),
        ("events", {"events": [{"event": "gala.26", "code": "NOWHERE"}]}, "There is no event NOWHERE any more."),
        ("match", {"products": [{"products": ["999"], "use": "left out"}]}, "The chosen events have no product 999."),
        ("match", {"questions": [{"question": "X", "target": ""}]}, "The chosen events have no question X."),
        ("match", {"statuses": [{"state": "paid", "status": " "}]}, "Choose a status"),
    ],
)
def test_S4_what_pretix_does_not_have_is_refused(site: PlatformAccount, shop: PretixShop, path: str, body: Any, words: str) -> None:
    api, address = connected(site, shop)
    api.post(f"{address}/pretix/look", status=200)
    if path == "match":
        api.ask("PUT", f"{address}/pretix/events", {"events": [{"event": "summit26"}]})
    assert words in str(api.ask("PUT", f"{address}/pretix/{path}", body, status=400))


def test_S4_a_pretix_that_refuses_its_token_is_said_and_a_planner_changes_nothing(site: PlatformAccount, shop: PretixShop) -> None:
    api, address = connected(site, shop)
    shop.may_see_orders = False
    api.post(f"{address}/pretix/look", status=200)
    refused = api.ask("PUT", f"{address}/pretix/events", {"events": [{"event": "gala.26"}]}, status=400)
    assert "Let it see orders" in str(refused)
    with scopes_disabled():
        assert not Event.objects.filter(code="GALA-26").exists()
        connection = Source.objects.get(platform="pretix").settings
    assert TOKEN not in connection
    planner = ApiClient.for_account(site.pk, role=Role.PLANNER)
    for path in ("events", "match"):
        planner.ask("PUT", f"{address}/pretix/{path}", {"events": []} if path == "events" else {}, status=403)
