"""Clocks that a trial can set: processes with libfaketime see the system's time plus an offset that stands in a file.

Only the time of day jumps. The monotonic clock goes on, as it does when somebody sets a machine's clock.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

PACKAGE: Final = "libfaketime"
"""Debian's package."""


def library() -> Path | None:
    """The library for programs with threads; None if it is not installed."""
    return next(iter(sorted(Path("/usr/lib").glob("**/faketime/libfaketimeMT.so.1"))), None)


class MachineClock:
    """The clock of one machine's processes."""

    def __init__(self, preload: Path, file: Path) -> None:
        """file: the file of the offset, which other users must be able to read if their processes have this clock"""
        self._file = file
        self.set(0)
        self.variables: Final = {
            "LD_PRELOAD": str(preload),
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            # Its remedy for old C libraries ends each timed wait at once on today's: two busy threads then get a thirtieth of the work done.
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",
            "NO_FAKE_STAT": "1",
        }
        """The variables of processes that have this clock. They read the file once a second."""

    def set(self, seconds: int) -> None:
        """Sets the clock to the system's time plus these seconds."""
        beside = self._file.with_suffix(".new")
        beside.write_text(f"{seconds:+d}\n")
        beside.chmod(0o644)
        beside.rename(self._file)
