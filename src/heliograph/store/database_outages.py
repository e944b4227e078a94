"""What a process says of an outage of its database or disk: once when it begins, then once a minute, and once when it has ended (O12).

Everything that meets the outage logs its own line, with a traceback perhaps, several times a second. `Outages` stands before the log: it lets
none of these lines through, and writes its own instead. An outage is over once QUIET seconds have passed without such an error.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, MutableMapping
from typing import Any, Final

import structlog

from heliograph.store.database_trouble import Trouble, detail_of, trouble_of

log = structlog.get_logger(__name__)

SAID_EVERY: Final = 60.0
"""Seconds between two lines about one outage."""
QUIET: Final = 40.0
"""Seconds without an error after which an outage is over. The longest pause between two tries is the supervisor's, of 30 seconds."""


class Outages:
    """The outages of one process.

    clock: seconds; it never goes back
    report: called with each error's trouble and the clock's seconds
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.report: Callable[[Trouble, float], object] = lambda _trouble, _at: None
        self._lock = threading.Lock()
        self._began_at: float | None = None
        self._last_at = self._said_at = 0.0
        self._errors = 0

    def note(self, error: BaseException | None, during: str) -> bool:
        """Counts an error that says that the database cannot be used, and writes the line that is due. False for any other error.

        during: what met the error
        """
        trouble = trouble_of(error)
        if trouble is None:
            return False
        assert error is not None
        now = self._clock()
        self.report(trouble, now)
        with self._lock:
            begins = self._began_at is None
            began_at = self._began_at = now if self._began_at is None else self._began_at
            self._last_at = now
            self._errors = 1 if begins else self._errors + 1
            is_due = begins or now >= self._said_at + SAID_EVERY
            if is_due:
                self._said_at = now
            errors = self._errors
        if begins:
            threading.Thread(target=self._await_end, name="outage", daemon=True).start()
        if is_due:
            event = "database_outage" if begins else "database_outage_goes_on"
            facts = {} if begins else {"seconds": round(now - began_at), "errors": errors}
            log.error(event, reason=trouble.value, during=during, error=type(error).__name__, message=detail_of(error), **facts)
        return True

    def say_end(self) -> float | None:
        """Writes that the outage is over, if it is. Returns the seconds to wait before it can be; None if there is no outage (any more)."""
        with self._lock:
            if self._began_at is None:
                return None
            left = self._last_at + QUIET - self._clock()
            if left > 0:
                return left
            seconds, errors, self._began_at = self._last_at - self._began_at, self._errors, None
        log.warning("database_outage_is_over", seconds=round(seconds), errors=errors)
        return None

    @property
    def is_on(self) -> bool:
        """True from the first error of an outage until it is over."""
        return self._began_at is not None

    def without_errors(self, _logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """A processor of structlog. Raises DropEvent for a line about an error of an outage."""
        given = event.get("exc_info")
        error = given if isinstance(given, BaseException) else sys.exception()
        if str(event.get("event", "")).startswith("database_outage") or not self.note(error, str(event.get("event", ""))):
            return event
        raise structlog.DropEvent

    def _await_end(self) -> None:
        while (left := self.say_end()) is not None:
            time.sleep(left)


PROCESS: Final = Outages()
"""The outages of this process."""
