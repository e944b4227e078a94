"""Becomes an operator's program: python -m heliograph.sources.program_launcher, with the number of the opened file that holds the bounds (S6).

It sets the bounds and then replaces itself, so they hold for the program and for whatever that starts. It is a process of its own, because a
process with threads may do nothing of this between fork and exec.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
from typing import Final

PR_SET_PDEATHSIG: Final = 1
MEGABYTE: Final = 1 << 20
MOST_OPEN_FILES: Final = 1_024
CANNOT_RUN: Final = 126


def launch() -> None:
    """Sets the bounds and runs the program. It dies with the thread that started it."""
    with os.fdopen(int(sys.argv[1]), "rb") as file:
        bounds = json.load(file)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != bounds["parent"]:  # it died before that
        os._exit(1)
    os.nice(10)
    for limit, most in (
        (resource.RLIMIT_AS, bounds["memory"] * MEGABYTE),
        (resource.RLIMIT_CPU, bounds["timeout"]),
        (resource.RLIMIT_FSIZE, bounds["output"] * MEGABYTE),
        (resource.RLIMIT_NOFILE, MOST_OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(limit)[1]
        value = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(limit, (value, value))
    try:
        os.chdir(bounds["folder"])
        os.execve(bounds["argv"][0], bounds["argv"], bounds["environment"])  # noqa: S606 -- no shell is the point
    except OSError as error:
        sys.stderr.write(f"{error.filename or bounds['argv'][0]}: {error.strerror}\n")
        sys.stderr.flush()
        os._exit(CANNOT_RUN)


if __name__ == "__main__":
    launch()
