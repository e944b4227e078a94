"""The codes of erased registrations, as keyed digests (B7): a sender that still has the person cannot bring them back.

A digest says of a code that somebody already knows whether it was erased, and nothing else. Its key is random, one for each account, and stands
in the same database.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection

from heliograph.store.database import Database

_KEY_BYTES = 32


def known(db: Database, codes: Collection[tuple[int, int, str]]) -> set[tuple[int, str]]:
    """Those of these (account, event, code) that were erased, by (event, code).

    The caller holds the configuration of the events, so nobody erases a registration of them now.
    """
    keys = _keys(db, {account for account, _event, _code in codes})
    by_digest = {(event, _digest(keys[account], event, code)): (event, code) for account, event, code in codes if account in keys}
    if not by_digest:
        return set()
    rows = db.all(
        f"SELECT event_id, digest FROM erased_code WHERE {db.member('event_id', 'events')} AND {db.member('digest', 'digests')}",
        {"events": sorted({event for event, _ in by_digest}), "digests": sorted(digest for _, digest in by_digest)},
    )
    return {by_digest[row] for event, digest in rows if (row := (event, digest)) in by_digest}


def remember(db: Database, account: int, event: int, code: str, now: int) -> None:
    """Stores the digest of a code that is erased, in the caller's transaction, which holds the event's configuration exclusively."""
    db.run(
        "INSERT INTO erasure_key (account_id, key) VALUES (:account, :key) ON CONFLICT (account_id) DO NOTHING",
        {"account": account, "key": secrets.token_bytes(_KEY_BYTES)},
    )
    digest = _digest(_keys(db, {account})[account], event, code)
    db.run(
        "INSERT INTO erased_code (event_id, digest, account_id, at) VALUES (:event, :digest, :account, :now)"
        " ON CONFLICT (event_id, digest) DO UPDATE SET at = excluded.at",
        {"event": event, "digest": digest, "account": account, "now": now},
    )


def _keys(db: Database, accounts: Collection[int]) -> dict[int, bytes]:
    rows = db.all(f"SELECT account_id, key FROM erasure_key WHERE {db.member('account_id', 'accounts')}", {"accounts": sorted(accounts)})
    return {account: bytes(key) for account, key in rows}


def _digest(key: bytes, event: int, code: str) -> str:
    return hashlib.blake2b(f"{event} {code}".encode(), key=key, digest_size=32).hexdigest()
