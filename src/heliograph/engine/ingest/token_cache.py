"""Authenticates senders from a cache of tokens (docs/design/security.md, section 3)."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future

from heliograph.engine.ingest.look_up_cache import LookUpCache
from heliograph.store.database import Database
from heliograph.store.token_check import ApiGrant, find_grant, prefix_of


class TokenCache(LookUpCache[ApiGrant]):
    """The tokens that this process knows."""

    def __init__(self, open_database: Callable[[], Database]) -> None:
        super().__init__(open_database, "tokens")

    def _ask(self, db: Database, key: str) -> ApiGrant | None:
        return find_grant(db, key)

    def look_up(self, key: str) -> Future[ApiGrant | None] | None:
        """Asks the database, unless this is no token. As `LookUpCache.look_up`."""
        if prefix_of(key) is None:
            nobody: Future[ApiGrant | None] = Future()
            nobody.set_result(None)
            return nobody
        return super().look_up(key)
