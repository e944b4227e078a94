"""Shares and differences in percent."""

from __future__ import annotations

import pytest

from heliograph.web.percentages import difference


@pytest.mark.parametrize(
    ("number", "before", "text"),
    [(3, 2, "50%"), (2, 20, "90%"), (20, 2, "900%"), (0, 5, "100%"), (7, 7, "0%"), (21, 2, ""), (22_765, 3, ""), (5, 0, ""), (0, 0, "")],
)
def test_a_difference_of_more_than_tenfold_is_not_said_in_percent(number: int, before: int, text: str) -> None:
    assert difference(number, before) == text


@pytest.mark.parametrize(
    ("number", "before", "text"),
    [(7, 6, "16.7%"), (9, 32, "71.9%"), (2, 6, "66.7%"), (1, 10_000, "99.9%"), (100_001, 100_000, "0.1%"), (99_999, 100_000, "0.1%")],
)
def test_a_difference_is_rounded_to_the_nearest_tenth_but_never_to_all_or_nothing(number: int, before: int, text: str) -> None:
    assert difference(number, before) == text
