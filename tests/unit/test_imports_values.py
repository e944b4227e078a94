"""Dates in the orders that people write."""

from __future__ import annotations

import pytest

from heliograph.registrations.imports.values import DateOrder, DateSigns

DAY, MONTH = DateOrder.DAY_FIRST, DateOrder.MONTH_FIRST


@pytest.mark.parametrize(
    ("cells", "order", "sure"),
    [
        (["13/05/2026"], DAY, True),
        (["05/06/2026", "05/13/2026"], MONTH, True),
        (["05/06/2026"], DAY, False),
        (["05.06.2026 14:00"], DAY, True),
        (["05/06/2026 02:00 PM"], MONTH, False),  # a clock of twelve hours is read where the month comes first
        (["13/05/2026", "14/05/2026", "05/15/2026"], DAY, False),  # one that cannot be is refused, and does not turn the others round
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
