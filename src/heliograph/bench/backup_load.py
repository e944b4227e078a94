"""Backups beside the work of a scenario, one after another, by the operator's command (O13)."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Self

from heliograph.bench.site import BenchError
from heliograph.stage.ground import Ground


class Backups:
    """Makes backups during a `with` block, each right after the one before. The block ends with the end of the last one."""

    def __init__(self, ground: Ground, say: Callable[[str], None]) -> None:
        self._ground, self._say = ground, say
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._repeat, daemon=True)
        self._made, self._failed = 0, ""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()
        if self._failed or not self._made:
            raise BenchError(f"The backup beside the deliveries failed: {self._failed or 'none was made'}")
        self._say(f"{self._made} backups were made")

    def _repeat(self) -> None:
        file = self._ground.folder / "backup.zip"
        argv = [sys.executable, "-m", "heliograph", "backup", str(file), "--overwrite"]
        while not (self._made and self._stopped.is_set()):
            # A session of its own, as a timer of the system or the schedule starts it: only then Linux gives its processes less of the processors.
            done = subprocess.run(  # noqa: S603 -- our own command
                argv, env=self._ground.environment(log_level="error"), capture_output=True, text=True, check=False, start_new_session=True
            )
            if done.returncode:
                self._failed = done.stderr.strip() or f"exit code {done.returncode}"
                return
            self._made += 1
