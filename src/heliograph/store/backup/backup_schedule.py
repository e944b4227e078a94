"""Scheduled backups: when one is due a process of its own makes it, and the oldest ones are removed (O13).

A thread beside the pages looks every EVERY seconds. Of several processes on PostgreSQL, one makes the backup, in its own folder.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import structlog

from heliograph.store import driver_errors
from heliograph.store.backup.backup_runs import is_due
from heliograph.store.database import Database

log = structlog.get_logger(__name__)

EVERY: Final = 10.0
"""Seconds between two looks."""
AGAIN: Final = 15 * 60 * 1_000_000
"""Microseconds after which a backup that failed is tried again."""
_NAME: Final = re.compile(r"heliograph-\d{8}T\d{6}Z\.backup\.zip")


@dataclass(frozen=True, slots=True)
class Schedule:
    """The settings of scheduled backups."""

    folder: Path
    every: int
    """Microseconds between two."""
    keep: int
    """How many of them stay."""

    def file(self, at: datetime) -> Path:
        """The file of a backup that begins at this instant, in UTC."""
        return self.folder / f"heliograph-{at:%Y%m%dT%H%M%SZ}.backup.zip"

    def remove_old(self) -> list[Path]:
        """Removes all scheduled backups but the newest ones, by the instants in their names; files of other names stay. Returns the removed ones."""
        backups = sorted((file for file in self.folder.iterdir() if _NAME.fullmatch(file.name)), reverse=True)
        for old in backups[self.keep :]:
            old.unlink(missing_ok=True)
        return backups[self.keep :]


def care(open_reader: Callable[[], Database], stop: threading.Event, schedule: Schedule) -> None:
    """Has scheduled backups made until `stop` is set."""
    while not stop.wait(EVERY):
        try:
            with contextlib.closing(open_reader()) as db:
                due = is_due(db, schedule.every, AGAIN)
        except driver_errors.all_errors() as error:
            log.warning("backup_not_looked_for", error=type(error).__name__)
            continue
        if due:
            _run_command(stop)


def _run_command(stop: threading.Event) -> None:
    """Runs `heliograph backup --scheduled` to its end, or ends it when this process stops. The command logs by itself how it went."""
    with _ended_with_this(
        subprocess.Popen([sys.executable, "-P", "-m", "heliograph", "backup", "--scheduled"], start_new_session=True)
    ) as process:
        while process.poll() is None:
            if stop.wait(0.5):
                return


@contextlib.contextmanager
def _ended_with_this(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    try:
        yield process
    finally:
        process.terminate()
        process.wait()
