"""A cache of rows that doors look up by a key, never older than 2 seconds (docs/design/security.md, section 3).

A key in use is refreshed in the background, so no request waits for it; a new one, or one not used for a while, is looked up first. What was
revoked or changed counts at most KNOWN_FOR seconds longer, even while the database is slow.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

import structlog

from heliograph.store import driver_errors
from heliograph.store.database import Database

log = structlog.get_logger(__name__)

KNOWN_FOR: Final = 1.8
"""Seconds for which the result of a look-up counts."""
AGAIN_AFTER: Final = 0.8
"""Seconds after a look-up at which a key in use is looked up again."""
MOST_KNOWN: Final = 1_000
MOST_ABSENT: Final = 1_000
MOST_LOOK_UPS: Final = 100
"""Most look-ups that wait. Beyond it unknown keys are refused, so that guesses cannot keep out known senders."""


class LookUpCache[Value](ABC):
    """The keys that this process knows. Look-ups run on one thread, on its own connection.

    name: of the thread, and of the log's line about a failed look-up
    """

    def __init__(self, open_database: Callable[[], Database], name: str) -> None:
        self._open, self._name = open_database, name
        self._db: Database | None = None
        self._known: OrderedDict[str, tuple[float, Value]] = OrderedDict()
        self._absent: OrderedDict[str, float] = OrderedDict()
        self._look_ups: dict[str, Future[Value | None]] = {}
        self._lock = threading.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)

    @abstractmethod
    def _ask(self, db: Database, key: str) -> Value | None:
        """What the database says of a key."""

    def known(self, key: str) -> Value | None:
        """The value if the cache has a fresh one; None: call `look_up`."""
        entry = self._known.get(key)
        if entry is None:
            return None
        looked_up_at, value = entry
        age = time.monotonic() - looked_up_at
        if age > AGAIN_AFTER and key not in self._look_ups:
            self._begin_look_up(key, known=True)
        return value if age <= KNOWN_FOR else None

    def is_absent(self, key: str) -> bool:
        """True if a look-up has just found nothing: the next one would, too."""
        looked_up_at = self._absent.get(key)
        return looked_up_at is not None and time.monotonic() - looked_up_at <= KNOWN_FOR

    def look_up(self, key: str) -> Future[Value | None] | None:
        """Asks the database, sharing the query with concurrent requests for the same key. None: too many look-ups wait. The future raises
        the driver's error."""
        return self._begin_look_up(key, known=key in self._known)

    def _begin_look_up(self, key: str, *, known: bool) -> Future[Value | None] | None:
        """Begins to look a key up, or refuses it if too many look-ups wait.

        known: True if the key was valid a while ago; such a key is never refused here. There are at most MOST_KNOWN of them
        """
        with self._lock:
            look_up = self._look_ups.get(key)
            if look_up is None:
                if len(self._look_ups) >= MOST_LOOK_UPS and not known:
                    return None
                look_up = self._look_ups[key] = self._thread.submit(self._find, key)
            return look_up

    def _find(self, key: str) -> Value | None:
        began = time.monotonic()
        try:
            if self._db is None:
                self._db = self._open()
            value = self._ask(self._db, key)
        except driver_errors.all_errors() as error:
            log.warning("look_up_failed", of=self._name, error=type(error).__name__, message=str(error)[:200])
            db, self._db = self._db, None
            if db is not None:
                db.close()
            raise
        finally:
            with self._lock:
                self._look_ups.pop(key, None)
        with self._lock:
            if value is None:
                self._known.pop(key, None)
                self._absent[key] = began
                self._absent.move_to_end(key)
                while len(self._absent) > MOST_ABSENT:
                    self._absent.popitem(last=False)
            else:
                self._absent.pop(key, None)
                self._known[key] = (began, value)
                self._known.move_to_end(key)
                while len(self._known) > MOST_KNOWN:
                    self._known.popitem(last=False)
        return value

    def close(self) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)
        if self._db is not None:
            self._db.close()
