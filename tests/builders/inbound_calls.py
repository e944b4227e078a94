"""Calls as senders make them: signed by code of its own, which shares nothing with the verifier."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from heliograph.domain.source.inbound_request import InboundRequest
from heliograph.domain.source.verification import (
    Algorithm,
    PlaceKind,
    Proof,
    SecretForm,
    SignatureEncoding,
    SignedPart,
    SignedText,
    TimeUnit,
    Verification,
)

SECOND = 1_000_000
NOW = 1_800_000_000 * SECOND
CALL_ID = "call-1"
BODY = json.dumps({"id": CALL_ID, "event_id": CALL_ID, "eventId": CALL_ID, "messageStub": CALL_ID, "notification_id": CALL_ID}).encode()
SIGNING_KEY = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"a sender").digest())


def check_ed25519(key: bytes, signature: bytes, text: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, text)
    except (InvalidSignature, ValueError):
        return False
    return True


def secret_for(verification: Verification, seed: str = "a") -> str:
    """A secret of the form that the verification expects. seed: other seeds, other secrets, except for Ed25519"""
    if verification.algorithm is Algorithm.ED25519:
        return verification.secret_prefix + base64.b64encode(SIGNING_KEY.public_key().public_bytes_raw()).decode()
    raw = hashlib.sha256(seed.encode()).digest()
    match verification.secret_form:
        case SecretForm.TEXT:
            return f"sécret:{seed} {raw.hex()}" if verification.proof is not Proof.PATH else f"secret-{raw.hex()}"
        case SecretForm.HEX:
            return verification.secret_prefix + raw.hex()
        case SecretForm.BASE64:
            return verification.secret_prefix + base64.b64encode(raw).decode()


def _key(verification: Verification, secret: str) -> bytes:
    bare = secret.removeprefix(verification.secret_prefix)
    match verification.secret_form:
        case SecretForm.TEXT:
            return secret.encode()
        case SecretForm.HEX:
            return bytes.fromhex(bare)
        case SecretForm.BASE64:
            return base64.b64decode(bare)


def timestamp(unit: TimeUnit, at: int) -> str:
    """at: microseconds"""
    if unit is TimeUnit.ISO:
        return datetime.fromtimestamp(at / SECOND, UTC).isoformat()
    return str(at // SECOND if unit is TimeUnit.SECONDS else at // 1000)


def signed_text(verification: Verification, body: bytes, at: int, id: str) -> bytes:
    """What a sender signs."""
    parts = {SignedPart.ID: id.encode(), SignedPart.TIMESTAMP: timestamp(verification.unit, at).encode(), SignedPart.BODY: body}
    return b"".join(part.text.encode() if isinstance(part, SignedText) else parts[part] for part in verification.signed)


def signature(verification: Verification, secret: str, body: bytes, at: int, id: str, made: bytes = b"") -> str:
    """One item of the signature's header, with its prefix. made: a signature that somebody got otherwise"""
    text = signed_text(verification, body, at, id)
    if not made and verification.algorithm is Algorithm.ED25519:
        made = SIGNING_KEY.sign(text)
    elif not made:
        made = hmac.new(_key(verification, secret), text, verification.algorithm.value).digest()
    return verification.prefix + (made.hex() if verification.encoding is SignatureEncoding.HEX else base64.b64encode(made).decode())


def headers_of(
    verification: Verification, secret: str, body: bytes = BODY, at: int = NOW, id: str = CALL_ID, made: bytes = b""
) -> dict[str, str]:
    """What a sender sends to prove itself, by lower-case names. made: a signature that somebody got otherwise"""
    match verification.proof:
        case Proof.NONE | Proof.PATH:
            return {}
        case Proof.BASIC:
            return {"authorization": "Basic " + base64.b64encode(f"{verification.user}:{secret}".encode()).decode()}
        case Proof.TOKEN:
            headers = {verification.headers[0]: (verification.prefix + secret).encode().decode("latin-1")}
        case Proof.SIGNATURE:
            items = [signature(verification, secret, body, at, id, made)]
            if verification.timestamp is not None and verification.timestamp.kind is PlaceKind.ITEM:
                items.insert(0, verification.timestamp.name + timestamp(verification.unit, at))
            headers = {verification.headers[0]: verification.delimiter.join(items)}
            if verification.timestamp is not None and verification.timestamp.kind is PlaceKind.HEADER:
                headers[verification.timestamp.name] = timestamp(verification.unit, at)
    if verification.id is not None and verification.id.kind is PlaceKind.HEADER:
        headers[verification.id.name] = id
    return headers


def call(headers: Mapping[str, str], body: bytes = BODY, *, method: str = "POST", path_rest: str = "", query: str = "") -> InboundRequest:
    """A call of JSON."""
    pairs = (("content-type", "application/json"), *headers.items())
    return InboundRequest(method, path_rest, query, pairs, body)


def proven_call(verification: Verification, secret: str, body: bytes = BODY, at: int = NOW, id: str = CALL_ID) -> InboundRequest:
    """A call that the verification accepts."""
    path_rest = f"/{secret}" if verification.proof is Proof.PATH else ""
    return call(headers_of(verification, secret, body, at, id), body, path_rest=path_rest)
