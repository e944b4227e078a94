"""Checks whether a call comes from the sender that a source expects (S2).

    header → items → decoded signatures ─┐
                                         ├─ compared in constant time → members of the body → age → Accepted
    secret → key → HMAC of signed text ──┘

It fails closed: without a usable secret nothing is taken. Every listed signature is compared with each secret that is valid. Signatures are
decoded before they are compared, so their spelling does not matter. The age counts last: only a call that is signed can be too old. The body's
JSON is read only of what is signed, or holds the token: a stranger's call costs an HMAC.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple, assert_never

from heliograph.domain.mapping.paths import look_up, parse_path
from heliograph.domain.source.call_body import NoCallBody, read_call_body
from heliograph.domain.source.inbound_request import Accepted, InboundRequest, RefusalReason, Refused, SourceSecret
from heliograph.domain.source.verification import (
    Algorithm,
    Place,
    PlaceKind,
    Proof,
    SecretForm,
    SignatureEncoding,
    SignedPart,
    SignedText,
    TimeUnit,
    Verification,
)

LONGEST_HEADER: Final = 8_192
"""Characters of a header that is read here."""
MOST_SIGNATURES: Final = 20
MOST_SECRETS: Final = 10
LONGEST_ID: Final = 200
"""Characters of a sender's identifier; of a longer one its digest is kept."""
SECOND: Final = 1_000_000
_LONGEST_NUMBER: Final = 15
_ONE_WORD: Final = re.compile(rb"[A-Za-z0-9_-]{1,200}")

type CheckEd25519 = Callable[[bytes, bytes, bytes], bool]
"""(public key, signature, signed text) → whether it fits. The domain knows no cryptography beyond the standard library's."""

_HASHES: Final = {Algorithm.SHA256: hashlib.sha256, Algorithm.SHA1: hashlib.sha1, Algorithm.SHA512: hashlib.sha512}


class Unusable(ValueError):
    """A secret or a signature does not have the form that was chosen."""


class _Evidence(NamedTuple):
    """What a call brings along to prove itself, read from its headers."""

    signatures: list[bytes]
    text: bytes
    at: int | None
    """Its timestamp in microseconds; None if no header has it."""


def is_one_word(text: bytes) -> bool:
    """True for at most 200 letters, digits, dashes and underscores.

    A handshake may sign such a text for anybody, so no call is such a text: a registration has at least a brace or a sign of equality.
    """
    return _ONE_WORD.fullmatch(text) is not None


def verify(
    verification: Verification,
    secrets: Sequence[SourceSecret],
    request: InboundRequest,
    now: int,
    *,
    check_ed25519: CheckEd25519 | None = None,
) -> Accepted | Refused:
    """Whether the call is taken. Never raises, whatever the call contains.

    secrets: those that have ended, too, so that the reason can say that one of them was used
    now: microseconds
    """
    if verification.proof is Proof.NONE:
        return Accepted(None, _sender_id(verification, request))
    usable = sorted((secret for secret in secrets if secret.value), key=lambda each: not each.is_valid(now))[:MOST_SECRETS]
    if not usable or not usable[0].is_valid(now):
        return Refused(RefusalReason.NO_SECRET)
    check = _check_of(verification, request, now, check_ed25519)
    if isinstance(check, Refused):
        return check
    refusals: list[Refused] = []
    for secret in usable:
        refusal = check(secret.value)
        if refusal is None:
            return Accepted(secret.id, _sender_id(verification, request)) if secret.is_valid(now) else Refused(RefusalReason.ENDED_SECRET)
        refusals.append(refusal)
    return next((each for each in refusals if each.reason in _NEAR), refusals[0])


_NEAR: Final = frozenset({RefusalReason.TOO_OLD, RefusalReason.TOO_NEW})
"""What a call is refused for although its signature fits: it says more than that another secret does not."""

type _Check = Callable[[str], Refused | None]
"""Why a secret does not fit the call; None: it does."""


def _check_of(verification: Verification, request: InboundRequest, now: int, check_ed25519: CheckEd25519 | None) -> _Check | Refused:
    """What remains to be checked with each secret. All that does not depend on one is read here, once."""
    match verification.proof:
        case Proof.SIGNATURE:
            return _signature_check(verification, request, now, check_ed25519)
        case Proof.TOKEN:
            return _token_check(verification, request)
        case Proof.BASIC:
            return _password_check(verification, request)
        case Proof.PATH:
            return _path_check(request)
        case Proof.NONE:
            return lambda _secret: None
        case _ as never:
            assert_never(never)


def _signature_check(verification: Verification, request: InboundRequest, now: int, check_ed25519: CheckEd25519 | None) -> _Check | Refused:
    evidence = _evidence(verification, request)
    if isinstance(evidence, Refused):
        return evidence

    def check(secret: str) -> Refused | None:
        try:
            key = secret_key(verification, secret)
        except Unusable:
            return Refused(RefusalReason.UNUSABLE_SECRET)
        if verification.algorithm is Algorithm.ED25519:
            if check_ed25519 is None:
                return Refused(RefusalReason.UNUSABLE_SECRET)
            fits = any(check_ed25519(key, signature, evidence.text) for signature in evidence.signatures)
        else:
            expected = digest(verification.algorithm, key, evidence.text)
            fits = any(hmac.compare_digest(expected, signature) for signature in evidence.signatures)
        if not fits:
            return Refused(RefusalReason.WRONG_SIGNATURE)
        if is_one_word(evidence.text):
            return Refused(RefusalReason.ONE_WORD)
        at = evidence.at
        if at is None and verification.timestamp is not None:
            in_body = _instant_in(_member(request, verification.timestamp.name), verification.unit)
            if isinstance(in_body, Refused):
                return in_body
            at = in_body
        return _age_refusal(verification, at, now)

    return check


def _token_check(verification: Verification, request: InboundRequest) -> _Check | Refused:
    value = _proof_header(verification.headers, request)
    if isinstance(value, Refused):
        return value
    has_prefix = value.startswith(verification.prefix)
    token = value.removeprefix(verification.prefix)

    def check(secret: str) -> Refused | None:
        return None if hmac.compare_digest(_bytes(secret), _sent_bytes(token)) and has_prefix else Refused(RefusalReason.WRONG_TOKEN)

    return check


def _password_check(verification: Verification, request: InboundRequest) -> _Check | Refused:
    value = _proof_header(("authorization",), request)
    if isinstance(value, Refused):
        return value
    scheme, _, credentials = value.partition(" ")
    try:
        decoded = _decoded(credentials.strip(" "), SignatureEncoding.BASE64)
    except Unusable:
        return Refused(RefusalReason.UNREADABLE_SIGNATURE)
    if scheme.lower() != "basic" or b":" not in decoded:
        return Refused(RefusalReason.UNREADABLE_SIGNATURE)
    user, _, password = decoded.partition(b":")

    def check(secret: str) -> Refused | None:
        has_user = hmac.compare_digest(_bytes(verification.user), user)
        has_password = hmac.compare_digest(_bytes(secret), password)
        return None if has_user and has_password else Refused(RefusalReason.WRONG_PASSWORD)

    return check


def _path_check(request: InboundRequest) -> _Check:
    segment = request.path_rest.removeprefix("/").partition("/")[0]

    def check(secret: str) -> Refused | None:
        return None if hmac.compare_digest(_bytes(secret), _bytes(segment)) else Refused(RefusalReason.WRONG_PATH)

    return check


def _evidence(verification: Verification, request: InboundRequest) -> _Evidence | Refused:
    header = _proof_header(verification.headers, request)
    if isinstance(header, Refused):
        return header
    items = [item.strip(" \t") for item in (header.split(verification.delimiter) if verification.delimiter else [header])]
    spellings = [item.removeprefix(verification.prefix) for item in items if item.startswith(verification.prefix)]
    if len(spellings) > MOST_SIGNATURES:
        return Refused(RefusalReason.TOO_MANY_SIGNATURES)
    signatures = list(_readable(spellings, verification.encoding))
    if not signatures:
        return Refused(RefusalReason.UNREADABLE_SIGNATURE)
    timestamp = _value_before_proof(verification.timestamp, request, items)
    id = _value_before_proof(verification.id, request, items)
    if isinstance(timestamp, Refused) or isinstance(id, Refused):
        return Refused(RefusalReason.HEADER_TWICE)
    if SignedPart.ID in verification.signed and not id:
        return Refused(RefusalReason.NO_ID)
    at = None
    if verification.timestamp is not None and verification.timestamp.kind is not PlaceKind.MEMBER:
        read = _instant_in(timestamp, verification.unit)
        if isinstance(read, Refused):
            return read
        at = read
    values = {SignedPart.ID: _sent_bytes(id), SignedPart.TIMESTAMP: _sent_bytes(timestamp), SignedPart.BODY: request.body}
    text = b"".join(_bytes(part.text) if isinstance(part, SignedText) else values[part] for part in verification.signed)
    return _Evidence(signatures, text, at)


def _proof_header(names: Iterable[str], request: InboundRequest) -> str | Refused:
    """The first of these headers that the call has."""
    for name in names:
        values = request.values(name)
        if len(values) > 1:
            return Refused(RefusalReason.HEADER_TWICE)
        if values and values[0]:
            return values[0] if len(values[0]) <= LONGEST_HEADER else Refused(RefusalReason.UNREADABLE_SIGNATURE)
    return Refused(RefusalReason.NO_SIGNATURE)


def _value_before_proof(place: Place | None, request: InboundRequest, items: Iterable[str]) -> str | Refused:
    """As `_value_at`, but "" for a member of the body, whose JSON is read only after the proof."""
    return "" if place is not None and place.kind is PlaceKind.MEMBER else _value_at(place, request, items)


def _value_at(place: Place | None, request: InboundRequest, items: Iterable[str]) -> str | Refused:
    """The value at a place, "" if there is none; refused if there are two.

    items: of the signature's header
    """
    match place:
        case None:
            return ""
        case Place(PlaceKind.HEADER, name):
            values = request.values(name)
        case Place(PlaceKind.ITEM, name):
            values = [item.removeprefix(name) for item in items if item.startswith(name)]
        case Place(PlaceKind.MEMBER, name):
            return _member(request, name)
        case _:
            return ""
    if len(values) > 1:
        return Refused(RefusalReason.HEADER_TWICE)
    return values[0][:LONGEST_HEADER] if values else ""


def _member(request: InboundRequest, path: str) -> str:
    """A text or a number in the body's JSON; "" if there is none."""
    types = request.values("content-type")
    try:
        value = look_up(read_call_body(request.body, types[0] if types else ""), parse_path(path))
    except NoCallBody:
        return ""
    return str(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else ""


def _sender_id(verification: Verification, request: InboundRequest) -> str:
    id = _value_at(verification.id, request, ())
    if isinstance(id, Refused) or not id:
        return ""
    is_plain = len(id) <= LONGEST_ID and id.isprintable()
    return id if is_plain else "sha256:" + hashlib.sha256(_bytes(id)).hexdigest()


def _readable(spellings: Iterable[str], encoding: SignatureEncoding) -> Iterable[bytes]:
    for spelling in spellings:
        try:
            yield _decoded(spelling, encoding)
        except Unusable:
            continue


def _decoded(text: str, encoding: SignatureEncoding) -> bytes:
    """Raises Unusable for anything that is not this encoding, such as an empty text."""
    if not text:
        raise Unusable
    try:
        if encoding is SignatureEncoding.HEX:
            return binascii.unhexlify(text)
        unpadded = text.translate(_FROM_URL_ALPHABET).rstrip("=")
        return base64.b64decode(unpadded + "=" * (-len(unpadded) % 4), validate=True)
    except ValueError:  # binascii.Error is one
        raise Unusable from None


_FROM_URL_ALPHABET: Final = str.maketrans("-_", "+/")


def secret_key(verification: Verification, secret: str) -> bytes:
    """The key that a secret stands for. Raises Unusable."""
    if verification.secret_form is SecretForm.TEXT:
        return _bytes(secret)
    encoding = SignatureEncoding.HEX if verification.secret_form is SecretForm.HEX else SignatureEncoding.BASE64
    return _decoded(secret.removeprefix(verification.secret_prefix), encoding)


def digest(algorithm: Algorithm, key: bytes, text: bytes) -> bytes:
    """The HMAC of a text. algorithm: not Ed25519"""
    return hmac.digest(key, text, _HASHES[algorithm])


def _instant(text: str, unit: TimeUnit) -> int | None:
    """A timestamp in microseconds; None if it cannot be read."""
    if unit is TimeUnit.ISO:
        try:
            at = datetime.fromisoformat(text)
            return round(at.timestamp() * SECOND) if at.tzinfo is not None else None
        except (ValueError, OverflowError):
            return None
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER):
        return None
    return int(text) * (SECOND if unit is TimeUnit.SECONDS else SECOND // 1000)


def _instant_in(text: str, unit: TimeUnit) -> int | Refused:
    """The instant that a call names, in microseconds."""
    if not text:
        return Refused(RefusalReason.NO_TIMESTAMP)
    at = _instant(text, unit)
    return Refused(RefusalReason.UNREADABLE_TIMESTAMP) if at is None else at


def _age_refusal(verification: Verification, at: int | None, now: int) -> Refused | None:
    if verification.tolerance is None or at is None:
        return None
    if now - at > verification.tolerance * SECOND:
        return Refused(RefusalReason.TOO_OLD)
    if at - now > verification.tolerance * SECOND:
        return Refused(RefusalReason.TOO_NEW)
    return None


def _sent_bytes(value: str) -> bytes:
    """The bytes of a header's value."""
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return _bytes(value)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
