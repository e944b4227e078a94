"""The verifier on every row of the table of senders, and on what is wrong with calls (S2)."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest
from tests.builders.inbound_calls import (
    BODY,
    CALL_ID,
    NOW,
    SECOND,
    call,
    check_ed25519,
    headers_of,
    proven_call,
    secret_for,
    signature,
    timestamp,
)

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
    VerificationError,
)
from heliograph.domain.source.verification_presets import PRESETS
from heliograph.domain.source.verifier import MOST_SIGNATURES, verify

CUSTOM = {
    "milliseconds, hex secret": Verification(
        Proof.SIGNATURE,
        headers=("x-signature",),
        delimiter=",",
        prefix="v1=",
        secret_form=SecretForm.HEX,
        signed=(SignedPart.TIMESTAMP, SignedText("."), SignedPart.BODY),
        timestamp=Place(PlaceKind.ITEM, "t="),
        unit=TimeUnit.MILLISECONDS,
    ),
    "ISO time, SHA-512": Verification(
        Proof.SIGNATURE,
        headers=("x-signature",),
        algorithm=Algorithm.SHA512,
        encoding=SignatureEncoding.BASE64,
        signed=(SignedPart.BODY, SignedText("|"), SignedPart.TIMESTAMP),
        timestamp=Place(PlaceKind.HEADER, "x-time"),
        unit=TimeUnit.ISO,
    ),
    "SHA-1": Verification(Proof.SIGNATURE, headers=("x-hub-signature",), prefix="sha1=", algorithm=Algorithm.SHA1),
    "Basic": Verification(Proof.BASIC, user="zoë"),
    "bearer": Verification(Proof.TOKEN, headers=("authorization",), prefix="Bearer "),
}
ROWS = {slug: preset.verification for slug, preset in PRESETS.items()} | CUSTOM
SIGNED = {name: row for name, row in ROWS.items() if row.proof is Proof.SIGNATURE}
DATED = {name: row for name, row in SIGNED.items() if row.checks_age}
STANDARD = ROWS["standard-webhooks"]
GITHUB = ROWS["github"]
STRIPE = ROWS["stripe"]


def each(rows: dict[str, Verification]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("row", [pytest.param(row, id=name) for name, row in rows.items()])


def judge(row: Verification, request: InboundRequest, *secrets: SourceSecret, now: int = NOW) -> Accepted | RefusalReason:
    verdict = verify(row, secrets, request, now, check_ed25519=check_ed25519)
    return verdict.reason if isinstance(verdict, Refused) else verdict


def secret(row: Verification, seed: str = "a", id: int = 1, ends: int | None = None) -> SourceSecret:
    return SourceSecret(id, secret_for(row, seed), ends)


def with_header(row: Verification, **changes: str) -> InboundRequest:
    """A right call with other values in the headers; names with "_" in place of "-"."""
    return call(headers_of(row, secret_for(row)) | {name.replace("_", "-"): value for name, value in changes.items()})


@each(ROWS)
def test_S2_a_right_call_is_taken_with_the_senders_identifier(row: Verification) -> None:
    verdict = judge(row, proven_call(row, secret_for(row)), secret(row))
    assert verdict == Accepted(1, CALL_ID if row.id is not None else "")


@each(ROWS)
def test_S2_a_second_secret_is_valid_and_one_that_has_ended_is_not(row: Verification) -> None:
    request = proven_call(row, secret_for(row, "b"))
    old = secret(row, "b", 2, ends=NOW + 1)
    assert isinstance(judge(row, request, secret(row), old), Accepted)
    if row.algorithm is not Algorithm.ED25519:  # whose two secrets are one key here
        assert judge(row, request, secret(row), old, now=NOW + 1) is RefusalReason.ENDED_SECRET
    assert judge(row, request, old, now=NOW + 1) is RefusalReason.NO_SECRET


@each(ROWS)
def test_S2_another_senders_secret_is_refused(row: Verification) -> None:
    if row.algorithm is Algorithm.ED25519:
        other = replace(secret(row), value=row.secret_prefix + base64.b64encode(bytes(32)).decode())
    else:
        other = secret(row, "c")
    reason = judge(row, proven_call(row, secret_for(row)), other)
    assert reason in {
        Proof.SIGNATURE: {RefusalReason.WRONG_SIGNATURE},
        Proof.TOKEN: {RefusalReason.WRONG_TOKEN},
        Proof.BASIC: {RefusalReason.WRONG_PASSWORD},
        Proof.PATH: {RefusalReason.WRONG_PATH},
    }.get(row.proof, set())


@each(ROWS)
def test_S2_without_a_secret_nothing_is_taken(row: Verification) -> None:
    request = proven_call(row, secret_for(row))
    assert judge(row, request) is RefusalReason.NO_SECRET
    assert judge(row, request, SourceSecret(1, "")) is RefusalReason.NO_SECRET


@each(ROWS)
def test_S2_an_empty_proof_is_refused(row: Verification) -> None:
    """As by a sender whose own secret is empty."""
    if row.secret_form is SecretForm.TEXT:
        request = call(headers_of(row, ""), path_rest="/" if row.proof is Proof.PATH else "")
        assert isinstance(judge(row, request, secret(row)), RefusalReason)
        assert judge(row, request, SourceSecret(1, "")) is RefusalReason.NO_SECRET
    if row.proof is Proof.SIGNATURE and row.secret_prefix:
        assert judge(row, proven_call(row, secret_for(row)), SourceSecret(1, row.secret_prefix)) is RefusalReason.UNUSABLE_SECRET


@each({name: row for name, row in ROWS.items() if row.proof is not Proof.PATH})
def test_S2_a_missing_header_is_refused(row: Verification) -> None:
    for name in headers_of(row, secret_for(row)):
        headers = headers_of(row, secret_for(row))
        del headers[name]
        verdict = judge(row, call(headers), secret(row))
        if row.id is not None and name == row.id.name and SignedPart.ID not in row.signed:
            assert verdict == Accepted(1, "")
        else:
            assert verdict in {RefusalReason.NO_SIGNATURE, RefusalReason.NO_TIMESTAMP, RefusalReason.NO_ID}


@each(SIGNED)
def test_S2_a_changed_body_is_refused(row: Verification) -> None:
    headers = headers_of(row, secret_for(row))
    for body in (BODY + b" ", BODY[:-1], b"", BODY.replace(b"1", b"2"), b"\xef\xbb\xbf" + BODY):
        assert judge(row, call(headers, body), secret(row)) is RefusalReason.WRONG_SIGNATURE


@each({name: row for name, row in SIGNED.items() if row.signed == (SignedPart.BODY,)})
def test_S2_one_word_is_no_call_though_it_is_signed(row: Verification) -> None:
    for body in (b"12345", b"true", b"a-Word_9"):
        assert judge(row, proven_call(row, secret_for(row), body), secret(row)) is RefusalReason.ONE_WORD


@each(DATED)
def test_S2_the_tolerance_holds_both_ways(row: Verification) -> None:
    assert row.tolerance == 300
    for age, expected in ((300, None), (-300, None), (301, RefusalReason.TOO_OLD), (-301, RefusalReason.TOO_NEW)):
        request = proven_call(row, secret_for(row), at=NOW - age * SECOND)
        verdict = judge(row, request, secret(row), secret(row, "b", 2))
        assert verdict is expected if expected else isinstance(verdict, Accepted)
    any_age = replace(row, tolerance=None)
    assert isinstance(judge(any_age, proven_call(row, secret_for(row), at=NOW - 9_999 * SECOND), secret(row)), Accepted)


@each(DATED)
def test_S2_an_old_call_does_not_pass_with_a_new_timestamp(row: Verification) -> None:
    old = headers_of(row, secret_for(row), at=NOW - 999 * SECOND)
    assert row.timestamp is not None
    if row.timestamp.kind is PlaceKind.HEADER:
        old[row.timestamp.name] = timestamp(row.unit, NOW)
    else:
        was, item = timestamp(row.unit, NOW - 999 * SECOND), timestamp(row.unit, NOW)
        old[row.headers[0]] = old[row.headers[0]].replace(f"t={was}", f"t={item}")
    assert judge(row, call(old), secret(row)) is RefusalReason.WRONG_SIGNATURE


@each({name: row for name, row in ROWS.items() if row.id is not None})
def test_S2_a_repeated_call_has_the_same_identifier_and_another_one_has_not(row: Verification) -> None:
    first = judge(row, proven_call(row, secret_for(row)), secret(row))
    again = judge(row, proven_call(row, secret_for(row), at=NOW - SECOND), secret(row))
    other = judge(row, proven_call(row, secret_for(row), BODY.replace(b"call-1", b"call-2"), id="call-2"), secret(row))
    assert first == again == Accepted(1, "call-1")
    assert other == Accepted(1, "call-2")


def test_S2_every_listed_signature_is_tried_up_to_a_bound() -> None:
    right = signature(STANDARD, secret_for(STANDARD), BODY, NOW, CALL_ID)
    wrong = "v1," + base64.b64encode(bytes(32)).decode()
    listed = " ".join(["v1a,AAAA", "v2,x", "v1,", "v1,ü", *[wrong] * (MOST_SIGNATURES - 4), right])
    assert isinstance(judge(STANDARD, with_header(STANDARD, webhook_signature=listed), secret(STANDARD)), Accepted)
    listed = " ".join([*[wrong] * MOST_SIGNATURES, right])
    assert judge(STANDARD, with_header(STANDARD, webhook_signature=listed), secret(STANDARD)) is RefusalReason.TOO_MANY_SIGNATURES


def test_S2_the_spelling_of_hex_does_not_matter() -> None:
    right = headers_of(GITHUB, secret_for(GITHUB))["x-hub-signature-256"].removeprefix("sha256=")
    bare = replace(GITHUB, prefix="")
    for spelling in (right.upper(), right.lower(), f"  {right}\t"):
        assert isinstance(judge(bare, with_header(GITHUB, x_hub_signature_256=spelling), secret(GITHUB)), Accepted)


def test_S2_base64_is_taken_without_padding_and_in_the_alphabet_of_urls() -> None:
    row = ROWS["tito"]
    for number in range(30):  # so that both signs occur
        body = b'{"n": %d}' % number
        usual = headers_of(row, secret_for(row), body)["tito-signature"]
        for_urls = usual.replace("+", "-").replace("/", "_")
        for spelling in (usual.rstrip("="), for_urls, for_urls.rstrip("=")):
            assert isinstance(judge(row, call({"tito-signature": spelling}, body), secret(row)), Accepted)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("", RefusalReason.NO_SIGNATURE),
        ("   ", RefusalReason.NO_SIGNATURE),
        ("sha256=", RefusalReason.UNREADABLE_SIGNATURE),
        ("sha1=" + "0" * 40, RefusalReason.UNREADABLE_SIGNATURE),
        ("SHA256=" + "0" * 64, RefusalReason.UNREADABLE_SIGNATURE),
        ("sha256=" + "0" * 63, RefusalReason.UNREADABLE_SIGNATURE),
        ("sha256=00 00", RefusalReason.UNREADABLE_SIGNATURE),
        ("sha256=\xef\xbb\xbf00", RefusalReason.UNREADABLE_SIGNATURE),
        ("\xef\xbb\xbfsha256=00", RefusalReason.UNREADABLE_SIGNATURE),
        ("sha256=٠٠", RefusalReason.UNREADABLE_SIGNATURE),
        ("sha256=00", RefusalReason.WRONG_SIGNATURE),
        ("sha256=" + "0" * 64, RefusalReason.WRONG_SIGNATURE),
        ("sha256=" + "0" * 9_000, RefusalReason.UNREADABLE_SIGNATURE),
    ],
)
def test_S2_an_odd_signature_is_refused_with_its_reason(value: str, reason: RefusalReason) -> None:
    assert judge(GITHUB, with_header(GITHUB, x_hub_signature_256=value), secret(GITHUB)) is reason


@pytest.mark.parametrize(
    "value", ["x", "1.8e9", "+1800000000", "-1", " ", "1800000000.0", "1800000000 ", "１８", "9" * 16, "1800000000,1800000000", "NaN"]
)
def test_S2_an_odd_timestamp_is_refused(value: str) -> None:
    verdict = judge(STANDARD, with_header(STANDARD, webhook_timestamp=value), secret(STANDARD))
    expected = {" ": RefusalReason.NO_TIMESTAMP, "1800000000 ": Accepted(1, CALL_ID)}
    assert verdict == expected.get(value, RefusalReason.UNREADABLE_TIMESTAMP)


@pytest.mark.parametrize("value", ["2027-01-15", "2027-01-15T08:00:00", "+292277026596-01-01T00:00:00Z", "now", "1800000000"])
def test_S2_a_time_without_a_zone_is_refused(value: str) -> None:
    row = CUSTOM["ISO time, SHA-512"]
    assert judge(row, with_header(row, x_time=value), secret(row)) is RefusalReason.UNREADABLE_TIMESTAMP


def test_S2_two_timestamps_in_one_header_are_refused() -> None:
    header = headers_of(STRIPE, secret_for(STRIPE))["stripe-signature"]
    doubled = with_header(STRIPE, stripe_signature=f"t=1,{header}")
    assert judge(STRIPE, doubled, secret(STRIPE)) is RefusalReason.HEADER_TWICE


@each({name: row for name, row in ROWS.items() if row.proof is not Proof.PATH})
def test_S2_a_proof_that_occurs_twice_is_refused(row: Verification) -> None:
    request = proven_call(row, secret_for(row))
    name = "authorization" if row.proof is Proof.BASIC else row.headers[0]
    again = next(pair for pair in request.headers if pair[0] == name)
    assert judge(row, replace(request, headers=(*request.headers, again)), secret(row)) is RefusalReason.HEADER_TWICE


@pytest.mark.parametrize(
    "value",
    [
        "Basic",
        "Basic ",
        "Basic !!",
        "Basic em/Dqw==",
        "Bearer em/Dqzp4",
        "Digest em/Dqzp4",
        "zoë:x",
        "Basic " + base64.b64encode(b"nocolon").decode(),
    ],
)
def test_S2_odd_credentials_are_refused(value: str) -> None:
    row = CUSTOM["Basic"]
    assert judge(row, call({"authorization": value}), secret(row)) in {RefusalReason.UNREADABLE_SIGNATURE, RefusalReason.WRONG_PASSWORD}


def test_S2_a_password_may_contain_a_colon_and_the_user_counts() -> None:
    row = CUSTOM["Basic"]
    own = SourceSecret(1, "pass:wörd")
    for user, taken in (("zoë", True), ("zoe", False), ("", False)):
        value = "Basic " + base64.b64encode(f"{user}:pass:wörd".encode()).decode()
        assert isinstance(judge(row, call({"authorization": value}), own), Accepted) is taken


@pytest.mark.parametrize(
    ("rest", "taken"),
    [
        ("/{}", True),
        ("/{}/", True),
        ("/{}/registration/1", True),
        ("", False),
        ("/", False),
        ("//{}", False),
        ("/x/{}", False),
        ("/{}x", False),
    ],
)
def test_S2_a_secret_in_the_path_is_its_first_segment(rest: str, taken: bool) -> None:
    row = ROWS["eventbrite"]
    request = call({}, path_rest=rest.format(secret_for(row)))
    assert isinstance(judge(row, request, secret(row)), Accepted) is taken


def test_S2_no_verification_takes_everything_and_must_be_named() -> None:
    assert judge(Verification(Proof.NONE), call({})) == Accepted(None, "")
    with pytest.raises(VerificationError, match="proof"):
        Verification.from_body({})


def test_S2_an_unusable_secret_refuses() -> None:
    for value in ("whsec_", "whsec_!", "whsec_A", "wh sec", "ü"):
        assert judge(STANDARD, proven_call(STANDARD, secret_for(STANDARD)), SourceSecret(1, value)) is RefusalReason.UNUSABLE_SECRET
    ed25519 = ROWS["standard-webhooks-ed25519"]
    assert verify(ed25519, [secret(ed25519)], proven_call(ed25519, secret_for(ed25519)), NOW) == Refused(RefusalReason.UNUSABLE_SECRET)


def test_S2_an_identifier_that_no_database_keeps_is_kept_as_its_digest() -> None:
    row = ROWS["cvent"]
    for found in ("x" * 201, "a\\u0000b", "\\ud800", "a\\nb"):
        body = b'{"messageStub": "%s"}' % found.encode()
        verdict = judge(row, proven_call(row, secret_for(row), body), secret(row))
        assert isinstance(verdict, Accepted)
        assert verdict.sender_id.startswith("sha256:")
    for odd in (b"", b"[", b"[" * 100_000, b'{"messageStub": true}', b'{"messageStub": {}}', b'{"messageStub": null}', b"\xff"):
        assert judge(row, proven_call(row, secret_for(row), odd), secret(row)) == Accepted(1, "")
    assert judge(row, proven_call(row, secret_for(row), b'{"messageStub": 7}'), secret(row)) == Accepted(1, "7")


@each(ROWS | {"none": Verification(Proof.NONE)})
def test_S2_a_verification_is_kept_as_json(row: Verification) -> None:
    assert Verification.from_body(row.to_body()) == row


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"proof": "trust me"}, "proof"),
        ({"headers": []}, "headers"),
        ({"headers": ["a b"]}, "headers"),
        ({"headers": [1]}, "headers[0]"),
        ({"signed": ["id", "timestamp"]}, "signed"),
        ({"signed": ["body"]}, "signed"),
        ({"signed": ["url", "body"]}, "signed[0]"),
        ({"signed": [{"text": 1}, "body"]}, "signed[0].text"),
        ({"timestamp": None}, "timestamp"),
        ({"timestamp": {"header": "x", "item": "t="}}, "timestamp"),
        ({"timestamp": {"header": "a:b"}}, "timestamp"),
        ({"timestamp": {"header": ""}}, "timestamp"),
        ({"timestamp": "x"}, "timestamp"),
        ({"id": None}, "id"),
        ({"id": {"member": "a..b"}}, "id"),
        ({"tolerance": 0}, "tolerance"),
        ({"tolerance": 90_000}, "tolerance"),
        ({"tolerance": "any"}, "tolerance"),
        ({"unit": "days"}, "unit"),
        ({"algorithm": "md5"}, "algorithm"),
        ({"proof": "basic"}, "user"),
        ({"proof": "basic", "user": "a:b"}, "user"),
    ],
)
def test_S2_a_verification_that_proves_too_little_is_refused(change: dict[str, object], field: str) -> None:
    with pytest.raises(VerificationError) as refused:
        Verification.from_body(STANDARD.to_body() | change)
    assert refused.value.field == field


def test_S2_that_any_age_is_taken_must_be_chosen() -> None:
    body = STANDARD.to_body()
    del body["tolerance"]
    assert Verification.from_body(body).tolerance == 300
    assert Verification.from_body(body | {"tolerance": "none"}).tolerance is None
