"""The loader of configuration (`domain.snapshot.Source`): compiled once per version, kept for as long as it is asked for."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from heliograph.domain.flow.configuration import AccountConfig
from heliograph.domain.setup.configuration import EventConfig
from heliograph.domain.snapshot import compile_account, compile_event
from heliograph.store import configuration
from heliograph.store.configuration import ACCOUNT, EVENT
from heliograph.store.database import Database

MOST_ACCOUNTS = 256
MOST_EVENTS = 2_048
VERSIONS = 4
"""Of one account or event: what is in force, and what somebody may still be at work with."""


class SnapshotSource:
    """Loads what is in force and remembers it by version, which never changes. Safe to share between threads.

    `database` gives the connection to load by, of the calling thread. It must not be inside a transaction that has saved configuration:
    a version that is rolled back is used again by the next saver. (A saver reads by `platform.services.saving.Reader`.)
    """

    def __init__(self, database: Callable[[], Database], *, accounts: int = MOST_ACCOUNTS, events: int = MOST_EVENTS) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._kept: dict[int, OrderedDict[tuple[int, int], Any]] = {ACCOUNT: OrderedDict(), EVENT: OrderedDict()}
        self._most = {ACCOUNT: accounts, EVENT: events}

    def by(self, database: Callable[[], Database]) -> SnapshotSource:
        """The same memory with another connection to load by: a process compiles a version once, however many of its threads ask."""
        other = SnapshotSource(database)
        other._lock, other._kept, other._most = self._lock, self._kept, self._most
        return other

    def account(self, account: int, version: int | None = None) -> AccountConfig:
        """The account's configuration at `version` (None: the newest committed). Raises KeyError for an unknown account."""
        found: AccountConfig = self._get(ACCOUNT, account, version)
        return found

    def event(self, event: int, version: int | None = None) -> EventConfig:
        """The event's configuration at `version` (None: the newest committed). Raises KeyError for an unknown event."""
        found: EventConfig = self._get(EVENT, event, version)
        return found

    def _get(self, scope: int, id: int, version: int | None) -> Any:
        if version is None:
            version = self._newest(scope, id)
        kept = self._kept[scope]
        with self._lock:
            if (id, version) in kept:
                kept.move_to_end((id, version))
                return kept[id, version]
        # Two threads may compile the same version at once: the results are equal, and nobody waits for the other's database.
        compiled = self._load(scope, id, version)
        with self._lock:
            kept[id, version] = compiled
            kept.move_to_end((id, version))
            for older in [key for key in kept if key[0] == id][:-VERSIONS]:
                del kept[older]
            while len(kept) > self._most[scope]:
                kept.popitem(last=False)
        return compiled

    def _newest(self, scope: int, id: int) -> int:
        ids = [id]
        found = configuration.versions(self._database(), ids if scope == ACCOUNT else [], ids if scope == EVENT else [])
        return found[scope, id]

    def _load(self, scope: int, id: int, version: int) -> AccountConfig | EventConfig:
        account, _, entries = configuration.entries(self._database(), scope, id, version)
        return compile_account(id, version, entries) if scope == ACCOUNT else compile_event(id, account, version, entries)
