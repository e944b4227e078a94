"""How the processes of one start wake each other: a byte in a pipe says that something was recorded.

The supervisor holds both ends, so the pipe outlives each process. A process that recorded something rings, and the engine looks for work at
once instead of within a fifth of a second. A lost ring costs no more than that: what there is to do is in the database alone.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from typing import Final

from heliograph.engine.thread_name import show_thread_name

HEAR: Final = "HELIOGRAPH_HEAR_PIPE"
RING: Final = "HELIOGRAPH_RING_PIPE"


class Bell:
    """The supervisor's side of the pipe: environment and descriptors for its children."""

    def __init__(self) -> None:
        self.hear, self.ring = os.pipe()
        os.set_blocking(self.ring, False)

    @property
    def environment(self) -> dict[str, str]:
        return {HEAR: str(self.hear), RING: str(self.ring)}

    @property
    def descriptors(self) -> tuple[int, int]:
        return self.hear, self.ring

    def close(self) -> None:
        os.close(self.hear)
        os.close(self.ring)


def ringer() -> Callable[[], None]:
    """Returns a function that tells the engine, from any thread, that something was recorded. Without a supervisor it does nothing."""
    pipe = os.environ.get(RING, "")
    if not pipe:
        return lambda: None
    ring = int(pipe)

    def ring_bell() -> None:
        # full: it is already being woken; broken: this process is about to end too
        with contextlib.suppress(BlockingIOError, BrokenPipeError):
            os.write(ring, b"\0")

    return ring_bell


def hear(wake: Callable[[], None]) -> None:
    """Starts a thread that calls `wake` whenever a process has rung. Without a supervisor it does nothing."""
    pipe = os.environ.get(HEAR, "")
    if pipe:
        threading.Thread(target=_listen, args=(int(pipe), wake), name="waking", daemon=True).start()


def _listen(pipe: int, wake: Callable[[], None]) -> None:
    show_thread_name()
    while os.read(pipe, 4096):
        wake()
