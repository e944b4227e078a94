"""An event at Eventbrite is read, and its webhook announces who changed: by a strict stub made of its public documentation (S2, S3)."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.test import Client
from django_scopes import scope, scopes_disabled
from tests.api_client import ApiClient
from tests.builders.account import BY
from tests.builders.certain_source import settle
from tests.builders.list_source import EVENT, ListSource
from tests.builders.platform_account import PlatformAccount, made, planned
from tests.databases import DatabaseFacts
from tests.eventbrite_stub import EVENT as THEIRS
from tests.eventbrite_stub import LIST, TOKEN, EventbritePlatform, EventbriteStub
from tests.page_text import text_of
from tests.rest_platform import Manners

from heliograph.accounts.models import Account, Role
from heliograph.connections.models import Connection
from heliograph.domain.source.doorbell import named_key
from heliograph.domain.source.eventbrite import STATUSES, EventbriteEvent, attendee_of, list_of
from heliograph.domain.source.rest_list import RestListError
from heliograph.domain.source.source_states import SourceState
from heliograph.recording.contents import read_state
from heliograph.registrations.list import RegistrationFilter, Registrations
from heliograph.setup.services.setup_save import saving
from heliograph.sources.models import Source
from heliograph.sources.read_schedule import queue_due_sources
from heliograph.sources.services.eventbrite_events import save_event
from heliograph.sources.services.list_readings import save_list
from heliograph.sources.services.source_mappings import KeptCalls, switch_on
from heliograph.sources.services.sources import add_source
from heliograph.sources.stored_mapping import stored_mapping
from heliograph.sources.trial_read import try_list
from heliograph.store.stored_calls import pack_body


@pytest.fixture
def site(database: DatabaseFacts) -> Iterator[PlatformAccount]:
    with planned(database) as site:
        Account.objects.filter(pk=site.pk).update(allowed_networks=["127.0.0.0/8"])
        yield site


def eventbrite_source(site: PlatformAccount, stub: EventbriteStub) -> ListSource:
    """A source that reads it, and is on."""
    event = EventbriteEvent(THEIRS, event_here=EVENT, server=stub.origin)
    with saving(site.pk, by=BY, whole_account=True) as transaction:
        source = add_source(transaction, "eventbrite", "Eventbrite")
        save_event(transaction, source.pk, event, token=TOKEN)
        description = list_of(EventbriteEvent(THEIRS, Connection.objects.get(name="Eventbrite").pk, EVENT, stub.origin))
        row = save_list(transaction, source.pk, replace(description, rate=6_000))
        switch_on(transaction, source.pk, stored_mapping(row), KeptCalls.QUIET)
    return ListSource(site.store, site.pk, source.pk, stub.platform)


def people_here(source: ListSource) -> dict[str, tuple[str, str, str]]:
    """Status, last name and e-mail of each active registration."""
    rows = source.db.all(
        "SELECT code, state FROM registration WHERE account_id = :account AND is_active AND code LIKE '10%'", {"account": source.account}
    )
    states = {code: read_state(state) for code, state in rows}
    return {
        row.code: (row.status, str(state.profile["last_name"]), str(state.profile["email"]))
        for row in Registrations(source.db, source.account).walk(RegistrationFilter(), 0, 1_000)
        if (state := states.get(row.code)) is not None
    }


def people_there(source: ListSource) -> dict[str, tuple[str, str, str]]:
    """The same at Eventbrite."""
    ours = dict(STATUSES)
    rows = {key: version.content or {} for key, version in source.platform.rows.items()}
    return {key: (ours[str(each["status"])], str(each["number"]), f"m{key}@example.org") for key, each in rows.items()}


def test_S3_edits_deletions_and_kills_leave_nothing_missing(site: PlatformAccount) -> None:
    platform = EventbritePlatform(Manners(largest_page=20, edits_between_pages=2, errors=0.1), random.Random(7))
    with EventbriteStub(platform) as stub:
        stub.edit(60)
        source = eventbrite_source(site, stub)
        for _round in range(4):
            source.read()
            stub.edit(15)
            stub.kill()
            source.read()
            stub.start()
        with stub.lock:
            platform.fall_quiet()
        settle(source)
        settle(source)  # what is gone is missing twice first
        assert people_here(source) == people_there(source)
        assert len(people_there(source)) > 10
        asked = {name for url in stub.urls if urlsplit(url).path == LIST for name, _ in parse_qsl(urlsplit(url).query)}
        assert asked == {"continuation", "changed_since"}


def ring(source: ListSource, address: str, action: str = "attendee.updated") -> None:
    """A call of its webhook, as the door stores it."""
    body = {
        "api_url": address,
        "config": {"action": action, "endpoint_url": "https://signal.example/in/x", "user_id": "1", "webhook_id": "2"},
    }
    with source.db.transaction():
        source.db.run(
            "INSERT INTO source_call (account_id, source_id, at, kind, headers, body, state) VALUES (:account, :source, :now, 0, '{}', :body, 0)",
            {"account": source.account, "source": source.id, "now": source.db.now(), "body": pack_body(json.dumps(body).encode())},
        )
    source.record()
    with source.db.transaction():
        source.db.run("UPDATE source_ring SET at = at - 3000000")


def test_S2_a_call_has_its_attendee_read_alone(site: PlatformAccount) -> None:
    platform = EventbritePlatform(Manners(), random.Random(3))
    with EventbriteStub(platform) as stub:
        for number in range(5):
            stub.write(f"k{number}", {"status": "Attending", "number": number})
        source = eventbrite_source(site, stub)
        source.read()
        assert people_here(source) == people_there(source)
        stub.write("k3", {"status": "Checked In", "number": 33})
        before = len(stub.urls)
        ring(source, f"https://www.eventbriteapi.com{LIST}10000003/")
        assert queue_due_sources() == 1
        source.run_job()
        source.record()
        assert [urlsplit(url).path for url in stub.urls[before:]] == [f"{LIST}10000003/"]
        assert people_here(source)["10000003"] == ("Attended", "33", "m10000003@example.org")
        before = len(stub.urls)
        for address in ("https://www.eventbriteapi.com/v3/orders/9/", "https://evil.example/x", f"https://evil.example{LIST}x/"):
            ring(source, address, "order.placed")
        assert not source.db.all("SELECT 1 FROM source_ring")
        assert len(stub.urls) == before


@pytest.mark.parametrize(
    ("value", "attendee"),
    [
        ({"api_url": "https://www.eventbriteapi.com/v3/events/1/attendees/22/"}, "22"),
        ({"api_url": "https://www.eventbriteapi.com/v3/events/1/attendees/22"}, "22"),
        ({"api_url": "https://www.eventbriteapi.com/v3/orders/22/"}, ""),
        ({"api_url": "/v3/events/1/attendees/22/../../"}, ""),
        ({"api_url": "/v3/events/1/attendees/" + "2" * 21 + "/"}, ""),
        ({"api_url": 7}, ""),
        ([], ""),
        (None, ""),
    ],
)
def test_S2_of_a_call_only_the_number_of_an_attendee_is_taken(value: Any, attendee: str) -> None:
    assert attendee_of(value) == named_key("eventbrite", value) == attendee


@pytest.mark.parametrize("event", ["", "x", "12/../../me", "1" * 21, "https://www.eventbrite.com/e/summit-710598168"])
def test_an_event_is_a_number(event: str) -> None:
    with pytest.raises(RestListError, match="number of the event"):
        list_of(EventbriteEvent(event))


def test_S3_from_the_page_of_platforms_to_a_source_that_reads(site: PlatformAccount, client: Client) -> None:
    site.signs_in(client)
    platform = EventbritePlatform(Manners(), random.Random(3))
    with EventbriteStub(platform) as stub:
        for number in range(3):
            stub.write(f"k{number}", {"status": "Attending", "number": number})
        assert "never run against the real service" in text_of(client.get("/settings/sources/new/").content)
        answer = client.post("/settings/sources/new/eventbrite/", {"name": "Eventbrite"})
        with scopes_disabled():
            source = Source.objects.get(platform="eventbrite")
            page = f"/settings/sources/{source.pk}/"
            source.settings = json.dumps(json.loads(source.settings) | {"eventbrite": {"event": "1", "server": stub.origin}})
            source.save()
        assert answer["Location"] == f"{page}eventbrite/"
        assert "These settings come from Eventbrite’s public documentation" in text_of(client.get(answer["Location"]).content)
        fields = {"event": THEIRS, "event_here": EVENT, "token": TOKEN, "connection": ""}
        assert client.post(f"{page}eventbrite/", fields | {"event": "summit"}).status_code == 422
        answer = client.post(f"{page}eventbrite/", fields)
        assert answer["Location"] == f"{page}list/", text_of(answer.content)
        with scopes_disabled():
            connection = Connection.objects.get(name="Eventbrite")
            source = Source.objects.get(platform="eventbrite")
        assert TOKEN not in json.dumps([connection.body, source.settings])
        assert client.post(f"{page}eventbrite/", fields | {"connection": str(connection.pk)}).status_code == 422
        with scope(account=site.pk):
            trial = try_list(site.pk, list_of(EventbriteEvent(THEIRS, connection.pk, EVENT, stub.origin)))
        assert len(trial.page.items) == 3
        api = ApiClient.for_account(site.pk)
        assert api.post(f"sources/{source.pk}/switch-on", {"kept_calls": "quiet"}, status=200)["state"] == "on"
        with scopes_disabled():
            assert Source.objects.get(pk=source.pk).state == SourceState.ON
        assert client.get(f"{page}proof/").status_code == 200


def test_P1_only_an_administrator_of_the_account_says_what_is_read(site: PlatformAccount, client: Client) -> None:
    with saving(site.pk, by=BY) as transaction:
        page = f"/settings/sources/{add_source(transaction, 'eventbrite', 'Eventbrite').pk}/eventbrite/"
        other = f"/settings/sources/{add_source(transaction, 'certain', 'Certain').pk}/eventbrite/"
    site.signs_in(client)
    assert (client.get(page).status_code, client.get(other).status_code) == (200, 404)
    for role in (Role.PLANNER, Role.VIEWER):
        site.signs_in(client, role)
        assert client.get(page).status_code == client.post(page, {"event": "1"}).status_code == 403
    made(site.store).signs_in(client)
    assert client.get(page).status_code == client.post(page, {"event": "1"}).status_code == 404
