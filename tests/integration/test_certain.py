"""An event at Certain is read: by a strict stub made of its public documentation, never run against the real service (S5)."""

from __future__ import annotations

import html
import json
import random
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.test import Client
from django_scopes import scope, scopes_disabled
from tests.api_client import ApiClient
from tests.builders.certain_source import certain_source, event_of, people_here, people_there, sessions_here, sessions_there, settle
from tests.builders.list_source import EVENT
from tests.builders.platform_account import PlatformAccount, planned
from tests.builders.pretix_source import prepare
from tests.certain_stub import LIST, CertainPlatform, CertainStub
from tests.databases import DatabaseFacts
from tests.page_text import text_of
from tests.rest_platform import Manners

from heliograph.domain.source.certain import list_of
from heliograph.domain.source.certain_registrations import CertainPart
from heliograph.domain.source.source_states import SourceState
from heliograph.setup.setup_errors import Invalid
from heliograph.sources.models import Source
from heliograph.sources.read_schedule import queue_due_sources
from heliograph.sources.trial_read import try_list


@pytest.fixture
def site(database: DatabaseFacts) -> Iterator[PlatformAccount]:
    with planned(database) as site:
        prepare(site)
        yield site


@pytest.mark.parametrize(
    ("theirs", "said"), [("America/Los_Angeles", "America/Los_Angeles"), ("Pacific/Auckland", ""), ("America/Los_Angeles", "")]
)
def test_S5_edits_cancellations_and_kills_leave_nothing_missing(site: PlatformAccount, theirs: str, said: str) -> None:
    platform = CertainPlatform(Manners(largest_page=20, edits_between_pages=2, errors=0.1), random.Random(7), theirs)
    with CertainStub(platform) as stub:
        stub.edit(60)
        source = certain_source(site, stub, said)
        for _round in range(4):
            source.read()
            stub.edit(15)
            stub.kill()
            source.read()
            stub.start()
        with stub.lock:
            platform.fall_quiet()
        settle(source)
        assert people_here(source) == people_there(source)
        assert len(people_there(source)) > 10


@pytest.mark.parametrize("properties", ["object", "names", "objects"])
def test_S5_answers_and_properties_become_fields_however_properties_are_written(site: PlatformAccount, properties: str) -> None:
    with CertainStub(CertainPlatform(Manners(), random.Random(3), properties=properties)) as stub:
        stub.edit(40)
        source = certain_source(site, stub)
        source.read()
        assert people_here(source) == people_there(source)
        assert len({person[2:] for person in people_here(source).values()}) > 3
        assert not source.db.all("SELECT problem FROM source_call WHERE problem <> ''")


def test_S5_sessions_are_read_by_a_source_of_their_own_and_wait_for_their_registration(site: PlatformAccount) -> None:
    with CertainStub(CertainPlatform(Manners(), random.Random(3))) as stub:
        stub.edit(80)
        people, sessions = certain_source(site, stub), certain_source(site, stub, part=CertainPart.SESSIONS)
        sessions.read()
        assert sessions_here(sessions) == {}
        assert people_here(people) == {}  # a session alone makes no registration
        people.read()
        sessions.read()
        assert sessions_here(sessions) == sessions_there(sessions)
        assert len(sessions_here(sessions)) > 5
        calls = sessions.db.all("SELECT max(id) FROM source_call")
        sessions.read()
        assert sessions.db.all("SELECT max(id) FROM source_call") == calls  # what is known is not stored again
        stub.edit(30)
        with stub.lock:
            stub.platform.fall_quiet()
        settle(people)
        settle(sessions)  # what one no longer has is cancelled; one that is gone is missing three times first
        assert people_here(people) == people_there(people)
        assert sessions_here(sessions) == sessions_there(sessions)
        assert not sessions.db.all("SELECT problem FROM source_call WHERE problem <> ''")


@pytest.mark.parametrize("late", CertainPart)
def test_S5_either_list_may_be_recorded_after_what_was_read_later_of_the_other_one(site: PlatformAccount, late: CertainPart) -> None:
    with CertainStub(CertainPlatform(Manners(), random.Random(3))) as stub:
        stub.edit(80)
        people, sessions = certain_source(site, stub), certain_source(site, stub, part=CertainPart.SESSIONS)
        people.read()
        sessions.read()
        stub.edit(80)
        first, second = (people, sessions) if late is CertainPart.REGISTRATIONS else (sessions, people)
        first.due_now()
        queue_due_sources()
        first.run_job()
        second.read()
        first.record()
        settle(people)
        settle(sessions)
        assert people_here(people) == people_there(people)
        assert sessions_here(sessions) == sessions_there(sessions)


def test_S5_questions_and_properties_of_our_names_are_proposed(site: PlatformAccount, client: Client) -> None:
    site.signs_in(client)
    with CertainStub(CertainPlatform(Manners(), random.Random(3))) as stub:
        stub.edit(20)
        source = certain_source(site, stub)
        with scopes_disabled():
            row = Source.objects.get(pk=source.id)
            mapping = json.loads(row.mapping)
            mapping["rows"] = [each for each in mapping["rows"] if each["target"] not in ("answers.diet", "properties.Test")]
            Source.objects.filter(pk=source.id).update(mapping=json.dumps(mapping))
        source.read()
        page = client.get(f"/settings/sources/{source.id}/mapping/").content.decode()
        posted = json.loads(html.unescape(page.partition('name="mapping" value="')[2].partition('"')[0]))
        filled = {each["target"]: each["parts"][0].get("source") for each in posted["rows"] if each.get("parts")}
        assert filled["answers.diet"] == "answers.diet"
        assert filled["properties.Test"] == "properties.Test"
        assert "answers.arrival" not in filled
        assert posted["certain"] == {"part": "registrations"}


def test_S5_it_asks_only_what_is_documented_and_an_empty_event_is_no_failure(site: PlatformAccount) -> None:
    with CertainStub(CertainPlatform(Manners(), random.Random(1))) as stub:
        source = certain_source(site, stub)
        source.read()  # an empty list answers 404
        assert (source.row.failures, source.progress.is_filled) == (0, True)
        stub.write("k1", {"status": "Attended", "number": 1, "active": True})
        source.read()
        assert people_here(source) == {"k1": ("Attended", "1", (), False)}
        stub.write("k1", {"status": "Cancelled", "number": 1, "active": False})
        source.read()
        assert people_here(source) == {}
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
        "part": "registrations",
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
    sessions = api.ask(
        "PUT", f"sources/{id}/certain", {"server": "https://app.certain.example", "account": "A", "event": "G", "part": "sessions"}
    )
    assert sessions["list"]["address"] == "https://app.certain.example/api/standard/2.0/accounts/A/events/G/registrations"
    with scopes_disabled():
        assert Source.objects.get(pk=id).state == SourceState.DRAFT
