"""Sources by REST (S1)."""

from __future__ import annotations

import random

import pytest
from django.test import Client
from django_scopes import scopes_disabled
from tests.api_client import ApiClient
from tests.builders import planted_sources, signal_account
from tests.builders.planted_calls import ORDER, order_rows
from tests.builders.stored_source import stored_source
from tests.databases import DatabaseFacts
from tests.rest_platform import MINUTE, Manners, Platform, description_of
from tests.rest_stub import RestStub

from heliograph.accounts.models import Account
from heliograph.domain.source.call_documents import documents_of
from heliograph.domain.source.call_mapping import CallMapping
from heliograph.domain.source.source_states import SourceState
from heliograph.domain.source.verification_presets import PRESETS
from heliograph.recording.source_calls import process
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
        "Asks": "asks about missing registrations",
        "Drop box": "did not import its last file",
        "Reads Certain": "not switched on",
        "Reads Eventbrite": "not switched on",
        "Members": "works",
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


def test_S2_a_mapping_is_saved_tried_and_switched_on_and_calls_run_again(account: signal_account.SignalAccount) -> None:
    source = stored_source(account.setup, CallMapping(), SourceState.DRAFT)
    source.call(ORDER)
    api = ApiClient.for_account(account.account.pk)
    address = f"sources/{source.id}"
    assert api.get(f"{address}/mapping") == {"version": 1, "mapping": {"rows": []}}
    api.ask("POST", f"{address}/switch-on", {}, status=400)
    api.ask("POST", f"{address}/calls/again", {}, status=400)
    body = order_rows((("paid", "New"),)).to_body()
    tried = api.ask("POST", f"{address}/mapping/trial", {"mapping": body})
    reason = {"field": "status", "path": "tickets.state", "value": "pending", "reason": "is not in the value map."}
    assert (tried["calls"], tried["created"], tried["waiting"]) == (1, 1, 1)
    assert reason.items() <= tried["reasons"][0].items()
    api.ask("PUT", f"{address}/mapping", {"mapping": {"rows": [{"target": "colour", "parts": []}]}}, status=400)
    assert api.ask("PUT", f"{address}/mapping", {"mapping": body, "version": 1}) == {"version": 2, "mapping": body}
    api.ask("PUT", f"{address}/mapping", {"mapping": body, "version": 1}, status=400)
    assert api.ask("POST", f"{address}/switch-on", {"kept_calls": "act"})["state"] == "on"
    process(source.setup.db, source.setup.provider, source.id)
    assert api.get(f"{address}/calls")["items"][0]["state"] == "waiting"
    assert api.ask("POST", f"{address}/calls/again", {}) == {"calls": 1}
    assert api.ask("POST", f"{address}/calls/again", {"calls": ["999"]}) == {"calls": 0}


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"verification": {"proof": "token", "header": ["x-key"]}}, "verification.header"),
        ({"verification": {"proof": "signature", "headers": ["x-s"], "id": {"member": "id", "place": "body"}}}, "verification.id.place"),
        ({"verification": {"proof": "signature", "headers": ["x-s"], "signed": ["body", {"txt": "."}]}}, "verification.signed[1].txt"),
        ({"handshake": {"method": "GET", "place": "query", "challenge": "c", "answer": "text"}}, "handshake.answer"),
        (
            {
                "handshake": {
                    "method": "GET",
                    "place": "query",
                    "challenge": "c",
                    "members": [{"name": "n", "reply": "challenge", "hmac": 1}],
                }
            },
            "handshake.members[0].hmac",
        ),
    ],
)
def test_S2_a_misspelt_member_of_a_proof_is_named_and_nothing_is_saved(
    account: signal_account.SignalAccount, body: dict[str, object], place: str
) -> None:
    api = ApiClient.for_account(account.account.pk)
    address = f"sources/{api.post('sources', {'platform': 'webhook', 'name': 'Shop'})['id']}/proof"
    before = api.get(address)
    misspelt = api.ask("PUT", address, {"verification": {"proof": "none"}} | body, status=400)
    assert place in str(misspelt)
    assert "has no such member." in str(misspelt)
    assert api.get(address) == before


def test_S2_every_known_sender_uses_only_members_that_are_known(account: signal_account.SignalAccount) -> None:
    api = ApiClient.for_account(account.account.pk)
    address = f"sources/{api.post('sources', {'platform': 'webhook', 'name': 'Shop'})['id']}/proof"
    for preset in PRESETS:
        proof = api.ask("PUT", address, {"preset": preset})
        again = api.ask("PUT", address, {"verification": proof["verification"], "handshake": proof["handshake"]})
        assert (again["verification"], again["handshake"]) == (proof["verification"], proof["handshake"])


def test_S2_a_source_of_hi_events_begins_with_a_mapping_of_what_it_sends(account: signal_account.SignalAccount) -> None:
    api = ApiClient.for_account(account.account.pk)
    source = api.post("sources", {"platform": "hi-events", "name": "Hi"})["id"]
    mapping = CallMapping.from_body(api.get(f"sources/{source}/mapping")["mapping"])
    person = {"id": 7, "public_id": "A-7XK2", "event_id": 31, "first_name": " Mira", "last_name": "Okafor", "email": "Mira@Example.org"}
    call = {"event_type": "attendee.created", "event_sent_at": "2026-10-14T12:11:38Z", "payload": person}
    (document,) = documents_of(mapping, call).documents
    assert document == {
        "event": "31",
        "code": "A-7XK2",
        "modified": "2026-10-14T12:11:38+00:00",
        "active": True,
        "profile": {"first_name": "Mira", "last_name": "Okafor", "email": "mira@example.org"},
    }
    (gone,) = documents_of(mapping, call | {"event_type": "attendee.cancelled"}).documents
    assert gone["active"] is False
    assert documents_of(mapping, call | {"event_type": "order.created"}).documents == []
    assert api.get(f"sources/{api.post('sources', {'platform': 'tito', 'name': 'T'})['id']}/mapping")["mapping"] == {"rows": []}


def test_S3_a_description_of_a_list_is_tried_before_it_is_saved(account: signal_account.SignalAccount) -> None:
    api = ApiClient.for_account(account.account.pk)
    platform = Platform(Manners(), random.Random(5))
    for number in range(25):
        platform.write(f"k{number:02}", {"state": "new"}, platform.clock - (25 - number) * MINUTE)
    with RestStub(platform) as stub:
        body = description_of(Manners(), stub.origin).to_body()
        address = f"sources/{api.post('sources', {'platform': 'rest', 'name': 'Portal'})['id']}"
        api.ask("POST", f"{address}/list/trial", {"list": body}, status=400)  # this machine is not allowed to it
        assert stub.urls == []
        Account.objects.filter(pk=account.account.pk).update(allowed_networks=["127.0.0.0/8"])
        tried = api.ask("POST", f"{address}/list/trial", {"list": body})
        assert (tried["items"], tried["pages"], tried["since"], tried["exclusive"]) == (10, "found", "works", None)
        ignored = api.ask("POST", f"{address}/list/trial", {"list": body | {"since_parameter": "newer_than"}})
        assert (ignored["since"], ignored["since_failure"]) == ("ignored", "")
        api.ask("POST", f"{address}/list/trial", {"list": body | {"key": ""}}, status=400)
        misspelt = api.ask("PUT", f"{address}/list", {"list": body | {"page_size": 10}}, status=400)
        assert "page_size" in str(misspelt)
        assert "A list has no such member." in str(misspelt)
        unknown = api.ask("PUT", f"{address}/list", {"list": body | {"connection": 999_999}}, status=400)
        assert "There is no connection 999999 here." in str(unknown)
        api.ask("POST", f"sources/{api.post('sources', {'platform': 'tito', 'name': 'T'})['id']}/list/trial", {"list": body}, status=404)
        assert f"PUT {address}/list describes it." in str(api.get(f"{address}/list", status=404))
