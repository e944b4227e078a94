"""The wake-up pipe between the processes of one start."""

from __future__ import annotations

import os
import threading

import pytest
from tests.waiting import PATIENCE

from heliograph.engine.supervisor import wakeup_pipe


def test_whoever_recorded_something_wakes_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    bell = wakeup_pipe.Bell()
    for name, value in bell.environment.items():
        monkeypatch.setenv(name, value)
    woken = threading.Event()
    wakeup_pipe.hear(woken.set)
    ring = wakeup_pipe.ringer()
    for _ in range(3):
        ring()
        assert woken.wait(PATIENCE)
        woken.clear()
    os.close(bell.ring)
    monkeypatch.delenv(wakeup_pipe.RING)


def test_a_bell_that_nobody_hears_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    bell = wakeup_pipe.Bell()
    monkeypatch.setenv(wakeup_pipe.RING, str(bell.ring))
    ring = wakeup_pipe.ringer()
    for _ in range(100_000):  # more than fits into a pipe
        ring()
    bell.close()


def test_without_a_supervisor_nobody_is_woken(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (wakeup_pipe.HEAR, wakeup_pipe.RING):
        monkeypatch.delenv(name, raising=False)
    before = set(threading.enumerate())
    wakeup_pipe.hear(lambda: None)
    wakeup_pipe.ringer()()
    assert set(threading.enumerate()) <= before  # one of another test may end meanwhile
