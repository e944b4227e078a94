"""Lower priority for long work. Without Django, whose start is long work, too."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from typing import Final

NICE: Final = 10


def be_nice() -> None:
    """For this thread and those that it starts: under Linux a nice value is a thread's, elsewhere the process has its own."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
