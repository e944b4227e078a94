"""Signals end every process in order, however many come, in whatever order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from tests.databases import DatabaseFacts
from tests.processes import Starter
from tests.signal_rounds import COMMANDS, Round
from tests.waiting import PATIENCE, until

from heliograph.engine.stop_signals import STOP_SIGNALS, stop_signals


@pytest.fixture
def no_nohup() -> Iterator[None]:
    """As in a process that was not started by nohup, which ignores SIGHUP."""
    old = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, old)


@pytest.mark.usefixtures("no_nohup")
def test_O11_a_handler_takes_no_lock() -> None:
    """The thread that is interrupted holds the event's own lock; with `Event.set` in the handler this would wait for ever."""
    stop, main = threading.Event(), threading.get_ident()
    caller: list[int] = []

    def on_stop() -> None:
        caller.append(threading.get_ident())
        stop.set()

    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    with stop_signals(on_stop):
        for number in STOP_SIGNALS:
            with stop._cond:  # type: ignore[attr-defined]  # the lock that Event.set takes
                os.kill(os.getpid(), number)
                os.kill(os.getpid(), number)
            assert stop.wait(PATIENCE)
            stop.clear()
        until(lambda: len(caller) >= 2 * len(STOP_SIGNALS))
    assert main not in caller
    assert {number: signal.getsignal(number) for number in STOP_SIGNALS} == before


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_O11_a_process_that_ends_stays_at_its_exit_code(number: signal.Signals) -> None:
    """A request that comes after the block, while the process still ends, does not turn a clean end into a killed one."""
    code = (
        "import os, sys; from heliograph.engine.stop_signals import stop_signals\n"
        "with stop_signals(print, process_ends=True): pass\n"
        f"os.kill(os.getpid(), {int(number)}); sys.exit(0)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_O11_nohup_keeps_a_start_from_ending_with_its_terminal() -> None:
    code = (
        "import os, sys, threading; from heliograph.engine.stop_signals import stop_signals\n"
        "asked_to_end, requests = threading.Event(), []\n"
        "def stop(): requests.append(1); asked_to_end.set()\n"
        f"with stop_signals(stop): os.kill(os.getpid(), {int(signal.SIGHUP)}); os.kill(os.getpid(), {int(signal.SIGTERM)}); asked_to_end.wait()\n"
        "sys.exit(len(requests) - 1)"
    )
    assert subprocess.run(["nohup", sys.executable, "-c", code], check=False, capture_output=True).returncode == 0


def test_O11_two_signals_within_a_millisecond_end_every_command(heliograph: Starter, fresh_database: DatabaseFacts, vendor: str) -> None:
    twice = (signal.SIGTERM, signal.SIGTERM)
    for command in COMMANDS[vendor]:
        Round(command, twice, gap=0.0002, at_once=False, to_children=False).run(heliograph)
    Round(COMMANDS[vendor][-1], (signal.SIGHUP, signal.SIGINT), gap=0.0, at_once=True, to_children=True).run(heliograph)
