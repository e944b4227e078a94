"""An event at Certain is read: by a strict stub made of its public documentation, never run against the real service (S5)."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.test import Client
from django_scopes import scope, scopes_disabled
from tests.api_client import ApiClient
from tests.builders.connection import connection
from tests.builders.list_source import EVENT, ListSource
from tests.builders.platform_account import PlatformAccount, planned
from tests.certain_stub import LIST, CertainPlatform, CertainStub
from tests.databases import DatabaseFacts
from tests.page_text import text_of
from tests.rest_platform import Manners

from heliograph.accounts.models import Account
from heliograph.domain.connection.secret import Secret
from heliograph.domain.source.certain import CertainEvent, list_of
from heliograph.domain.source.source_states import SourceState
from heliograph.recording.contents import read_state
from heliograph.registrations.list import RegistrationFilter, Registrations
from heliograph.setup.services.setup_save import saving
from heliograph.setup.setup_errors import Invalid
from heliograph.sources.models import Source
from heliograph.sources.services.certain_events import save_event
from heliograph.sources.services.list_readings import save_list
from heliograph.sources.services.source_mappings import KeptCalls, mapping_of, switch_on
from heliograph.sources.services.sources import add_source
from heliograph.sources.trial_read import try_list

BY = "user:1"


@pytest.fixture
def site(database: DatabaseFacts) -> Iterator[PlatformAccount]:
    with planned(database) as site:
        Account.objects.filter(pk=site.pk).update(allowed_networks=["127.0.0.0/8"])
        yield site


def event_of(site: PlatformAccount, stub: CertainStub, zone: str = "") -> CertainEvent:
    """The event, with a connection to the stub."""
    secrets = {Secret.PASSWORD: stub.password}
    with saving(site.pk, by=BY, whole_account=True) as transaction:
        made = connection(
            transaction, "Certain", f"{stub.origin}/", secrets=secrets, http=True, auth="Basic Authentication", user_name=stub.user
        )
    return CertainEvent(stub.origin, "ACME", EVENT, made.pk, zone)


def source_of(site: PlatformAccount, stub: CertainStub, zone: str = "") -> ListSource:
    """A source that reads it, and is on."""
    event = event_of(site, stub, zone)
    with saving(site.pk, by=BY) as transaction:
        source = add_source(transaction, "certain", "Certain")
        save_event(transaction, source.pk, event)
        row = save_list(transaction, source.pk, replace(list_of(event), rate=6_000))  # else a test would take minutes
        switch_on(transaction, source.pk, mapping_of(row), KeptCalls.QUIET)
    return ListSource(site.store, site.pk, source.pk, stub.platform)


def here(source: ListSource) -> dict[str, tuple[str, str]]:
    """Status and last name of each active registration, by code."""
    sql = "SELECT code, state FROM registration WHERE account_id = :account AND is_active AND code LIKE 'k%'"
    states = {code: read_state(state) for code, state in source.db.all(sql, {"account": source.account})}
    rows = Registrations(source.db, source.account).walk(RegistrationFilter(), 0, 1_000)
    return {row.code: (row.status, str(states[row.code].profile["last_name"])) for row in rows if row.code in states}


def there(source: ListSource) -> dict[str, tuple[str, str]]:
    """The same of each registration that is active at Certain."""
    rows = {key: version.content or {} for key, version in source.platform.rows.items()}
    return {key: (str(content["status"]), str(content["number"])) for key, content in rows.items() if content["active"]}


@pytest.mark.parametrize(
    ("theirs", "said"), [("America/Los_Angeles", "America/Los_Angeles"), ("Pacific/Auckland", ""), ("America/Los_Angeles", "")]
)
def test_S5_edits_cancellations_and_kills_leave_nothing_missing(site: PlatformAccount, theirs: str, said: str) -> None:
    platform = CertainPlatform(Manners(largest_page=20, edits_between_pages=2, errors=0.1), random.Random(7), theirs)
    with CertainStub(platform) as stub:
        stub.edit(60)
        source = source_of(site, stub, said)
        for _round in range(4):
            source.read()
            stub.edit(15)
            stub.kill()
            source.read()
            stub.start()
        with stub.lock:
            platform.fall_quiet()
        for _round in range(3):
            source.read()
            source.sweep()
        assert here(source) == there(source)
        assert len(there(source)) > 10


def test_S5_it_asks_only_what_is_documented_and_an_empty_event_is_no_failure(site: PlatformAccount) -> None:
    with CertainStub(CertainPlatform(Manners(), random.Random(1))) as stub:
        source = source_of(site, stub)
        source.read()  # an empty list answers 404
        assert (source.row.failures, source.progress.is_filled) == (0, True)
        stub.write("k1", {"status": "Attended", "number": 1, "active": True})
        source.read()
        assert here(source) == {"k1": ("Attended", "1")}
        stub.write("k1", {"status": "Cancelled", "number": 1, "active": False})
        source.read()
        assert here(source) == {}
        asked = [dict(parse_qsl(urlsplit(url).query)) for url in stub.urls if urlsplit(url).path == LIST]
        assert {name for query in asked for name in query} == {"orderBy", "includeList", "start_index", "max_results", "dateModified_after"}


def test_S5_the_test_read_passes_and_a_wrong_password_is_said(site: PlatformAccount) -> None:
    platform = CertainPlatform(Manners(), random.Random(1))
    for number in range(10):
        platform.write(f"k{number}", {"status": "New", "number": number, "active": True}, platform.clock - (20 - number) * 60_000_000)
    with CertainStub(platform) as stub, scope(account=site.pk):
        description = list_of(event_of(site, stub))
        trial = try_list(site.pk, description)
        assert (len(trial.page.items), str(trial.since.effect) if trial.since else "") == (10, "works")
        stub.password = "another one"
        with pytest.raises(Invalid, match="refused the sign-in"):
            try_list(site.pk, description)


def test_S5_the_event_is_said_on_a_page_and_by_rest(site: PlatformAccount, client: Client) -> None:
    site.signs_in(client)
    added = client.post("/settings/sources/new/certain/", {"name": "Certain"})
    with scopes_disabled():
        id = Source.objects.get().pk
    page = f"/settings/sources/{id}/certain/"
    assert added["Location"] == page
    assert "never run against the real service" in text_of(client.get(page).content)
    fields = {
        "server": "https://app.certain.example/",
        "account": "ACME",
        "event": "S 26",
        "event_here": EVENT,
        "zone": "",
        "connection": "",
    }
    for name, value, words in (
        ("server", "certain", "begins with https://"),
        ("zone", "Nowhere", "is no time zone"),
        ("event", " ", "missing"),
    ):
        refused = client.post(page, fields | {name: value})
        assert refused.status_code == 422
        assert words in text_of(refused.content)
    assert client.post(page, fields)["Location"] == f"/settings/sources/{id}/list/"
    api = ApiClient.for_account(site.pk)
    described = api.get(f"sources/{id}/list")["list"]
    assert described["address"] == "https://app.certain.example/certainExternal/service/v1/Registration/ACME/S%2026"
    assert (described["overlap"], described["empty_404"], described["inclusive"]) == (93_600, True, False)
    mapping = api.get(f"sources/{id}/mapping")["mapping"]
    assert {row["target"] for row in mapping["rows"]} >= {"event", "code", "status", "active", "profile.email"}
    saved = api.ask(
        "PUT", f"sources/{id}/certain", {"server": "https://app.certain.example", "account": "ACME", "event": "G26", "zone": "UTC"}
    )
    assert (saved["list"]["overlap"], saved["list"]["address"][-4:]) == (300, "/G26")
    with scopes_disabled():
        assert Source.objects.get(pk=id).state == SourceState.DRAFT
