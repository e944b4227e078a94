"""Terms of retention, and when a removal may begin (O4)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.domain.retention import DAY, GRACE, LONGEST, Announcement, BadTerms, Terms

days = st.integers(1, LONGEST)
terms = st.tuples(days, days).map(lambda pair: Terms(min(pair), max(pair)))


@given(terms, st.none() | days, st.none() | days)
def test_O4_an_account_keeps_nothing_longer_than_the_installation(of: Terms, content: int | None, rows: int | None) -> None:
    found = of.shortened(content, rows)
    assert found.content <= min(of.content, content or of.content)
    assert found.rows == min(of.rows, rows or of.rows)
    assert of.shortened(None, None) == of
    assert not of.removes_more_than(found)


@given(terms, terms, st.integers(0, 10**16))
def test_O4_an_announcement_covers_what_removes_no_more(told: Terms, now: Terms, at: int) -> None:
    found = Announcement(told, at)
    assert found.covers(now) == (now.content >= told.content and now.rows >= told.rows)
    assert found.begins == at + GRACE * DAY
    assert Announcement(told, at, at + 5).begins == at + 5
    cuts = now.cuts(at)
    assert cuts.rows <= cuts.content < at


@pytest.mark.parametrize(("content", "rows"), [(0, 10), (11, 10), (10, LONGEST + 1), (-1, -1)])
def test_O4_content_does_not_outlive_its_record(content: int, rows: int) -> None:
    with pytest.raises(BadTerms):
        Terms(content, rows)
