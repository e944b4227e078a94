"""What one document may cost all others (A4, D9, I2): counted in lines of ours that run for it, since speed is never a timed test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.costly import CostlyAccount, mean, worst, worst_after
from tests.databases import DatabaseFacts
from tests.world import World

MOST = 20
WORST = worst()


@pytest.fixture
def account(fresh_database: DatabaseFacts) -> Iterator[CostlyAccount]:
    world = World(fresh_database)
    yield CostlyAccount(world)
    world.close()


def test_A4_D9_the_worst_document_of_a_megabyte_costs_at_most_twenty_usual_ones(account: CostlyAccount) -> None:
    """The usual one is that of `heliograph bench`, 40 fields in 2 KB; the worst have 500 times its bytes. What a configuration names is folded once, before."""
    account.record(mean())
    usual, reply = account.lines_of(mean())
    assert reply.status == 201
    for body in WORST.values():
        account.record(body)
    costs = {kind: account.lines_of(body)[0] / usual for kind, body in WORST.items()}
    costs |= {kind: account.record_after(before, body)[0] / usual for kind, (before, body) in worst_after().items()}
    assert {kind: round(cost, 1) for kind, cost in costs.items() if cost > MOST} == {}
