"""Lowers the priority of long work. Free of Django, because loading Django is long work too."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from typing import Final

NICE: Final = 10


def be_nice() -> None:
    """Lowers the priority of this thread and of those it starts. Linux only: elsewhere a nice value belongs to the whole process."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
