"""A job runs as fast as it can while it is alone, and gives way to live traffic (docs/design/processes.md, section 4; D9)."""

from __future__ import annotations

import time

import pytest
from django.db import connections
from tests.processors import busy_processors

from heliograph.jobs import control, pace
from heliograph.jobs.pace import BESIDE_PAUSE, BUSY_PAUSE, Pace
from heliograph.store.django_database import of_django

pytestmark = pytest.mark.django_db(transaction=True)


def _recorded() -> None:
    """Somebody has recorded a change."""
    of_django(connections["default"]).draw({"change_id": 1})


def _chunk(given: Pace) -> float:
    """The pause after a chunk of one second that itself records a change."""
    given.began()
    _recorded()
    return given.pause(1.0)


def test_alone_it_does_not_rest() -> None:
    alone = Pace()
    assert [_chunk(alone) for _ in range(3)] == [0.0, 0.0, 0.0]


def test_in_serve_it_always_rests_a_little() -> None:
    served = Pace(0.25)
    assert [_chunk(served) for _ in range(2)] == [0.25, 0.25]


def test_D9_while_others_record_it_rests_for_twice_its_time() -> None:
    paced = Pace()
    _chunk(paced)
    _recorded()
    assert [_chunk(paced) for _ in range(2)] == [BESIDE_PAUSE, BESIDE_PAUSE]


def test_D9_while_others_want_the_processors_it_takes_an_eighth_of_one() -> None:
    """The chunk's own CPU counts, not the time that it took: that is longer the more others take."""
    with busy_processors():
        paced = Pace()
        _chunk(paced)
        _recorded()
        began = time.thread_time()
        while time.thread_time() < began + 0.2:
            pass
        paced.began()
        pause = paced.pause(0.2)
    assert 0.2 * BUSY_PAUSE <= pause < 0.4 * BUSY_PAUSE
    assert control.LEASE.total_seconds() / 2 > pace.LONGEST_BUSY_PAUSE


def test_D9_it_goes_on_once_they_have_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "BESIDE_FOR", 0.0)
    paced = Pace()
    _chunk(paced)
    _recorded()
    assert [_chunk(paced) for _ in range(2)] == [0.0, 0.0]
