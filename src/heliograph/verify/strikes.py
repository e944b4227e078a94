"""Strikes on processes at random or chosen instants: killed, suspended, asked to stop twice."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from heliograph.domain.errors import HeliographError
from heliograph.engine.supervisor.installation_status import RUNNING
from heliograph.engine.worker import inflight_journal
from heliograph.failpoints import Instant
from heliograph.stage.command_processes import ServiceProcess, is_alive, wait_until
from heliograph.verify.ledger import Ledger
from heliograph.verify.trial_manager import Manager

ENDS_WITHIN: Final = 30.0
"""Seconds in which a process that was asked to stop must have ended; its own limit is 10, and the machine may be busy."""
REACHED_WITHIN: Final = 45.0
"""Seconds in which a process under load must come to a failpoint. The longest pause of its supervisor before it starts an engine again is 30."""
TRIES: Final = 3
"""How often a failpoint is armed until a process dies at it."""
_OF_ENGINE: Final = frozenset(Instant) - {Instant.CHANGES_WRITTEN, Instant.CHANGES_COMMITTED}


class StrikeProblem(HeliographError):
    """A process did not do what it has to do when it is struck."""


class Way(StrEnum):
    """The kinds of kills, each in words."""

    KILL = "killed"
    POWER = "killed with all its children"
    ORPHANS = "killed, and its orphans afterwards"


@dataclass(slots=True)
class Striker:
    """Strikes the processes of a trial."""

    manager: Manager
    ledger: Ledger
    random: random.Random
    past_lease: float
    """Seconds for which a process is suspended; longer than a lease."""
    failpoints: Callable[[str], Path]
    """The folder of a machine's failpoints, by its name."""
    journals: dict[str, int] = field(default_factory=dict)
    """Lanes in the journals of engines when they were killed, by worker."""
    strikes: Counter[str] = field(default_factory=Counter)

    def kill(self) -> str:
        """Kills a process. Returns what was done, in words."""
        part, name, pids = self._choose(engine=0.4, others=0.25)
        way = Way.KILL if name != part.command else self.random.choice(list(Way))
        self._kill(part, name, pids, way)
        if way is Way.ORPHANS:
            self._kill_orphans(part, [pid for child, pid in pids.items() if child != name])
        return self._note(part, name, way)

    def stop(self) -> str:
        """Suspends a child for longer than a lease. Returns what was done, in words."""
        part, name, pids = self._choose(engine=0.7, others=0.3)
        _signal([pids[name]], signal.SIGSTOP)
        self.ledger.strike(time.monotonic())
        time.sleep(self.past_lease)
        _signal([pids[name]], signal.SIGCONT)
        self.ledger.strike(time.monotonic())
        return self._note(part, name, "stopped")

    def two_signals(self) -> str:
        """Asks a process to stop, and again within a millisecond. Returns what was done, in words. Raises StrikeProblem."""
        part, name, pids = self._choose(engine=0.2, others=0.2)
        with self.manager.holding():
            process, pid = part.running, pids[name]
            began = time.monotonic()
            _signal([pid], signal.SIGTERM)
            time.sleep(self.random.choice((0.0, 0.0002, 0.001)))
            _signal([pid], signal.SIGTERM)
            has_ended = wait_until(lambda: process.returncode is not None if name == part.command else not is_alive(pid), ENDS_WITHIN)
            self.ledger.strike(began, time.monotonic())
            if not has_ended:
                _signal([pid], signal.SIGKILL)
                raise StrikeProblem(f"{part.name} {name} had not ended {ENDS_WITHIN:.0f} s after two SIGTERMs.")
            if name == part.command and process.returncode:
                raise StrikeProblem(f"{part.name} ended with {process.returncode} after two SIGTERMs.")
        return self._note(part, name, "asked to stop twice")

    def failpoint(self, instant: Instant) -> str:
        """Has a process die at this instant. Returns what was done, in words. Raises StrikeProblem if none comes to it."""
        parts = [part for part in self.manager.parts if (part.command != "web" if instant in _OF_ENGINE else part.command != "worker")]
        part = self.random.choice(parts)
        armed = self.failpoints(part.machine) / instant
        names = {"engine"} if instant in _OF_ENGINE else {"edge", "pages"}
        for _ in range(TRIES):
            serving = wait_until(lambda: {name for name, state in part.states().items() if state == RUNNING} & names, REACHED_WITHIN)
            pids = part.pids()
            if (
                serving
                and serving <= pids.keys()
                and (self._die_in_recovery if instant is Instant.CRASH_RECORDED else self._die)(part, pids, armed)
            ):
                return self._note(part, "", f"dead at {instant}")
        raise StrikeProblem(f"No process of {part.name} came to {instant} in {TRIES} tries.")

    def _die(self, part: ServiceProcess, pids: dict[str, int], armed: Path) -> bool:
        """True if a child has died at the armed instant, and not for another reason."""
        supervisor = [pids[part.command]]
        with self.manager.holding():
            _signal(supervisor, signal.SIGSTOP)  # it must not start the engine again before its journal is read
            try:
                armed.touch()
                if armed.name == Instant.SLOTS_GIVEN_UP:
                    _signal([pids["engine"]], signal.SIGTERM)
                children = [pid for name, pid in pids.items() if name != part.command]
                dead = wait_until(lambda: [pid for pid in children if not is_alive(pid)], REACHED_WITHIN) or []
                self.ledger.strike(time.monotonic())
                if pids.get("engine") in dead:
                    self._count_in_flight(part)
            finally:
                was_reached = not armed.exists()
                armed.unlink(missing_ok=True)
                _signal(supervisor, signal.SIGCONT)
        return was_reached

    def _die_in_recovery(self, part: ServiceProcess, pids: dict[str, int], armed: Path) -> bool:
        """Kills the engine. Whoever records its requests in flight, its supervisor or another worker of the folder, dies before the journal goes.

        False if nobody came to it in time.
        """
        self._kill(part, "engine", pids, Way.KILL, before=armed.touch)
        was_reached = wait_until(lambda: not armed.exists(), REACHED_WITHIN)
        armed.unlink(missing_ok=True)
        self.ledger.strike(time.monotonic())
        return bool(was_reached)

    def _note(self, part: ServiceProcess, name: str, what: str) -> str:
        done = f"{part.name} {what}" if name in (part.name, "") else f"{part.name} {name} {what}"
        self.strikes[done] += 1
        return done

    def _choose(self, *, engine: float, others: float) -> tuple[ServiceProcess, str, dict[str, int]]:
        """A running service, and one of its processes.

        engine: the chance that it is its engine
        others: the chance that it is another child; what is left is for its supervisor, unless a child was asked for and is not there
        """
        while True:
            part = self.random.choice(self.manager.parts)
            pids = part.pids()
            children = [name for name in pids if name != part.command]
            if not children:  # it has just ended: choose another one
                time.sleep(0.1)
                continue
            if self.random.random() >= engine + others:
                return part, part.command, pids
            weights = [engine if name == "engine" else others / 2 for name in children]
            return part, self.random.choices(children, weights)[0], pids

    def _kill(self, part: ServiceProcess, name: str, pids: dict[str, int], way: Way, before: Callable[[], None] = lambda: None) -> None:
        """Kills the process. Reads the in-flight journal while the worker is dead and its supervisor cannot restart it.

        before: called before its supervisor goes on
        """
        with self.manager.holding():
            if name == part.command:
                part.running.kill()
            else:
                _signal([pids[part.command]], signal.SIGSTOP)
            dead = [pid for child, pid in pids.items() if child == name or way is Way.POWER]
            _signal(dead, signal.SIGKILL)
            self.ledger.strike(time.monotonic())
            wait_until(lambda: not any(is_alive(pid) for pid in dead), 10.0)
            if "engine" in pids and pids["engine"] in dead:
                self._count_in_flight(part)
            before()
            if name != part.command:
                _signal([pids[part.command]], signal.SIGCONT)

    def _kill_orphans(self, part: ServiceProcess, orphans: Sequence[int]) -> None:
        """Kills the children of a killed supervisor while they are ending by themselves. The next supervisor may already be running."""
        time.sleep(self.random.uniform(0.0, 1.5))
        _signal(orphans, signal.SIGSTOP)
        self.ledger.strike(time.monotonic())
        if any(is_alive(pid) for pid in orphans):
            self._count_in_flight(part)
        _signal(orphans, signal.SIGKILL)

    def _count_in_flight(self, part: ServiceProcess) -> None:
        self.journals |= inflight_journal.noted(part.flight)


def _signal(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
