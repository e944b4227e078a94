"""Whatever a server answers in place of pretix becomes a catalogue that can be stored, or is refused as a whole (S4)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.domain.mapping.json_bodies import BodyError
from heliograph.domain.source.pretix_catalogue import (
    LONGEST_TEXT,
    MOST_PRODUCTS,
    NotPretix,
    PretixCatalogue,
    read_categories,
    read_events,
    read_items,
    read_organizers,
    read_questions,
)

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
NAMES = st.sampled_from(
    ["slug", "name", "id", "identifier", "question", "variations", "options", "value", "answer", "category", "en", "is_addon"]
)
JSONS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(max_size=5), inner, max_size=6), max_leaves=30
)
TEXTS = st.text(max_size=400) | st.dictionaries(st.sampled_from(["en", "de", "fr"]), st.text(max_size=30), max_size=3)
SLUGS = st.from_regex(r"[a-zA-Z0-9][a-zA-Z0-9.\-]{0,30}", fullmatch=True)
NUMBERS = st.integers(0, 2**40)
ITEMS = st.fixed_dictionaries(
    {"id": NUMBERS, "name": TEXTS, "admission": st.booleans(), "category": st.none() | NUMBERS},
    optional={"variations": st.lists(st.fixed_dictionaries({"id": NUMBERS, "value": TEXTS}), max_size=3), "more": SCALARS},
)
QUESTIONS = st.fixed_dictionaries(
    {"identifier": SLUGS, "question": TEXTS, "type": st.sampled_from("CMBNSTDF")},
    optional={"options": st.lists(st.fixed_dictionaries({"identifier": SLUGS, "answer": TEXTS}), max_size=3)},
)
EVENTS = st.fixed_dictionaries({"slug": SLUGS, "name": TEXTS, "date_from": st.text(max_size=30), "testmode": st.booleans()})


@pytest.mark.parametrize("read", [read_organizers, read_events, read_items, read_categories, read_questions])
@given(entries=JSONS)
def test_any_json_is_read_or_refused(read: Callable[[Any], tuple[Any, ...]], entries: Any) -> None:
    try:
        found = read(entries)
    except NotPretix:
        return
    assert len(found) <= 500


@given(st.lists(EVENTS, max_size=4), st.lists(ITEMS, max_size=4), st.lists(QUESTIONS, max_size=4), st.none() | NUMBERS)
def test_what_is_stored_is_what_was_read(events: list[Any], items: list[Any], questions: list[Any], orders: int | None) -> None:
    read = tuple(
        replace(event, orders=orders, items=read_items(items), questions=read_questions(questions)) for event in read_events(events)
    )
    catalogue = PretixCatalogue((("acme", "Acme"),), "acme", read)
    stored = json.loads(json.dumps(catalogue.to_body(), ensure_ascii=False))
    assert PretixCatalogue.from_body(stored) == catalogue
    for item in (item for event in read for item in event.items):
        assert len(item["name"]) <= LONGEST_TEXT
        assert item["name"].isprintable()


@given(JSONS)
def test_a_stored_catalogue_is_read_or_refused(value: Any) -> None:
    try:
        PretixCatalogue.from_body(value)
    except BodyError:
        return


def test_a_list_of_products_is_bounded() -> None:
    assert len(read_items({"id": number, "name": "x"} for number in range(10**6))) == MOST_PRODUCTS
