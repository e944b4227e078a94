"""How the calls of a source prove themselves: its verification, its handshake and its secrets (S2)."""

from __future__ import annotations

import json
import re
import secrets
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext as _

from heliograph.accounts.audit import Deed
from heliograph.accounts.vault import vault
from heliograph.domain.source.handshake import Handshake
from heliograph.domain.source.verification import Algorithm, Proof, SecretForm, Verification, VerificationError
from heliograph.domain.source.verifier import Unusable, secret_key
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.setup_errors import Invalid, NotThere
from heliograph.sources.models import Source, SourceSecret
from heliograph.sources.services.sources import KIND, lock_source, save_source
from heliograph.store.instants import from_micros
from heliograph.store.secrets import SecretPlace, save_secret

MOST_VALID: Final = 2
"""Secrets that are valid at once."""
STAYS_VALID: Final = timedelta(days=7)
"""How long the secret before goes on being accepted when another is added."""
MADE_BYTES: Final = 32
LONGEST: Final = 1_000
_IN_PATH: Final = re.compile(r"[A-Za-z0-9._~-]+")
"""What stands in a URL as it is."""


@dataclass(frozen=True, slots=True)
class SourceProof:
    """How calls prove themselves. verification: None if nobody has chosen one; then every call is refused."""

    verification: Verification | None
    handshake: Handshake | None

    @classmethod
    def from_settings(cls, stored: Mapping[str, Any]) -> SourceProof:
        """Reads it from a source's settings. What a newer release has written counts as not chosen, as at the door."""
        try:
            verification = Verification.from_body(stored["verification"]) if stored.get("verification") else None
            handshake = Handshake.from_body(stored["handshake"]) if stored.get("handshake") else None
        except VerificationError:
            return cls(None, None)
        return cls(verification, handshake)


def proof_of(source: Source) -> SourceProof:
    """How the calls of a source prove themselves."""
    return SourceProof.from_settings(json.loads(source.settings))


def save_proof(transaction: SetupTransaction, id: int, proof: SourceProof) -> Source:
    """Saves how calls prove themselves. Raises NotThere."""
    row = lock_source(id)
    before = proof_body(proof_of(row))
    others = {name: value for name, value in json.loads(row.settings).items() if name not in before}
    row.settings = json.dumps(others | {name: value for name, value in proof_body(proof).items() if value}, ensure_ascii=False)
    row.version += 1
    return save_source(transaction, row, _audited(before), _audited(proof_body(proof)))


def proof_body(proof: SourceProof) -> dict[str, Any]:
    """The members of the settings that a proof fills; {} for none."""
    return {
        "verification": proof.verification.to_body() if proof.verification else {},
        "handshake": proof.handshake.to_body() if proof.handshake else {},
    }


def _audited(body: Mapping[str, Any]) -> dict[str, Any]:
    """A proof as the audit has it: without the token of a handshake."""
    return {name: {key: value for key, value in part.items() if key != "token"} for name, part in body.items()}


def address_of(source: Source) -> str:
    """The whole address of a source that is called. It can be as secret as a password."""
    return f"{settings.HELIOGRAPH.base_url}/in/{source.path}"


def secrets_of(source: Source) -> Sequence[SourceSecret]:
    """The secrets of a source, the oldest first, also those that have ended."""
    return list(SourceSecret.objects.filter(source=source).order_by("pk"))


def add_secret(transaction: SetupTransaction, id: int, typed: str = "") -> str:
    """Adds a secret. The one that was valid without an end goes on for STAYS_VALID. Returns the secret.

    typed: the sender's; "" to have one made
    Raises NotThere, Invalid.
    """
    row = lock_source(id)
    verification = proof_of(row).verification
    if verification is None or not verification.needs_secret:
        raise Invalid({"secret": [_("First choose how calls prove themselves: as it is now, no secret is needed.")]})
    now = from_micros(transaction.db.now())
    valid = [secret for secret in secrets_of(row) if _is_valid(secret, now)]
    if len(valid) >= MOST_VALID:
        raise Invalid({"secret": [_("Two secrets are valid. End one of them first.")]})
    text = typed.strip() or made_secret(verification)
    _check_text(verification, text)
    for secret in valid:
        if secret.ends is None:
            secret.ends = now + STAYS_VALID
            secret.save()
    added = SourceSecret(account_id=transaction.account, source=row, created_by=transaction.by[:60])
    added.created = now
    added.save()
    save_secret(transaction.db, vault(), _place(row, added.pk), text)
    _note_secrets(transaction, row, len(valid), len(valid) + 1)
    return text


def end_secret(transaction: SetupTransaction, id: int, secret: int) -> None:
    """Ends a secret now: calls that are signed with it are refused, and counted as such, for which its text is kept. Raises NotThere."""
    row = lock_source(id)
    ended = SourceSecret.objects.filter(source=row, pk=secret).first()
    if ended is None:
        raise NotThere(f"There is no secret {secret} here.")
    now = from_micros(transaction.db.now())
    valid = sum(_is_valid(each, now) for each in secrets_of(row))
    if not _is_valid(ended, now):
        return
    ended.ends = now
    ended.save()
    _note_secrets(transaction, row, valid, valid - 1)


def made_secret(verification: Verification) -> str:
    """A new secret of 256 random bits, in the form that the verification expects. Raises Invalid if only the sender can make it."""
    if verification.proof is Proof.SIGNATURE and verification.algorithm is Algorithm.ED25519:
        raise Invalid({"secret": [_("With Ed25519 the sender makes the keys: enter its public one.")]})
    key = secrets.token_bytes(MADE_BYTES)
    if verification.secret_form is SecretForm.HEX:
        return key.hex()
    if verification.secret_form is SecretForm.BASE64:
        return f"{verification.secret_prefix}{b64encode(key).decode('ascii')}"
    return secrets.token_urlsafe(MADE_BYTES)


def _check_text(verification: Verification, text: str) -> None:
    if len(text) > LONGEST or not text.isprintable():
        raise Invalid({"secret": [_("A secret is one line of at most %(n)s characters.") % {"n": intcomma(LONGEST)}]})
    if verification.proof is Proof.PATH and not _IN_PATH.fullmatch(text):
        raise Invalid({"secret": [_("A secret in the path consists of letters, digits, dots, dashes, underscores and tildes.")]})
    try:
        key = secret_key(verification, text) if verification.proof is Proof.SIGNATURE else text.encode()
    except Unusable:
        key = b""
    if not key:
        raise Invalid({"secret": [_("It does not have the form that the verification expects. Copy it again, with its beginning.")]})


def _is_valid(secret: SourceSecret, now: datetime) -> bool:
    return secret.ends is None or now < secret.ends


def _place(row: Source, secret: int) -> SecretPlace:
    return SecretPlace(row.account_id, KIND, row.pk, str(secret))


def _note_secrets(transaction: SetupTransaction, row: Source, before: int, after: int) -> None:
    transaction.note(Deed.CHANGED, KIND, row, {"valid secrets": before}, {"valid secrets": after})
