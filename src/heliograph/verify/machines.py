"""The machines of a trial: what it can do to each beside its processes. All are this one; each has its own clock and folder of failpoints."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Final

from heliograph import failpoints
from heliograph.stage import machine_clocks
from heliograph.stage.machine_clocks import MachineClock
from heliograph.stage.postgres_server import PostgresServer
from heliograph.stage.small_disk import SmallDisk
from heliograph.verify.faults import Fault

DATABASE: Final = "database"
"""The machine of the trial's own server."""


class Machines:
    """Machines by name; "" is the only one on SQLite."""

    def __init__(self, folder: Path, faults: Collection[Fault]) -> None:
        """folder: for clocks and failpoints; other users must be able to read it if the trial has a server of its own"""
        self._folder = folder
        self._has_failpoints = Fault.FAILPOINTS in faults
        self._preload = machine_clocks.library() if Fault.CLOCK_JUMP in faults else None
        self.clocks: dict[str, MachineClock] = {}
        """The clocks that the trial sets."""
        self.server: PostgresServer | None = None
        """The trial's own server."""
        self.disk: SmallDisk | None = None
        """The disk of the database, if the trial can fill it."""

    def variables(self, machine: str) -> dict[str, str]:
        """Environment variables of a machine's processes, which may begin after this call."""
        variables: dict[str, str] = {}
        if self._preload is not None:
            clock = self.clocks.setdefault(machine, MachineClock(self._preload, self._folder / f"clock-{machine}"))
            variables |= clock.variables
        if self._has_failpoints and machine != DATABASE:
            folder = self.failpoints(machine)
            folder.mkdir(exist_ok=True)
            variables[failpoints.VARIABLE] = str(folder)
        return variables

    def failpoints(self, machine: str) -> Path:
        """The folder of a machine's failpoints."""
        return self._folder / f"failpoints-{machine}"
