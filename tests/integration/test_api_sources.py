"""Sources by REST (S1)."""

from __future__ import annotations

import pytest
from django.test import Client
from django_scopes import scopes_disabled
from tests.api_client import ApiClient
from tests.builders import planted_sources, signal_account
from tests.databases import DatabaseFacts

from heliograph.sources.models import Source


@pytest.fixture
def account(database: DatabaseFacts):
    with signal_account.site(database) as site:
        yield site


def test_S1_sources_are_listed_with_their_day(account: signal_account.SignalAccount) -> None:
    with scopes_disabled():
        made = planted_sources.plant(account.store, account.account.pk)
    api = ApiClient.for_account(account.account.pk)
    listed = {each["name"]: each for each in api.get("sources")["items"]}
    assert {name: each["health"] for name, each in listed.items()} == {
        "Works": "works",
        "Refuses calls": "refuses calls",
        "Takes any call": "takes calls without verification",
        "Is paused": "paused",
        "Not switched on": "not switched on",
        "Cannot be read": "cannot be read",
    }
    day = listed["Works"]["day"]
    assert (day["calls"], day["changed"], day["waiting"], day["stored"]) == (4, 1, 1, 0)
    assert [each["reason"] for each in listed["Refuses calls"]["day"]["refusals"]] == ["no signature", "wrong signature"]
    first = api.get(f"sources/{made['Works']}/calls?limit=3")
    assert [each["state"] for each in first["items"]] == ["recorded", "recorded", "waiting"]
    assert first["next"]
    with scopes_disabled():
        paths = set(Source.objects.values_list("path", flat=True))
    assert not any(path in str(listed) for path in paths if path)


def test_S1_a_source_is_added_changed_and_removed(account: signal_account.SignalAccount, client: Client) -> None:
    api = ApiClient.for_account(account.account.pk)
    made = api.post("sources", {"platform": "webhook", "name": "Shop"})
    assert (made["state"], made["health"]) == ("draft", "not switched on")
    assert api.patch(f"sources/{made['id']}", {"name": "Forum shop"})["name"] == "Forum shop"
    api.post(f"sources/{made['id']}/pause", status=400)
    api.post("sources", {"platform": "nobody", "name": "x"}, status=400)
    api.post("sources", {"platform": "rest", "name": "forum SHOP"}, status=400)
    api.delete(f"sources/{made['id']}")
    api.get(f"sources/{made['id']}", status=404)
    assert api.get("sources")["items"] == []
