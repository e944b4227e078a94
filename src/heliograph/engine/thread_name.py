"""Names of threads that the system's tools show, as Python does itself from 3.14 on."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path
from typing import Final

_LONGEST: Final = 15


def show_thread_name() -> None:
    """Shows the current thread's name in `top -H` and /proc, so that its CPU time can be distinguished. Linux only."""
    with contextlib.suppress(OSError):
        Path("/proc/thread-self/comm").write_text(threading.current_thread().name[:_LONGEST])
