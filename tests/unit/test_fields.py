"""The fields that mappings and filters offer (guide: Mappings, Flow Filters; M3, F6, P7)."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from heliograph.domain.setup.fields import (
    PROFILE_FIELDS,
    FieldError,
    FieldGroup,
    Shape,
    Subject,
    catalogue,
    is_offered,
    parse_source,
)
from heliograph.domain.setup.filter_fields import filter_fields, parse_filter


@dataclass(frozen=True)
class Custom:
    id: int
    label: str
    type: str
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tag:
    id: int
    label: str


SIZE = Custom(7, "T-shirt", "select", ("S", "M"))
DIET = Custom(8, "Diet", "multi-select", ("Vegan",))
MOTTO = Custom(9, "Motto", "text")
PARKING = Custom(10, "Parking", "checkbox")
ACCOUNT = {
    "profile_fields": (SIZE, DIET, MOTTO),
    "event_fields": (PARKING,),
    "question_tags": (Tag(3, "Dietary"),),
    "property_tags": (Tag(4, "VIP"),),
}


def test_M3_sources_stand_in_the_guides_groups_and_order() -> None:
    assert list(catalogue(Subject.SESSION, **ACCOUNT)) == [
        "Profile Standard Fields",
        "Profile Custom Fields",
        "Registration Standard Fields",
        "Registration Custom Question Tags",
        "Registration Standard Properties",
        "Registration Custom Properties",
        "Account Standard Fields",
        "Event Standard Fields",
        "Event Custom Fields",
        "Session Fields",
        "Flow Fields",
        "Macros",
        "Previous Values",
    ]


def test_M3_only_a_session_watch_has_a_session_and_an_event_watch_has_no_registration() -> None:
    assert FieldGroup.SESSION not in catalogue(Subject.REGISTRATION, **ACCOUNT)
    assert set(catalogue(Subject.EVENT, **ACCOUNT)) == {
        FieldGroup.ACCOUNT,
        FieldGroup.EVENT,
        FieldGroup.EVENT_CUSTOM,
        FieldGroup.FLOW,
        FieldGroup.MACROS,
    }


def test_M3_groups_without_a_field_are_left_out() -> None:
    assert FieldGroup.PROFILE_CUSTOM not in catalogue(Subject.REGISTRATION)


def test_M3_a_question_tag_gives_the_question_and_the_answer() -> None:
    found = catalogue(Subject.REGISTRATION, **ACCOUNT)[FieldGroup.QUESTION_TAGS]
    assert [(f.key, f.label) for f in found] == [("question.3", "Dietary (question)"), ("answer.3", "Dietary (answer)")]


@pytest.mark.parametrize("subject", list(Subject))
def test_M3_every_key_offered_is_one_that_a_mapping_takes(subject: Subject) -> None:
    fields = [field for group in catalogue(subject, **ACCOUNT).values() for field in group]
    assert len({field.key for field in fields}) == len(fields)
    for field in fields:
        key = parse_source(field.key)
        assert key.group is field.group
        assert is_offered(key, subject)


def test_M3_fields_know_their_shape() -> None:
    shapes = {f.key: f.shape for group in catalogue(Subject.SESSION, **ACCOUNT).values() for f in group}
    assert shapes["registration.created"] is Shape.INSTANT
    assert shapes["property.-1"] is Shape.YES_NO
    assert shapes["profile.custom.8"] is Shape.LIST
    assert shapes["event.custom.10"] is Shape.YES_NO
    assert shapes["previous.registration.created"] is Shape.INSTANT


@pytest.mark.parametrize(
    "key",
    [
        "",
        "x",
        "profile",
        "profile.",
        "profile.shoe",
        "profile.custom.",
        "profile.custom.x",
        "profile.custom.07",
        "profile.custom.-1",
        "answer.0",
        "answer.٣",
        "answer.1.2",
        "property.-6",
        "property.0",
        "property.--1",
        "previous.event.code",
        "previous.previous.answer.1",
        "previous.question.1",
        "previous.property.1",
        "macro.now",
        "answer." + "9" * 19,
        "profile.custom." + "1" * 90,
    ],
)
def test_M3_what_is_no_field_is_refused(key: str) -> None:
    with pytest.raises(FieldError):
        parse_source(key)


def test_P7_the_standard_profile_fields_of_the_platform() -> None:
    wanted = {"pin", "external_key", "prefix", "first_name", "middle_name", "last_name", "suffix", "badge_name", "email", "phone", "mobile"}
    wanted |= {"organization", "position", "address_1", "city", "state", "postal_code", "country", "website", "notes"}
    assert wanted <= PROFILE_FIELDS.keys()
    assert len(set(PROFILE_FIELDS.values())) == len(PROFILE_FIELDS)


def test_F6_filters_offer_standard_and_custom_fields_answers_and_tags() -> None:
    found = {
        f.key: f
        for f in filter_fields(
            Subject.REGISTRATION,
            profile_fields=(SIZE, DIET, MOTTO),
            event_fields=(PARKING,),
            question_tags=(Tag(3, "Dietary"),),
            event_tags=(Tag(1, "Partner"),),
            attendee_type_tags=(Tag(2, "Speaker"),),
        )
    }
    assert found["profile.custom.7"].options == (("S", "S"), ("M", "M"))
    assert found["event.custom.10"].options == (("Yes", "Yes"), ("No", "No"))
    assert found["profile.custom.9"].options == (), "any text"
    assert (found["answer.3"].label, found["answer.3"].shape) == ("Dietary (answer)", None)
    assert found["event.start"].shape is Shape.INSTANT
    assert "registration.order_code" in found
    assert "session.code" not in found, "a registration is in many sessions"
    assert found["attendee_type.tags"].tags
    assert found["attendee_type.tags"].options == (("2", "Speaker"),)
    assert {f.group for f in found.values()} == {"Event", "Profile", "Registration", "Answers", "Attendee Type Tags"}
    for key in found:
        parse_filter(key)


def test_F6_event_flows_filter_by_event_fields_only() -> None:
    assert {f.group for f in filter_fields(Subject.EVENT, profile_fields=(SIZE,))} == {"Event"}


def test_F6_session_flows_filter_by_their_session() -> None:
    keys = [f.key for f in filter_fields(Subject.SESSION)]
    for key in ("session.code", "session.name", "session.start", "session.end"):
        assert key in keys
        parse_filter(key)


@pytest.mark.parametrize(
    "key", ["registration.modified", "question.1", "session.status", "account.code", "macro.current_date", "event.nothing"]
)
def test_F6_a_flow_cannot_filter_by_other_fields(key: str) -> None:
    with pytest.raises(FieldError):
        parse_filter(key)
