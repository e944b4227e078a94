"""What the processes of one start say of an outage of their database or disk: once when it begins, then once a minute, and once when it has ended (O12).

Everything that meets the outage logs its own line, with a traceback perhaps, several times a second. `Outages` stands before the log: it lets
none of these lines through, and writes its own instead, unless another process of the start has. An outage is over once QUIET seconds have passed
without such an error.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, MutableMapping
from typing import Any, Final

import structlog

from heliograph.store.database_trouble import Trouble, detail_of, trouble_of
from heliograph.store.outage_record import OutageFacts, OutageRecord

log = structlog.get_logger(__name__)

SAID_EVERY: Final = 60.0
"""Seconds between two lines about one outage."""
QUIET: Final = 40.0
"""Seconds without an error after which an outage is over. The longest pause between two tries is the supervisor's, of 30 seconds."""


class Outages:
    """The outages that a process meets.

    record: what the processes of the start share
    clock: seconds; it never goes back
    report: called with each error's trouble and the clock's seconds
    """

    def __init__(self, record: OutageRecord | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.record = record or OutageRecord()
        self._clock = clock
        self.report: Callable[[Trouble, float], object] = lambda _trouble, _at: None
        self._waiting = threading.Lock()

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
        with self.record.locked():
            before = self.record.facts
            begins = not before.began_at or now > before.last_at + QUIET
            facts = OutageFacts(now, now, now, 1) if begins else before._replace(last_at=now, errors=before.errors + 1)
            is_due = begins or now >= before.said_at + SAID_EVERY
            self.record.facts = facts._replace(said_at=now) if is_due else facts
        if self._waiting.acquire(blocking=False):
            threading.Thread(target=self._await_end, name="outage", daemon=True).start()
        if is_due:
            event = "database_outage" if begins else "database_outage_goes_on"
            more = {} if begins else {"seconds": round(now - facts.began_at), "errors": facts.errors}
            log.error(event, reason=trouble.value, during=during, error=type(error).__name__, message=detail_of(error), **more)
        return True

    def say_end(self) -> float | None:
        """Writes that the outage is over, if it is. Returns the seconds to wait before it can be; None if there is no outage (any more)."""
        if not self.is_on:
            return None
        with self.record.locked():
            facts = self.record.facts
            if not facts.began_at:
                return None
            left = facts.last_at + QUIET - self._clock()
            if left > 0:
                return left
            self.record.facts = OutageFacts()
        log.warning("database_outage_is_over", seconds=round(facts.last_at - facts.began_at), errors=facts.errors)
        return None

    @property
    def is_on(self) -> bool:
        """True from the first error of an outage until it is over."""
        return bool(self.record.facts.began_at)

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
        self._waiting.release()


PROCESS: Final = Outages(OutageRecord.inherited())
"""The outages that this process meets."""
