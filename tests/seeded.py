"""Accounts with an invented history, as `heliograph seed` makes it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from heliograph.deliveries.account_reader import AccountReader
from heliograph.domain.delivery.retry_policy import DAY, HOUR
from heliograph.seed.history import History
from heliograph.seed.history_account import prepare
from heliograph.seed.history_plan import HistoryPlan
from heliograph.store import config_cache
from heliograph.store.database import Database
from tests.databases import DatabaseFacts

CHANGES = 4_000


@dataclass
class Seeded:
    """An account with a history. until: its end, in microseconds."""

    db: Database
    account: int
    until: int

    @property
    def reader(self) -> AccountReader:
        return AccountReader(self.db, self.account)

    def count(self, sql: str) -> int:
        ((n,),) = self.db.all(sql, {"account": self.account})
        return int(n)


@pytest.fixture
def db(database: DatabaseFacts) -> Iterator[Database]:
    """A connection of the engine's kind."""
    config_cache.PROCESS.forget()
    made = database.open()
    yield made
    made.close()
    config_cache.PROCESS.forget()


def invented(
    db: Database, code: str = "SEEDED", *, changes: int = CHANGES, seed: int = 5, add: bool = False, days: int = 30, copies: int = 1
) -> Seeded:
    """A history that ends on a working day at noon, whenever the test runs."""
    account = prepare(db, code, add=add)
    until = (db.now() - 4 * DAY - 12 * HOUR) // (7 * DAY) * 7 * DAY + 12 * HOUR + 4 * DAY
    history = History(db, account, HistoryPlan(changes, until, seed, days * DAY, copies))
    history.write()
    assert history.done == changes
    return Seeded(db, account.id, until)
