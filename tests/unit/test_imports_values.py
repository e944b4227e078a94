"""Dates in the usual orders, and years of two digits."""

from __future__ import annotations

import datetime

import pytest

from heliograph.registrations.imports.values import DateOrder, DateSigns, begins_with_year, day

DAY, MONTH = DateOrder.DAY_FIRST, DateOrder.MONTH_FIRST


@pytest.mark.parametrize(
    ("cells", "order", "sure"),
    [
        (["13/05/2026"], DAY, True),
        (["05/06/2026", "05/13/2026"], MONTH, True),
        (["05/06/2026"], DAY, False),
        (["05.06.2026 14:00"], DAY, True),
        (["05/06/2026 02:00 PM"], MONTH, False),  # a 12-hour clock is read if the month comes first
        # an impossible date is refused, and does not change the order of the others
        (["13/05/2026", "14/05/2026", "05/15/2026"], DAY, False),
        (["2026-05-13", "today", ""], DAY, True),
        (["31/12/2026", *["05/06/2026"] * 40], DAY, False),  # one slip must not turn forty others round unseen
        (["31/12/2026", *["05/06/2026"] * 4], DAY, True),
        (["31.12.2026", *["05.06.2026"] * 40], DAY, True),
    ],
)
def test_I4_the_order_of_dates_is_read_from_the_whole_column(cells, order, sure):
    signs = DateSigns()
    for cell in cells:
        signs.add(cell)
    assert (signs.order, signs.sure) == (order, sure)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [("2026-05-13", True), (" 2026-05-13T10:00", True), ("2026/5/3", True), ("13/05/2026", False), ("20260513", False), ("", False)],
)
def test_I4_a_date_that_begins_with_its_year_has_one_order(cell: str, expected: bool) -> None:
    assert begins_with_year(cell) is expected


@pytest.mark.parametrize(
    ("cell", "year"), [("13.05.26", 2026), ("13.05.68", 2068), ("13.05.69", 1969), ("13/05/85", 1985), ("13/05/00", 2000)]
)
def test_I4_a_year_of_two_digits_is_of_the_nearer_century(cell: str, year: int) -> None:
    assert day(cell, DAY) == datetime.date(year, 5, 13)
