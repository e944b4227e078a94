"""Loads and compiles configuration: once per version and process, shared by its threads (ARCHITECTURE.md, rule 8; F10).

Committed(db).account(7)             the newest committed version
Committed(db).account(7, version)    that version, which never changes
Uncommitted(db).account(7)           what a saver's own transaction has written so far; kept no longer than that
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any, Final

from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.setup.compiled_setup import EventConfig
from heliograph.domain.snapshot import compile_account, compile_event
from heliograph.store import configuration_versions
from heliograph.store.configuration_versions import ACCOUNT, EVENT
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
        self._versions: dict[int, OrderedDict[tuple[int, int], Any]] = {ACCOUNT: OrderedDict(), EVENT: OrderedDict()}
        self._most = {ACCOUNT: accounts, EVENT: events}

    def get(self, db: Database, scope: int, id: int, version: int) -> Any:
        """A version, compiled now if it is not cached. Two threads may compile the same one: the results are equal, and neither waits."""
        versions = self._versions[scope]
        with self._lock:
            if (id, version) in versions:
                versions.move_to_end((id, version))
                return versions[id, version]
        account, _, entries = configuration_versions.entries(db, scope, id, version)
        compiled = compile_account(id, version, entries) if scope == ACCOUNT else compile_event(id, account, version, entries)
        with self._lock:
            versions[id, version] = compiled
            versions.move_to_end((id, version))
            for older in [key for key in versions if key[0] == id][:-VERSIONS]:
                del versions[older]
            while len(versions) > self._most[scope]:
                versions.popitem(last=False)
        return compiled

    def forget(self) -> None:
        """Empties the cache; for tests that swap the database."""
        with self._lock:
            for versions in self._versions.values():
                versions.clear()


PROCESS: Final = ConfigCache()
"""The cache that all parts of this process share."""


class Committed:
    """`domain.snapshot.ConfigProvider` over a connection that sees committed data."""

    def __init__(self, db: Database, cache: ConfigCache = PROCESS) -> None:
        self._db, self._cache = db, cache

    def account(self, account: int, version: int | None = None) -> AccountConfig:
        """The account's configuration at `version` (None: the newest). Raises KeyError for an unknown account."""
        config: AccountConfig = self._cache.get(self._db, ACCOUNT, account, self._newest(ACCOUNT, account) if version is None else version)
        return config

    def event(self, event: int, version: int | None = None) -> EventConfig:
        """The event's configuration at `version` (None: the newest). Raises KeyError for an unknown event."""
        config: EventConfig = self._cache.get(self._db, EVENT, event, self._newest(EVENT, event) if version is None else version)
        return config

    def events(self, events: Iterable[int]) -> dict[int, EventConfig]:
        """The newest configuration of several events, by id; unknown events are omitted."""
        versions = configuration_versions.versions(self._db, (), sorted(set(events)))
        return {id: self.event(id, version) for (_, id), version in versions.items()}

    def account_and_events(self, account: int, events: Iterable[int]) -> tuple[AccountConfig, dict[int, EventConfig]]:
        """The newest configuration of an account and of several of its events, by id, asked for at once; unknown events are omitted."""
        versions = configuration_versions.versions(self._db, [account], sorted(set(events)))
        of_events = {id: self.event(id, version) for (scope, id), version in versions.items() if scope == EVENT}
        return self.account(account, versions[ACCOUNT, account]), of_events

    def _newest(self, scope: int, id: int) -> int:
        versions = configuration_versions.versions(self._db, [id] if scope == ACCOUNT else (), [id] if scope == EVENT else ())
        return versions[scope, id]


class Uncommitted:
    """`domain.snapshot.ConfigProvider` for a saver: it sees what its own transaction has written.

    It keeps the newest configuration of the account until the transaction writes another one, and no longer than itself.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._newest: AccountConfig | None = None

    def forget(self) -> None:
        """Must be called after each write: a version that is rolled back to a savepoint may come again with other content."""
        self._newest = None

    def account(self, account: int, version: int | None = None) -> AccountConfig:
        """The account's configuration; the newest by default."""
        if version is not None:
            return self._compiled(account, version)
        newest = configuration_versions.versions(self._db, [account], ())[ACCOUNT, account]
        if self._newest is None or (self._newest.id, self._newest.version) != (account, newest):
            self._newest = self._compiled(account, newest)
        return self._newest

    def _compiled(self, account: int, version: int) -> AccountConfig:
        _, compiled_version, entries = configuration_versions.entries(self._db, ACCOUNT, account, version)
        return compile_account(account, compiled_version, entries)

    def event(self, event: int, version: int | None = None) -> EventConfig:
        """The event's configuration; the newest by default."""
        account, compiled_version, entries = configuration_versions.entries(self._db, EVENT, event, version)
        return compile_event(event, account, compiled_version, entries)
