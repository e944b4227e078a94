"""Faults of what Heliograph stands on: its disk, its database's server, its machines' clocks."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from heliograph.stage.command_processes import wait_until
from heliograph.stage.postgres_server import PostgresServer
from heliograph.verify.machines import Machines
from heliograph.verify.strikes import Striker

LASTS: Final = (2.0, 5.0)
"""Seconds for which a fault lasts."""
NEEDS_ROOM_WITHIN: Final = 30.0
"""Seconds in which a database under load must need a new block. SQLite first overwrites the log that it has."""
JUMP: Final = (15, 40)
"""Seconds of a clock's jump: some leases, and not so much that a retry that is due at the jumped clock's time would outlast the trial."""
NOTICED_WITHIN: Final = 2.0
"""Seconds after a fault in which a process may still end because of it."""


@dataclass(slots=True)
class Surroundings:
    """What the trial's processes stand on."""

    machines: Machines
    striker: Striker
    random: random.Random
    refused: Callable[[], int]
    """The number of times that a sender was not answered with success, so far."""

    def full_disk(self) -> str:
        """Fills the disk until senders are refused, and for some seconds more. Returns what was done, in words."""
        disk, server = self.machines.disk, self.machines.server
        assert disk is not None
        began, before = time.monotonic(), self.refused()
        disk.fill()
        wait_until(lambda: self.refused() > before, NEEDS_ROOM_WITHIN)
        killed = self.striker.kill() if self.random.choice((True, False)) else ""
        time.sleep(self.random.uniform(*LASTS))
        disk.free()
        if server is not None and wait_until(lambda: not server.is_running, NOTICED_WITHIN):
            server.start()  # it could not go on without its log, and ended; an operator starts it again
        self.striker.ledger.strike(began, time.monotonic() + NOTICED_WITHIN)
        return f"the disk was full{', and meanwhile ' + killed if killed else ''}"

    def clock_jump(self) -> str:
        """Sets a machine's clock, and some seconds later back. Returns what was done, in words."""
        machine = self.random.choice(sorted(self.machines.clocks))
        seconds = self.random.choice((-1, 1)) * self.random.randint(*JUMP)
        began = time.monotonic()
        self.machines.clocks[machine].set(seconds)
        time.sleep(self.random.uniform(*LASTS))
        self.machines.clocks[machine].set(0)
        self.striker.ledger.strike(began, time.monotonic() + NOTICED_WITHIN)
        return f"the clock of {machine or 'the machine'} jumped {'forward' if seconds > 0 else 'back'}"

    def database_restart(self) -> str:
        """Shuts the server down and starts it again. Returns what was done, in words."""
        how = self.random.choice((signal.SIGINT, signal.SIGQUIT))
        began = time.monotonic()
        self._server.halt(how)
        time.sleep(self.random.uniform(0.0, LASTS[0]))
        self._server.start()
        self.striker.ledger.strike(began, time.monotonic() + NOTICED_WITHIN)
        return f"the database was shut down {'fast' if how is signal.SIGINT else 'immediately'}"

    def database_stall(self) -> str:
        """Suspends the server for longer than a lease. Returns what was done, in words."""
        began = time.monotonic()
        self._server.stall()
        time.sleep(self.striker.past_lease)
        self._server.resume()
        self.striker.ledger.strike(began, time.monotonic() + NOTICED_WITHIN)
        return "the database stood still"

    @property
    def _server(self) -> PostgresServer:
        assert self.machines.server is not None
        return self.machines.server
