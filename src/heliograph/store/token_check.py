"""API tokens, checked by plain SQL (docs/design/security.md, section 3).

A token is `hg_<prefix>_<secret>`: the prefix finds its row, the secret is 256 random bits, and only the SHA-256 of the whole token is
stored.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from heliograph.store.database import Database

_SHAPE = re.compile(r"hg_([0-9a-f]{12})_[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class ApiGrant:
    """What a token may do.

    scopes: values of `accounts.models.TokenScope`.
    expires: microseconds, None = never.
    last_used: microseconds, as stored; None = never.
    role: a value of `accounts.models.Role`, which limits what the scopes allow (P1).
    """

    token: int
    account: int
    scopes: frozenset[str]
    expires: int | None = None
    role: str = "Administrator"
    last_used: int | None = None

    @property
    def actor(self) -> str:
        """The actor's name in changes and in the audit log."""
        return f"token:{self.token}"


def new_token() -> str:
    """A new token. It is shown once and never stored."""
    return f"hg_{secrets.token_hex(6)}_{secrets.token_urlsafe(32)}"


def prefix_of(token: str) -> str | None:
    """The prefix that finds the token's row; None if this is not a token."""
    match = _SHAPE.fullmatch(token)
    return match[1] if match else None


def digest_of(token: str) -> str:
    """The digest to store. Tokens are random, so a slow hash is not needed."""
    return hashlib.sha256(token.encode()).hexdigest()


def find_grant(db: Database, token: str) -> ApiGrant | None:
    """What the token may do now; None if it is unknown, revoked or expired. Callers may cache the answer for at most 2 seconds."""
    prefix = prefix_of(token)
    if prefix is None:
        return None
    rows = db.all(
        "SELECT id, account_id, digest, scopes, expires, role, last_used FROM api_token WHERE prefix = :prefix AND revoked IS NULL AND (expires IS NULL OR expires > :now)",
        {"prefix": prefix, "now": db.now()},
    )
    for id, account, digest, scopes, expires, role, last_used in rows:
        if hmac.compare_digest(digest, digest_of(token)):
            return ApiGrant(id, account, frozenset(json.loads(scopes) if isinstance(scopes, str) else scopes), expires, role, last_used)
    return None


def note_use(db: Database, tokens: Iterable[int], at: int) -> None:
    """Stores when tokens were last used, many at once. Called from time to time, never per request."""
    db.many(
        "UPDATE api_token SET last_used = :at WHERE id = :id AND (last_used IS NULL OR last_used < :at)",
        [{"id": id, "at": at} for id in sorted(set(tokens))],
    )
