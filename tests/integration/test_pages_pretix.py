"""The set-up of a pretix source on its pages, against a stub of pretix (S4)."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django_scopes import scopes_disabled
from tests.builders.planted_sources import called
from tests.builders.platform_account import PlatformAccount, made, planned
from tests.builders.pretix_order import SPEAKER, TICKET, WORKSHOP, place
from tests.databases import DatabaseFacts
from tests.page_text import text_of
from tests.pretix_shop import TOKEN, PretixShop
from tests.shown_form import as_shown

from heliograph.accounts.models import Account, Role
from heliograph.connections.models import Connection
from heliograph.connections.services.connections import delete_connection
from heliograph.domain.source.call_documents import documents_of
from heliograph.domain.source.source_states import CallState, SourceState
from heliograph.setup.models import AttendeeType, Question, RegistrationStatus, Session, Tag
from heliograph.sources.item_documents import read_mapping
from heliograph.sources.models import Source, SourceCall
from heliograph.sources.pretix_looks import look_at_due
from heliograph.sources.services.pretix_readings import pretix_settings
from heliograph.store.models import Event

LIST = "/settings/sources/"
NEW = f"{LIST}new/pretix/"


@pytest.fixture
def site(database: DatabaseFacts) -> Iterator[PlatformAccount]:
    with planned(database) as site:
        Account.objects.filter(pk=site.pk).update(allowed_networks=["127.0.0.0/8"])
        yield site


@pytest.fixture
def shop() -> Iterator[PretixShop]:
    with PretixShop() as shop:
        news = [{"question_identifier": "NEWS", "answer": "True", "options": [], "option_identifiers": []}]
        shop.sell("AAAAA", place(1, answers=news), place(2, 2, SPEAKER, attendee_name_parts={"full_name": "Grace Hopper"}))
        shop.sell("BBBBB", place(3), place(4, 2, WORKSHOP, variation=1, addon_to=3), status="n")
        yield shop


def connected(client: Client, shop: PretixShop) -> str:
    """The address of a source that is connected."""
    answer = client.post(NEW, {"address": shop.origin, "token": TOKEN})
    assert answer.status_code == 302
    with scopes_disabled():
        source = Source.objects.get(platform="pretix")
    assert answer["Location"] == f"{LIST}{source.pk}/pretix/events/"
    return f"{LIST}{source.pk}/"


def test_S4_from_a_token_to_reading_without_a_change_of_the_proposals(site: PlatformAccount, client: Client, shop: PretixShop) -> None:
    site.signs_in(client)
    assert "pretix" in text_of(client.get(f"{LIST}new/").content)
    page = connected(client, shop)
    with scopes_disabled():
        connection = Connection.objects.get(name="pretix")
    assert TOKEN not in json.dumps(connection.body)

    fields = as_shown(client, f"{page}pretix/events/")
    assert fields["event"] == ["gala.26", "summit26"]
    assert fields["to-summit26"] == ["SUMMIT-26"]  # the account’s own
    answer = client.post(f"{page}pretix/events/", fields)
    assert answer["Location"] == f"{page}pretix/match/", text_of(answer.content)
    with scopes_disabled():
        gala = Event.objects.get(code="GALA-26")
    assert gala.name == "Winter Gala"

    fields = as_shown(client, f"{page}pretix/match/")
    assert fields["status-paid-to"] == ["Registered"]
    assert fields["status-cancelled-to"] == ["Cancelled"]
    assert fields[f"item-{TICKET}-to"] == ["type:Conference ticket"]
    assert fields[f"item-{WORKSHOP}_1-to"] == ["session:Workshop: Morning"]
    assert fields["question-job.title-to"] == ["profile.position"]
    assert fields["question-PASS-to"] == [""]
    answer = client.post(f"{page}pretix/match/", fields)
    assert answer["Location"] == f"{page}pretix/start/", text_of(answer.content)
    with scopes_disabled():
        settings = pretix_settings(Source.objects.get(platform="pretix"))
        assert settings is not None
        assert settings.organizer == "acme"
        assert {event.code for event in settings.events} == {"SUMMIT-26", "GALA-26"}
        assert not settings.lacks_statuses
        assert RegistrationStatus.objects.filter(event=gala.pk, name="Expired", tags__name="Expired").exists()
        assert AttendeeType.objects.filter(event__code="SUMMIT-26", name="Speaker pass").exists()
        assert not AttendeeType.objects.filter(event=gala.pk, name="Speaker pass").exists()
        assert Session.objects.filter(event__code="SUMMIT-26", name="Workshop: Evening").exists()
        diet = {row.event_id: row for row in Question.objects.filter(label="Any dietary needs?")}
        assert diet[gala.pk].options == ["Vegan", "Kosher"]
        assert len({row.code for row in diet.values()}) == 1
        assert Tag.objects.filter(name="Expired").exists()

    shown = text_of(client.get(f"{page}pretix/start/").content)
    for words in ("BBBBB-1", "Ada Lovelace", "Pre-Registered", "AAAAA-2", "Grace Hopper", "Speaker pass"):
        assert words in shown
    assert "Would wait" not in shown
    answer = client.post(f"{page}pretix/start/", as_shown(client, f"{page}pretix/start/") | {"hook": "called"})
    assert answer.status_code == 200
    with scopes_disabled():
        source = Source.objects.get(platform="pretix")
    assert source.state == SourceState.ON
    assert source.due_at is not None
    assert f"/in/{source.path}/" in answer.content.decode()
    shown = text_of(client.get(f"{page}pretix/start/").content)
    assert "No call came yet." in shown
    assert f"/in/{source.path}/" not in client.get(f"{page}pretix/start/").content.decode()


@pytest.mark.parametrize(
    ("token", "path", "sees", "words"),
    [
        ("wrong", "", True, "pretix refuses this token (401)"),
        (TOKEN, "/elsewhere", True, ""),
    ],
    ids=["token", "any page of it"],
)
def test_S4_why_pretix_cannot_be_asked_is_said(
    site: PlatformAccount, client: Client, shop: PretixShop, token: str, path: str, sees: bool, words: str
) -> None:
    site.signs_in(client)
    shop.may_see_orders = sees
    answer = client.post(NEW, {"address": f"{shop.origin}{path}", "token": token}, follow=True)
    assert words in text_of(answer.content)
    assert answer.redirect_chain[-1][0].endswith("/pretix/" if words else "/pretix/events/")


def test_S4_a_token_that_may_not_see_orders_is_said_and_nothing_is_created(site: PlatformAccount, client: Client, shop: PretixShop) -> None:
    site.signs_in(client)
    shop.may_see_orders = False
    page = connected(client, shop)
    answer = client.post(f"{page}pretix/events/", as_shown(client, f"{page}pretix/events/"))
    assert answer.status_code == 422
    assert "Let it see orders" in text_of(answer.content)
    with scopes_disabled():
        assert not Event.objects.filter(code="GALA-26").exists()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"address": "", "token": TOKEN}, "Give the address of your pretix."),
        ({"address": "https://pretix.example", "token": ""}, "Paste the token of the team."),
        ({"address": "ftp://pretix.example", "token": TOKEN}, "http"),
        ({"address": "https://[", "token": TOKEN}, "address"),
    ],
    ids=["address", "token", "scheme", "broken"],
)
def test_S4_a_fault_of_the_first_step_stands_at_its_field(
    site: PlatformAccount, client: Client, fields: dict[str, str], words: str
) -> None:
    site.signs_in(client)
    answer = client.post(NEW, fields)
    assert answer.status_code == 422
    assert words in text_of(answer.content)
    with scopes_disabled():
        assert not Source.objects.exists()


def test_S4_what_was_chosen_wrongly_stands_at_its_row(site: PlatformAccount, client: Client, shop: PretixShop) -> None:
    site.signs_in(client)
    page = connected(client, shop)
    fields = as_shown(client, f"{page}pretix/events/")
    answer = client.post(f"{page}pretix/events/", fields | {"to-gala.26": ["SUMMIT-26"]})
    assert answer.status_code == 422
    assert "Another event becomes this one, too." in text_of(answer.content)
    answer = client.post(f"{page}pretix/events/", fields | {"to-summit26": ["NO-EVENT"]})
    assert "There is no event NO-EVENT any more." in text_of(answer.content), "none is created in its place"
    answer = client.post(f"{page}pretix/events/", fields | {"event": []})
    assert "Choose at least one event." in text_of(answer.content)
    assert client.post(f"{page}pretix/events/", fields | {"version": ["1"]}).status_code == 422
    assert client.get(f"{page}pretix/match/")["Location"] == f"{page}pretix/events/"
    assert client.get(f"{page}pretix/start/")["Location"] == f"{page}pretix/match/"


def test_S4_what_pretix_has_new_is_said_and_matched_without_another_change(site: PlatformAccount, client: Client, shop: PretixShop) -> None:
    site.signs_in(client)
    page = connected(client, shop)
    assert "Continue the set-up" in text_of(client.get(page).content)
    for step in ("events", "match", "start"):
        client.post(f"{page}pretix/{step}/", as_shown(client, f"{page}pretix/{step}/"))
    shop.items["summit26"].append({"id": 31, "name": {"en": "Press pass"}, "admission": True, "category": None, "variations": []})
    client.post(f"{page}pretix/match/", as_shown(client, f"{page}pretix/match/") | {"do": ["look"]})
    shown = text_of(client.get(page).content)
    assert "New in pretix" in shown
    assert "“Press pass” is not matched yet." in shown
    fields = as_shown(client, f"{page}pretix/match/")
    assert fields["item-31-to"] == ["type:Press pass"]
    assert fields["question-PASS-to"] == [""]
    assert client.post(f"{page}pretix/match/", fields)["Location"] == f"{page}pretix/start/"
    assert "New in pretix" not in text_of(client.get(page).content)
    with scopes_disabled():
        settings = pretix_settings(Source.objects.get(platform="pretix"))
        assert AttendeeType.objects.filter(name="Press pass").count() == 1
    assert settings is not None
    assert {item.key: item.name for item in settings.items}["31"] == "Press pass"
    assert "Orders wait" not in text_of(client.get(page).content)
    with scopes_disabled():
        called(site.store, Source.objects.get(platform="pretix"), site.store.now(), state=CallState.WAITING)
        site.store.connection.commit()  # type: ignore[attr-defined]
    assert "Orders wait" in text_of(client.get(page).content)
    assert client.get(f"{page}mapping/")["Location"] == f"{page}pretix/match/"


def test_S4_a_connection_that_is_there_is_used_and_a_save_in_between_is_noticed(
    site: PlatformAccount, client: Client, shop: PretixShop
) -> None:
    site.signs_in(client)
    first = connected(client, shop)
    with scopes_disabled():
        existing = Connection.objects.get(name="pretix").pk
        theirs = Connection.objects.exclude(account=site.pk).first()
    answer = client.post(NEW, {"address": "", "token": "", "connection": str(existing)})
    with scopes_disabled():
        second = Source.objects.get(name="pretix 2").pk
        assert Connection.objects.filter(account=site.pk, name__startswith="pretix").count() == 1
    assert answer["Location"] == f"{LIST}{second}/pretix/events/"
    assert theirs is None or client.post(NEW, {"connection": str(theirs.pk)}).status_code == 422

    client.post(f"{first}pretix/events/", as_shown(client, f"{first}pretix/events/"))
    fields = as_shown(client, f"{first}pretix/match/")
    assert client.post(f"{first}pretix/match/", fields).status_code == 302
    answer = client.post(f"{first}pretix/match/", fields)
    assert answer.status_code == 422
    assert "Somebody else saved this source in the meantime." in text_of(answer.content)


def test_S4_a_pretix_with_more_than_a_source_can_hold_is_refused_and_a_huge_order_is_no_sample(
    site: PlatformAccount, client: Client, shop: PretixShop
) -> None:
    site.signs_in(client)
    page = connected(client, shop)
    fields = as_shown(client, f"{page}pretix/events/")
    variations = [{"id": number, "value": "x"} for number in range(1, 201)]
    shop.items["gala.26"] = [{"id": id, "name": f"P{id}", "admission": True, "variations": variations} for id in range(1000, 1200)]
    answer = client.post(f"{page}pretix/events/", fields)
    assert answer.status_code == 422
    assert "too many products and questions for one source" in text_of(answer.content)
    shop.items["gala.26"] = []
    shop.sell("ZZZZZ", place(99, attendee_name_parts={"full_name": "x" * 300_000}))
    assert client.post(f"{page}pretix/events/", fields).status_code == 302
    with scopes_disabled():
        body = zlib.decompress(SourceCall.objects.get(source__platform="pretix").body)
    assert [order["code"] for order in json.loads(body)] == ["BBBBB", "AAAAA"]


def test_S4_a_deleted_connection_or_event_is_said(site: PlatformAccount, client: Client, shop: PretixShop) -> None:
    site.signs_in(client)
    page = connected(client, shop)
    fields = as_shown(client, f"{page}pretix/events/")
    with site.acme.setting_up() as transaction:
        delete_connection(transaction, Connection.objects.get(name="pretix").pk)
    answer = client.post(f"{page}pretix/events/", fields)
    assert answer.status_code == 422
    assert "The connection of this source was deleted." in text_of(answer.content)
    assert client.get(f"{page}pretix/").status_code == 200


def test_S4_only_an_administrator_of_the_account_sets_a_pretix_up(site: PlatformAccount, client: Client, shop: PretixShop) -> None:
    site.signs_in(client)
    page = connected(client, shop)
    pages = [f"{page}pretix/", *(f"{page}pretix/{step}/" for step in ("events", "match", "start"))]
    for role in (Role.PLANNER, Role.VIEWER):
        site.signs_in(client, role)
        assert {client.get(url).status_code for url in [NEW, *pages]} == {client.post(url).status_code for url in [NEW, *pages]} == {403}
    made(site.store).signs_in(client)
    assert {client.get(url).status_code for url in pages} == {client.post(url).status_code for url in pages} == {404}


def _match(client: Client, page: str, fields: dict[str, list[str]]) -> None:
    """From the choice of events to a source that is on, without another change."""
    answer = client.post(f"{page}pretix/events/", fields)
    assert answer["Location"] == f"{page}pretix/match/", text_of(answer.content)
    for step in ("match", "start"):
        posted = as_shown(client, f"{page}pretix/{step}/") | {"hook": ["not"]}
        assert client.post(f"{page}pretix/{step}/", posted).status_code == 302


TOURS = (
    (51, "2030-05-03T09:00:00+02:00"),
    (52, "2030-05-03T12:00:00Z"),
    (53, "2030-05-04T09:00:00+02:00"),
    (54, "2021-05-04T09:00:00+02:00"),
)


def test_S4_a_series_is_one_event_unless_its_dates_are_chosen(site: PlatformAccount, client: Client, shop: PretixShop) -> None:
    shop.add_series("tour", "City Tour", TOURS)
    shop.sell("TTTTT", *(place(10 + n, n, 41, subevent=50 + n) for n in (1, 2, 3)), event="tour")
    site.signs_in(client)
    page = connected(client, shop)
    shown = text_of(client.get(f"{page}pretix/events/").content)
    for name in ("City Tour, 2030-05-03 09:00", "City Tour, 2030-05-03 14:00", "City Tour, 2030-05-04"):
        assert name in shown
    assert "2021-05-04" not in shown  # a date that is over
    assert "Tuesday, 4 May 2021 to Saturday, 4 May 2030" in shown
    fields = as_shown(client, f"{page}pretix/events/")
    assert "tour" in fields["event"]
    assert not any("/" in key for key in fields["event"])

    _match(client, page, fields | {"event": ["tour", "tour/51", "tour/53"]})
    with scopes_disabled():
        source = Source.objects.get(platform="pretix")
        settings = pretix_settings(source)
        tour = Event.objects.get(code="TOUR-2030-05-04")
        assert tour.name == "City Tour, 2030-05-04"
        assert str(tour.start) == "2030-05-04 07:00:00+00:00"
        assert tour.timezone == "Europe/Vienna"
        codes = {"TOUR", "TOUR-2030-05-03-09-00", "TOUR-2030-05-04"}
        for model in (AttendeeType, Question):  # what the series sells and asks is there in each event
            assert set(model.objects.filter(event__code__startswith="TOUR").values_list("event__code", flat=True)) == codes
    assert settings is not None
    assert set(settings.event_codes) == {"tour", "tour/51", "tour/53"}
    assert [item.key for item in settings.items] == ["41"]
    assert settings.event_codes["tour/51"] == "TOUR-2030-05-03-09-00"
    documents = documents_of(read_mapping(source.mapping), shop.orders[-1]).documents
    assert [(each["code"], each["event"]) for each in documents] == [
        ("TTTTT-1", "TOUR-2030-05-03-09-00"),
        ("TTTTT-2", "TOUR"),
        ("TTTTT-3", "TOUR-2030-05-04"),
    ]
    assert set(as_shown(client, f"{page}pretix/events/")["event"]) == {"tour", "tour/51", "tour/53"}


def test_S4_of_dates_alone_the_others_stay_away_and_a_new_one_is_named(site: PlatformAccount, client: Client, shop: PretixShop) -> None:
    shop.add_series("tour", "City Tour", TOURS)
    shop.sell("TTTTT", *(place(10 + n, n, 41, subevent=50 + n) for n in (1, 2, 3)), event="tour")
    site.signs_in(client)
    page = connected(client, shop)
    fields = as_shown(client, f"{page}pretix/events/")
    answer = client.post(
        f"{page}pretix/events/", fields | {"event": ["tour/51", "tour/53"], "to-tour/53": ["SUMMIT-26"], "to-tour/51": ["SUMMIT-26"]}
    )
    assert answer.status_code == 422
    assert text_of(answer.content).count("Another event becomes this one, too.") == 2
    _match(client, page, fields | {"event": ["tour/51", "tour/53"], "to-tour/53": ["SUMMIT-26"]})
    with scopes_disabled():
        source = Source.objects.get(platform="pretix")
        assert not Event.objects.filter(code="TOUR").exists()
    documents = documents_of(read_mapping(source.mapping), shop.orders[-1]).documents
    assert [(each["code"], each["event"]) for each in documents] == [("TTTTT-1", "TOUR-2030-05-03-09-00"), ("TTTTT-3", "SUMMIT-26")]

    shop.subevents.append({**shop.subevents[0], "id": 55, "date_from": "2030-06-01T09:00:00+02:00"})
    assert look_at_due() == 1
    assert "The event “City Tour, 2030-06-01” is new there, and is not read." in text_of(client.get(page).content)


def test_S4_the_dates_of_a_series_can_be_many(site: PlatformAccount, client: Client, shop: PretixShop) -> None:
    start = datetime(2030, 1, 1, 8, tzinfo=UTC)
    shop.add_series("museum", "Museum visit", [(n, (start + timedelta(days=n)).isoformat()) for n in range(1, 601)])
    site.signs_in(client)
    page = connected(client, shop)
    fields = as_shown(client, f"{page}pretix/events/")
    assert len([name for name in fields if name.startswith("to-museum/")]) == 100
    answer = client.post(f"{page}pretix/events/", fields | {"event": [f"museum/{n}" for n in range(101, 152)]})
    assert answer.status_code == 422
    assert "At most 50 events are possible." in text_of(answer.content)
    _match(client, page, fields | {"event": [f"museum/{n}" for n in range(101, 151)]})
    with scopes_disabled():
        assert Event.objects.filter(code__startswith="MUSEUM-2030-").count() == 50
