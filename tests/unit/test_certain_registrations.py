"""What is made of Certain's registrations and sessions for the rows of a mapping (S5)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.domain.source.call_documents import documents_of
from heliograph.domain.source.call_mapping import CallMapping
from heliograph.domain.source.certain import mapping_of
from heliograph.domain.source.certain_registrations import ANSWERS, PROFILE_ANSWERS, CertainItems, CertainPart, question_names

type Json = bool | int | str | list[Json] | dict[str, Json] | None

MEMBERS = st.sampled_from(
    (
        *("registrationQuestions", "travelQuestions", "profile", "profileQuestions", "properties", "sessions", "sessionCode"),
        *("questionCode", "questionName", "questionLabel", "answer", "answerLabel", "name", "value", "regSessionStatus"),
    )
)
JSON: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(MEMBERS, inner, max_size=5),
    max_leaves=30,
)


def read(item: object, part: CertainPart = CertainPart.REGISTRATIONS) -> dict[str, object]:
    (read,) = CertainItems(part).registrations([item])
    assert isinstance(read, dict)
    return read


def question(code: str, name: str, answer: object, label: str = "") -> dict[str, object]:
    return {"questionCode": code, "questionName": name, "questionLabel": label, "answer": answer}


def test_S5_answers_stand_by_the_code_of_their_question() -> None:
    item = {
        "registrationQuestions": [
            question("DIET", "Dietary needs", [{"answerLabel": "Vegan", "answerCode": "V"}, {"answerLabel": "Halal"}]),
            question("", "Remark", "late"),
            question("SIZE", "Size", [{"answerCode": "XL"}]),
            question("NONE", "None", []),
        ],
        "travelQuestions": [question("SEAT", "Seat", "aisle")],
        "profile": {"profileQuestions": [question("SHIRT", "Shirt", [{"answerName": "M"}])]},
    }
    assert read(item)[ANSWERS] == {"DIET": ["Vegan", "Halal"], "Remark": "late", "SIZE": "XL", "NONE": None, "SEAT": "aisle"}
    assert read(item)[PROFILE_ANSWERS] == {"SHIRT": "M"}
    assert question_names(item, ANSWERS)["DIET"] == ("DIET", "Dietary needs")
    assert question_names(item, PROFILE_ANSWERS) == {"SHIRT": ("SHIRT", "Shirt")}


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"Test": True, "Press": "No"}, {"Test": True, "Press": "No"}),
        (["Test"], {"Test": True}),
        ([{"propertyName": "Test", "propertyValue": "Yes"}, {"name": "Press", "value": False}], {"Test": "Yes", "Press": False}),
        ("Test", "Test"),
    ],
)
def test_S5_properties_are_read_as_they_may_be_written(properties: object, expected: object) -> None:
    assert read({"properties": properties})["properties"] == expected


def test_S5_a_session_is_there_once_with_the_place_that_counts_more() -> None:
    item = {
        "registrationCode": "R-1",
        "sessions": [
            {"sessionCode": "WS-1", "regSessionStatus": "Attended"},
            {"sessionCode": "WS-1", "regSessionStatus": "Cancelled"},
            {"sessionCode": "", "sessionName": "Lunch"},
        ],
    }
    (registration,) = documents_of(mapping_of("SUMMIT-26", CertainPart.SESSIONS), [item]).registrations
    assert registration.document == {
        "event": "SUMMIT-26",
        "code": "R-1",
        "sessions": [{"code": "WS-1", "status": "Attended"}, {"code": "Lunch", "status": "Registered"}],
    }


@given(JSON, st.sampled_from(CertainPart))
def test_S5_whatever_comes_is_read_and_reading_it_twice_changes_nothing(value: Json, part: CertainPart) -> None:
    items = CertainItems(part)
    once = items.registrations(value)
    assert items.registrations(once) == once
    mapping = mapping_of("SUMMIT-26", part)
    assert documents_of(mapping, value) == documents_of(mapping, once)


@pytest.mark.parametrize("part", CertainPart)
def test_S5_a_mapping_keeps_what_its_items_are(part: CertainPart) -> None:
    mapping = mapping_of("SUMMIT-26", part)
    assert CallMapping.from_body(mapping.to_body()) == mapping
