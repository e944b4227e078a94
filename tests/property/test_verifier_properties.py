"""The verifier never raises, and takes nothing that its sender has not signed (S2)."""

from __future__ import annotations

import contextlib

from hypothesis import example, given
from hypothesis import strategies as st
from tests.builders.inbound_calls import BODY, NOW, SECOND, check_ed25519, headers_of, proven_call, secret_for

from heliograph.domain.source.call_body import NoCallBody, read_call_body
from heliograph.domain.source.handshake import HANDSHAKES, HandshakeAnswer, respond
from heliograph.domain.source.inbound_request import Accepted, InboundRequest, Refused, SourceSecret
from heliograph.domain.source.verification import Proof, Verification, VerificationError
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


@given(SIGNED, st.binary(max_size=200), st.data())
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
