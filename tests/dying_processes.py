"""Processes of ours that tests kill, each started again in its place."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

from heliograph.failpoints import VARIABLE, Instant
from tests.waiting import PATIENCE, until


class DyingProcesses:
    """Processes that run one module of the tests. They end with the block."""

    def __init__(self, module: str, env: Mapping[str, str], count: int = 2, *, armed: Path | None = None) -> None:
        """armed: the folder by which they are told at which instant to die; None: they are only killed"""
        self._module, self._count, self._armed = module, count, armed
        self._env = dict(env) if armed is None else {**env, VARIABLE: str(armed)}
        self._processes: list[subprocess.Popen[bytes]] = []
        self.deaths = 0

    def keep_running(self) -> None:
        """Counts those that died, and starts others in their place."""
        dead = [process for process in self._processes if process.poll() is not None]
        self.deaths += len(dead)
        self._processes = [process for process in self._processes if process not in dead]
        while len(self._processes) < self._count:
            command = [sys.executable, "-m", self._module]
            self._processes.append(subprocess.Popen(command, env=self._env, stdout=subprocess.DEVNULL))

    def arm(self, instant: Instant) -> None:
        """The next of them that reaches the instant dies there."""
        assert self._armed is not None
        (self._armed / instant).touch()

    def kill(self, number: int) -> None:
        """Kills one of them."""
        self._processes[number].kill()
        self._processes[number].wait()

    def until_one_died(self) -> None:
        """Waits until one more of them has died, and another one runs in its place."""
        deaths = self.deaths
        self.until(lambda: self.deaths > deaths)

    def until(self, holds: Callable[[], object], timeout: float = 4 * PATIENCE) -> None:
        """Waits until a condition holds, while they run. Those that died have to start first."""

        def holds_while_they_run() -> object:
            self.keep_running()
            return holds()

        until(holds_while_they_run, timeout)

    def __enter__(self) -> Self:
        self.keep_running()
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
