"""Batches adapt: one bad item never fails its neighbours, and a batch broken by another transaction is retried (docs/design/recording.md,
section 5)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import psycopg
import pytest
from tests.builders.stored_account import StoredAccount, stored_account
from tests.waiting import until

from heliograph.domain.registration.document import resolve
from heliograph.domain.registration.item_plan import ItemOutcome
from heliograph.recording import batches
from heliograph.recording.batches import record_batch
from heliograph.recording.items import PreparedItem, RecordItem
from heliograph.store import configuration_versions
from heliograph.store.config_cache import Committed, ConfigCache
from heliograph.store.database import Database


def spoilt(s: StoredAccount, code: str) -> RecordItem:
    """An item that passed the checks of documents although it contains a number that no database can store."""
    item = s.item(code)
    account, event = s.provider.account(s.account), s.provider.event(s.event)
    upsert = replace(resolve(item.document, account, event), attendee_type=2**70)
    item.prepared = PreparedItem(account.version, event.version, event.id, code, upsert)
    return item


@dataclass
class Watching:
    """A database that counts the transactions begun."""

    db: Database
    begun: int = 0
    trouble: Callable[[int], None] = field(default=lambda _: None)

    def __getattr__(self, name):
        return getattr(self.db, name)

    def transaction(self, **how):
        self.begun += 1
        self.trouble(self.begun)
        return self.db.transaction(**how)


@pytest.mark.parametrize("bad", [(0,), (99,), (41,), (3, 70), (10, 11, 12)])
def test_I2_a_bad_item_is_found_by_halving_and_costs_its_neighbours_nothing(setup, bad):
    items = [spoilt(setup, f"R{n}") if n in bad else setup.item(f"R{n}") for n in range(100)]
    answers = record_batch(setup.db, items, setup.provider)
    wrong = {ItemOutcome.REFUSED, ItemOutcome.FAILED}
    assert [n for n, a in enumerate(answers) if a.outcome in wrong] == list(bad)
    assert {a.outcome for n, a in enumerate(answers) if n not in bad} == {ItemOutcome.CREATED}
    assert setup.db.all("SELECT count(*) FROM registration WHERE account_id = :a", {"a": setup.account}) == [(100 - len(bad),)]


def test_I2_items_are_never_run_one_by_one(setup):
    watching = Watching(setup.db)
    items = [spoilt(setup, f"R{n}") if n == 77 else setup.item(f"R{n}") for n in range(128)]
    record_batch(watching, items, setup.provider)
    assert watching.begun == 15  # 7 halvings: the whole, and two halves each time


def test_I2_order_is_kept_when_a_batch_is_halved(setup):
    items = [setup.item("R1", order_code=str(n)) for n in range(9)]
    items[4] = spoilt(setup, "R1")
    answers = record_batch(setup.db, items, setup.provider)
    assert [a.version for n, a in enumerate(answers) if n != 4] == list(range(1, 9))


def test_I3_a_key_repeated_across_halves_has_the_first_answer(setup):
    items = [setup.item("R1", key="k", order_code="1"), spoilt(setup, "R2"), setup.item("R3"), setup.item("R1", key="k", order_code="1")]
    answers = record_batch(setup.db, items, setup.provider, endpoint="rest")
    assert answers[0] == answers[3]
    assert answers[0].outcome is ItemOutcome.CREATED


def test_an_error_of_ours_at_one_account_spares_the_others(setup, connect):
    """A configuration that cannot be read (e.g. from a newer release) affects only its own account."""
    other = stored_account(connect())
    setup.save({("connection", setup.id(499)): {"name": ""}})
    answers = record_batch(
        setup.db, [setup.item("R1"), other.item("R1"), setup.item("R2"), other.item("R2")], Committed(setup.db, ConfigCache())
    )
    assert [a.outcome.value for a in answers] == ["failed", "created", "failed", "created"]


def test_nothing_to_record_opens_no_transaction(setup):
    watching = Watching(setup.db)
    assert record_batch(watching, [], setup.provider) == []
    assert watching.begun == 0


def test_O7_what_the_database_itself_fails_is_the_callers(setup):
    def gone(_: int) -> None:
        raise psycopg.OperationalError("the connection is lost")

    with pytest.raises(psycopg.OperationalError):
        record_batch(Watching(setup.db, trouble=gone), [setup.item("R1")], setup.provider)


@pytest.mark.parametrize("lost", [psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure])
def test_a_batch_that_lost_to_another_is_tried_again_whole(setup, lost):
    def once(begun: int) -> None:
        if begun < batches.TRIES:
            raise lost

    watching = Watching(setup.db, trouble=once)
    (answer,) = record_batch(watching, [setup.item("R1")], setup.provider)
    assert answer.outcome is ItemOutcome.CREATED
    assert watching.begun == batches.TRIES

    def always(_: int) -> None:
        raise lost

    with pytest.raises(lost):
        record_batch(Watching(setup.db, trouble=always), [setup.item("R1")], setup.provider)


def test_a_real_deadlock_is_tried_again(setup, connect):
    """A transaction locks registrations against the global order; PostgreSQL ends one of the two."""
    if setup.db.vendor == "sqlite":
        return
    record_batch(setup.db, [setup.item("A"), setup.item("B")], setup.provider)
    intruder = connect()
    lock = "SELECT 1 FROM registration WHERE account_id = :a AND code = :c FOR UPDATE"
    outcomes: list[ItemOutcome] = []

    def recorder() -> None:
        answers = record_batch(connect(), [setup.item("A", order_code="1"), setup.item("B", order_code="1")], setup.provider)
        outcomes.extend(a.outcome for a in answers)

    thread = threading.Thread(target=recorder)
    try:
        with intruder.transaction():
            intruder.all(lock, {"a": setup.account, "c": "B"})
            thread.start()
            until(lambda: setup.db.all("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"))
            intruder.all(lock, {"a": setup.account, "c": "A"})
    except psycopg.errors.DeadlockDetected:
        pass  # the intruder was chosen as victim
    thread.join()
    assert outcomes == [ItemOutcome.UPDATED, ItemOutcome.UPDATED]


def test_I3_a_saver_that_holds_the_configuration_is_waited_for_longer_than_a_key(setup, connect):
    """The bounded wait applies only to keys: other locks are not mistaken for one."""
    if setup.db.vendor == "sqlite":
        return
    saver, outcomes = connect(), []

    def recorder() -> None:
        outcomes.extend(record_batch(connect(), [setup.item("R1", key="k")], setup.provider, endpoint="rest", key_wait_ms=1))

    thread = threading.Thread(target=recorder)
    with saver.transaction():
        configuration_versions.lock_exclusive(saver, accounts=[setup.account])
        thread.start()
        until(lambda: setup.db.all("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'advisory' AND datname = current_database()"))
        saver.all("SELECT pg_sleep(0.05)")
    thread.join()
    assert [a.outcome for a in outcomes] == [ItemOutcome.CREATED]
