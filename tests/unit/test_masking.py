"""Credentials are removed, however they are spelled (C5)."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import unicodedata
from pathlib import Path
from urllib.parse import quote, quote_plus, unquote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from heliograph.domain.connection.masks import MASK, NOTHING, SHORTEST, masks_of
from heliograph.domain.connection.request import Request
from heliograph.domain.connection.secret import signing_secret

SECURITY = Path(__file__).parents[2] / "docs" / "reference" / "security.md"
ODD = 'p/ä"ss &wör<d>+=7'
KEY = bytes(range(200, 232))
SIGNING = signing_secret(KEY)
SIGNATURE = "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="


@pytest.mark.parametrize(
    "written",
    [
        ODD,
        quote(ODD),
        quote(ODD, safe=""),
        quote(ODD, safe="").lower(),
        quote_plus(ODD),
        quote(ODD, safe="", encoding="latin-1"),
        json.dumps(ODD),
        json.dumps(ODD, ensure_ascii=False),
        json.dumps(ODD).replace("/", "\\/"),
        json.dumps(ODD).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"),
        html.escape(ODD),
        html.escape(ODD).encode("ascii", "xmlcharrefreplace").decode(),
        json.dumps(json.dumps(ODD)),
        html.escape(json.dumps(ODD)),
        json.dumps({"error": quote(ODD)}),
        quote(quote(ODD)),
        repr(ODD.encode()),
        ODD.upper(),
        ODD.encode().decode("latin-1"),
        ODD.encode().hex(),
        ODD.encode().hex().upper(),
        base64.b64encode(ODD.encode()).decode(),
        base64.urlsafe_b64encode(ODD.encode()).decode(),
        *[base64.b64encode(b"x" * before + ODD.encode() + b"yz").decode() for before in range(4)],
        quote(base64.b64encode(b"user:" + ODD.encode()).decode(), safe=""),
    ],
)
def test_C5_a_secret_is_found_however_it_is_written(written: str) -> None:
    blotted = masks_of([ODD]).blotted(f"before {written} after")
    assert MASK in blotted
    assert blotted.startswith("before ")
    assert blotted.endswith(" after")
    assert "ss" not in blotted
    # the quotes around it; with base64, also what shares characters with neighbouring bytes
    assert len(blotted) < len("before  after") + 20


@pytest.mark.parametrize(
    ("header", "parts"),
    [
        ("Basic " + base64.b64encode("ada:wörd+pass".encode()).decode(), ["ada:wörd+pass", "wörd+pass", "d29", "YWRhOnfDtnJkK3Bhc3M"]),
        ("Bearer eyJhbGciOi.eyJzdWIiOi.x_y-z0123", ["eyJhbGciOi.eyJzdWIiOi.x_y-z0123"]),
        ("Token token=abcdef0123456789", ["abcdef0123456789", "token=abcdef0123456789"]),
        ("plain-key-0123456789", ["plain-key-0123456789"]),
    ],
)
def test_C5_A1_of_a_header_with_credentials_every_part_is_found(header: str, parts: list[str]) -> None:
    request = Request("POST", "https://crm.example.com/a", (("X-Auth", header),), b"", frozenset({"x-auth"}))
    for written in [header, *parts]:
        for text in (written, quote(written, safe=""), json.dumps(written)):
            if len(written) > 3:
                assert MASK in masks_of([], request).blotted(f"got {text}, no"), text


@pytest.mark.parametrize(
    "written",
    [
        SIGNING,
        SIGNING.removeprefix("whsec_"),
        SIGNING.removeprefix("whsec_").rstrip("="),
        base64.urlsafe_b64encode(KEY).decode(),
        KEY.hex(),
        KEY.hex().upper(),
        KEY.decode("latin-1"),
        base64.b64encode(SIGNING.encode()).decode(),
        base64.b64encode(b"key=" + KEY + b"!").decode(),
        json.dumps(KEY.decode("latin-1")),
    ],
)
def test_C5_A1_a_signing_secret_is_found_as_text_and_as_bytes(written: str) -> None:
    blotted = masks_of([SIGNING]).blotted(f"the key {written} is wrong")
    assert MASK in blotted
    assert len(blotted) < len("the key  is wrong") + 12


def test_C5_A1_a_signature_that_left_is_found() -> None:
    request = Request(
        "POST",
        "https://crm.example.com/",
        (("webhook-signature", f"{SIGNATURE} v1,b64of+another/one00000000000="),),
        b"",
        frozenset({"webhook-signature"}),
    )
    masks = masks_of([], request)
    code = SIGNATURE.removeprefix("v1,")
    for written in (
        SIGNATURE,
        code,
        code.rstrip("="),
        quote(code, safe=""),
        code.translate(str.maketrans("+/", "-_")),
        base64.b64decode(code).hex(),
    ):
        assert code[:20].lower() not in masks.blotted(f"expected {written}").lower()
        assert MASK in masks.blotted(f"expected {written}")
    assert masks.blotted("b64of+another/one00000000000") == MASK


def test_C5_a_part_of_a_path_that_is_a_credential_is_blotted_out_alone() -> None:
    masks = masks_of(["/services/T0AAAA/B0BBBB/x9Yk2mQ7wVbN4rTzLp0s"])
    assert masks.blotted("no such token: x9Yk2mQ7wVbN4rTzLp0s") == f"no such token: {MASK}"
    assert masks.blotted("the services of B0BBBB") == "the services of B0BBBB"


def test_C5_A1_parts_of_a_url_are_found_as_they_left_and_decoded() -> None:
    rest = "/hooks/pl4nted%2Bpiece%2F01/?kind=lead&sig=ab%2Fcd&api_key=k3y1"
    request = Request("POST", "https://x.example.com/hooks/of/SUMMIT%202026", (), b"", frozenset())
    masks = masks_of([rest], request)
    for written in (rest, unquote(rest), "pl4nted%2Bpiece%2F01", "pl4nted+piece/01", "ab%2Fcd", "ab/cd", "k3y1", "/hooks/of/SUMMIT%202026"):
        assert masks.blotted(f"no {written} here") == f"no {MASK} here"
    assert masks.blotted("a lead of that kind") == "a lead of that kind"


def test_C5_A1_of_a_private_key_each_line_is_found() -> None:
    lines = ["MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDJ", "qW3cN+pyTQ=="]
    certificate = "-----BEGIN CERTIFICATE-----\nMIIDdzCCAl8CFHVz\n-----END CERTIFICATE-----\n"
    masks = masks_of([f"{certificate}-----BEGIN PRIVATE KEY-----\n{lines[0]}\n{lines[1]}\n-----END PRIVATE KEY-----"])
    assert masks.blotted(f"{lines[0]}|{lines[1]}") == f"{MASK}|{MASK}=="
    assert masks.blotted(certificate) == certificate


@pytest.mark.parametrize("password", ["-----BEGIN", "-----BEGIN my-password", "-----BEGIN CERTIFICATE----- of doubt"])
def test_C5_A1_a_password_that_only_begins_like_a_key_is_found(password: str) -> None:
    assert masks_of([password]).blotted(f"no {password} here") == f"no {MASK} here"


def test_C5_A1_masks_that_overlap_leave_nothing_of_either() -> None:
    assert masks_of(["1234abcd", "abcdXYZ12"]).blotted("1234abcdXYZ12!") == f"{MASK}!"
    assert masks_of(["abab"]).blotted("ababab") == MASK


def test_C5_A1_nothing_shows_the_secrets_of_masks() -> None:
    assert ODD not in repr(masks_of([ODD]))
    assert NOTHING.blotted("as it was") == "as it was"
    assert masks_of([ODD]).also(secrets=[ODD]).blotted("as it was") == "as it was"


@given(st.text(min_size=SHORTEST, max_size=40), st.text(max_size=40), st.text(max_size=40))
def test_C5_no_secret_is_left(secret: str, before: str, after: str) -> None:
    assume(secret not in MASK and len(secret.rstrip("=")) >= SHORTEST)
    assert secret not in masks_of([secret]).blotted(f"{before}{secret}{after}")


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=8, max_size=40), st.integers(SHORTEST, 40))
def test_C5_no_beginning_of_a_secret_is_left_where_a_text_was_cut(secret: str, cut: int) -> None:
    assume(len(secret.rstrip("=")) > cut)
    for written in (secret, quote(secret, safe=""), json.dumps(secret)[1:-1], base64.b64encode(secret.encode()).decode().rstrip("=")):
        assert not masks_of([secret]).blotted(f"token {written[:cut]}", cut=True).endswith(written[:cut])


def test_C5_A1_a_text_that_is_made_to_be_slow_is_not() -> None:
    secret = "\\/" * 4_000 + "x"
    masks = masks_of([secret, "a-" * 4_000, "----------------b"])
    for text in ("\\\\\\/" * 16_000, "\\/" * 30_000, "a-" * 30_000, "-" * 65_000):
        masks.blotted(text, cut=True)  # the test's time limit is the assertion: seconds, not minutes


SECRET = "pl4nted-Secret/of.32 characters!"


@pytest.mark.parametrize(
    ("limit", "said", "secret"),
    [
        ("fewer than 4 characters", "abc", "abc"),
        ("the first or the last characters", SECRET[:12], SECRET),
        ("blanks, dashes or line breaks put in", " ".join(SECRET), SECRET),
        ("broken into lines", base64.encodebytes(SECRET.encode() * 3).decode(), SECRET * 3),
        ("from 12 characters with a digit on", "T0PL4NT", "/services/T0PL4NT/in"),
        ("hashed", hashlib.sha256(SECRET.encode()).hexdigest(), SECRET),
        ("reversed", SECRET[::-1], SECRET),
        ("base32", base64.b32encode(SECRET.encode()).decode(), SECRET),
        ("UTF-16", SECRET.encode("utf-16-le").hex(), SECRET),
        ("letters or digits themselves are escaped", "".join(f"%{byte:02x}" for byte in SECRET.encode()), SECRET),
        ("three writers", quote(quote(quote(SECRET))), SECRET),
        ("composed otherwise", unicodedata.normalize("NFD", "geh\u00e9im-w\u00f6rt-7"), "geh\u00e9im-w\u00f6rt-7"),
    ],
)
def test_C5_A13_what_is_not_found_is_what_the_reference_says(limit: str, said: str, secret: str) -> None:
    """Each limit named in docs/reference/security.md still exists: whoever removes one must delete it there."""
    assert limit in " ".join(SECURITY.read_text("utf-8").split())
    assert masks_of([secret]).blotted(said) == said
