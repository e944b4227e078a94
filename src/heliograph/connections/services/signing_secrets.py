"""Signs the requests of a connection (C7), and changes the secret while the target keeps checking.

    rotate    makes a new secret; requests are signed with it and with the secret that the target knows
    finish    the target knows the new secret: the previous one no longer signs
    stop      requests are not signed any more

Until `finish`, the secret that the target knows signs every request, however many new secrets are made.
"""

from __future__ import annotations

import secrets

from heliograph.accounts.vault import vault
from heliograph.connections.services.connections import OWNER, ConnectionFacts, connection_row, save_connection
from heliograph.domain.connection.secret import Secret, signing_secret
from heliograph.domain.errors import HeliographError
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.store.secrets import load_secrets

KEY_BYTES = 32
SIGNS = "requests are signed with a new secret"
ROTATES = "a new secret was made; the one before signs as well until it is finished"
ANOTHER = "another new secret was made in the place of the unfinished one; the one before signs as well"
FINISHED = "finished: the newest secret alone"
STOPPED = "requests are not signed any more"
"""The words of the audit, here and in the four constants above."""


class RotationOpen(HeliographError):
    """A new secret was made and is not finished; another one takes its place. The one before goes on signing."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


def rotate(transaction: SetupTransaction, id: int, *, again: bool = False) -> str:
    """Signs with a new secret from now on. Returns the secret; the page shows it this once, so that somebody enters it at the target.

    again: replaces a new secret that is not finished

    Raises NotThere, RotationOpen.
    """
    stored = load_secrets(transaction.db, vault(), transaction.account, OWNER, [id]).get(id, {})
    rotating = Secret.SIGNING_BEFORE in stored
    if rotating and not again:
        raise RotationOpen
    new = signing_secret(secrets.token_bytes(KEY_BYTES))
    known = {Secret.SIGNING_BEFORE: stored[Secret.SIGNING]} if Secret.SIGNING in stored and not rotating else {}
    audit_text = ANOTHER if rotating else ROTATES if known else SIGNS
    _save(transaction, id, {Secret.SIGNING: new} | known, audit_text)
    return new


def finish(transaction: SetupTransaction, id: int) -> None:
    """Signs with the newest secret alone. Raises NotThere."""
    _save(transaction, id, {}, FINISHED, forget=frozenset({Secret.SIGNING_BEFORE}))


def stop(transaction: SetupTransaction, id: int) -> None:
    """Stops signing. Raises NotThere."""
    _save(transaction, id, {}, STOPPED, forget=frozenset({Secret.SIGNING, Secret.SIGNING_BEFORE}))


def edition(id: int) -> int:
    """The edition of the connection's secrets. A form from before the last change of secrets has an older edition. Raises NotThere."""
    return int(connection_row(id).body.get("edition", 0))


def _save(
    transaction: SetupTransaction, id: int, entered: dict[Secret, str], audit_text: str, *, forget: frozenset[Secret] = frozenset()
) -> None:
    save_connection(
        transaction, ConnectionFacts(connection_row(id).body, secrets=entered, forget=forget), id, confirmed=True, signing=audit_text
    )
