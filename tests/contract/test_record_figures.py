"""Figures are appended with the facts and folded later, and always equal a recount (X2; docs/design/figures.md)."""

from __future__ import annotations

import threading
from collections import Counter

from pyroaring import BitMap
from tests.builders.stored_account import stored_account
from tests.figures import busy, fold_all

from heliograph.domain.figures import Measure
from heliograph.domain.registration.change import Facet
from heliograph.recording.batches import record_batch
from heliograph.recording.record import record
from heliograph.store.database import Database
from heliograph.store.queue import figure_deltas

KEYS = "minute, mode, integration, flow_id, connection_id, category, measure"


def sums(db: Database, account: int) -> Counter:
    """The figures, folded and unfolded together."""
    found: Counter = Counter()
    for table in ("figure_sum", "figure_delta"):
        for *key, n in db.all(f"SELECT {KEYS}, n FROM {table} WHERE account_id = :a", {"a": account}):
            found[tuple(key)] += n
    return Counter({key: n for key, n in found.items() if n})


def recounted(db: Database, account: int) -> Counter:
    """The same figures, counted from the rows."""
    found: Counter = Counter()
    minute = 60_000_000
    for at, mode, facets, processed in db.all("SELECT at, mode, facets, processed FROM change WHERE account_id = :a", {"a": account}):
        for facet in Facet:
            if facet & facets:
                found[at // minute, mode, 0, 0, 0, facet.value, Measure.RECORDED] += 1
        if processed:
            found[at // minute, mode, 1, 0, 0, 0, Measure.CHANGES] += 1
    for at, mode, flow, decision, reason in db.all(
        "SELECT at, mode, flow_id, decision, reason FROM run WHERE account_id = :a", {"a": account}
    ):
        found[at // minute, mode, 1, flow, 0, 0, Measure.RUNS] += 1
        if decision == 1:
            found[at // minute, mode, 1, flow, 0, 0, Measure.NOT_TRIGGERED] += 1
            if reason != "not selected":
                found[at // minute, mode, 1, flow, 0, 0, Measure.UNTAGGED] += 1
    actions = "SELECT a.created, a.mode, a.flow_id, l.connection_id FROM action a JOIN lane l ON l.id = a.lane_id WHERE a.account_id = :a"
    for created, mode, flow, connection in db.all(actions, {"a": account}):
        found[created // minute, mode, 1, flow, connection, 0, Measure.TRIGGERED] += 1
        found[created // minute, mode, 1, flow, connection, 0, Measure.PENDING] += 1
    return found


def distinct(db: Database, account: int) -> dict[int, set[int]]:
    """Serials by mode: from the hourly bitmaps and what is not folded yet."""
    out: dict[int, set[int]] = {}
    for mode, bits in db.all("SELECT mode, bits FROM figure_bitmap WHERE account_id = :a AND unit = 60", {"a": account}):
        out.setdefault(mode, set()).update(BitMap.deserialize(bytes(bits)))
    for mode, bits in db.all("SELECT mode, serials FROM figure_delta WHERE account_id = :a AND serials IS NOT NULL", {"a": account}):
        out.setdefault(mode, set()).update(BitMap.deserialize(bytes(bits)))
    return out


def recounted_distinct(db: Database, account: int) -> dict[int, set[int]]:
    out: dict[int, set[int]] = {}
    for mode, serial in db.all(
        "SELECT DISTINCT c.mode, r.serial FROM change c JOIN registration r ON r.id = c.registration_id WHERE c.account_id = :a AND c.processed",
        {"a": account},
    ):
        out.setdefault(mode, set()).add(serial)
    return out


def test_X2_deltas_are_a_recount(setup):
    busy(setup)
    assert sums(setup.db, setup.account) == recounted(setup.db, setup.account)
    assert distinct(setup.db, setup.account) == recounted_distinct(setup.db, setup.account)
    assert len(recounted_distinct(setup.db, setup.account)) == 2


def test_X2_folding_changes_no_figure(setup):
    busy(setup, 3)
    expected = recounted(setup.db, setup.account)
    assert fold_all(setup.db, setup.account) > 7
    assert setup.db.all("SELECT count(*) FROM figure_delta WHERE account_id = :a", {"a": setup.account}) == [(0,)]
    assert fold_all(setup.db, setup.account) == 0
    assert sums(setup.db, setup.account) == expected
    busy(setup, 3, seed=2)
    fold_all(setup.db, setup.account)
    assert sums(setup.db, setup.account) == recounted(setup.db, setup.account)
    assert distinct(setup.db, setup.account) == recounted_distinct(setup.db, setup.account)


def test_X2_hours_and_days_hold_the_same_registrations(setup):
    busy(setup)
    fold_all(setup.db, setup.account)
    by_unit: dict[int, set[int]] = {}
    for unit, bits in setup.db.all("SELECT unit, bits FROM figure_bitmap WHERE account_id = :a", {"a": setup.account}):
        by_unit.setdefault(unit, set()).update(BitMap.deserialize(bytes(bits)))
    assert by_unit[60] == by_unit[1440] == set().union(*recounted_distinct(setup.db, setup.account).values())


def test_X2_one_creation_and_two_updates_are_three_changes_of_one_registration(setup):
    for n in range(3):
        record_batch(setup.db, [setup.item("R1", order_code=str(n))], setup.provider)
    found = sums(setup.db, setup.account)
    assert sum(n for key, n in found.items() if key[-1] == Measure.CHANGES) == 3
    assert [len(s) for s in distinct(setup.db, setup.account).values()] == [1]


def test_X2_folding_beside_recorders_and_another_folder(setup, connect):
    stop, errors = threading.Event(), []

    def guarded(work) -> None:
        try:
            work(connect())
        except BaseException as error:  # noqa: BLE001 -- reported below
            errors.append(error)

    def folder(db: Database) -> None:
        while not stop.is_set():
            with db.transaction():
                figure_deltas.fold(db, setup.account, 5)

    threads = [threading.Thread(target=guarded, args=(folder,)) for _ in range(2)]
    [t.start() for t in threads]
    try:
        busy(setup, 12)
    finally:
        stop.set()
        [t.join() for t in threads]
    assert not errors
    assert sums(setup.db, setup.account) == recounted(setup.db, setup.account)
    fold_all(setup.db, setup.account)
    assert sums(setup.db, setup.account) == recounted(setup.db, setup.account)
    assert distinct(setup.db, setup.account) == recounted_distinct(setup.db, setup.account)


def test_X2_a_commit_that_is_late_is_still_counted(setup, connect):
    """There is no watermark: a slow transaction's rows are folded when they arrive."""
    if setup.db.vendor == "sqlite":
        busy(setup, 1)
        return
    slow = connect()
    with slow.transaction():
        record(slow, [setup.item("SLOW")], setup.provider)
        record_batch(setup.db, [setup.item("FAST")], setup.provider)
        fold_all(setup.db, setup.account)
    fold_all(setup.db, setup.account)
    assert sums(setup.db, setup.account) == recounted(setup.db, setup.account)
    assert distinct(setup.db, setup.account) == recounted_distinct(setup.db, setup.account)


def test_X2_accounts_are_folded_apart(setup, store):
    other = stored_account(store)
    record_batch(store, [setup.item("R1"), other.item("R1")], setup.provider)
    assert {setup.account, other.account} <= set(figure_deltas.accounts_to_fold(store))
    fold_all(store, setup.account)
    assert setup.account not in figure_deltas.accounts_to_fold(store)
    assert other.account in figure_deltas.accounts_to_fold(store)
    assert sums(store, other.account) == recounted(store, other.account)
