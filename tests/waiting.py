"""Waits for a condition instead of sleeping."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 45.0
"""Seconds that a test waits for an expected event: far more than needed, so that a loaded machine causes no failures. It costs no time when
all is well."""


def until[T](condition: Callable[[], T], timeout: float = PATIENCE, every: float = 0.02) -> T:
    """The first truthy value of `condition`, evaluated every `every` seconds. Raises AssertionError after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise AssertionError(f"still not true after {timeout} s: {getattr(condition, '__qualname__', condition)}, last value {value!r}")
        time.sleep(every)
