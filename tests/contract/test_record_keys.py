"""Idempotency keys: repeating one gives the first answer and no second change, whoever holds the key (I3)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from tests.builders.stored_account import StoredAccount, stored_account
from tests.waiting import PATIENCE, until

from heliograph.domain.registration.item_plan import ItemOutcome
from heliograph.domain.retention import DAY
from heliograph.recording.batches import record_batch
from heliograph.recording.items import MAX_KEY, ItemResult
from heliograph.recording.record import record
from heliograph.store.config_cache import Committed, ConfigCache
from heliograph.store.database import Database
from heliograph.store.queue.retention_round import RetentionRound


def save(s: StoredAccount, *items, endpoint: str = "rest") -> list[ItemResult]:
    return record_batch(s.db, items, s.provider, endpoint=endpoint)


def count(s: StoredAccount, table: str) -> int:
    ((n,),) = s.db.all(f"SELECT count(*) FROM {table} WHERE account_id = :a", {"a": s.account})
    return n


def test_I3_a_repeated_key_is_the_first_answer_and_no_second_change(setup):
    first = save(setup, setup.item("R1", key="k1", order_code="1"), setup.item("R2", key="k2"))
    save(setup, setup.item("R1", order_code="2"))
    changes = count(setup, "change")
    assert save(setup, setup.item("R2", key="k2"), setup.item("R1", key="k1", order_code="1")) == first[::-1]
    assert count(setup, "change") == changes


def test_I3_every_recorded_answer_is_kept(setup):
    outcomes = (
        (setup.item("R1", key="a", modified="2026-03-01T00:00:00Z"), ItemOutcome.CREATED),
        (setup.item("R1", key="b", order_code="1"), ItemOutcome.UPDATED),
        (setup.item("R1", key="c", order_code="1"), ItemOutcome.UNCHANGED),
        (setup.item("R1", key="d", modified="2026-02-01T00:00:00Z"), ItemOutcome.STALE),
    )
    for item, outcome in outcomes:
        (answer,) = save(setup, item)
        assert answer.outcome is outcome
        assert save(setup, item) == [answer]


def test_I3_the_same_key_with_another_body_is_refused(setup):
    save(setup, setup.item("R1", key="k1", order_code="1"))
    (answer,) = save(setup, setup.item("R1", key="k1", order_code="2"))
    assert answer == ItemResult(ItemOutcome.KEY_REUSED)
    assert save(setup, setup.item("R1", key="k1", order_code="1"))[0].outcome is ItemOutcome.CREATED


def test_I3_a_body_is_the_same_however_its_fields_are_ordered(setup):
    save(setup, setup.item("R1", key="k1", order_code="1", profile={"email": "a", "city": "b"}))
    (answer,) = save(setup, setup.item("R1", key="k1", profile={"city": "b", "email": "a"}, order_code="1"))
    assert answer.outcome is ItemOutcome.CREATED


def test_I3_twins_in_one_batch(setup):
    answers = save(
        setup,
        setup.item("R1", key="k", order_code="1"),
        setup.item("R1", order_code="2"),
        setup.item("R1", key="k", order_code="1"),
        setup.item("R1", key="k", order_code="3"),
    )
    assert [a.outcome.value for a in answers] == ["created", "updated", "created", "key_reused"]
    assert answers[0] == answers[2]
    assert count(setup, "change") == 3  # including the event's own


def test_I3_what_was_refused_is_not_remembered(setup):
    assert save(setup, setup.item("R1", key="k", status="Nonsense"))[0].outcome is ItemOutcome.REFUSED
    assert save(setup, setup.item("R1", key="k", expected=4))[0].outcome is ItemOutcome.CONFLICT
    assert count(setup, "idempotency") == 0
    assert save(setup, setup.item("R1", key="k", status="New"))[0].outcome is ItemOutcome.CREATED


def test_I3_a_refused_twin_leaves_the_key_to_the_next(setup):
    items = [setup.item("R1", key="k", status=status) for status in ("Nonsense", "Nonsense", "New", "Attended")]
    assert [a.outcome.value for a in save(setup, *items)] == ["refused", "refused", "created", "key_reused"]
    assert save(setup, items[2])[0].outcome is ItemOutcome.CREATED


def test_I3_keys_belong_to_an_account_and_an_endpoint(setup, store):
    other = stored_account(store)
    assert save(setup, setup.item("R1", key="k"))[0].outcome is ItemOutcome.CREATED
    assert save(setup, setup.item("R1", key="k"), endpoint="ndjson")[0].outcome is ItemOutcome.UNCHANGED
    both = save(setup, other.item("R1", key="k"), setup.item("R1", key="k"))
    assert [a.outcome.value for a in both] == ["created", "created"]


@pytest.mark.parametrize("key", ["", "x" * (MAX_KEY + 1), "a\0b", "a\nb", "\ud800"])
def test_I3_a_key_that_no_database_keeps_is_refused(setup, key):
    answers = save(setup, setup.item("R1", key=key), setup.item("R2", key="k"))
    assert [a.outcome.value for a in answers] == ["refused", "created"]
    assert answers[0].problems[0].field == "Idempotency-Key"


def test_I3_a_document_that_is_no_json_is_refused_under_its_key(setup):
    deep: dict[str, object] = {}
    for _ in range(100_000):
        deep = {"a": deep}
    answers = save(
        setup, setup.item("R1", key="a", profile={"email": "\ud800"}), setup.item("R2", key="b", profile=deep), setup.item("R3", key="c")
    )
    assert [a.outcome.value for a in answers] == ["refused", "refused", "created"]


# --- two senders at once


@contextmanager
def another(connect: Callable[[], Database], s: StoredAccount, *items) -> Iterator[threading.Event]:
    """Another process's request, recorded but not committed while the block runs, or until the event is set."""
    inside, leave = threading.Event(), threading.Event()

    def run() -> None:
        db = connect()
        with db.transaction():
            record(db, items, Committed(db, ConfigCache()), endpoint="rest")
            inside.set()
            leave.wait(PATIENCE)

    thread = threading.Thread(target=run)
    thread.start()
    assert inside.wait(PATIENCE)
    try:
        yield leave
    finally:
        leave.set()
        thread.join()


def test_I3_the_second_gets_the_firsts_answer_once_it_has_one(setup, connect):
    with another(connect, setup, setup.item("R1", key="k", order_code="1")) as leave:
        answers: list[ItemResult] = []
        second = threading.Thread(
            target=lambda: answers.extend(
                record_batch(connect(), [setup.item("R1", key="k", order_code="1")], setup.provider, endpoint="rest")
            )
        )
        second.start()
        if setup.db.vendor == "postgresql":
            until(lambda: setup.db.all("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"))
        leave.set()
        second.join()
    assert [a.outcome for a in answers] == [ItemOutcome.CREATED]
    assert save(setup, setup.item("R1", key="k", order_code="1")) == answers
    assert count(setup, "change") == 2


def test_I3_still_running_after_the_wait_is_said_and_the_rest_is_recorded(setup, connect):
    if setup.db.vendor == "sqlite":
        return  # one writer at a time: nothing is ever half done
    db = connect()
    with another(connect, setup, setup.item("HELD", key="k2", order_code="1"), setup.item("HELD2", key="k4")):
        items = [
            setup.item("R1", key="k1"),
            setup.item("HELD", key="k2", order_code="1"),
            setup.item("R3", key="k3"),
            setup.item("HELD2", key="k4"),
        ]
        answers = record_batch(db, items, setup.provider, endpoint="rest", key_wait_ms=50)
        assert [a.outcome.value for a in answers] == ["created", "running", "created", "running"]
    answers = record_batch(db, items, setup.provider, endpoint="rest", key_wait_ms=50)
    assert [a.outcome.value for a in answers] == ["created"] * 4


def test_I3_a_holder_that_gives_up_leaves_the_key_to_the_second(setup, connect):
    def given_up() -> None:
        db = connect()
        with db.transaction():
            record(db, [setup.item("R1", key="k", order_code="1")], setup.provider, endpoint="rest")
            raise TimeoutError

    with pytest.raises(TimeoutError):
        given_up()
    assert save(setup, setup.item("R1", key="k", order_code="2"))[0].outcome is ItemOutcome.CREATED


def test_I3_a_key_is_forgotten_after_its_days_and_then_recorded_like_a_new_one(setup):
    save(setup, *(setup.item(f"R{n}", key=f"k{n}", order_code="1") for n in range(25)))
    keeping = RetentionRound(setup.db, setup.db.now() + 6 * DAY, threading.Event(), lambda _seconds: False)
    keeping.keys(7)
    assert save(setup, setup.item("R1", key="k1", order_code="1"))[0].outcome is ItemOutcome.CREATED, "it is still answered as it was"
    forgetting = RetentionRound(setup.db, setup.db.now() + 8 * DAY, threading.Event(), lambda _seconds: False)
    forgetting._pace.size = 10
    assert forgetting.keys(7) >= 25
    assert forgetting.keys(7) == 0
    assert save(setup, setup.item("R1", key="k1", order_code="1"))[0].outcome is ItemOutcome.UNCHANGED
