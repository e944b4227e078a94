"""Loads and compiles configuration: once per version and process, shared by its threads (ARCHITECTURE.md, rule 8; F10).

Committed(db).account(7) what is in force and committed Committed(db).account(7, version) what was in force then: a version never changes
Uncommitted(db).account(7) what a saver's own transaction has written so far; never cached
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any, Final

from heliograph.domain.flow.configuration import AccountConfig
from heliograph.domain.setup.configuration import EventConfig
from heliograph.domain.snapshot import compile_account, compile_event
from heliograph.store import configuration
from heliograph.store.configuration import ACCOUNT, EVENT
from heliograph.store.database import Database

MOST_ACCOUNTS: Final = 512
MOST_EVENTS: Final = 2_048
VERSIONS: Final = 8
"""Cached versions of one account or event: the one in force, those still in use, and those that pages explain."""


class ConfigCache:
    """The most recently used compiled versions. Safe to share between threads.

    For committed versions only: a version that is rolled back may return with other content.
    """

    def __init__(self, *, accounts: int = MOST_ACCOUNTS, events: int = MOST_EVENTS) -> None:
        self._lock = threading.Lock()
        self._kept: dict[int, OrderedDict[tuple[int, int], Any]] = {ACCOUNT: OrderedDict(), EVENT: OrderedDict()}
        self._most = {ACCOUNT: accounts, EVENT: events}

    def get(self, db: Database, scope: int, id: int, version: int) -> Any:
        """A version, compiled now if it is not cached. Two threads may compile the same one: the results are equal, and neither waits."""
        kept = self._kept[scope]
        with self._lock:
            if (id, version) in kept:
                kept.move_to_end((id, version))
                return kept[id, version]
        account, _, entries = configuration.entries(db, scope, id, version)
        compiled = compile_account(id, version, entries) if scope == ACCOUNT else compile_event(id, account, version, entries)
        with self._lock:
            kept[id, version] = compiled
            kept.move_to_end((id, version))
            for older in [key for key in kept if key[0] == id][:-VERSIONS]:
                del kept[older]
            while len(kept) > self._most[scope]:
                kept.popitem(last=False)
        return compiled

    def forget(self) -> None:
        """Empties the cache; for tests that swap the database."""
        with self._lock:
            for kept in self._kept.values():
                kept.clear()


PROCESS: Final = ConfigCache()
"""What this process has compiled."""


class Committed:
    """`domain.snapshot.ConfigSource` over a connection that sees committed data."""

    def __init__(self, db: Database, cache: ConfigCache = PROCESS) -> None:
        self._db, self._cache = db, cache

    def account(self, account: int, version: int | None = None) -> AccountConfig:
        """The account's configuration at `version` (None: the newest). Raises KeyError for an unknown account."""
        found: AccountConfig = self._cache.get(self._db, ACCOUNT, account, self._newest(ACCOUNT, account) if version is None else version)
        return found

    def event(self, event: int, version: int | None = None) -> EventConfig:
        """The event's configuration at `version` (None: the newest). Raises KeyError for an unknown event."""
        found: EventConfig = self._cache.get(self._db, EVENT, event, self._newest(EVENT, event) if version is None else version)
        return found

    def events(self, events: Iterable[int]) -> dict[int, EventConfig]:
        """The newest configuration of several events, by id; unknown events are omitted."""
        found = configuration.versions(self._db, (), sorted(set(events)))
        return {id: self.event(id, version) for (_, id), version in found.items()}

    def _newest(self, scope: int, id: int) -> int:
        found = configuration.versions(self._db, [id] if scope == ACCOUNT else (), [id] if scope == EVENT else ())
        return found[scope, id]


class Uncommitted:
    """`domain.snapshot.ConfigSource` for a saver: it sees what its own transaction has written, and caches nothing."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def account(self, account: int, version: int | None = None) -> AccountConfig:
        """The account's configuration; the newest by default."""
        _, found, entries = configuration.entries(self._db, ACCOUNT, account, version)
        return compile_account(account, found, entries)

    def event(self, event: int, version: int | None = None) -> EventConfig:
        """The event's configuration; the newest by default."""
        account, found, entries = configuration.entries(self._db, EVENT, event, version)
        return compile_event(event, account, found, entries)
