"""How the processes of one start wake each other: a byte in a pipe says that something was recorded.

The supervisor holds both ends, so that the pipe outlives each process. Whoever recorded something rings; the engine looks at once instead of
within some milliseconds. A bell that is not heard costs these milliseconds and nothing else: the database alone says what there is to do.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from typing import Final

HEAR: Final = "HELIOGRAPH_HEAR_PIPE"
RING: Final = "HELIOGRAPH_RING_PIPE"


class Bell:
    """The supervisor's side. As an environment for its children, and the descriptors that they inherit."""

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
    """Tells the engine that something was recorded; from any thread. Does nothing without a supervisor."""
    pipe = os.environ.get(RING, "")
    if not pipe:
        return lambda: None
    ring = int(pipe)

    def tell() -> None:
        with contextlib.suppress(BlockingIOError, BrokenPipeError):  # full: it is being woken; broken: this process is about to end, too
            os.write(ring, b"\0")

    return tell


def hear(wake: Callable[[], None]) -> None:
    """Calls `wake` on a thread of its own whenever somebody has rung. Does nothing without a supervisor."""
    pipe = os.environ.get(HEAR, "")
    if pipe:
        threading.Thread(target=_listen, args=(int(pipe), wake), name="waking", daemon=True).start()


def _listen(pipe: int, wake: Callable[[], None]) -> None:
    while os.read(pipe, 4096):
        wake()
