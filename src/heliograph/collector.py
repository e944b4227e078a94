"""The garbage collector, kept away from what is imported: that stays for ever, and most of what a process of ours holds was imported."""

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
    """Turns the collector off within: imports leave hardly any garbage, and it would look for some again and again, for a tenth of the time."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()


def spare_imported() -> None:
    """Keeps the collector from scanning what is imported now, this once too: a scan of all of Django takes a tenth of a second, in which the
    process does nothing else, and finds no garbage. Call it once everything is imported."""
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


def spare_the_end() -> None:
    """Keeps it from scanning everything once more when the process ends: that would be a quarter of the time that a short command takes."""
    atexit.register(gc.freeze)
