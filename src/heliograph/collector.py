"""Keeps the garbage collector away from imported objects: they are most of a process's memory, and live as long as it does."""

from __future__ import annotations

import atexit
import contextlib
import gc
from collections.abc import Iterator
from typing import Final

COLLECT_AFTER: Final = (20_000, 20, 20)
"""Thresholds of the garbage collector: a batch creates thousands of objects that live for milliseconds, and hardly any in cycles."""


@contextlib.contextmanager
def importing() -> Iterator[None]:
    """Turns the collector off during imports. They leave hardly any garbage, and its scans would take a tenth of the time."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()


def spare_imported() -> None:
    """Excludes all present objects from scans; call it once everything is imported. A scan of all of Django stops the process for a tenth of a
    second and finds no garbage.
    """
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


def spare_the_end() -> None:
    """Excludes all objects from the scan at the end of the process, which would take a quarter of the time of a short command."""
    atexit.register(gc.freeze)
