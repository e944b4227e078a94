"""The list kit of the pages (web/list_filters.py): what filters read of an address, what they write into one, and the links beside a page."""

from __future__ import annotations

import datetime
from enum import StrEnum
from pathlib import Path

import pytest
from django.http import QueryDict
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st
from tests.architecture import source

from heliograph.web.cursor import ListPage, Pager
from heliograph.web.list_filters import (
    LONGEST_FILTER,
    ChoiceFilter,
    ColumnsFilter,
    DayFilter,
    EnumFilter,
    Filter,
    IdFilter,
    ListFilters,
    SearchFilter,
)
from heliograph.web.shown_fields import Choice


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Sort(StrEnum):
    NEWEST = ""
    NAME = "name"


class PaintFilters(ListFilters):
    q = SearchFilter("Search paints", placeholder="Name")
    colour = EnumFilter("Colour", Colour, lambda colour: colour.value.title(), every="All colours")
    maker = IdFilter("Maker", every="All makers")
    scope = ChoiceFilter("Scope", options=[Choice("old", "Old")], every="Old and new", param="is")
    day = DayFilter("Day")
    group = Filter(place="link")
    sort = EnumFilter("", Sort, place="view")
    column = ColumnsFilter(("name", "price", "maker"), ("name", "price"))
    why = IdFilter(param="why-paint", place="beside")


EMPTY = {
    "q": "",
    "colour": None,
    "maker": None,
    "scope": "",
    "day": None,
    "group": "",
    "sort": Sort.NEWEST,
    "column": ("name", "price"),
    "why": None,
}


def filters(query: str) -> PaintFilters:
    return PaintFilters(RequestFactory().get(f"/paints/?{query}"))


def test_the_address_is_read_by_kind() -> None:
    found = filters("q=+sky+&colour=blue&maker=7&is=old&day=2027-01-31&group=+a&sort=name&column=maker&column=name&why-paint=3")
    assert found.cleaned_data == {
        "q": "sky",
        "colour": Colour.BLUE,
        "maker": 7,
        "scope": "old",
        "day": datetime.date(2027, 1, 31),
        "group": " a",
        "sort": Sort.NAME,
        "column": ("name", "maker"),
        "why": 3,
    }


@pytest.mark.parametrize(
    "query",
    [
        "",
        "q=&colour=&maker=&is=&day=&group=&sort=&column=&why-paint=",
        "colour=green&maker=-1&is=new&sort=price&column=nothing&why-paint=x",
        f"maker={'9' * 400}&maker=%D9%A7",
        "day=+&maker=7.0",
    ],
)
def test_what_cannot_be_read_counts_as_not_given(query: str) -> None:
    found = filters(query)
    assert found.cleaned_data == EMPTY
    assert not found.narrows
    assert found.query() == []
    assert found.clear_href == "/paints/"


@pytest.mark.parametrize(
    "query",
    [
        "",
        "q=&maker=",
        "q=+sky+&colour=blue&maker=7&is=old&day=2027-01-31&group=+a&sort=name&column=price&why-paint=3",
        "q=sky&q=sky",
        "x=1",
    ],
)
def test_an_address_is_read(query: str) -> None:
    assert filters(query).is_read


@pytest.mark.parametrize(
    "query",
    [
        "colour=green",
        "colour=Red",
        "maker=x",
        "maker=-1",
        f"maker={'9' * 30}",
        "is=new",
        "day=2027-02-31",
        "sort=price",
        "why-paint=x",
        f"q={'x' * (LONGEST_FILTER + 1)}",
        "colour=red&colour=",
        "colour=red&colour=blue",
        "q=sky&maker=x",
    ],
)
def test_what_is_not_read_of_an_address_is_known(query: str) -> None:
    """An operation on all rows that match refuses it."""
    assert not filters(query).is_read


def test_a_filter_that_the_list_does_not_have_now_is_not_read() -> None:
    found = filters("maker=7")
    del found.fields["maker"]
    assert not found.is_read


@pytest.mark.parametrize("day", ["2027-02-31", "9999-12-31", "0001-01-01", "tomorrow"])
def test_a_day_that_there_is_not_is_refused_and_stays_in_its_field(day: str) -> None:
    found = filters(f"day={day}&sort=name")
    assert found.refused
    assert found.refusals == [f"“{day}” is not a day. Give one like 2027-01-31."]
    assert found.cleaned_data["day"] is None
    assert found.narrows
    assert found.clear_href == "/paints/?sort=name"
    (field,) = [field for field in found.others if field.id == "day"]
    assert (field.kind, field.value, field.error) == ("text", day, found.refusals[0])


@given(st.dictionaries(st.sampled_from(["q", "colour", "maker", "is", "day", "group", "sort", "column", "why-paint"]), st.text()))
def test_no_address_breaks_a_list_and_what_is_written_is_read_again(given: dict[str, str]) -> None:
    query = QueryDict(mutable=True)
    query.update(given)
    found = filters(query.urlencode())
    assert all(len(text) <= LONGEST_FILTER for _name, text in found.query())
    again = QueryDict(mutable=True)
    for name, text in found.query():
        again.appendlist(name, text)
    assert filters(again.urlencode()).cleaned_data == found.cleaned_data


@pytest.mark.parametrize("query", ["q=sky", "colour=red", "maker=0", "is=old", "day=2027-01-31", "group=a"])
def test_whatever_takes_rows_away_narrows_and_clear_gives_them_back(query: str) -> None:
    found = filters(f"{query}&sort=name&column=maker&at=x")
    assert found.narrows
    assert found.clear_href == "/paints/?sort=name&column=maker"
    assert found.address("/elsewhere/") == f"/elsewhere/?{query}&sort=name&column=maker"
    assert not filters("sort=name&column=maker&why-paint=1").narrows


def test_the_bar_shows_what_was_read_and_keeps_how_the_list_is_shown() -> None:
    found = filters("q=sky&colour=red&maker=9&sort=name&group=a")
    found.offer("maker", [(7, "Acme"), (9, "Ink & Co")])
    assert found.search is not None
    assert (found.search.label, found.search.placeholder, found.search.value) == ("Search paints", "Name", "sky")
    for _twice in range(2):
        assert [(field.id, field.value, [o.value for o in field.options]) for field in found.others if field.kind == "select"] == [
            ("colour", "red", ["", "red", "blue"]),
            ("maker", "9", ["", "7", "9"]),
            ("is", "", ["", "old"]),
        ]
    assert [(field.kind, field.value) for field in found.others][-1] == ("date", "")
    assert found.view_values == [("sort", "name")]


@pytest.mark.parametrize(("newer", "older", "leads_on"), [("", "", False), ("", "b", True), ("a", "", True), ("a", "b", True)])
def test_a_pager_keeps_the_filters(newer: str, older: str, leads_on: bool) -> None:
    request = RequestFactory().get("/paints/?q=sky&at=old")
    pager = Pager.from_page(request, ListPage([1], newer, older), "1 paint")
    assert (pager.newer, pager.older) == (newer and "?q=sky&at=a", older and "?q=sky&at=b")
    assert pager.leads_on is leads_on


@pytest.mark.parametrize("template", source.templates(), ids=lambda path: str(path.relative_to(source.PACKAGE)))
def test_every_list_uses_the_kit(template: Path) -> None:
    """A bar, a foot or a question of its own would be a second kit."""
    if template.parent.name == "components" or template.name == "confirmation.html":
        return
    text = template.read_text("utf-8")
    assert 'class="filters"' not in text, "use components/filters.html"
    assert 'class="pages"' not in text, "use components/pagination.html"
    assert "components/search.html" not in text or template.name in ("panel_event.html", "find_all.html")
