"""Whether the database can be used, for /health/ready (O12): whether it answers, whether its folder has room, and what the processes have met."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from heliograph.domain.errors import HeliographError
from heliograph.engine.counters import trouble_since
from heliograph.store.database_trouble import Trouble, trouble_of

WITHIN: Final = 3.0
"""Seconds in which the database must answer."""
REMEMBERED: Final = 1.0
"""Seconds for which an answer counts: many probes ask once."""
ERRORS_COUNT: Final = 10.0
"""Seconds for which an error that a process has met counts. Whether a write succeeds is seen only by those that write, and they try again sooner,
unless the load balancer sends them nothing any more: so it ends by itself."""
FOUND_BY_LOOKING: Final = (Trouble.UNREACHABLE, Trouble.READ_ONLY)
"""What the probe finds itself while it lasts."""
FOUND_COUNT: Final = 2.0
"""Like ERRORS_COUNT, for what the probe finds itself. After a failover a load balancer should not wait longer than senders do."""


class DatabaseProbe:
    """Asks the database.

    look: reads from the database and looks at its folder; raises what the driver or the system raises
    counted: the numbers of each process (heliograph.engine.counters)
    """

    def __init__(self, look: Callable[[], object], counted: Callable[[], Mapping[str, Sequence[int]]], within: float = WITHIN) -> None:
        self._look, self._counted, self._within = look, counted, within
        self._asking = threading.Lock()
        self._running: threading.Thread | None = None
        self._problem = ""
        self._looked_at = float("-inf")

    def problem(self) -> str:
        """A sentence that says why the database cannot be used; "" if it can."""
        with self._asking:
            if time.monotonic() >= self._looked_at + REMEMBERED:
                self._problem = self._found_problem() or self._met_problem()
                self._looked_at = time.monotonic()
            return self._problem

    def _found_problem(self) -> str:
        """Looks on a thread, since a server that is stopped, or a disk that hangs, may never answer. While one look hangs there is no second."""
        if self._running is not None and self._running.is_alive():
            return Trouble.UNREACHABLE.value
        problems: list[str] = []
        self._running = threading.Thread(target=self._note_problem, args=(problems,), name="database probe", daemon=True)
        self._running.start()
        self._running.join(self._within)
        return Trouble.UNREACHABLE.value if not problems else problems[0]

    def _note_problem(self, problems: list[str]) -> None:
        try:
            self._look()
        except HeliographError as error:
            problems.append(str(error))
        except Exception as error:  # noqa: BLE001 -- whatever it is, the database cannot be used
            problems.append((trouble_of(error) or Trouble.UNREACHABLE).value)
        else:
            problems.append("")

    def _met_problem(self) -> str:
        now = time.monotonic()
        for name, values in self._counted().items():
            trouble = trouble_since(values, now - ERRORS_COUNT)
            seconds = FOUND_COUNT if trouble in FOUND_BY_LOOKING else ERRORS_COUNT
            if trouble and trouble_since(values, now - seconds):
                return f"{trouble.value} The process {name} met that within the last {seconds:.0f} seconds."
        return ""
