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
