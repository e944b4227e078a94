"""What page processes share (P1): a cache in a table, on both databases."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest
from django.conf import settings
from django.core.cache import caches
from django.db import connection
from tests.databases import DatabaseFacts
from tests.waiting import PATIENCE

from heliograph.accounts.models import Remembered
from heliograph.accounts.shared_cache import SWEEP_EVERY, SharedCache

PAST = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def two(database: DatabaseFacts) -> tuple[SharedCache, SharedCache]:
    """Two caches, as in two processes."""
    return SharedCache("", {}), SharedCache("", {})


@pytest.mark.django_db(transaction=True)
def test_P1_what_one_process_writes_the_other_reads(two: tuple[SharedCache, SharedCache]) -> None:
    here, there = two
    assert here.get("tries", []) == []
    here.set("tries", [1.5, 0.5], 900)
    assert there.get("tries") == [1.5, 0.5]
    there.set("tries", [2.5, 1.5, 0.5], 900)
    assert here.get("tries") == [2.5, 1.5, 0.5]
    assert here.touch("tries", 60)
    assert there.delete("tries")
    assert not there.delete("tries")
    assert not here.touch("tries")
    here.set("always", 1, None)
    assert there.get("always") == 1
    there.clear()
    assert here.get("always") is None


@pytest.mark.django_db(transaction=True)
def test_P1_a_key_can_hold_whatever_a_stranger_typed(two: tuple[SharedCache, SharedCache]) -> None:
    """Long keys that begin alike are different ones."""
    here, there = two
    here.set("a" * 3_000 + "1", 1, 900)
    here.set("a" * 3_000 + "2", 2, 900)
    assert (there.get("a" * 3_000 + "1"), there.get("a" * 3_000 + "2")) == (1, 2)


@pytest.mark.django_db(transaction=True)
def test_P1_what_is_over_is_not_there_and_is_taken_out(two: tuple[SharedCache, SharedCache]) -> None:
    here, there = two
    here.set("lock", 1, 900)
    assert not there.add("lock", 2, 900)
    Remembered.objects.update(until=PAST)
    assert there.get("lock") is None
    assert there.add("lock", 2, 900)
    assert here.get("lock") == 2
    here.set("old", 1, 900)
    Remembered.objects.filter(key__contains="old").update(until=PAST)
    for n in range(SWEEP_EVERY):
        here.set(f"k{n % 3}", n, 900)
    assert not Remembered.objects.filter(key__contains="old").exists()


@pytest.mark.django_db(transaction=True)
def test_P1_one_of_many_gets_the_lock(two: tuple[SharedCache, SharedCache]) -> None:
    won: list[bool] = []

    def try_it(cache: SharedCache) -> None:
        try:
            won.append(cache.add("lock", 1, 900))
        finally:
            connection.close()

    tries = [threading.Thread(target=try_it, args=(two[n % 2],)) for n in range(6)]
    for each in tries:
        each.start()
    for each in tries:
        each.join(PATIENCE)
    assert sorted(won) == [False] * 5 + [True]


@pytest.mark.django_db
def test_P1_processes_that_can_be_several_share_it() -> None:
    assert isinstance(caches["default"], SharedCache) is not settings.HELIOGRAPH.on_sqlite
