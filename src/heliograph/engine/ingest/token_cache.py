"""Who sends: tokens from a memory that is never older than 2 seconds (docs/design/security.md, section 3).

A token that is in use is looked up again behind the back of its requests, so that none of them waits; one that was not used for a
while, or is new, is looked up first. A revoked token is refused at most KNOWN_FOR seconds later, also while the database is slow.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

import psycopg
import structlog

from heliograph.store.database import Database
from heliograph.store.tokens import ApiGrant, find_grant, prefix_of

log = structlog.get_logger(__name__)

KNOWN_FOR: Final = 1.8
AGAIN_AFTER: Final = 0.8
"""Seconds since a token was looked up: until then it counts; from then on it is looked up again."""
MOST_KNOWN: Final = 1_000
MOST_ASKED: Final = 100
"""Look-ups that may wait; beyond, nobody new is let in: guesses must not keep those out who are known."""


class TokenCache:
    """What this process knows of tokens. Look-ups run on one thread, on a connection of its own."""

    def __init__(self, open_database: Callable[[], Database]) -> None:
        self._open = open_database
        self._db: Database | None = None
        self._known: OrderedDict[str, tuple[float, ApiGrant | None]] = OrderedDict()
        self._asked: dict[str, Future[ApiGrant | None]] = {}
        self._lock = threading.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="tokens")

    def known(self, token: str) -> ApiGrant | None:
        """The grant as far as it is known well enough; None: ask `look_up`."""
        found = self._known.get(token)
        if found is None:
            return None
        age = time.monotonic() - found[0]
        if age > AGAIN_AFTER and token not in self._asked:
            self._ask(token, known=True)
        return found[1] if age <= KNOWN_FOR else None

    def look_up(self, token: str) -> Future[ApiGrant | None] | None:
        """Asks the database, together with others who ask for the same. None: too many ask. The future raises the driver's error."""
        if prefix_of(token) is None:
            nobody: Future[ApiGrant | None] = Future()
            nobody.set_result(None)
            return nobody
        return self._ask(token, known=token in self._known)

    def _ask(self, token: str, *, known: bool) -> Future[ApiGrant | None] | None:
        """known: it was good a while ago; there are at most MOST_KNOWN of those, and no guesses keep them out."""
        with self._lock:
            asked = self._asked.get(token)
            if asked is None:
                if len(self._asked) >= MOST_ASKED and not known:
                    return None
                asked = self._asked[token] = self._thread.submit(self._find, token)
            return asked

    def _find(self, token: str) -> ApiGrant | None:
        asked_at = time.monotonic()
        try:
            if self._db is None:
                self._db = self._open()
            grant = find_grant(self._db, token)
        except (sqlite3.Error, psycopg.Error) as error:
            log.warning("token_lookup_failed", error=type(error).__name__, message=str(error)[:200])
            db, self._db = self._db, None
            if db is not None:
                db.close()
            raise
        finally:
            with self._lock:
                self._asked.pop(token, None)
        with self._lock:
            if grant is None:
                self._known.pop(token, None)
            else:
                self._known[token] = (asked_at, grant)
                self._known.move_to_end(token)
                while len(self._known) > MOST_KNOWN:
                    self._known.popitem(last=False)
        return grant

    def close(self) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)
        if self._db is not None:
            self._db.close()
