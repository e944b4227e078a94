"""Authenticates senders from a cache of tokens that is never older than 2 seconds (docs/design/security.md, section 3).

A token in use is refreshed in the background, so no request waits for it; a new one, or one not used for a while, is looked up first. A
revoked token is refused at most KNOWN_FOR seconds later, even while the database is slow.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

import structlog

from heliograph.store import driver_errors
from heliograph.store.database import Database
from heliograph.store.token_check import ApiGrant, find_grant, prefix_of

log = structlog.get_logger(__name__)

KNOWN_FOR: Final = 1.8
"""Seconds for which the result of a look-up counts."""
AGAIN_AFTER: Final = 0.8
"""Seconds after a look-up at which a token in use is looked up again."""
MOST_KNOWN: Final = 1_000
MOST_LOOK_UPS: Final = 100
"""Most look-ups that wait. Beyond it unknown tokens are refused, so that guesses cannot keep out known senders."""


class TokenCache:
    """The tokens that this process knows. Look-ups run on one thread, on its own connection."""

    def __init__(self, open_database: Callable[[], Database]) -> None:
        self._open = open_database
        self._db: Database | None = None
        self._known: OrderedDict[str, tuple[float, ApiGrant | None]] = OrderedDict()
        self._look_ups: dict[str, Future[ApiGrant | None]] = {}
        self._lock = threading.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="tokens")

    def known(self, token: str) -> ApiGrant | None:
        """The grant if the cache has a fresh one; None: call `look_up`."""
        entry = self._known.get(token)
        if entry is None:
            return None
        looked_up_at, grant = entry
        age = time.monotonic() - looked_up_at
        if age > AGAIN_AFTER and token not in self._look_ups:
            self._begin_look_up(token, known=True)
        return grant if age <= KNOWN_FOR else None

    def look_up(self, token: str) -> Future[ApiGrant | None] | None:
        """Asks the database, sharing the query with concurrent requests for the same token. None: too many look-ups wait. The future raises
        the driver's error."""
        if prefix_of(token) is None:
            nobody: Future[ApiGrant | None] = Future()
            nobody.set_result(None)
            return nobody
        return self._begin_look_up(token, known=token in self._known)

    def _begin_look_up(self, token: str, *, known: bool) -> Future[ApiGrant | None] | None:
        """Begins to look a token up, or refuses it if too many look-ups wait.

        known: True if the token was valid a while ago; such a token is never refused here. There are at most MOST_KNOWN of them
        """
        with self._lock:
            look_up = self._look_ups.get(token)
            if look_up is None:
                if len(self._look_ups) >= MOST_LOOK_UPS and not known:
                    return None
                look_up = self._look_ups[token] = self._thread.submit(self._find, token)
            return look_up

    def _find(self, token: str) -> ApiGrant | None:
        began = time.monotonic()
        try:
            if self._db is None:
                self._db = self._open()
            grant = find_grant(self._db, token)
        except driver_errors.all_errors() as error:
            log.warning("token_lookup_failed", error=type(error).__name__, message=str(error)[:200])
            db, self._db = self._db, None
            if db is not None:
                db.close()
            raise
        finally:
            with self._lock:
                self._look_ups.pop(token, None)
        with self._lock:
            if grant is None:
                self._known.pop(token, None)
            else:
                self._known[token] = (began, grant)
                self._known.move_to_end(token)
                while len(self._known) > MOST_KNOWN:
                    self._known.popitem(last=False)
        return grant

    def close(self) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)
        if self._db is not None:
            self._db.close()
