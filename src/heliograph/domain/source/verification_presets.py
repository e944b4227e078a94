"""How known senders prove themselves: the rows of one table (S2). Each is a starting point that a person may change.

Where a row's `id` is a header, its sender does not sign it: it recognises what the sender repeats, not what an attacker repeats. Only a signed
timestamp does that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from heliograph.domain.source.handshake import ANY_GET, SLACK, ZOOM, Handshake
from heliograph.domain.source.verification import (
    Algorithm,
    Place,
    PlaceKind,
    Proof,
    SecretForm,
    SignatureEncoding,
    SignedPart,
    SignedText,
    Verification,
)


class SecretOrigin(StrEnum):
    """Who makes a sender's secret."""

    SENDER = "sender"
    """The sender shows it; somebody copies it to Heliograph."""
    HELIOGRAPH = "heliograph"
    """Heliograph makes it; somebody copies it to the sender."""


@dataclass(frozen=True, slots=True)
class VerificationPreset:
    """How one sender proves itself."""

    slug: str
    name: str
    """Of the product, never translated."""
    verification: Verification
    secret_origin: SecretOrigin = SecretOrigin.SENDER
    handshake: Handshake | None = None
    asks_header: bool = False
    """True if the name of the header is chosen at the sender: the preset's is a proposal."""
    is_doorbell: bool = False
    """True if its calls only say that something changed."""


_DOT: Final = SignedText(".")
_BASE64: Final = SignatureEncoding.BASE64
_DATED: Final = (SignedPart.TIMESTAMP, _DOT, SignedPart.BODY)


def _header(name: str) -> Place:
    return Place(PlaceKind.HEADER, name)


def _member(path: str) -> Place:
    return Place(PlaceKind.MEMBER, path)


def _standard(prefix: str) -> Verification:
    """Standard Webhooks. prefix: of the three headers, with its dash"""
    return Verification(
        Proof.SIGNATURE,
        headers=(f"{prefix}signature",),
        delimiter=" ",
        prefix="v1,",
        encoding=_BASE64,
        secret_form=SecretForm.BASE64,
        secret_prefix="whsec_",  # noqa: S106 -- a public prefix
        signed=(SignedPart.ID, _DOT, *_DATED),
        timestamp=_header(f"{prefix}timestamp"),
        id=_header(f"{prefix}id"),
    )


def _of_body(
    header: str, *, prefix: str = "", encoding: SignatureEncoding = SignatureEncoding.HEX, id: Place | None = None
) -> Verification:
    """A signature of the body alone."""
    return Verification(Proof.SIGNATURE, headers=(header,), prefix=prefix, encoding=encoding, id=id)


def _stripe(header: str, *, id: Place | None, separator: str = ".") -> Verification:
    """A header with `t=` and one or more `v1=`."""
    text = (SignedText(separator),) if separator else ()
    return Verification(
        Proof.SIGNATURE,
        headers=(header,),
        delimiter=",",
        prefix="v1=",
        signed=(SignedPart.TIMESTAMP, *text, SignedPart.BODY),
        timestamp=Place(PlaceKind.ITEM, "t="),
        id=id,
    )


def _version_0(signature: str, timestamp: str, *, id: Place | None) -> Verification:
    """Slack's form: `v0:timestamp:body`."""
    return Verification(
        Proof.SIGNATURE,
        headers=(signature,),
        prefix="v0=",
        signed=(SignedText("v0:"), SignedPart.TIMESTAMP, SignedText(":"), SignedPart.BODY),
        timestamp=_header(timestamp),
        id=id,
    )


def _token(header: str, *, id: Place | None = None) -> Verification:
    return Verification(Proof.TOKEN, headers=(header,), id=id)


STANDARD: Final = _standard("webhook-")
_ROWS: Final = (
    VerificationPreset("standard-webhooks", "Standard Webhooks", STANDARD, SecretOrigin.HELIOGRAPH),
    VerificationPreset(
        "standard-webhooks-ed25519",
        "Standard Webhooks (Ed25519)",
        replace(STANDARD, prefix="v1a,", algorithm=Algorithm.ED25519, secret_prefix="whpk_"),  # noqa: S106 -- a public prefix
    ),
    VerificationPreset("svix", "Svix", _standard("svix-")),
    VerificationPreset("stripe", "Stripe", _stripe("stripe-signature", id=_member("id"))),
    VerificationPreset("mux", "Mux", _stripe("mux-signature", id=_member("id"))),
    VerificationPreset("luma", "Luma", _stripe("webhook-signature", id=_header("webhook-id"))),
    VerificationPreset("ticket-tailor", "Ticket Tailor", _stripe("tickettailor-webhook-signature", id=_member("id"), separator="")),
    VerificationPreset(
        "github", "GitHub", _of_body("x-hub-signature-256", prefix="sha256=", id=_header("x-github-delivery")), SecretOrigin.HELIOGRAPH
    ),
    VerificationPreset(
        "shopify",
        "Shopify",
        replace(
            _of_body("x-shopify-hmac-sha256", encoding=_BASE64, id=_header("x-shopify-webhook-id")),
            headers=("x-shopify-hmac-sha256", "shopify-hmac-sha256"),
        ),
    ),
    VerificationPreset(
        "woocommerce",
        "WooCommerce",
        _of_body("x-wc-webhook-signature", encoding=_BASE64, id=_header("x-wc-webhook-delivery-id")),
        SecretOrigin.HELIOGRAPH,
    ),
    VerificationPreset("tito", "Tito", _of_body("tito-signature", encoding=_BASE64)),
    VerificationPreset(
        "typeform",
        "Typeform",
        _of_body("typeform-signature", prefix="sha256=", encoding=_BASE64, id=_member("event_id")),
        SecretOrigin.HELIOGRAPH,
    ),
    VerificationPreset("tally", "Tally", _of_body("tally-signature", encoding=_BASE64, id=_member("eventId")), SecretOrigin.HELIOGRAPH),
    VerificationPreset(
        "slack", "Slack", _version_0("x-slack-signature", "x-slack-request-timestamp", id=_member("event_id")), handshake=SLACK
    ),
    VerificationPreset("zoom", "Zoom", _version_0("x-zm-signature", "x-zm-request-timestamp", id=None), handshake=ZOOM),
    VerificationPreset("hi-events", "Hi.Events", _of_body("signature")),
    VerificationPreset("cvent", "Cvent", _token("authorization", id=_member("messageStub")), SecretOrigin.HELIOGRAPH, handshake=ANY_GET),
    VerificationPreset("swoogo", "Swoogo", _token("x-heliograph-token"), SecretOrigin.HELIOGRAPH, asks_header=True),
    VerificationPreset("ringcentral-events", "RingCentral Events", _token("validation-token")),
    VerificationPreset("gitlab", "GitLab", _token("x-gitlab-token", id=_header("idempotency-key")), SecretOrigin.HELIOGRAPH),
    VerificationPreset("eventbrite", "Eventbrite", Verification(Proof.PATH), SecretOrigin.HELIOGRAPH, is_doorbell=True),
    VerificationPreset(
        "pretix", "pretix", Verification(Proof.PATH, id=_member("notification_id")), SecretOrigin.HELIOGRAPH, is_doorbell=True
    ),
)
PRESETS: Final[Mapping[str, VerificationPreset]] = {row.slug: row for row in _ROWS}
