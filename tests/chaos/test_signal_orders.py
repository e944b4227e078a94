"""Signals in every order against real processes, 540 times."""

from __future__ import annotations

import pytest
from tests.databases import DatabaseFacts
from tests.processes import Starter
from tests.signal_rounds import ORDERS, rounds

SEEDS = 10
"""With every order once for each seed, on both databases: 540 rounds."""


@pytest.mark.trial
@pytest.mark.parametrize("seed", range(SEEDS))
def test_O11_signals_in_every_order_end_every_command(heliograph: Starter, fresh_database: DatabaseFacts, vendor: str, seed: int) -> None:
    assert len(ORDERS) * SEEDS * 2 >= 500
    for each in rounds(vendor, seed):
        each.run(heliograph)
