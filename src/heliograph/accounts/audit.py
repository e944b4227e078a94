"""The audit: one entry for each operation on an object, with its actor (C5: secrets masked).

An entry is written in the transaction of its operation, so neither exists without the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from heliograph.accounts.models import AuditEntry
from heliograph.store.access_refusals import REFUSED
from heliograph.store.database import Database

MASK = "•••"
_SECRETS = frozenset(
    {"password", "key", "secret", "client_secret", "token", "access_token", "refresh_token", "path", "test_path", "digest"}
)


class Deed(StrEnum):
    """The operations that are audited, as the column `what` stores them."""

    CREATED = "created"
    CHANGED = "changed"
    DELETED = "deleted"
    MERGED = "merged"
    SWITCHED_ON = "switched on"
    SWITCHED_OFF = "switched off"
    REVOKED = "revoked"
    CONNECTED = "connected"
    INVITED = "invited"
    LINKED = "made a link for"
    JOINED = "joined"
    PASSWORD_CHANGED = "changed the password of"  # noqa: S105
    SIGNED_IN = "signed in"
    SIGNED_OUT = "signed out everywhere"
    SECOND_FACTOR_ON = "set up the second factor of"
    REPLAYED = "replayed"
    REPLAY_CANCELLED = "cancelled the replay of"
    EXPORTED = "exported"
    APPLIED = "applied"
    DOWNLOADED = "downloaded"
    REFUSED = REFUSED
    ERASED = "erased"
    SECOND_FACTOR_OFF = "removed the second factor of"


def note(
    db: Database,
    account: int,
    *,
    by: str,
    what: Deed,
    kind: str,
    id: int,
    name: str,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Writes an entry. Given both sides, it stores only the differences, and writes no entry if there are none.

    before, after: the values of the object before and after the operation, as JSON can store them; None for no such side.
    """
    if before is not None and after is not None:
        differs = {key for key in {*before, *after} if before.get(key) != after.get(key)}
        if not differs:
            return
        before, after = {k: before[k] for k in before if k in differs}, {k: after[k] for k in after if k in differs}
    AuditEntry.objects.create(
        account_id=account,
        at=db.now(),
        by=by[:60],
        what=what,
        kind=kind,
        object_id=id,
        name=name[:300],
        before=_masked(before),
        after=_masked(after),
    )


def _masked(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: MASK if str(k).lower() in _SECRETS and v not in (None, "") else _masked(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_masked(v) for v in value]
    return value
