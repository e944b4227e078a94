"""Recorders that make the same registrations at the same time: one makes each, the others change it, and none is lost (docs/design/recording.md,
section 4)."""

from __future__ import annotations

import random
import threading
from collections import Counter

import pytest
from tests.waiting import until

from heliograph.domain.registration.item_plan import ItemOutcome
from heliograph.recording.batches import record_batch
from heliograph.recording.items import ItemResult, RecordItem
from heliograph.recording.record import record
from heliograph.store.config_cache import Committed
from heliograph.store.database import Database

RECORDERS, BATCHES, CODES = 4, 25, 90
CREATED, UPDATED, UNCHANGED = ItemOutcome.CREATED, ItemOutcome.UPDATED, ItemOutcome.UNCHANGED


def as_an_owner(db: Database, items: list[RecordItem]) -> list[ItemResult]:
    return record_batch(db, items, Committed(db))


def as_a_page(db: Database, items: list[RecordItem]) -> list[ItemResult]:
    """In a transaction that has done something else before, and goes on."""
    with db.transaction():
        note(db, items[0].account, "before")
        answers = record(db, items, Committed(db))
        note(db, items[0].account, "after")
    return answers


def note(db: Database, account: int, what: str) -> None:
    db.run(
        "INSERT INTO idempotency (account_id, endpoint, key, request_hash, at) VALUES (:account, 'page', :key, '', 0)",
        {"account": account, "key": f"{what} {random.getrandbits(64)}"},
    )


@pytest.mark.parametrize("way", [as_an_owner, as_a_page])
def test_P10_who_is_second_to_make_a_registration_changes_it(setup, connect, way):
    record_batch(setup.db, [setup.item("A")], setup.provider)
    second = [
        setup.item("A", order_code="1"),
        setup.item("B", order_code="1", sessions=[{"code": "KEYNOTE"}]),
        setup.item("C", sessions=[{"code": "KEYNOTE"}]),
        setup.item("D"),
        setup.item("D", order_code="1"),
    ]
    answers: list[ItemResult] = []
    thread = threading.Thread(target=lambda: answers.extend(way(connect(), second)))
    with setup.db.transaction():
        record(setup.db, [setup.item("B"), setup.item("D")], setup.provider)
        thread.start()
        if setup.db.vendor == "postgresql":
            watching = connect()
            until(lambda: watching.all("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"))
    thread.join()
    assert [answer.outcome for answer in answers] == [UPDATED, UPDATED, CREATED, UNCHANGED, UPDATED]
    assert [answer.version for answer in answers] == [2, 2, 1, 1, 2]
    assert [len(answer.changes) for answer in answers] == [1, 2, 2, 0, 1]
    mine = {"account": setup.account}
    assert setup.db.all("SELECT code, version FROM registration WHERE account_id = :account ORDER BY code", mine) == [
        ("A", 2),
        ("B", 2),
        ("C", 1),
        ("D", 2),
    ]
    notes = setup.db.all("SELECT key FROM idempotency WHERE account_id = :account AND endpoint = 'page' ORDER BY key", mine)
    assert [key.split()[0] for (key,) in notes] == (["after", "before"] if way is as_a_page else [])


def test_P10_nothing_is_lost_where_many_make_the_same_registrations(setup, connect):
    """Each document is different, so each that is answered is a change, and each change a version."""
    answers: list[ItemResult] = []

    def recorder(n: int) -> None:
        db, draw = connect(), random.Random(n)
        for batch in range(BATCHES):
            codes = [f"R{draw.randrange(CODES)}" for _ in range(6)]
            items = [setup.item(code, order_code=f"{n}-{batch}-{at}") for at, code in enumerate(codes)]
            answers.extend((as_an_owner if batch % 3 else as_a_page)(db, items))

    threads = [threading.Thread(target=recorder, args=(n,)) for n in range(RECORDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(answer.outcome for answer in answers) == {
        CREATED: len({answer.registration for answer in answers}),
        UPDATED: RECORDERS * BATCHES * 6 - len({answer.registration for answer in answers}),
    }
    mine = {"account": setup.account}
    ((registrations, versions),) = setup.db.all("SELECT count(*), sum(version) FROM registration WHERE account_id = :account", mine)
    ((changes, distinct),) = setup.db.all(
        "SELECT count(*), count(DISTINCT subject_id || '-' || version) FROM change WHERE account_id = :account AND registration_id > 0",
        mine,
    )
    assert registrations == len({answer.registration for answer in answers})
    assert versions == changes == distinct == RECORDERS * BATCHES * 6


def test_P10_what_is_recorded_first_in_its_callers_transaction_is_undone_with_it(setup, connect):
    """Django begins a transaction without sending anything: whatever comes first must not become the transaction itself."""
    db = connect()
    if db.vendor == "postgresql":
        db.connection.autocommit = False
    else:
        db.run("BEGIN IMMEDIATE")
    assert [answer.outcome for answer in record(db, [setup.item("A")], Committed(db))] == [CREATED]
    db.connection.rollback()
    assert setup.db.all("SELECT count(*) FROM registration WHERE account_id = :account", {"account": setup.account}) == [(0,)]
