"""The verifier never raises, and takes nothing that its sender has not signed (S2)."""

from __future__ import annotations

import base64
import contextlib
import json
from dataclasses import replace
from urllib.parse import urlencode

from hypothesis import example, given
from hypothesis import strategies as st
from tests.builders.inbound_calls import BODY, CALL_ID, NOW, SECOND, call, check_ed25519, headers_of, proven_call, secret_for, signed_text

from heliograph.domain.source.call_body import NoCallBody, read_call_body
from heliograph.domain.source.handshake import (
    HANDSHAKES,
    X_CRC,
    ChallengePlace,
    Handshake,
    HandshakeAnswer,
    HandshakeMethod,
    Reply,
    ReplyMember,
    respond,
)
from heliograph.domain.source.inbound_request import Accepted, InboundRequest, Refused, SourceSecret
from heliograph.domain.source.verification import (
    Place,
    PlaceKind,
    Proof,
    SecretForm,
    SignatureEncoding,
    SignedPart,
    SignedText,
    TimeUnit,
    Verification,
    VerificationError,
)
from heliograph.domain.source.verification_presets import PRESETS
from heliograph.domain.source.verifier import verify

ROWS = st.sampled_from([preset.verification for preset in PRESETS.values()])
SIGNED = ROWS.filter(lambda row: row.proof is Proof.SIGNATURE)
NAMES = sorted({name for preset in PRESETS.values() for name in headers_of(preset.verification, secret_for(preset.verification))})
WORDS = st.sampled_from(
    ["t=1", "v1=", "v1=00", "v1,", "v1,AAAA", "sha256=", "v0=", ",", " ", "=", "t=", "Basic ", str(NOW // SECOND), "ü", "\xff"]
)
VALUES = st.lists(WORDS | st.text(max_size=8), max_size=6).map("".join) | st.text(max_size=60)
HEADERS = st.lists(st.tuples(st.sampled_from([*NAMES, "authorization", "content-type"]), VALUES), max_size=6)
REQUESTS = st.builds(
    InboundRequest,
    st.sampled_from(["GET", "POST", "HEAD"]),
    st.text(max_size=20).map(lambda text: f"/{text}"),
    st.text(max_size=30) | st.just("crc_token=1&hub.mode=subscribe"),
    HEADERS,
    st.binary(max_size=60) | st.just(BODY),
)
SECRETS = st.lists(st.builds(SourceSecret, st.integers(1, 9), st.text(max_size=40), st.none() | st.integers(0, 2 * NOW)), max_size=4)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=9), inner),
)


@given(ROWS, SECRETS, REQUESTS, st.integers(0, 2 * NOW))
def test_S2_what_nobody_signed_is_refused_and_nothing_raises(
    row: Verification, secrets: list[SourceSecret], request: InboundRequest, now: int
) -> None:
    own = SourceSecret(77, secret_for(row))
    verdict = verify(row, [*secrets, own], request, now, check_ed25519=check_ed25519)
    assert isinstance(verdict, Refused) or (row.proof is not Proof.SIGNATURE and verdict.secret_id != own.id)


@given(SIGNED, st.binary(max_size=200).map(lambda body: b"{" + body), st.data())
def test_S2_a_signed_call_with_one_byte_changed_is_refused(row: Verification, body: bytes, data: st.DataObject) -> None:
    secrets = [SourceSecret(1, secret_for(row))]
    request = proven_call(row, secret_for(row), body)
    assert isinstance(verify(row, secrets, request, NOW, check_ed25519=check_ed25519), Accepted)
    changed = data.draw(st.binary(max_size=200).filter(lambda other: other != body))
    spoilt = InboundRequest(request.method, request.path_rest, request.query, request.headers, changed)
    assert isinstance(verify(row, secrets, spoilt, NOW, check_ed25519=check_ed25519), Refused)


@given(SIGNED, st.integers(-(10**7), 10**7))
def test_S2_a_signed_call_is_taken_within_its_tolerance_only(row: Verification, seconds: int) -> None:
    request = proven_call(row, secret_for(row), at=NOW + seconds * SECOND)
    verdict = verify(row, [SourceSecret(1, secret_for(row))], request, NOW, check_ed25519=check_ed25519)
    assert isinstance(verdict, Accepted) is (not row.checks_age or abs(seconds) <= 300)


@given(st.sampled_from(sorted(HANDSHAKES)), ROWS, SECRETS, REQUESTS)
def test_S2_no_question_makes_a_handshake_raise(name: str, row: Verification, secrets: list[SourceSecret], request: InboundRequest) -> None:
    answer = respond(HANDSHAKES[name], row, secrets, request, NOW, check_ed25519=check_ed25519)
    if isinstance(answer, HandshakeAnswer) and HANDSHAKES[name].signed:
        assert isinstance(verify(row, secrets, request, NOW, check_ed25519=check_ed25519), Accepted)


OWN = st.builds(
    Verification,
    st.just(Proof.SIGNATURE),
    headers=st.just(("x-signature",)),
    prefix=st.sampled_from(["", "v1="]),
    encoding=st.sampled_from(SignatureEncoding),
    secret_form=st.sampled_from(SecretForm),
    signed=st.lists(st.sampled_from([SignedPart.ID, SignedPart.TIMESTAMP, SignedText("."), SignedText("ab-")]), max_size=3).map(
        lambda parts: (*parts, SignedPart.BODY, SignedPart.TIMESTAMP)
    ),
    timestamp=st.sampled_from([Place(PlaceKind.HEADER, "x-time"), Place(PlaceKind.HEADER, "x-time")]),
    unit=st.sampled_from(TimeUnit),
    id=st.just(Place(PlaceKind.HEADER, "x-id")),
)
"""Signatures that somebody has put together from parts."""
QUESTIONS = st.builds(
    Handshake,
    st.sampled_from(HandshakeMethod),
    st.sampled_from([place for place in ChallengePlace if place is not ChallengePlace.NOWHERE]),
    st.just("challenge"),
    members=st.sampled_from(Reply).map(lambda reply: (ReplyMember("signed", reply), ReplyMember("also", Reply.HMAC_HEX))),
)
CALLS = st.sampled_from([b"", b"1", b"true", b"abc", b"{}", b"[]", BODY]) | st.binary(max_size=300) | st.text(max_size=60).map(str.encode)


def question(handshake: Handshake, challenge: str) -> InboundRequest:
    """A handshake as anybody can send it."""
    match handshake.place:
        case ChallengePlace.QUERY:
            return call({}, b"", method=handshake.method, query=urlencode({handshake.challenge: challenge}))
        case ChallengePlace.HEADER:
            return call({handshake.challenge: challenge}, b"", method=handshake.method)
        case _:
            return call({}, json.dumps({handshake.challenge: challenge}).encode(), method=handshake.method)


def hmac_in(answer: HandshakeAnswer) -> bytes:
    """The HMAC that an answer contains."""
    members = json.loads(answer.body)
    if "also" in members:
        return bytes.fromhex(members["also"])
    return base64.b64decode(members["response_token"].removeprefix("sha256="))


@given(SIGNED | OWN, QUESTIONS | st.just(X_CRC), CALLS, st.booleans())
@example(PRESETS["github"].verification, X_CRC, BODY, False)
@example(PRESETS["github"].verification, X_CRC, b"12345", False)
@example(PRESETS["ticket-tailor"].verification, X_CRC, b"12345", False)
def test_S2_no_handshake_signs_a_call(row: Verification, handshake: Handshake, body: bytes, signed_by_nobody: bool) -> None:
    """A stranger lets a handshake sign what a call would sign, and sends the call with that."""
    secrets = [SourceSecret(1, secret_for(row))]
    text = signed_text(row, body, NOW, CALL_ID).decode("utf-8", "replace")
    proof = Verification(Proof.NONE) if signed_by_nobody else row
    answer = respond(replace(handshake, signed=signed_by_nobody), proof, secrets, question(handshake, text), NOW)
    if not isinstance(answer, HandshakeAnswer):
        return
    forged = call(headers_of(row, "", body, made=hmac_in(answer)), body)
    assert isinstance(verify(row, secrets, forged, NOW, check_ed25519=check_ed25519), Refused)


@given(JSON)
def test_S2_no_body_makes_reading_a_verification_raise_anything_else(body: object) -> None:
    with contextlib.suppress(VerificationError):
        Verification.from_body(body)
    with contextlib.suppress(VerificationError):
        Verification.from_body(
            PRESETS["stripe"].verification.to_body() | {"timestamp": body, "signed": body, "tolerance": body, "id": body}
        )


@given(st.binary(max_size=100), st.sampled_from(["", "application/json", "application/x-www-form-urlencoded", "x"]))
@example(b"[" * 100_000, "")
@example(b"9" * 10_000, "")
@example(b"payload=[", "application/x-www-form-urlencoded; charset=utf-8")
@example("﻿[1]".encode(), "")
def test_S2_no_body_makes_reading_it_raise_anything_else(body: bytes, content_type: str) -> None:
    with contextlib.suppress(NoCallBody):
        read_call_body(body, content_type)
