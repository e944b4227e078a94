"""When the worker's reading thread reads: at once with news or work, seldom without, and never during the pause after a read."""

from __future__ import annotations

import pytest

from heliograph.engine.worker.read_pace import IDLE, LONGEST_PAUSE, LOOK_EVERY, READ_EVERY, ReadPace


class DataVersion:
    """A data version that the test raises, and how often it was read."""

    def __init__(self) -> None:
        self.value = 1
        self.reads = 0

    def __call__(self) -> int:
        self.reads += 1
        return self.value


def paced(data_version: DataVersion | None, at: float) -> ReadPace:
    """A pace whose last read began and ended at this time, and that knows the current data version."""
    pace = ReadPace(data_version)
    if data_version is not None:
        pace._last_data_version = data_version.value
    pace.begin_read(at)
    pace.end_read(at, at, next_search_at=0.0)
    return pace


def test_the_first_read_is_due_at_once() -> None:
    assert ReadPace(DataVersion()).is_due(0.0)
    assert ReadPace(None).is_due(0.0)


@pytest.mark.parametrize("data_version", [DataVersion(), None], ids=["sqlite", "postgresql"])
def test_news_asks_for_a_read_and_a_read_takes_the_news(data_version: DataVersion | None) -> None:
    pace = paced(data_version, 100.0)
    assert not pace.is_due(100.001)
    pace.news = True
    assert pace.is_due(100.001)
    pace.begin_read(100.001)
    assert not pace.is_due(100.002)


def test_what_is_announced_during_a_read_asks_for_another() -> None:
    pace = paced(None, 100.0)
    pace.begin_read(101.0)
    pace.news = True
    pace.end_read(101.0, 101.0, next_search_at=0.0)
    assert pace.is_due(101.0)


def test_a_read_without_any_sign_happens_every_half_second() -> None:
    pace = paced(DataVersion(), 100.0)
    assert not pace.is_due(100.0 + READ_EVERY - 0.01)
    assert pace.is_due(100.0 + READ_EVERY)


def test_a_commit_that_nobody_announced_is_seen_by_the_data_version_and_looked_for_seldom() -> None:
    data_version = DataVersion()
    pace = paced(data_version, 100.0)
    assert not pace.is_due(100.2)
    data_version.value += 1
    assert not pace.is_due(100.2 + LOOK_EVERY / 2)  # too soon for another look
    assert data_version.reads == 1
    assert pace.is_due(100.201 + LOOK_EVERY)
    assert not pace.is_due(100.202 + LOOK_EVERY)  # the look has noted the version


def test_PostgreSQL_has_no_data_version_and_reads_more_often() -> None:
    pace = paced(None, 100.0)
    assert not pace.is_due(100.0 + IDLE / 2 - 0.01)
    assert pace.is_due(100.001 + IDLE / 2)


@pytest.mark.parametrize(("took", "pause"), [(0.001, 0.002), (1.0, LONGEST_PAUSE)])
def test_with_work_the_pause_is_twice_the_read_and_bounded(took: float, pause: float) -> None:
    pace = ReadPace(None)
    pace.begin_read(100.0)
    pace.has_work = True
    pace.end_read(100.0, 100.0 + took, next_search_at=0.0)
    assert pace.paused_until == pytest.approx(100.0 + took + pause)
    assert not pace.is_due(100.0 + took)
    assert pace.is_due(100.0001 + took + pause)


def test_news_alone_waits_for_the_next_search() -> None:
    pace = ReadPace(None)
    pace.begin_read(100.0)
    pace.news = True
    pace.end_read(100.0, 100.0, next_search_at=100.05)
    assert not pace.is_due(100.04)
    assert pace.is_due(100.05)


def test_the_thread_waits_for_a_signal_no_longer_than_the_next_read_allows() -> None:
    pace = paced(None, 100.0)
    assert pace.pause(100.0, memory_is_full=False) == IDLE
    pace.has_work = True
    pace.paused_until = 100.005
    assert pace.pause(100.0, memory_is_full=False) == pytest.approx(0.005)
    assert pace.pause(100.0, memory_is_full=True) == LONGEST_PAUSE
