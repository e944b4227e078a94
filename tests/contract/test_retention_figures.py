"""Figures stay what they were when retention has removed a part of their records (X2, X6)."""

from __future__ import annotations

import threading

import pytest
from tests.builders.stored_account import StoredAccount
from tests.figures import busy, fold_all, move, newest

from heliograph.deliveries.account_reader import AccountReader
from heliograph.domain.delivery.retry_policy import MINUTE
from heliograph.domain.figures import Figures
from heliograph.domain.flow.flow import Mode
from heliograph.domain.retention import DAY, Terms
from heliograph.insights.period import fixed_window
from heliograph.insights.period_figures import PeriodFigures
from heliograph.insights.record_kinds import RecordFilter, RecordKind
from heliograph.insights.records import RecordCount, Records
from heliograph.store import retention_record
from heliograph.store.queue.retention_round import RetentionRound

TERMS = Terms(30, 60)
LENGTHS = (1, 15, 59, 60, 61, 240, 1_441, 3_000, 7_000)


def figures(setup: StoredAccount, now: int) -> dict[tuple[int, int, Mode], Figures]:
    """Of many periods, most of which begin or end within an hour."""
    reader = AccountReader(setup.db, setup.account)
    periods = [(now - back - length, now - back) for length in LENGTHS for back in (0, 7, 1_440, 2_880, 4_000)]
    return {
        (since, until, mode): PeriodFigures(reader, fixed_window(since * MINUTE, until * MINUTE), mode).tiles
        for since, until in periods
        for mode in Mode
    }


@pytest.mark.parametrize("folded", [False, True], ids=["as they come", "folded before"])
def test_X2_X6_figures_of_any_period_stay(setup: StoredAccount, *, folded: bool) -> None:
    for n, minutes in enumerate((0, 7, 240, 1_441, 2_900, 4_000)):
        before = newest(setup)
        busy(setup, batches=1, seed=n)
        move(setup, minutes, before)
    if folded:
        assert fold_all(setup.db, setup.account) > 0
    now = setup.db.now() // MINUTE + 1
    of = figures(setup, now)
    cut = (now - 1_000) * MINUTE
    assert len({found.unique for found in of.values()}) > 3
    end = cut + TERMS.rows * DAY
    with setup.db.transaction():
        retention_record.agree(setup.db, setup.account, TERMS, end, "user:1")
        # nothing of the untagged waits any more, so that it may go
        setup.db.run("UPDATE stuck_run SET queue = 4 WHERE account_id = :account", {"account": setup.account})
        setup.db.run("UPDATE action SET state = 13 WHERE account_id = :account", {"account": setup.account})
    removed = RetentionRound(setup.db, end, threading.Event(), lambda _seconds: False).account(setup.account, TERMS)
    assert removed.changes > 20
    assert retention_record.records_kept_since(setup.db, setup.account) == cut
    assert figures(setup, now) == of
    if not folded:
        assert fold_all(setup.db, setup.account) > 0
        assert figures(setup, now) == of


def test_X3_the_kept_period_has_exactly_its_records(setup: StoredAccount) -> None:
    for n, minutes in enumerate((0, 2_900)):
        before = newest(setup)
        busy(setup, batches=2, seed=n)
        move(setup, minutes, before)
    now = setup.db.now() // MINUTE + 1
    end = (now - 60) * MINUTE + TERMS.rows * DAY
    with setup.db.transaction():
        retention_record.agree(setup.db, setup.account, TERMS, end, "user:1")
        setup.db.run("UPDATE action SET state = 13 WHERE account_id = :account", {"account": setup.account})
    assert RetentionRound(setup.db, end, threading.Event(), lambda _seconds: False).account(setup.account, TERMS).changes > 0
    reader = AccountReader(setup.db, setup.account)
    window = fixed_window((now - 60) * MINUTE, now * MINUTE)
    for mode in Mode:
        tiles = PeriodFigures(reader, window, mode).tiles
        for kind, n in (
            (RecordKind.CHANGES, tiles.changes),
            (RecordKind.REGISTRATIONS, tiles.unique),
            (RecordKind.TRIGGERED, tiles.triggered),
            (RecordKind.NOT_TRIGGERED, tiles.not_triggered),
            (RecordKind.UNTAGGED, tiles.untagged),
        ):
            assert Records(reader, RecordFilter(kind, window.since, window.until, mode)).count() == RecordCount(n)
        assert tiles.changes > 0
