"""Configuration for those who record and explain: compiled once per version and process, and shared by its threads (architecture rule 8).

Only for connections that see what is committed: a saver inside its own transaction reads without a memory, since a version that is
rolled back may come again with other content.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

from heliograph.domain.flow.configuration import AccountConfig
from heliograph.domain.setup.configuration import EventConfig
from heliograph.domain.snapshot import compile_account, compile_event
from heliograph.store import configuration
from heliograph.store.configuration import ACCOUNT, EVENT
from heliograph.store.database import Database

KEPT = 512
"""Compiled versions that a process keeps, of all accounts and events together."""


class _Memory[Config]:
    """The last used compiled versions of one scope."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[int, int], Config] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, id: int, version: int, compiled: Callable[[], Config]) -> Config:
        """The version, compiled now if it is not remembered. Two threads may compile the same one: both get the same thing."""
        key = (id, version)
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
                return found
        made = compiled()
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return made

    def forget(self) -> None:
        """As if nothing had been asked for yet."""
        with self._lock:
            self._kept.clear()


_accounts: _Memory[AccountConfig] = _Memory()
_events: _Memory[EventConfig] = _Memory()


def forget() -> None:
    """Forgets what is remembered: for tests, which put another database in the place of this one."""
    _accounts.forget()
    _events.forget()


class Committed:
    """`domain.snapshot.Source` over a connection."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def account(self, account: int, version: int | None = None) -> AccountConfig:
        """The account's configuration at `version` (None: the newest). Raises KeyError for an unknown account."""
        at = self._newest(ACCOUNT, account) if version is None else version

        def compiled() -> AccountConfig:
            _, _, entries = configuration.entries(self._db, ACCOUNT, account, at)
            return compile_account(account, at, entries)

        return _accounts.get(account, at, compiled)

    def event(self, event: int, version: int | None = None) -> EventConfig:
        """The event's configuration at `version` (None: the newest). Raises KeyError for an unknown event."""
        at = self._newest(EVENT, event) if version is None else version

        def compiled() -> EventConfig:
            account, _, entries = configuration.entries(self._db, EVENT, event, at)
            return compile_event(event, account, at, entries)

        return _events.get(event, at, compiled)

    def events(self, events: set[int]) -> dict[int, EventConfig]:
        """The newest configuration of several events, by id; what is unknown is left out."""
        found = configuration.versions(self._db, (), sorted(events))
        return {id: self.event(id, version) for (_, id), version in found.items()}

    def _newest(self, scope: int, id: int) -> int:
        found = configuration.versions(self._db, [id] if scope == ACCOUNT else (), [id] if scope == EVENT else ())
        return found[scope, id]
