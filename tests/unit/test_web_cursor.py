"""Keyset pages: cursors that are read back, and pages that walk a list without a gap."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.store.walk import Key
from heliograph.web.cursor import Cursor, CursorError, ListPage, pages

NUMBERS = (int, int)


def written(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@given(st.integers(-(2**63), 2**63 - 1), st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), st.booleans())
def test_a_cursor_is_read_back(number: int, text: str, back: bool) -> None:
    cursor = Cursor((number, text), back)
    assert Cursor.read(str(cursor), parts=(int, str)) == cursor


def test_no_cursor_is_the_first_page() -> None:
    assert Cursor.read("", parts=NUMBERS) is None


@pytest.mark.parametrize(
    "text",
    [
        "%",
        "é",
        "AAAA",
        written(1),
        written([]),
        written([0]),
        written([2, 1, 1]),
        written([[], 1, 1]),
        written([0, 1]),
        written([0, 1, "1"]),
        written([0, 1, True]),
        written([0, 1, 2**63]),
        written([0, 1, 1.5]),
        written([0, 1, None]),
        "W1tb" * 5000,
    ],
)
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(CursorError):
        Cursor.read(text, parts=NUMBERS)


@pytest.mark.parametrize("text", ["\0", "\ud800"])
def test_text_that_a_database_refuses_is_refused(text: str) -> None:
    with pytest.raises(CursorError):
        Cursor.read(written([0, text, 1]), parts=(str, int))


def walk(keys: list[Key], size: int) -> tuple[list[ListPage[Key]], list[ListPage[Key]]]:
    """All pages of a list, newest first: forward to its end, and back to its start."""
    ordered = sorted(keys, reverse=True)

    def fetch(cursor: Cursor | None, limit: int) -> list[Key]:
        if cursor is None:
            return ordered[:limit]
        if cursor.back:
            return [key for key in reversed(ordered) if key > cursor.key][:limit]
        return [key for key in ordered if key < cursor.key][:limit]

    def page(text: str) -> ListPage[Key]:
        return pages(fetch, lambda key: key, Cursor.read(text, parts=NUMBERS), size=size)

    there = [page("")]
    while there[-1].older:
        there.append(page(there[-1].older))
    again = [there[-1]]
    while again[-1].newer:
        again.append(page(again[-1].newer))
    return there, again


@given(st.sets(st.tuples(st.integers(0, 3), st.integers(0, 30)), max_size=40), st.integers(1, 7))
def test_pages_walk_a_list_without_a_gap_there_and_back(keys: set[Key], size: int) -> None:
    there, again = walk(list(keys), size)
    ordered = sorted(keys, reverse=True)
    assert [key for page in there for key in page.rows] == ordered
    assert [key for page in reversed(again) for key in page.rows] == ordered
    assert all(len(page.rows) == size for page in there[:-1])
    assert there[0].newer == "" == there[-1].older == again[-1].newer
