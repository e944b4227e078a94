"""The service manager of a trial: keeps its processes running, as systemd does."""

from __future__ import annotations

import random
import threading
from collections import Counter
from dataclasses import dataclass, field

from heliograph.stage.command_processes import ServiceProcess


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
