"""The people that each connection was sent something for are a recount of the rows, rolled up or not (X2; docs/design/figures.md)."""

from __future__ import annotations

import random
import threading

import pytest
from tests.builders.stored_account import StoredAccount
from tests.figures import busy, fold_all, move, newest

from heliograph.domain.delivery.action import ActionState, Origin
from heliograph.domain.delivery.retry_policy import MINUTE
from heliograph.domain.figures import FigureKey, of_move
from heliograph.domain.flow.flow import Mode
from heliograph.store.queue import people_roll_up
from heliograph.store.queue import people_sent as people
from heliograph.store.queue.figure_deltas import put_deltas
from heliograph.store.queue.people_roll_up import renew_account, renew_present
from heliograph.store.queue.people_sent import people_sent, renew, renew_slots

NO_STOP = threading.Event()


def deliver(setup: StoredAccount, share: float, seed: int) -> None:
    """Delivers some of the actions that were not, with their figures."""
    random_ = random.Random(seed)
    rows = setup.db.all(
        "SELECT a.id, a.flow_id, a.mode, a.created, a.origin, l.connection_id, a.state FROM action a JOIN lane l ON l.id = a.lane_id"
        f" WHERE a.account_id = :account AND a.state <> {ActionState.SUCCESS:d} ORDER BY a.id",
        {"account": setup.account},
    )
    with setup.db.transaction():
        for id, flow, mode, created, origin, connection, state in rows:
            if random_.random() < share:
                setup.db.run(f"UPDATE action SET state = {ActionState.SUCCESS:d} WHERE id = :id", {"id": id})
                key = FigureKey(setup.account, mode, flow, connection, created, origin == Origin.REPLAY)
                put_deltas(setup.db, of_move(key, ActionState(state), ActionState.SUCCESS))


def recounted(setup: StoredAccount, mode: Mode, since: int, until: int, *, replays: bool) -> dict[int, int]:
    rows = setup.db.all(
        "SELECT l.connection_id, count(DISTINCT a.registration_id) FROM action a JOIN lane l ON l.id = a.lane_id"
        f" WHERE a.account_id = :account AND a.mode = :mode AND a.state = {ActionState.SUCCESS:d} AND a.created >= :since AND a.created < :until"
        f"{'' if replays else f' AND a.origin <> {Origin.REPLAY:d}'} GROUP BY l.connection_id",
        {"account": setup.account, "mode": mode.code, "since": since, "until": until},
    )
    return dict(rows)


def agree(setup: StoredAccount, windows: list[tuple[int, int]]) -> int:
    """Asserts that the numbers of some periods are a recount. Returns the largest."""
    most = 0
    for since, until in windows:
        for mode in Mode:
            sent = people_sent(setup.db, setup.account, mode, since * MINUTE, until * MINUTE, 0)
            assert sent is not None
            for replays in (True, False):
                expected = recounted(setup, mode, since * MINUTE, until * MINUTE, replays=replays)
                assert {id: n for id in sent.connections if (n := sent.number(id, replays=replays))} == expected, (since, until, mode)
                most = max(most, *expected.values(), 0)
    return most


def past(setup: StoredAccount) -> list[tuple[int, int]]:
    """Records and delivers over three days. Returns periods of any length within them, in minutes since 1970."""
    random_ = random.Random(3)
    for n, minutes in enumerate((0, 7, 53, 61, 240, 1_441, 2_900, 4_000, 4_015, 4_090)):
        before = newest(setup)
        busy(setup, batches=1, seed=n)
        with setup.db.transaction():
            setup.db.run(f"UPDATE action SET origin = {Origin.REPLAY:d} WHERE id > {before['action']} AND (id & 3) = 0")
        setup.db.run("DELETE FROM figure_delta WHERE measure IN (10, 11, 20, 120) AND account_id = :a", {"a": setup.account})
        move(setup, minutes, before)
    deliver(setup, 0.6, 1)
    now = setup.db.now() // MINUTE + 1
    windows = [(now - length - back, now - back) for length in (1, 59, 60, 61, 1_440, 1_500, 4_400) for back in (0, 5, 60, 700)]
    return windows + [(since, until) for since, until in (sorted(random_.sample(range(now - 4_400, now + 1), 2)) for _ in range(25))]


def test_35_6_people_per_connection_are_a_recount_at_every_moment(setup: StoredAccount) -> None:
    windows = past(setup)
    assert agree(setup, windows) > 3
    fold_all(setup.db, setup.account)
    assert renew_account(setup.db, setup.account, NO_STOP, recent=False) > 4
    assert agree(setup, windows) > 3
    deliver(setup, 0.5, 2)  # late: into hours that are rolled up
    agree(setup, windows)
    fold_all(setup.db, setup.account)
    assert renew_account(setup.db, setup.account, NO_STOP, recent=False) > 0
    agree(setup, windows)
    assert renew_account(setup.db, setup.account, NO_STOP, recent=False) == 0


def test_35_6_a_round_looks_at_the_last_hours_and_one_a_day_at_all(setup: StoredAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    past(setup)
    fold_all(setup.db, setup.account)
    monkeypatch.setattr(people_roll_up, "RECENT", 24)
    assert renew_account(setup.db, setup.account, NO_STOP, recent=True) > 0
    assert renew_account(setup.db, setup.account, NO_STOP, recent=False) > 0


def test_35_6_rolled_up_hours_and_days_need_no_rows(setup: StoredAccount) -> None:
    past(setup)
    fold_all(setup.db, setup.account)
    renew_account(setup.db, setup.account, NO_STOP, recent=False)
    now = setup.db.now() // MINUTE
    begin, end = (now // people.DAY - 4) * people.DAY * MINUTE, now // people.HOUR * people.HOUR * MINUTE
    before = people_sent(setup.db, setup.account, Mode.LIVE, begin, end, 0)
    units = dict(setup.db.all("SELECT unit, count(*) FROM people_sent WHERE account_id = :a GROUP BY unit", {"a": setup.account}))
    assert units.keys() == {people.HOUR, people.DAY}
    with setup.db.transaction():
        setup.db.run(f"UPDATE action SET state = {ActionState.FAILED:d} WHERE account_id = :a", {"a": setup.account})
    assert people_sent(setup.db, setup.account, Mode.LIVE, begin, end, setup.db.now()) == before


def test_35_6_the_hour_that_is_not_over_is_rolled_up_by_slots(setup: StoredAccount) -> None:
    """What its slots have needs no rows, and when it is over it is made of them. A slot that a late delivery changed is read from rows."""
    windows = past(setup)
    fold_all(setup.db, setup.account)
    delivered = f"account_id = :a AND mode = {Mode.LIVE.code} AND state = {ActionState.SUCCESS:d}"
    ((latest,),) = setup.db.all(f"SELECT MAX(created) FROM action WHERE {delivered}", {"a": setup.account})
    hour = latest // MINUTE // people.HOUR
    begin, end = hour * people.HOUR, (hour + 1) * people.HOUR
    slots = begin // people.SLOT, end // people.SLOT
    assert renew_slots(setup.db, setup.account, *slots, 0, NO_STOP) > 0
    agree(setup, windows)
    deliver(setup, 0.5, 2)
    agree(setup, windows)
    fold_all(setup.db, setup.account)
    assert renew_slots(setup.db, setup.account, *slots, 0, NO_STOP) > 0
    assert renew_slots(setup.db, setup.account, *slots, 0, NO_STOP) == 0
    before = people_sent(setup.db, setup.account, Mode.LIVE, begin * MINUTE, end * MINUTE, 0)
    assert before is not None
    assert before.number() > 0
    with setup.db.transaction():
        setup.db.run(f"UPDATE action SET state = {ActionState.FAILED:d} WHERE {delivered}", {"a": setup.account})
    assert people_sent(setup.db, setup.account, Mode.LIVE, begin * MINUTE, end * MINUTE, setup.db.now()) == before
    assert renew(setup.db, setup.account, hour, hour + 1, 0, NO_STOP) > 0
    assert people_sent(setup.db, setup.account, Mode.LIVE, begin * MINUTE, end * MINUTE, setup.db.now()) == before
    assert setup.db.all("SELECT DISTINCT unit FROM people_sent WHERE account_id = :a", {"a": setup.account}) == [(people.HOUR,)]


def test_35_6_a_round_renews_the_slots_of_the_present_hour_that_are_over(setup: StoredAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    past(setup)
    fold_all(setup.db, setup.account)
    slot_of = f"created / {people.SLOT * MINUTE}"
    slots = [
        slot
        for (slot,) in setup.db.all(
            f"SELECT DISTINCT {slot_of} FROM action WHERE account_id = :a AND state = {ActionState.SUCCESS:d} ORDER BY 1",
            {"a": setup.account},
        )
    ]
    hour = slots[-1] * people.SLOT // people.HOUR
    last = (hour + 1) * people.HOUR // people.SLOT - 1
    monkeypatch.setattr(type(setup.db), "now", lambda _db: last * people.SLOT * MINUTE)
    assert renew_present(setup.db, setup.account, NO_STOP) > 0
    rows = setup.db.all("SELECT DISTINCT unit, bucket FROM people_sent WHERE account_id = :a ORDER BY 2", {"a": setup.account})
    assert rows == [(people.SLOT, slot) for slot in slots if hour * people.HOUR // people.SLOT <= slot < last]


def test_35_6_what_rows_alone_could_tell_is_not_told_without_them(setup: StoredAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    past(setup)
    delivered = f"account_id = :a AND mode = {Mode.LIVE.code} AND state = {ActionState.SUCCESS:d}"
    ((first,),) = setup.db.all(f"SELECT MIN(created) FROM action WHERE {delivered}", {"a": setup.account})
    since, until = first // MINUTE * MINUTE, setup.db.now() // MINUTE * MINUTE + MINUTE
    assert people_sent(setup.db, setup.account, Mode.LIVE, since, until, since) is not None
    assert people_sent(setup.db, setup.account, Mode.LIVE, since, until, since + MINUTE) is None
    monkeypatch.setattr(people, "MOST_ROWS", 3)
    assert people_sent(setup.db, setup.account, Mode.LIVE, since, until, 0) is None


def test_35_6_a_stop_ends_renewal_between_two_hours(setup: StoredAccount) -> None:
    past(setup)
    fold_all(setup.db, setup.account)
    stop = threading.Event()
    stop.set()
    assert renew_account(setup.db, setup.account, stop, recent=False) == 0
