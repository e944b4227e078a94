"""Which registrations an order of pretix becomes, and how it is read (S4)."""

from __future__ import annotations

from typing import Any

import pytest
from tests.builders.pretix_order import SHIRT, SPEAKER, TICKET, WORKSHOP, order, place, pretix_settings

from heliograph.domain.mapping.json_bodies import BodyError
from heliograph.domain.source.call_documents import MappedCall, documents_of
from heliograph.domain.source.call_mapping import CallMapping
from heliograph.domain.source.list_page import read_page
from heliograph.domain.source.pretix import ItemUse, PretixEvent, PretixItem, PretixQuestion, PretixSettings
from heliograph.domain.source.pretix_list import list_of, mapping_of
from heliograph.domain.source.pretix_orders import PretixState
from heliograph.domain.source.pretix_proposals import propose_items, propose_questions, propose_status
from heliograph.domain.source.rest_list import Place, RestList


def mapped(*orders: dict[str, object], settings: PretixSettings | None = None) -> MappedCall:
    mapping = CallMapping.from_body(mapping_of(settings or pretix_settings()).to_body())
    return documents_of(mapping, list(orders))


def document(*orders: dict[str, object], settings: PretixSettings | None = None) -> dict[str, object]:
    call = mapped(*orders, settings=settings)
    assert not call.problems
    (found,) = call.documents
    return found


def test_S4_each_place_of_an_order_is_a_registration() -> None:
    """With whom it belongs to; what it has in common with the others stands in the order."""
    grace = place(8, 2, SPEAKER, attendee_name_parts={"_scheme": "full", "full_name": "Grace Brewster Hopper"}, attendee_email=None)
    first, second = mapped(order(place(7), grace)).documents
    assert (first["event"], first["code"], first["order_code"], first["status"], first["attendee_type"]) == (
        "SUMMIT-26",
        "A2B3C-1",
        "A2B3C",
        "New",
        "Attendee",
    )
    assert first["profile"] == {
        "prefix": None,
        "first_name": "Ada",
        "middle_name": None,
        "last_name": "Lovelace",
        "email": "ada@example.org",
        "phone": "+49 30 1234",
        "organization": None,
        "address_1": None,
        "postal_code": None,
        "city": None,
        "country": None,
        "state": None,
        "position": None,
    }
    assert second["code"] == "A2B3C-2"
    assert second["attendee_type"] == "Speaker"
    assert second["profile"] | {"first_name": "Grace", "last_name": "Brewster Hopper", "email": None} == second["profile"]  # type: ignore[operator]


@pytest.mark.parametrize(
    ("fields", "on_place", "state"),
    [
        ({"status": "n"}, {}, PretixState.PENDING),
        ({"status": "n", "require_approval": True}, {}, PretixState.APPROVAL),
        ({"status": "n", "valid_if_pending": True}, {}, PretixState.VALID),
        ({"status": "p"}, {}, PretixState.PAID),
        ({"status": "e"}, {}, PretixState.EXPIRED),
        ({"status": "c"}, {}, PretixState.CANCELLED),
        ({"status": "c", "require_approval": True}, {}, PretixState.DENIED),
        ({"status": "p"}, {"canceled": True}, PretixState.CANCELLED),
        ({"status": "p"}, {"checkins": [{"list": 3, "type": "entry"}]}, PretixState.ATTENDED),
        ({"status": "n"}, {"checkins": [{"list": 3, "type": "entry"}]}, PretixState.ATTENDED),
        ({"status": "p"}, {"checkins": [{"list": 3, "type": "exit"}]}, PretixState.PAID),
        ({"status": "c"}, {"checkins": [{"list": 3, "type": "entry"}]}, PretixState.CANCELLED),
    ],
)
def test_S4_the_state_of_an_order_or_of_a_place_becomes_a_status(
    fields: dict[str, object], on_place: dict[str, object], state: PretixState
) -> None:
    found = document(order(place(7, **on_place), **fields))
    assert found["status"] == dict(pretix_settings().statuses)[state]


def test_only_the_chosen_lists_count_as_attended() -> None:
    """A list for the cloakroom says nothing about the event."""
    bought = order(place(7, checkins=[{"list": 3, "type": "entry"}]))
    assert document(bought, settings=pretix_settings(checkin_lists=(3,)))["status"] == "Attended"
    assert document(bought, settings=pretix_settings(checkin_lists=(4,)))["status"] == "New"


def test_S4_addons_are_sessions_of_the_place_that_they_belong_to() -> None:
    """By the number of the place, not by its number in the order. Of two for one session the one that counts wins."""
    addons = [
        place(9, 3, WORKSHOP, addon_to=7, variation=1),
        place(10, 4, WORKSHOP, addon_to=7, variation=2, canceled=True),
        place(11, 5, WORKSHOP, addon_to=7, variation=1, canceled=True),
        place(12, 6, WORKSHOP, addon_to=8, variation=2, checkins=[{"list": 1, "type": "entry"}]),
        place(13, 7, SHIRT, addon_to=8),
    ]
    first, second = mapped(order(place(7), place(8, 2), *addons)).documents
    assert {session["code"]: session["status"] for session in first["sessions"]} == {"WS-1": "Registered", "WS-2": "Cancelled"}  # type: ignore[attr-defined]
    assert second["sessions"] == [{"code": "WS-2", "status": "Attended"}]
    assert "sessions" not in document(order(place(7)))


def test_S4_answers_go_to_their_fields_and_a_removed_answer_clears() -> None:
    answers = [
        {"question_identifier": "DIET", "answer": "Vegan, Halal", "option_identifiers": ["VEGAN", "HALAL"]},
        {"question_identifier": "job.title", "answer": " Chief engineer ", "option_identifiers": []},
        {"question_identifier": "UNREAD", "answer": "x", "option_identifiers": []},
    ]
    found = document(order(place(7, answers=answers)))
    assert found["answers"] == {"Diet": ["Vegan", "Halal"]}
    assert found["profile"]["position"] == "Chief engineer"  # type: ignore[index]
    without = document(order(place(7)))
    assert without["answers"] == {"Diet": None}
    assert without["profile"]["position"] is None  # type: ignore[index]


def test_what_nobody_matched_makes_the_order_wait_with_its_value() -> None:
    for fields in ({"item": 99}, {"answers": [{"question_identifier": "DIET", "option_identifiers": ["NEW"]}]}):
        (problem,) = mapped(order(place(7, **fields))).problems
        assert problem.value in ("99", "NEW")
    (problem,) = mapped(order(place(7), place(8, 2, WORKSHOP, addon_to=7, variation=3))).problems
    assert (problem.target, problem.value) == ("sessions", "13")
    (problem,) = mapped(order(place(7), status="x")).problems
    assert problem.value == "status x"


def test_what_is_left_out_is_no_registration() -> None:
    assert document(order(place(7), place(8, 2, SHIRT)))["code"] == "A2B3C-1"
    assert not mapped(order(place(8, 1, SHIRT))).registrations


def test_S4_who_ordered_stands_in_for_who_attends() -> None:
    """Only for the one person of an order: several people do not share an address."""
    nobody = {"attendee_name": None, "attendee_name_parts": {}, "attendee_email": None}
    invoice = {"name_parts": {"given_name": "Mary", "family_name": "Somerville"}, "company": "Royal Society"}
    alone = document(order(place(7, **nobody), invoice_address=invoice))["profile"]
    assert alone | {"first_name": "Mary", "email": "orders@example.org", "organization": "Royal Society"} == alone  # type: ignore[operator]
    of_two = mapped(order(place(7, **nobody), place(8, 2), invoice_address=invoice)).documents[0]["profile"]
    assert of_two | {"first_name": None, "email": None, "organization": "Royal Society"} == of_two  # type: ignore[operator]
    strict = document(order(place(7, **nobody), invoice_address=invoice), settings=pretix_settings(orderer_stands_in=False))["profile"]
    assert strict | {"first_name": None, "email": None, "phone": None, "organization": None} == strict  # type: ignore[operator]
    kept = document(order(place(7)), settings=pretix_settings(orderer_email="Ordered by"))["profile"]
    assert kept["custom"] == {"Ordered by": ["orders@example.org"]}  # type: ignore[index]


def test_S4_a_shredded_place_clears_nothing_and_says_so() -> None:
    """What pretix erased is proposed for erasure here: a person decides, so the document holds no empty names."""
    shredded = place(7, attendee_name=None, attendee_name_parts={"_shredded": True}, attendee_email=None)
    (registration,) = mapped(order(shredded)).registrations
    assert registration.is_erased
    assert not registration.document.keys() & {"profile", "answers"}
    assert not mapped(order(place(7))).registrations[0].is_erased


def test_properties_say_test_mode_and_what_is_complete() -> None:
    found = document(order(place(7, print_logs=[{"id": 1}]), testmode=True, status="n", checkin_attention=True))
    assert found["properties"] == {"Test": True, "Complete": False, "Badge Printed": True, "On To Do List": True}


def test_a_date_of_a_series_can_be_an_event() -> None:
    events = (PretixEvent("summit26", "SUMMIT-26"), PretixEvent("summit26", "SUMMIT-DAY-2", 5))
    found = mapped(order(place(7, subevent=4), place(8, 2, subevent=5)), settings=pretix_settings(events=events)).documents
    assert [each["event"] for each in found] == ["SUMMIT-26", "SUMMIT-DAY-2"]


def test_S4_of_a_series_whose_dates_alone_are_events_the_other_dates_are_left_out() -> None:
    settings = pretix_settings(events=(PretixEvent("tour", "TOUR-1", 5), PretixEvent("summit26", "SUMMIT-26")))
    places = [place(n, n, subevent=date, attendee_email=None) for n, date in enumerate((4, 5, None), 1)]
    found: list[Any] = list(mapped(order(*places, event="tour"), settings=settings).documents)
    assert [(each["event"], each["code"]) for each in found] == [("TOUR-1", "A2B3C-2")]
    assert not found[0]["profile"].get("email")  # it is one of three in the order: who ordered does not stand in
    assert [each["event"] for each in mapped(order(*places), settings=settings).documents] == ["SUMMIT-26"] * 3
    assert PretixEvent.from_key("tour/5", "TOUR-1") == settings.events[0]
    assert CallMapping.from_body(mapping_of(settings).to_body()) == mapping_of(settings)


@pytest.mark.parametrize("body", [None, 7, "x", {"code": "A"}, {"code": "A", "positions": [None, {}]}, {"positions": [{"id": 1}]}])
def test_what_is_no_order_waits(body: object) -> None:
    assert documents_of(mapping_of(pretix_settings()), [body]).problems


# --- the list


def test_S4_one_list_has_the_orders_of_all_events_with_cancelled_places() -> None:
    description = list_of(pretix_settings())
    assert RestList.from_body(description.to_body()) == description
    url = description.url(1_791_981_000_123_456, Place())
    assert url.startswith("https://tickets.example/api/v1/organizers/acme/orders/?ordering=last_modified&include_canceled_positions=true&")
    assert "modified_since=2026-10-14T12%3A30%3A00.123456Z" in url
    assert "testmode=false" in url
    assert "testmode" not in list_of(pretix_settings(include_test_mode=True)).url(None, Place())
    assert description.item_url("A/B").startswith(
        "https://tickets.example/api/v1/organizers/acme/orders/A%2FB/?include_canceled_positions=true"
    )


def test_S4_orders_of_other_events_and_of_test_mode_are_not_kept() -> None:
    """One order is asked for without a filter, so the list's `only` decides."""
    answer = {"next": None, "results": [order(), order(event="other"), order(testmode=True)]}
    for settings, kept in ((pretix_settings(), [True, False, False]), (pretix_settings(events=(), include_test_mode=True), [True] * 3)):
        page = read_page(list_of(settings), answer, [("x-page-generated", "2026-10-14T12:31:00Z")], Place())
        assert [item.is_kept for item in page.items] == kept
        assert page.clock == 1_791_981_060_000_000


# --- settings and proposals


def test_settings_are_read_back_as_they_were_written() -> None:
    for settings in (pretix_settings(), PretixSettings(organizer="acme", checkin_lists=(1,), orderer_email="x", every=1, rate=360)):
        assert PretixSettings.from_body(settings.to_body()) == settings
    assert PretixSettings(organizer="acme").lacks_statuses == tuple(PretixState)
    assert not pretix_settings().lacks_statuses


def test_S4_the_same_question_of_two_events_goes_to_one_field() -> None:
    """Each event asks it under an identifier of its own, with choices of its own."""
    questions = (
        PretixQuestion("DIET", "answers.Diet", (("VEGAN", "Vegan"),)),
        PretixQuestion("FOOD", "answers.Diet", (("V2", "Vegan"), ("KOSHER", "Kosher"))),
    )
    settings = pretix_settings(questions=questions)
    answered = {"question_identifier": "FOOD", "answer": "Kosher", "option_identifiers": ["KOSHER"]}
    assert document(order(place(7, answers=[answered])), settings=settings)["answers"] == {"Diet": ["Kosher"]}
    assert document(order(place(7)), settings=settings)["answers"] == {"Diet": None}


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"organizer": "a/../b"}, "organizer"),
        ({"server": "ftp://pretix.eu"}, "server"),
        ({"server": "https://user:secret@pretix.eu"}, "server"),
        ({"server": "https://pretix.eu/{key}"}, "server"),
        ({"events": [{"slug": "a", "code": "A"}, {"slug": "a", "code": "B"}]}, "events"),
        ({"events": [{"slug": "a", "code": " "}]}, "events"),
        ({"items": [{"key": "1/x", "use": "left out"}]}, "items"),
        ({"items": [{"key": "1", "use": "session"}]}, "items"),
        ({"questions": [{"identifier": "a b", "target": "answers.A"}]}, "questions"),
        ({"questions": [{"identifier": "A", "target": "status"}]}, "questions"),
        ({"questions": [{"identifier": "A", "target": "answers.A"}, {"identifier": "A", "target": "answers.B"}]}, "questions"),
        ({"checkin_lists": ["1"]}, "checkin_lists[0]"),
        ({"rate": 0}, "rate"),
    ],
)
def test_settings_that_cannot_be_are_refused_with_their_place(change: dict[str, object], place: str) -> None:
    with pytest.raises(BodyError) as refused:
        PretixSettings.from_body(PretixSettings(organizer="acme").to_body() | change, "pretix")
    assert refused.value.where == f"pretix.{place}"


def test_statuses_are_proposed_by_what_the_account_has() -> None:
    proposal = propose_status(PretixState.PAID, ["New", "confirmed"], ["REGISTERED", "VIP"])
    assert (proposal.name, proposal.is_new, proposal.tags) == ("confirmed", False, ("REGISTERED",))
    proposal = propose_status(PretixState.EXPIRED, ["New"])
    assert (proposal.name, proposal.is_new, proposal.tags) == ("Expired", True, ())


def test_tickets_are_proposed_as_types_and_addons_as_sessions() -> None:
    items = [
        {"id": TICKET, "name": {"de": "Konferenzticket", "en": "Conference ticket"}, "admission": True, "category": 1, "variations": []},
        {"id": WORKSHOP, "name": "Workshops", "admission": False, "category": 2, "variations": [{"id": 1, "value": {"en": "WS-1"}}, {"id": 2, "value": "Sewing"}]},
        {"id": SHIRT, "name": {"en": "Shirt"}, "admission": False, "category": None},
    ]  # fmt: skip
    ticket, first, second, shirt = propose_items(items, [{"id": 1}, {"id": 2, "is_addon": True}], ["conference ticket"], ["WS-1"], [])
    assert (ticket.key, ticket.use, ticket.ours.name, ticket.ours.is_new) == ("11", ItemUse.TYPE, "conference ticket", False)
    assert (first.key, first.theirs, first.use, first.ours.name) == ("13/1", "Workshops: WS-1", ItemUse.SESSION, "WS-1")
    assert (second.key, second.ours.name, second.ours.is_new) == ("13/2", "Workshops: Sewing", True)
    assert (shirt.use, shirt.ours.name) == (ItemUse.LEFT_OUT, "")


def test_questions_are_proposed_by_their_names() -> None:
    questions = [
        {"identifier": "DIET", "question": {"en": "Diét?"}, "type": "M", "options": [{"identifier": "V", "answer": {"en": "Vegan"}}]},
        {"identifier": "JOB", "question": {"en": "Job title"}, "type": "S"},
        {"identifier": "CV", "question": {"en": "Your CV"}, "type": "F"},
        {"identifier": "JOB", "question": {"en": "Job title"}, "type": "S"},
    ]
    diet, job, cv = propose_questions(questions, ["diet"], ["Diet"])
    assert (diet.target, diet.ours.is_new, diet.ours.tags, diet.options, diet.has_many) == (
        "answers.diet",
        False,
        ("Diet",),
        (("V", "Vegan"),),
        True,
    )
    assert (job.target, cv.target) == ("profile.position", "")


def test_a_product_of_several_variations_can_be_told_apart() -> None:
    items = (PretixItem(f"{TICKET}", ItemUse.TYPE, "Attendee"), PretixItem(f"{TICKET}/5", ItemUse.TYPE, "Student"))
    found = mapped(order(place(7, variation=4), place(8, 2, variation=5)), settings=pretix_settings(items=items)).documents
    assert [each["attendee_type"] for each in found] == ["Attendee", "Student"]


def test_a_question_may_fill_a_property() -> None:
    settings = pretix_settings(questions=(PretixQuestion("VIP", "properties.VIP"),))
    answered = place(7, answers=[{"question_identifier": "VIP", "answer": "True", "option_identifiers": []}])
    assert document(order(answered), settings=settings)["properties"]["VIP"] is True  # type: ignore[index]
