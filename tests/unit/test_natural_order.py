"""The order of names in lists (P11): numbers within them count as numbers."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.domain.natural_order import natural_order


@pytest.mark.parametrize(
    "names",
    [
        ["Prop 1", "prop 2", "Prop 10", "Prop 11", "Properties"],
        ["2026 Summit", "Élan", "Zoë"],
        ["EV-9", "EV-09a", "EV-10", "EV-10-b"],
        ["٣ seats", "12 seats"],
    ],
)
def test_names_stand_as_people_count(names: list[str]) -> None:
    mixed = random.Random(1).sample(names, len(names))
    assert sorted(mixed, key=natural_order) == sorted(names, key=natural_order)
    if "Élan" not in names:
        assert sorted(mixed, key=natural_order) == names


@given(st.lists(st.text(max_size=30), max_size=8), st.text("0123456789", min_size=100, max_size=5_000))
def test_every_name_can_be_compared_with_every_other(names: list[str], digits: str) -> None:
    ordered = sorted([*names, digits, f"a{digits}"], key=natural_order)
    assert [natural_order(name) for name in ordered] == sorted(natural_order(name) for name in (f"a{digits}", digits, *names))
