"""Stores OAuth2 tokens (C4, C5), and lets one process at a time request new ones (docs/design/security.md, section 3).

    claim      a compare-and-set on `refreshing_until`, committed before the request: no lock is held while an authority responds
    request    a claim expires by itself, because a process may die during the request
    store      only by the process that still has the claim, and only over the generation that it read

So the tokens of a person who connects during the request are not overwritten.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from heliograph.domain.connection.oauth_access import CLAIM, Access, TokenResponse, expiry
from heliograph.store.database import Database
from heliograph.store.secrets import SecretPlace, Vault

KIND = "oauth"
FIELD = "tokens"
LONGEST_FAILURE = 1_000


def place(account: int, connection: int) -> SecretPlace:
    """The place for which a connection's tokens are sealed."""
    return SecretPlace(account, KIND, connection, FIELD)


def read_access(db: Database, vault: Vault, account: int, connection: int) -> Access:
    """The stored access; an empty one if nothing is stored. Raises WrongKey, MisplacedSecret."""
    rows = db.all(
        "SELECT generation, bond, sealed, in_body, obtained_at, expires_at, refreshing_until, lost, failure FROM oauth_access"
        " WHERE connection_id = :connection AND account_id = :account",
        {"connection": connection, "account": account},
    )
    if not rows:
        return Access()
    generation, bond, sealed, in_body, obtained_at, expires_at, refreshing_until, lost, failure = rows[0]
    tokens = json.loads(vault.open(place(account, connection), sealed)) if sealed is not None else {}
    return Access(
        generation=generation,
        bond=bond,
        access_token=tokens.get("access", ""),
        refresh_token=tokens.get("refresh", ""),
        in_body=None if in_body is None else bool(in_body),
        obtained_at=obtained_at,
        expires_at=expires_at,
        refreshing_until=refreshing_until,
        lost=failure if lost else "",
    )


def claim(db: Database, account: int, connection: int, generation: int, who: str) -> bool:
    """Claims the request for the successor of this generation, for CLAIM; True if it was claimed. In the caller's transaction."""
    now = db.now()
    db.run(
        "INSERT INTO oauth_access (connection_id, account_id) VALUES (:connection, :account) ON CONFLICT (connection_id) DO NOTHING",
        {"connection": connection, "account": account},
    )
    return bool(
        db.run(
            "UPDATE oauth_access SET refreshing_until = :until, refreshing_by = :who WHERE connection_id = :connection AND account_id = :account"
            " AND generation = :generation AND (refreshing_until IS NULL OR refreshing_until <= :now)",
            {
                "connection": connection,
                "account": account,
                "generation": generation,
                "until": now + CLAIM,
                "now": now,
                "who": who,
            },
        )
    )


def keep(
    db: Database, vault: Vault, account: int, connection: int, tokens: TokenResponse, bond: str, *, before: Access, asked_at: int, who: str
) -> bool:
    """Stores the tokens that a claim obtained. False, with nothing stored, if the claim is no longer ours. asked_at: the database's clock.

    A refresh token that was not replaced stays; one that was replaced is discarded (rotation).
    """
    previous_refresh = before.refresh_token if before.bond == bond else ""
    new = _new(vault, account, connection, tokens, previous_refresh, bond, asked_at)
    changed = db.run(
        f"UPDATE oauth_access SET {_NEW_TOKENS}, in_body = :in_body WHERE connection_id = :connection AND account_id = :account"
        " AND generation = :generation AND refreshing_by = :who",
        new | {"generation": before.generation, "who": who},
    )
    if changed:
        _reseal_if_rotated(db, vault, account, connection, new["text"])
    return bool(changed)


def connect(db: Database, vault: Vault, account: int, connection: int, tokens: TokenResponse, bond: str, *, asked_at: int, by: str) -> None:
    """Stores the tokens of a person's sign-in. They replace any others, even if a process is requesting new ones."""
    db.run(
        "INSERT INTO oauth_access (connection_id, account_id) VALUES (:connection, :account) ON CONFLICT (connection_id) DO NOTHING",
        {"connection": connection, "account": account},
    )
    new = _new(vault, account, connection, tokens, "", bond, asked_at)
    db.run(
        f"UPDATE oauth_access SET {_NEW_TOKENS}, in_body = :in_body, holder = :holder, connected_at = :now, connected_by = :by"
        " WHERE connection_id = :connection AND account_id = :account",
        new | {"holder": tokens.holder[:200], "now": db.now(), "by": by[:60]},
    )
    _reseal_if_rotated(db, vault, account, connection, new["text"])


def _reseal_if_rotated(db: Database, vault: Vault, account: int, connection: int, text: str) -> None:
    """The previous statement may have waited for a rotation to end (`store.rotation`): then its value was sealed with a key that no longer
    exists."""
    while vault.refresh():
        db.run(
            "UPDATE oauth_access SET sealed = :sealed WHERE connection_id = :connection AND account_id = :account",
            {"sealed": vault.seal(place(account, connection), text), "connection": connection, "account": account},
        )


_NEW_TOKENS = (
    "generation = generation + 1, bond = :bond, sealed = :sealed, scope = :scope, obtained_at = :asked_at, expires_at = :expires_at,"
    " refreshing_until = NULL, refreshing_by = '', failed_at = NULL, failure = '', lost = :no"
)


def _new(
    vault: Vault, account: int, connection: int, tokens: TokenResponse, previous_refresh: str, bond: str, asked_at: int
) -> dict[str, Any]:
    text = json.dumps({"access": tokens.access_token, "refresh": tokens.refresh_token or previous_refresh})
    return {
        "account": account,
        "connection": connection,
        "bond": bond,
        "sealed": vault.seal(place(account, connection), text),
        "text": text,
        "scope": tokens.scope[:2_000],
        "asked_at": asked_at,
        "expires_at": expiry(asked_at, tokens.life),
        "in_body": tokens.in_body,
        "no": False,
    }


def fail(db: Database, account: int, connection: int, why: str, *, lost: bool, who: str) -> None:
    """Gives back a claim that brought no tokens.

    why: a sentence without secrets
    lost: True if no token will be issued until someone connects again
    """
    db.run(
        "UPDATE oauth_access SET refreshing_until = NULL, refreshing_by = '', failed_at = coalesce(failed_at, :now), failure = :why,"
        " lost = lost OR :lost WHERE connection_id = :connection AND account_id = :account AND refreshing_by = :who",
        {"connection": connection, "account": account, "why": why[:LONGEST_FAILURE], "lost": lost, "now": db.now(), "who": who},
    )


def forget(db: Database, account: int, connection: int) -> None:
    """Deletes the tokens of a deleted connection."""
    db.run(
        "DELETE FROM oauth_access WHERE connection_id = :connection AND account_id = :account",
        {"connection": connection, "account": account},
    )


@dataclass(frozen=True, slots=True)
class ShownAccess:
    """The part of a connection's access that pages show. Instants are microseconds; None = never."""

    bond: str
    scope: str
    holder: str
    obtained_at: int
    expires_at: int | None
    connected_at: int | None
    connected_by: str
    failed_at: int | None
    failure: str
    """Why no new token has been issued since `failed_at`."""
    lost: bool


_SHOWN = "bond, scope, holder, obtained_at, expires_at, connected_at, connected_by, failed_at, failure, lost"


def shown_access(db: Database, account: int, connection: int) -> ShownAccess | None:
    """For pages; None if nothing is stored."""
    return shown_accesses(db, account, connection).get(connection)


def shown_accesses(db: Database, account: int, connection: int | None = None) -> dict[int, ShownAccess]:
    """Of one or of all of an account's connections, by id."""
    rows = db.all(
        f"SELECT connection_id, {_SHOWN} FROM oauth_access WHERE account_id = :account AND sealed IS NOT NULL"
        + ("" if connection is None else " AND connection_id = :connection"),
        {"account": account} | ({} if connection is None else {"connection": connection}),
    )
    accesses = {}
    for id, bond, scope, holder, obtained_at, expires_at, connected_at, connected_by, failed_at, failure, lost in rows:
        accesses[id] = ShownAccess(bond, scope, holder, obtained_at, expires_at, connected_at, connected_by, failed_at, failure, bool(lost))
    return accesses
