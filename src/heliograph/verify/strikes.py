"""Kills and suspends processes at random instants, as crashes, service managers and power cuts do."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from heliograph.domain.errors import HeliographError
from heliograph.engine.worker import inflight_journal
from heliograph.stage.command_processes import ServiceProcess, is_alive, wait_until
from heliograph.verify.ledger import Ledger

DELIVERIES_BETWEEN: Final = 25
"""Versions to deliver after a strike before the next one: most strikes hit a system at work, a few one that is just starting."""
AT_ONCE: Final = 0.15
"""The share of strikes that do not wait for these deliveries."""
STANDSTILL: Final = 90.0
"""Seconds without a delivery after which none is expected any more."""


class Standstill(HeliographError):
    """Deliveries have stopped."""


class Way(StrEnum):
    """The kinds of strikes, each in words."""

    KILL = "killed"
    STOP = "stopped"
    POWER = "killed with all its children"
    ORPHANS = "killed, and its orphans afterwards"


@dataclass(slots=True)
class Manager:
    """A service manager: restarts ended processes after a moment. Its thread belongs to the trial."""

    parts: list[ServiceProcess]
    random: random.Random
    restarted: Counter[str] = field(default_factory=Counter)
    _hold: threading.Lock = field(default_factory=threading.Lock)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Starts all processes and keeps them running from now on."""
        for part in self.parts:
            part.start()
        self._thread = threading.Thread(target=self._watch, name="service manager", daemon=True)
        self._thread.start()

    def keep(self, part: ServiceProcess) -> None:
        """Starts one more process and keeps it running too."""
        with self._hold:
            part.start()
            self.parts.append(part)

    def stop(self) -> None:
        """Stops managing; leaves the processes as they are."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def holding(self) -> threading.Lock:
        """A lock; while it is held, nothing is restarted."""
        return self._hold

    def _watch(self) -> None:
        while not self._stop.wait(0.05):
            for part in list(self.parts):
                with self._hold:
                    if part.running.returncode is None:
                        continue
                if self._stop.wait(self.random.uniform(0.0, 0.8)):
                    return
                with self._hold:
                    part.start()
                    self.restarted[part.name] += 1


@dataclass(slots=True)
class Striker:
    """Strikes the processes of a trial."""

    manager: Manager
    ledger: Ledger
    random: random.Random
    past_lease: float
    """Seconds for which a process is suspended; longer than a lease."""
    say: Callable[[str], None] = lambda _: None
    in_flight: int = 0
    strikes: Counter[str] = field(default_factory=Counter)

    def strike(self, count: int) -> None:
        """Strikes `count` times at random instants. Raises Standstill."""
        for _ in range(count):
            self._wait()
            while not self._strike():  # the chosen process has just ended: choose another one
                time.sleep(0.1)

    def _wait(self) -> None:
        if self.random.random() >= AT_ONCE:
            before = self.ledger.delivered
            if not wait_until(lambda: self.ledger.delivered >= before + DELIVERIES_BETWEEN, STANDSTILL):
                came = self.ledger.delivered - before
                raise Standstill(f"Only {came} versions were delivered within {STANDSTILL:.0f} s, although registrations kept coming.")
        time.sleep(self.random.uniform(0.0, 1.0))

    def _strike(self) -> bool:
        part = self.random.choice(self.manager.parts)
        pids = part.pids()
        name, way = self._victim(part, list(pids))
        if name not in pids:
            return False
        if way is Way.STOP:
            self._stop(part, name, pids[name])
        else:
            self._kill(part, name, pids, way)
            if way is Way.ORPHANS:
                self._kill_orphans(part, [pid for child, pid in pids.items() if child != name])
        self.strikes[f"{part.name if part.name == name else f'{part.name} {name}'} {way}"] += 1
        self.say(f"{part.name}: {name} {way}")
        return True

    def _victim(self, part: ServiceProcess, names: list[str]) -> tuple[str, Way]:
        others = [name for name in names if name != part.command]
        if others and self.random.random() < 0.12:
            return self.random.choice(others), Way.STOP
        if others and self.random.random() < 0.6:
            return self.random.choices(others, [2 if name == "engine" else 1 for name in others])[0], Way.KILL
        return part.command, self.random.choice((Way.KILL, Way.POWER, Way.ORPHANS))

    def _kill(self, part: ServiceProcess, name: str, pids: dict[str, int], way: Way) -> None:
        """Kills the process. Reads the in-flight journal while the worker is dead and its supervisor cannot restart it."""
        with self.manager.holding():
            if name == part.command:
                part.running.kill()
            else:
                _signal(pids[part.command], signal.SIGSTOP)
            dead = [pid for child, pid in pids.items() if child == name or way is Way.POWER]
            for pid in dead:
                _signal(pid, signal.SIGKILL)
            self.ledger.strike(time.monotonic())
            wait_until(lambda: not any(is_alive(pid) for pid in dead), 10.0)
            if "engine" in pids and pids["engine"] in dead:
                self.in_flight += inflight_journal.noted(part.flight)
            if name != part.command:
                _signal(pids[part.command], signal.SIGCONT)

    def _kill_orphans(self, part: ServiceProcess, orphans: Sequence[int]) -> None:
        """Kills the children of a killed supervisor while they are ending by themselves. The next supervisor may already be running."""
        time.sleep(self.random.uniform(0.0, 1.5))
        for pid in orphans:
            _signal(pid, signal.SIGSTOP)
        self.ledger.strike(time.monotonic())
        before = inflight_journal.noted(part.flight) if any(is_alive(pid) for pid in orphans) else 0
        for pid in orphans:
            _signal(pid, signal.SIGKILL)
        self.in_flight += before

    def _stop(self, part: ServiceProcess, name: str, pid: int) -> None:
        _signal(pid, signal.SIGSTOP)
        self.ledger.strike(time.monotonic())
        if name == "engine":
            self.in_flight += inflight_journal.noted(part.flight)
        time.sleep(self.past_lease)
        _signal(pid, signal.SIGCONT)
        self.ledger.strike(time.monotonic())


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
