"""The presets beside the libraries that senders publish for receivers (S2).

Each library signs a call or judges one; the verifier must agree with it on right calls and on every spoilt one. The libraries are small
and released this year, but for Stripe's, which is large; its form of signatures is the one that most others copy. Where a library judges
by the clock of the machine, calls are dated by it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import gidgethub
import gidgethub.sansio
import pytest
import shopify_app
import stripe
import svix
from slack_sdk.signature import SignatureVerifier
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError
from tests.builders.inbound_calls import BODY, CALL_ID, SECOND, call, headers_of, secret_for

from heliograph.domain.source.inbound_request import Accepted, SourceSecret
from heliograph.domain.source.verification_presets import PRESETS
from heliograph.domain.source.verifier import verify

type Headers = Mapping[str, str]
type Sign = Callable[[str, bytes, int], Headers]
"""(secret, body, seconds) → the headers that the sender sends."""
type Judge = Callable[[str, bytes, Headers], bool]


def _standard(library: type[Webhook | svix.Webhook], prefix: str) -> tuple[Sign, Judge]:
    def sign(secret: str, body: bytes, at: int) -> Headers:
        signature = library(secret).sign(CALL_ID, datetime.fromtimestamp(at, UTC), body.decode())
        return {f"{prefix}id": CALL_ID, f"{prefix}timestamp": str(at), f"{prefix}signature": signature}

    def judge(secret: str, body: bytes, headers: Headers) -> bool:
        try:
            library(secret).verify(body, dict(headers))
        except (WebhookVerificationError, ValueError):
            return False
        return True

    return sign, judge


def _stripe_signs(secret: str, body: bytes, at: int) -> Headers:
    return {"stripe-signature": stripe.WebhookSignature.generate_signature_header(body.decode(), secret, at)}


def _stripe_judges(secret: str, body: bytes, headers: Headers) -> bool:
    try:
        return bool(stripe.WebhookSignature.verify_header(body, headers.get("stripe-signature"), secret, 300))
    except stripe.SignatureVerificationError:
        return False


def _slack_signs(secret: str, body: bytes, at: int) -> Headers:
    signature = SignatureVerifier(secret).generate_signature(timestamp=str(at), body=body)
    return {"x-slack-request-timestamp": str(at), "x-slack-signature": signature or ""}


def _slack_judges(secret: str, body: bytes, headers: Headers) -> bool:
    return SignatureVerifier(secret).is_valid_request(body, dict(headers))


def _github_signs(secret: str, body: bytes, _at: int) -> Headers:
    return headers_of(PRESETS["github"].verification, secret, body)


def _github_judges(secret: str, body: bytes, headers: Headers) -> bool:
    try:
        gidgethub.sansio.validate_event(body, signature=headers.get("x-hub-signature-256", ""), secret=secret)
    except gidgethub.ValidationFailure:
        return False
    return True


def _shopify_signs(secret: str, body: bytes, _at: int) -> Headers:
    return headers_of(PRESETS["shopify"].verification, secret, body) | {"x-shopify-shop-domain": "shop.myshopify.com"}


def _shopify_judges(secret: str, body: bytes, headers: Headers) -> bool:
    app = shopify_app.ShopifyApp(client_id="x", client_secret=secret)
    return bool(app.verify_webhook_req({"method": "POST", "headers": dict(headers), "body": body.decode(), "url": "https://x/"}).ok)


LIBRARIES: Mapping[str, tuple[Sign, Judge]] = {
    "standard-webhooks": _standard(Webhook, "webhook-"),
    "svix": _standard(svix.Webhook, "svix-"),
    "stripe": (_stripe_signs, _stripe_judges),
    "slack": (_slack_signs, _slack_judges),
    "github": (_github_signs, _github_judges),
    "shopify": (_shopify_signs, _shopify_judges),
}


@pytest.mark.parametrize("slug", LIBRARIES)
def test_S2_the_verifier_agrees_with_the_senders_own_library(slug: str) -> None:
    sign, judge = LIBRARIES[slug]
    verification = PRESETS[slug].verification
    now = int(time.time())
    secret, other = secret_for(verification), secret_for(verification, "b")
    right = sign(secret, BODY, now)
    calls = {
        "right": (BODY, right, True),
        "changed body": (BODY + b" ", right, False),
        "byte order mark": (b"\xef\xbb\xbf" + BODY, right, False),
        "wrong key": (BODY, sign(other, BODY, now), False),
        "empty body": (b"", right, False),
        "signed empty body": (b"{}", sign(secret, b"{}", now), True),
        "umlauts": ('{"ö": "ü"}'.encode(), sign(secret, '{"ö": "ü"}'.encode(), now), True),
    }
    if verification.checks_age:
        calls |= {
            "late": (BODY, sign(secret, BODY, now - 360), False),
            "early": (BODY, sign(secret, BODY, now + 360), slug == "stripe"),  # Stripe's library takes what comes from the future
            "a little late": (BODY, sign(secret, BODY, now - 240), True),
            "a little early": (BODY, sign(secret, BODY, now + 240), True),
        }
    for name in right:
        if name in (*verification.headers, getattr(verification.timestamp, "name", "")):
            calls[f"without {name}"] = (BODY, {other: value for other, value in right.items() if other != name}, False)
            calls[f"{name} spoilt"] = (BODY, {**right, name: right[name].swapcase() if slug != "shopify" else "AAAA"}, False)
    for what, (body, headers, expected) in calls.items():
        taken = isinstance(verify(verification, [SourceSecret(1, secret)], call(headers, body), now * SECOND), Accepted)
        if what.endswith("spoilt") and verification.timestamp is not None and what.startswith(verification.timestamp.name):
            continue  # digits have no case
        assert judge(secret, body, headers) is expected, f"{what}: the library is expected to say {expected}"
        assert taken is (expected and what != "early"), what
