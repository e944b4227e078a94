"""Lowers the priority of long work. Free of Django, because loading Django is long work too."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from typing import Final

NICE: Final = 10


def be_nice() -> None:
    """Applies to this thread and those it starts: on Linux a nice value belongs to a thread, elsewhere to the process."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
