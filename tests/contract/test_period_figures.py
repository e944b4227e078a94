"""The figures of any period are a recount of its rows, folded or not (X2; docs/design/figures.md)."""

from __future__ import annotations

import random

import pytest
from tests.builders.stored_account import StoredAccount
from tests.counted import counting
from tests.figures import busy, fold_all, move, newest

from heliograph.deliveries.account_reader import AccountReader
from heliograph.domain.delivery.action import ActionState, RunState
from heliograph.domain.delivery.retry_policy import MINUTE
from heliograph.domain.figures import ActionRow, Figures, Measure, Period, RunRow, count
from heliograph.domain.flow.flow import Mode
from heliograph.insights.period import HOUR, fixed_window
from heliograph.insights.period_figures import PeriodFigures


def recounted(setup: StoredAccount, since: int, until: int, mode: Mode) -> Figures:
    db = setup.db
    waits = {run for (run,) in db.all("SELECT run_id FROM stuck_run WHERE queue < 3")}
    open_state = {True: RunState.UNTAGGED, False: RunState.NOT_SELECTED}
    runs = [
        RunRow(change, registration, flow, of, at, RunState.TRIGGERED if decision == 2 else open_state[id in waits])
        for id, change, registration, flow, of, at, decision in db.all(
            "SELECT r.id, r.change_id, c.registration_id, r.flow_id, r.mode, r.at, r.decision FROM run r JOIN change c ON c.id = r.change_id"
            " WHERE r.account_id = :account",
            {"account": setup.account},
        )
    ]
    rows = db.all("SELECT flow_id, mode, created, state FROM action WHERE account_id = :account", {"account": setup.account})
    actions = [ActionRow(flow, of, created, ActionState(state)) for flow, of, created, state in rows]
    return count(Period(since, until, mode.code), runs, actions, [])


@pytest.mark.parametrize("folded", [False, True], ids=["as they come", "folded halfway"])
def test_X2_the_figures_of_any_period_are_a_recount(setup: StoredAccount, *, folded: bool) -> None:
    random_ = random.Random(7)
    for n, minutes in enumerate((0, 7, 53, 61, 240, 1_441, 2_900, 4_000)):
        before = newest(setup)
        busy(setup, batches=1, seed=n)
        move(setup, minutes, before)
        if folded and n == 5:
            assert fold_all(setup.db, setup.account) > 0
    now = setup.db.now() // MINUTE + 1
    windows = [
        (now - length - back, now - back) for length in (1, 15, 59, 60, 61, 240, 1_440, 1_500, 3_000, 10_080) for back in (0, 5, 60, 700)
    ]
    ends = [sorted(random_.sample(range(now - 5_000, now + 1), 2)) for _ in range(40)]
    windows += [(since, until) for since, until in ends]
    seen = set()
    for since, until in windows:
        for mode in (Mode.LIVE, Mode.TEST):
            window = fixed_window(since * MINUTE, until * MINUTE)
            found = PeriodFigures(AccountReader(setup.db, setup.account), window, mode)
            assert found.tiles == recounted(setup, window.since, window.until, mode), (since, until, mode)
            assert sum(found.by_column(Measure.CHANGES)) == found.tiles.changes
            seen.add(found.tiles.unique)
    assert len(seen) > 5


def test_X2_who_changed_until_now_is_known_without_the_changes_of_this_hour(setup: StoredAccount) -> None:
    """The bitmap of an hour that is not over has nobody after now. Metrics are read most for periods that end now, and an hour has many changes."""
    busy(setup)
    assert fold_all(setup.db, setup.account) > 0
    now = setup.db.now() // MINUTE + 1
    window = fixed_window((now // 60 - 3) * HOUR, (now + 1) * MINUTE)
    figures = PeriodFigures(AccountReader(setup.db, setup.account), window, Mode.LIVE)
    with counting(setup.db, wakers={}) as cost:
        unique = figures.tiles.unique
    assert unique == recounted(setup, window.since, window.until, Mode.LIVE).unique > 0
    assert any("figure_bitmap" in text for text in cost.texts)
    assert not any("FROM change" in text for text in cost.texts)
