"""The form kit of the pages (web/forms.py): reading a post, and showing it again."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import pytest
from django.http import QueryDict
from django.test import RequestFactory

from heliograph.domain.ids import read_id, read_number
from heliograph.setup.setup_errors import Invalid
from heliograph.web.form_fields import Choices, Hidden, Select, TextLine
from heliograph.web.forms import Form, RowForm, member_of, posted, pressed, rows_of
from heliograph.web.shown_fields import Choice, Pair

COLOURS = [Choice("red", "Red"), Choice("blue", "Blue")]


class Coloured(Form):
    pairs = (("name", "code"),)

    name = TextLine("Name", required=True)
    code = TextLine("Code")
    colour = Select("Colour", options=COLOURS)
    kept = Select("Kept", options=COLOURS, any_value=True)
    many = Choices("Many", options=COLOURS)
    look = Hidden()


class Row(RowForm):
    tags = TextLine()
    was = Hidden()


def ids(form: Form) -> list[Any]:
    return [[each.id for each in field.fields] if isinstance(field, Pair) else field.id for field in form.draw_fields()]


def test_what_is_no_option_is_left_out_unless_the_service_refuses_it() -> None:
    form = Coloured(QueryDict("colour=green&kept=green&many=green&many=red&look=1"))
    assert form.is_valid()
    assert form.cleaned_data == {"name": "", "code": "", "colour": "", "kept": "green", "many": ("red",), "look": "1"}


def test_hidden_fields_are_not_shown_and_pairs_stand_together() -> None:
    assert ids(Coloured()) == [["name", "code"], "colour", "kept", "many"]


def test_what_a_page_says_of_a_field_is_said_there_alone() -> None:
    form = Coloured(QueryDict("colour=green"))
    form.say("colour", options=[Choice("green", "Green")], help="Only one.")
    assert form.is_valid()
    assert form.cleaned_data["colour"] == "green"
    assert Coloured().draw_field("colour").options == COLOURS
    assert not Coloured().draw_field("colour").help


def test_sentences_of_a_service_stand_at_their_field_and_the_rest_above() -> None:
    form = Coloured(QueryDict("name=+typed+"))
    assert form.is_valid()
    form.refuse(Invalid({"name": ["Taken."], "kinds": ["One."], "": ["Full."], "other": ["Odd."]}), names={"kinds": "many"})
    assert form.status == 422
    assert (form.draw_field("name").error, form.draw_field("name").value, form.draw_field("many").error) == ("Taken.", " typed ", "One.")
    told = form.draw_callout()
    assert told is not None
    assert told["items"] == ["Full.", "Odd."]


def test_a_row_that_was_not_posted_shows_what_is_stored() -> None:
    rows = rows_of(Row, {1: {"tags": "a"}, 2: {"tags": "b"}}, QueryDict("tags-1=c&was-1=a"), marked="tags")
    assert [rows[id]["tags"].value() for id in (1, 2)] == ["c", "b"]
    assert [rows[id].is_valid() for id in (1, 2)] == [True, False]
    assert rows[1].draw_field("tags").id == "tags-1"


def test_a_form_is_bound_by_a_post_also_by_an_empty_one() -> None:
    assert posted(RequestFactory().get("/", {"do": "add"})) is None
    assert Coloured(posted(RequestFactory().post("/"))).is_bound
    assert pressed(RequestFactory().post("/", {"do": "add"})) == "add"
    assert pressed(RequestFactory().get("/", {"do": "add"})) == ""


@pytest.mark.parametrize("text", ["", "-1", "+1", "1.0", " 1", "1e3", "٧", "²", "1_000", "9" * 5_000])
def test_what_is_no_number_is_none(text: str) -> None:
    assert read_id(text) is None
    assert read_number(text) is None


def test_numbers_have_bounds() -> None:
    assert (read_id("0"), read_id("9" * 18), read_id("9" * 19)) == (0, 10**18 - 1, None)
    assert (read_number("007"), read_number("9" * 9), read_number("9" * 10)) == (7, 10**9 - 1, None)


class Colour(StrEnum):
    RED = "red"
    NONE = ""


def test_a_member_is_found_by_its_value() -> None:
    assert member_of(Colour, "red", Colour.NONE) is Colour.RED
    assert member_of(Colour, "", None) is Colour.NONE
    assert [member_of(Colour, text, None) for text in ("RED", "blue", None)] == [None, None, None]
