"""Stored secrets: encrypted, and bound to their place (C5).

A sealed value opens only in its own place, because account, kind, row and field are encrypted with it. Someone who can write to the
database therefore cannot move one account's password to another account's connection. The database also holds a check value (account 0), so
a process with a wrong key fails when it starts, not at the first delivery.

The keys are `Options.keys`, newest first: the first one encrypts, and any of them decrypts. `store.rotation` replaces them.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, Protocol

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from heliograph.domain.delivery.attempt_sentences import AttemptSentence
from heliograph.domain.errors import HeliographError
from heliograph.store.database import Database

CHECK_ACCOUNT: Final = 0
CHECK_TEXT: Final = "heliograph"


class SecretError(HeliographError):
    """A stored secret cannot be used."""


class WrongKey(SecretError):
    """No key decrypts this secret: it was encrypted with another key, or it is damaged."""


class MisplacedSecret(SecretError):
    """This secret was encrypted for another place."""


class UnknownKey(SecretError):
    """This is not the key that encrypted this database's secrets."""


class SecretPlace(NamedTuple):
    """The place of a secret: the primary key of its row."""

    account: int
    kind: str
    row: int
    field: str


CHECK: Final = SecretPlace(CHECK_ACCOUNT, "key", 0, "check")
SECOND_FACTOR: Final = SecretPlace(0, "second factor", 0, "data")
"""Shared by all second factors: allauth encrypts them without naming the user, and someone who can write to its table could also
delete them."""


class KeySource(Protocol):
    """Where a vault gets its keys if they can change while the process runs (`store.key_file.KeyFile`)."""

    def changed(self) -> Sequence[str] | None:
        """The keys if they have changed since the last call, else None."""


class Vault:
    """Encrypts and decrypts secrets. Safe to share between threads."""

    def __init__(self, keys: Sequence[str], source: KeySource | None = None) -> None:
        """keys: Fernet keys (32 bytes in URL-safe base64), newest first; at least one. source: polled for new keys, so a rotation needs no
        restart. Raises ValueError for an invalid key."""
        self._source, self._lock = source, threading.Lock()
        self._fernets = self._parsed(keys)

    @staticmethod
    def _parsed(keys: Sequence[str]) -> tuple[Fernet, ...]:
        made = tuple(Fernet(key) for key in keys)
        MultiFernet(made)  # raises ValueError if there is no key
        return made

    def __repr__(self) -> str:
        return f"<Vault with {len(self._fernets)} keys>"

    def refresh(self) -> bool:
        """Checks for new keys. Returns True if the keys changed."""
        if self._source is None:
            return False
        before = self._fernets
        with self._lock:  # a thread that finds no change may rely on the keys that another thread has just loaded
            keys = self._source.changed()
            if keys is not None:
                self._fernets = self._parsed(keys)
        return self._fernets is not before

    def seal(self, place: SecretPlace, text: str) -> bytes:
        """Encrypts the text for this place. Sealing the same text twice gives different results."""
        self.refresh()
        return self._fernets[0].encrypt(json.dumps([*place, text]).encode())

    def open(self, place: SecretPlace, sealed: bytes) -> str:
        """Decrypts a secret. Raises WrongKey, or MisplacedSecret if it was sealed for another place."""
        fernets = self._fernets
        try:
            content = MultiFernet(fernets).decrypt(bytes(sealed))
        except InvalidToken:
            if self.refresh() or self._fernets is not fernets:
                return self.open(place, sealed)
            raise WrongKey(AttemptSentence.WRONG_KEY, place=_place_words(place)) from None
        *stored_place, text = json.loads(content)
        if tuple(stored_place) != tuple(place):
            raise MisplacedSecret(AttemptSentence.MISPLACED_SECRET, place=_place_words(place))
        return str(text)

    def renewed(self, place: SecretPlace, sealed: bytes) -> bytes | None:
        """Re-encrypts a secret with the newest key; None if it already is. Raises as `open` does."""
        text = self.open(place, sealed)
        try:
            self._fernets[0].decrypt(bytes(sealed))
        except InvalidToken:
            return self.seal(place, text)
        return None


def check_key(database: Database, vault: Vault) -> None:
    """Checks that the vault has the keys of this database; the first start stores the check value. Call it in a write transaction. Raises
    UnknownKey."""
    _write(database, vault, CHECK, CHECK_TEXT, otherwise="NOTHING")  # if two processes start first with different keys, one of them fails
    if not knows_key(database, vault):
        raise UnknownKey(
            "This is not the key that encrypted this database's secrets. Put the right key into the key file or HELIOGRAPH_KEY. "
            "If you have added a new key, keep the old one after it."
        )


def knows_key(database: Database, vault: Vault) -> bool | None:
    """The same check without writing: True, False, or None if the database has no check value yet."""
    rows = _rows(database, "account_id = :account AND kind = :kind AND row_id = :row AND field = :field", CHECK._asdict())
    if not rows:
        return None
    try:
        vault.open(CHECK, rows[0][1])
    except SecretError:
        return False
    return True


def save_secret(database: Database, vault: Vault, place: SecretPlace, text: str) -> None:
    """Writes or replaces one secret, in the caller's transaction."""
    _write(database, vault, place, text)


def load_secrets(database: Database, vault: Vault, account: int, kind: str, rows: Iterable[int]) -> dict[int, dict[str, str]]:
    """The secrets of some rows of an account, by row and field; rows without secrets are absent. Raises WrongKey, MisplacedSecret."""
    row_list = list(rows)
    if not row_list:
        return {}
    condition = f"account_id = :account AND kind = :kind AND {database.member('row_id', 'rows')}"
    secrets: dict[int, dict[str, str]] = {}
    for place, sealed in _rows(database, condition, {"account": account, "kind": kind, "rows": row_list}):
        secrets.setdefault(place.row, {})[place.field] = vault.open(place, sealed)
    return secrets


def remove_secrets(database: Database, account: int, kind: str, row: int, *, keep: Iterable[str] = ()) -> None:
    """Deletes a row's secrets, except for the fields in `keep`, in the caller's transaction."""
    keep_list = list(keep)
    condition = f" AND NOT ({database.member('field', 'kept')})" if keep_list else ""
    params: dict[str, object] = {"account": account, "kind": kind, "row": row}
    if keep_list:
        params["kept"] = keep_list
    database.run(f"DELETE FROM secret WHERE account_id = :account AND kind = :kind AND row_id = :row{condition}", params)


def _rows(database: Database, condition: str, params: dict[str, object]) -> list[tuple[SecretPlace, bytes]]:
    rows = database.all(f"SELECT account_id, kind, row_id, field, value FROM secret WHERE {condition} ORDER BY 1, 2, 3, 4", params)
    return [(SecretPlace(account, kind, row, field), bytes(value)) for account, kind, row, field, value in rows]


def _write(
    database: Database,
    vault: Vault,
    place: SecretPlace,
    text: str,
    *,
    otherwise: str = "UPDATE SET value = excluded.value, at = excluded.at",
) -> None:
    while True:
        database.run(
            "INSERT INTO secret (account_id, kind, row_id, field, value, at) VALUES (:account, :kind, :row, :field, :value, :at) "
            f"ON CONFLICT (account_id, kind, row_id, field) DO {otherwise}",
            {**place._asdict(), "value": vault.seal(place, text), "at": database.now()},
        )
        # it may have waited for a rotation to end (`store.rotation`), so it may be sealed with a key that no longer exists
        if not vault.refresh():
            return


def _place_words(place: SecretPlace) -> str:
    return f"account {place.account}, {place.kind} {place.row}, {place.field}"
