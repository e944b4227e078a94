"""When the reading thread looks for connections with work (D9)."""

from __future__ import annotations

import time

import pytest

from heliograph.domain.delivery.action import Rank
from heliograph.engine.worker import work_finder
from heliograph.engine.worker.work_finder import WorkFinder
from heliograph.store.database import Database


def test_D9_a_dear_look_is_not_repeated_at_once(store: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    search, clock = WorkFinder(), store.now()
    monkeypatch.setattr(work_finder, "CHEAP", 60.0)
    assert search.search(store, clock)
    assert search.search(store, clock)  # a cheap one is
    monkeypatch.setattr(work_finder, "CHEAP", 0.0)
    monkeypatch.setattr(work_finder, "LONGEST_PAUSE", 60.0)
    monkeypatch.setattr(work_finder, "PAUSE_FACTOR", 1_000_000.0)
    assert search.search(store, clock)
    assert not search.search(store, clock)
    assert 0.0 < search.again_at - time.monotonic() <= 60.0
    search.again_at = time.monotonic()
    assert search.search(store, clock)


def test_D9_meanwhile_those_that_had_more_are_read() -> None:
    search = WorkFinder(work=dict.fromkeys((1, 2, 3, 4), frozenset({Rank.LIVE})))
    search.drop_emptied(read={1, 2, 4}, with_lanes={2})  # 3 had no room
    assert list(search.work) == [2, 3]
