"""Rounds of signals: a command of ours is started, gets an order of signals at an instant, and has to end in order."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import signal
import time
from dataclasses import dataclass

from heliograph.stage.command_processes import is_alive
from tests.processes import Process, Starter, free_port

ORDERS = tuple(itertools.product((signal.SIGTERM, signal.SIGINT, signal.SIGHUP), repeat=3))
"""Every order of three signals."""
COMMANDS = {"sqlite": ("serve",), "postgresql": ("serve", "web", "worker")}
"""What can be started on each database."""


@dataclass(frozen=True, slots=True)
class Round:
    """One start of a command and three signals.

    gap: the seconds between two signals, at most a millisecond, so that a second one meets the handler of the first
    at_once: True if they come as soon as the first child was started, and False if they come once everything serves
    to_children: True if every second signal goes to each child instead of the supervisor
    """

    command: str
    order: tuple[signal.Signals, ...]
    gap: float
    at_once: bool
    to_children: bool

    def run(self, heliograph: Starter) -> None:
        """Raises AssertionError unless everything ends: the supervisor with 0, and no child is left."""
        process = self._start(heliograph)
        children = process.children()
        for n, number in enumerate(self.order):
            to_children = self.to_children and n % 2 == 0
            for pid in children.values() if to_children else (process.pid,):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            time.sleep(self.gap)
        assert process.wait() == 0, f"{self}: exit code {process.returncode}\n{process.output}"
        assert "Traceback" not in process.output, f"{self}:\n{process.output}"
        left = {name: pid for name, pid in children.items() if is_alive(pid)}
        assert not left, f"{self} leaves {left}"

    def _start(self, heliograph: Starter) -> Process:
        process = heliograph(
            self.command,
            HELIOGRAPH_BIND=f"127.0.0.1:{free_port()}",
            HELIOGRAPH_INGEST_BIND=f"127.0.0.1:{free_port()}",
            HELIOGRAPH_OPERATIONS_BIND=f"127.0.0.1:{free_port()}",
        )
        process.until_printed(
            "child_started" if self.at_once else "Heliograph delivers" if self.command == "worker" else "Heliograph serves"
        )
        return process


def rounds(vendor: str, seed: int) -> list[Round]:
    """Every order of signals once, at instants that the seed chooses."""
    choice = random.Random(seed)
    commands = itertools.cycle(COMMANDS[vendor])
    return [
        Round(next(commands), order, choice.choice((0.0, 0.0002, 0.001)), choice.random() < 0.5, choice.random() < 0.4) for order in ORDERS
    ]
