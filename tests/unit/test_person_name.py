"""The name that pages show of a person (X5): nothing where nothing can be seen, so that a heading falls back to the code."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.domain.registration.person_name import BLANK_LETTERS, LONGEST, person_name

UNSEEN = (
    " ",
    "\u00a0",
    "\u00ad",
    "\u200b",
    "\u200d",
    "\u2028",
    "\u202e",
    "\u2066",
    "\u2800",
    "\u3000",
    "\u3164",
    "\ufeff",
    "\uffa0",
    "\u0301",
    "\U000e0041",
)


@pytest.mark.parametrize("character", UNSEEN)
def test_X5_a_name_of_which_nothing_is_seen_is_none(character: str) -> None:
    assert person_name({"first_name": character, "last_name": f"{character}{character}"}) == ""
    assert "Eva" in person_name({"first_name": character, "last_name": "Eva"})


@given(st.text(), st.text())
def test_X5_a_name_is_what_was_given_or_nothing(first: str, last: str) -> None:
    name = person_name({"first_name": first, "last_name": last})
    assert len(name) <= LONGEST
    whole = " ".join(part.strip() for part in (first, last) if part.strip())[:LONGEST]
    assert name in (whole, "")
    if any(unicodedata.category(letter)[0] in "LNPS" and letter not in BLANK_LETTERS for letter in whole):
        assert name == whole


@pytest.mark.parametrize(
    ("first", "last", "name"), [("Zoë", "Marin", "Zoë Marin"), ("", "Marin", "Marin"), ("山田", "花子", "山田 花子"), ("", "", "")]
)
def test_X5_a_name_is_first_and_last(first: str, last: str, name: str) -> None:
    assert person_name({"first_name": first, "last_name": last}) == name
