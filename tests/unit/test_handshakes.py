"""The answers to senders' handshakes (S2)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from urllib.parse import urlencode

import pytest
from tests.builders.inbound_calls import NOW, SECOND, call, headers_of

from heliograph.domain.source.handshake import (
    ANY_GET,
    GRAPH,
    HANDSHAKES,
    LARGEST_QUESTION,
    META,
    OKTA,
    SLACK,
    X_CRC,
    ZOOM,
    ChallengePlace,
    Handshake,
    HandshakeAnswer,
    HandshakeMethod,
    respond,
)
from heliograph.domain.source.inbound_request import InboundRequest, RefusalReason, Refused, SourceSecret
from heliograph.domain.source.verification import Proof, Verification, VerificationError
from heliograph.domain.source.verification_presets import PRESETS

SECRET = SourceSecret(1, "newest")
OLDER = SourceSecret(2, "older", NOW + SECOND)
TOKEN = Verification(Proof.TOKEN, headers=("x-token",))


def answer(handshake: Handshake, request: InboundRequest, *secrets: SourceSecret, verification: Verification = TOKEN) -> object:
    found = respond(handshake, verification, secrets or (SECRET, OLDER), request, NOW)
    if isinstance(found, HandshakeAnswer) and found.is_json:
        return json.loads(found.body)
    return found.body.decode() if isinstance(found, HandshakeAnswer) else found


def get(query: dict[str, str] | str = "", **headers: str) -> InboundRequest:
    return call(headers, b"", method="GET", query=query if isinstance(query, str) else urlencode(query))


def hex_of(secret: str, text: str) -> str:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def test_S2_meta_gets_its_challenge_for_the_token_that_was_typed() -> None:
    asked = {"hub.mode": "subscribe", "hub.verify_token": "tökén", "hub.challenge": "1158201444"}
    handshake = replace(META, token="tökén")
    assert answer(handshake, get(asked)) == "1158201444"
    assert answer(handshake, get(asked | {"hub.verify_token": "other"})) == Refused(RefusalReason.WRONG_HANDSHAKE)
    assert answer(handshake, get({"hub.mode": "subscribe", "hub.challenge": "1"})) == Refused(RefusalReason.WRONG_HANDSHAKE)
    assert answer(META, get(asked | {"hub.verify_token": ""})) == Refused(RefusalReason.WRONG_HANDSHAKE)
    assert META.needs_token
    assert not handshake.needs_token
    assert answer(handshake, get(asked | {"hub.mode": "unsubscribe"})) is None
    assert answer(handshake, get(urlencode(asked) + "&hub.challenge=2")) is None


def test_S2_zoom_gets_the_hmac_of_its_token_if_it_has_signed_its_question() -> None:
    zoom = PRESETS["zoom"].verification
    body = json.dumps({"event": "endpoint.url_validation", "payload": {"plainToken": "qgg8vlvZRS6UYooatFL8Aw"}}).encode()
    for secret in ("newest", "older"):
        asked = call(headers_of(zoom, secret, body), body)
        expected = {"plainToken": "qgg8vlvZRS6UYooatFL8Aw", "encryptedToken": hex_of(secret, "qgg8vlvZRS6UYooatFL8Aw")}
        assert answer(ZOOM, asked, verification=zoom) == expected
    forged = call(headers_of(zoom, "another", body), body)
    assert answer(ZOOM, forged, verification=zoom) == Refused(RefusalReason.WRONG_SIGNATURE)
    other = b'{"event": "webinar.registration_created", "payload": {"plainToken": "x"}}'
    assert answer(ZOOM, call(headers_of(zoom, "newest", other), other), verification=zoom) is None


def test_S2_slack_gets_its_challenge_as_text() -> None:
    slack = PRESETS["slack"].verification
    body = b'{"token": "Jh", "challenge": "3eZbrw1aBm2rZgRNFdxV2595E9CY", "type": "url_verification"}'
    asked = call(headers_of(slack, "newest", body), body)
    assert answer(SLACK, asked, verification=slack) == "3eZbrw1aBm2rZgRNFdxV2595E9CY"
    assert answer(SLACK, call({}, body), verification=slack) == Refused(RefusalReason.NO_SIGNATURE)
    event = b'{"type": "event_callback", "challenge": "x"}'
    assert answer(SLACK, call(headers_of(slack, "newest", event), event), verification=slack) is None


def test_S2_x_gets_the_hmac_of_its_token() -> None:
    expected = "sha256=" + base64.b64encode(hmac.new(b"newest", b"crc", hashlib.sha256).digest()).decode()
    assert answer(X_CRC, get({"crc_token": "crc"})) == {"response_token": expected}
    assert answer(X_CRC, get({"crc_token": "crc"}), SourceSecret(1, "", None)) == Refused(RefusalReason.NO_SECRET)
    assert answer(X_CRC, get({"crc_token": "crc"}), SourceSecret(1, "ended", NOW)) == Refused(RefusalReason.NO_SECRET)
    assert answer(X_CRC, get()) is None


def test_S2_microsoft_graph_okta_and_cvent() -> None:
    assert answer(GRAPH, call({}, b"", query="validationToken=Validation%3A+Testing+%C3%BC")) == "Validation: Testing ü"
    assert answer(GRAPH, call({}, b"{}")) is None
    assert answer(OKTA, get(**{"x-okta-verification-challenge": "abc"})) == {"verification": "abc"}
    assert answer(OKTA, get()) is None
    assert answer(ANY_GET, get()) == ""
    assert answer(ANY_GET, call({})) is None


@pytest.mark.parametrize("odd", ["x" * 1_001, "a\nb", "\0", "\x1b[31m"])
def test_S2_no_challenge_that_is_long_or_unprintable_is_sent_back(odd: str) -> None:
    assert answer(GRAPH, call({}, b"", query=urlencode({"validationToken": odd}))) == Refused(RefusalReason.WRONG_HANDSHAKE)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b'{"type": "url_verification"}', b'{"type": "url_verification", "challenge": 1}', b"[" * 9_000]
)
def test_S2_what_is_no_question_goes_to_the_verifier(body: bytes) -> None:
    slack = PRESETS["slack"].verification
    assert answer(SLACK, call(headers_of(slack, "newest", body), body), verification=slack) is None


def test_S2_what_should_be_signed_and_is_not_is_refused_before_it_is_read() -> None:
    assert answer(SLACK, call({}, b"[" * 1_000_000), verification=PRESETS["slack"].verification) == Refused(RefusalReason.NO_SIGNATURE)


def test_S2_a_question_that_nobody_signed_is_small() -> None:
    asks = Handshake(HandshakeMethod.POST, ChallengePlace.MEMBER, "challenge")
    assert answer(asks, call({}, json.dumps({"challenge": "abc"}).encode())) == "abc"
    assert answer(asks, call({}, json.dumps({"challenge": "abc", "more": " " * LARGEST_QUESTION}).encode())) is None


@pytest.mark.parametrize("challenge", ['{"code": "R1"}', "a b", "a=b", "v0:1", "x" * 201, "", "é"])
def test_S2_an_unsigned_question_gets_the_hmac_of_one_word_only(challenge: str) -> None:
    assert answer(X_CRC, get({"crc_token": challenge})) == Refused(RefusalReason.WRONG_HANDSHAKE)
    signed_by_nobody = replace(X_CRC, signed=True)
    assert answer(signed_by_nobody, get({"crc_token": challenge}), verification=Verification(Proof.NONE)) == Refused(
        RefusalReason.WRONG_HANDSHAKE
    )
    assert isinstance(answer(X_CRC, get({"crc_token": "a-Word_9" * 25})), dict)


@pytest.mark.parametrize("name", HANDSHAKES)
def test_S2_a_handshake_is_kept_as_json(name: str) -> None:
    handshake = replace(HANDSHAKES[name], token="t")
    assert Handshake.from_body(handshake.to_body()) == handshake


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"method": "PUT"}, "method"),
        ({"place": "nowhere", "challenge": "", "method": "POST"}, "method"),
        ({"challenge": ""}, "challenge"),
        ({"place": "nowhere"}, "challenge"),
        ({"place": "header", "challenge": "a b"}, "challenge"),
        ({"challenge": "a..b"}, "challenge"),
        ({"condition": [["type"]]}, "condition[0]"),
        ({"condition": [["a[", "b"]]}, "challenge"),
        ({"members": [{"name": "x"}]}, "members[0].reply"),
        ({"signed": "yes"}, "signed"),
    ],
)
def test_S2_an_odd_handshake_is_refused(change: dict[str, object], field: str) -> None:
    with pytest.raises(VerificationError) as refused:
        Handshake.from_body(SLACK.to_body() | change)
    assert refused.value.field == field
