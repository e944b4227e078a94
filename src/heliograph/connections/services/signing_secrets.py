"""Signs the requests of a connection (C7), and changes the secret while the target keeps checking.

rotate a new secret; requests are signed with it and with the previous one finish the target knows the new one: the previous one is no
longer used stop no signature
"""

from __future__ import annotations

import secrets

from heliograph.connections.services.connections import OWNER, ConnectionFacts, connection_row, save_connection
from heliograph.connections.vault import vault
from heliograph.domain.connection.connection import Secret, signing_secret
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.store.secrets import load_secrets

KEY_BYTES = 32


def rotate(s: SetupTransaction, id: int) -> str:
    """Signs with a new secret from now on, and returns it: it is shown only once, to be entered at the target. Raises NotThere."""
    new = signing_secret(secrets.token_bytes(KEY_BYTES))
    _save(s, id, {Secret.SIGNING: new} | _before(s, id))
    return new


def finish(s: SetupTransaction, id: int) -> None:
    """Signs only with the newest secret. Raises NotThere."""
    _save(s, id, {}, forget=frozenset({Secret.SIGNING_BEFORE}))


def stop(s: SetupTransaction, id: int) -> None:
    """Stops signing. Raises NotThere."""
    _save(s, id, {}, forget=frozenset({Secret.SIGNING, Secret.SIGNING_BEFORE}))


def _before(s: SetupTransaction, id: int) -> dict[Secret, str]:
    stored = load_secrets(s.db, vault(), s.account, OWNER, [id]).get(id, {})
    return {Secret.SIGNING_BEFORE: stored[Secret.SIGNING]} if Secret.SIGNING in stored else {}


def _save(s: SetupTransaction, id: int, entered: dict[Secret, str], forget: frozenset[Secret] = frozenset()) -> None:
    save_connection(s, ConnectionFacts(connection_row(id).body, secrets=entered, forget=forget), id, confirmed=True)
