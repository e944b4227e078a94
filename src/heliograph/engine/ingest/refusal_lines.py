"""Lines of the log about what a process refuses (O12): the first of a reason and sender at once, then one line a minute with how often."""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import Final, NamedTuple

import structlog

log = structlog.get_logger(__name__)

SAID_EVERY: Final = 60.0
"""Seconds between two lines of one reason and sender."""
MOST_SENDERS: Final = 20
"""Reasons with their senders within that time. Beyond them only the reason is counted, so that a flood does not fill the log."""


class Refusal(NamedTuple):
    """What one line is about."""

    reason: str
    address: str = ""
    """The sender's on the network."""
    token: str = ""
    """The public part of the token."""


class RefusalLines:
    """Counts the refusals of one kind, from any thread.

    event: the name of the lines in the log
    """

    def __init__(self, event: str, said_every: float = SAID_EVERY) -> None:
        self._event, self._said_every = event, said_every
        self._lock = threading.Lock()
        self._counts: Counter[Refusal] = Counter()
        self._written: set[Refusal] = set()
        self._runs = False

    def count(self, refusal: Refusal) -> None:
        """Counts a refusal. The first of its kind is written at once."""
        with self._lock:
            if refusal not in self._written and len(self._written) >= MOST_SENDERS:
                refusal = Refusal(refusal.reason)
            if refusal in self._written:
                self._counts[refusal] += 1
                return
            self._written.add(refusal)
            starts, self._runs = not self._runs, True
        self._write(refusal, 1)
        if not starts:
            return

        def write_until_quiet() -> None:
            time.sleep(self._said_every)
            while self.write():
                time.sleep(self._said_every)

        threading.Thread(target=write_until_quiet, name=self._event.replace("_", " "), daemon=True).start()

    def write(self) -> bool:
        """Writes what was counted since the last time. False if there was nothing: the next refusal is then written at once."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
            self._written = set(counts)
            self._runs = bool(counts)
        for refusal, times in counts.items():
            self._write(refusal, times)
        return bool(counts)

    def _write(self, refusal: Refusal, times: int) -> None:
        log.warning(self._event, times=times, **{name: value for name, value in refusal._asdict().items() if value})
