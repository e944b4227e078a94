"""What a verification demands, in words (S2)."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from heliograph.domain.source.handshake import HANDSHAKES
from heliograph.domain.source.inbound_request import RefusalReason
from heliograph.domain.source.verification import (
    Algorithm,
    Part,
    Place,
    PlaceKind,
    Proof,
    SignatureEncoding,
    SignedPart,
    SignedText,
    Verification,
)

ALGORITHMS: Final = {
    Algorithm.SHA256: gettext_lazy("HMAC with SHA-256"),
    Algorithm.SHA1: gettext_lazy("HMAC with SHA-1"),
    Algorithm.SHA512: gettext_lazy("HMAC with SHA-512"),
    Algorithm.ED25519: gettext_lazy("Ed25519"),
}
ENCODINGS: Final = {SignatureEncoding.HEX: gettext_lazy("Hex"), SignatureEncoding.BASE64: gettext_lazy("Base64")}
HANDSHAKE_NAMES: Final = {
    "zoom": gettext_lazy("Zoom: answers the plain token"),
    "slack": gettext_lazy("Slack: answers the challenge"),
    "x": gettext_lazy("X: answers the crc_token"),
    "graph": gettext_lazy("Microsoft Graph: answers the validation token"),
    "okta": gettext_lazy("Okta: answers the verification header"),
    "get": gettext_lazy("Any GET: answers with 200"),
}
"""Those that need nothing more than their name."""
REFUSALS: Final = {
    RefusalReason.NOT_SET_UP: gettext_lazy("Nobody has chosen how calls prove themselves"),
    RefusalReason.NO_SECRET: gettext_lazy("The source has no secret"),
    RefusalReason.UNUSABLE_SECRET: gettext_lazy("The secret does not have the form that the verification expects"),
    RefusalReason.NO_SIGNATURE: gettext_lazy("The header that proves the sender is missing"),
    RefusalReason.HEADER_TWICE: gettext_lazy("The header that proves the sender occurs twice"),
    RefusalReason.UNREADABLE_SIGNATURE: gettext_lazy("The header has no signature of the chosen form"),
    RefusalReason.TOO_MANY_SIGNATURES: gettext_lazy("The header contains too many signatures"),
    RefusalReason.WRONG_SIGNATURE: gettext_lazy("The signature does not fit"),
    RefusalReason.ONE_WORD: gettext_lazy("Only one word is signed, as in a handshake: this is no registration"),
    RefusalReason.WRONG_TOKEN: gettext_lazy("The token does not fit"),
    RefusalReason.WRONG_PASSWORD: gettext_lazy("The user or the password does not fit"),
    RefusalReason.WRONG_PATH: gettext_lazy("The address does not end with the secret"),
    RefusalReason.ENDED_SECRET: gettext_lazy("Made with a secret that has ended"),
    RefusalReason.NO_ID: gettext_lazy("The identifier that is part of the signed text is missing"),
    RefusalReason.NO_TIMESTAMP: gettext_lazy("The time is missing"),
    RefusalReason.UNREADABLE_TIMESTAMP: gettext_lazy("The time cannot be read"),
    RefusalReason.TOO_OLD: gettext_lazy("Too old: sent again by somebody, or a clock is wrong"),
    RefusalReason.TOO_NEW: gettext_lazy("From the future: a clock is wrong"),
    RefusalReason.WRONG_HANDSHAKE: gettext_lazy("The handshake does not fit"),
    RefusalReason.WRONG_METHOD: gettext_lazy("Another method than POST"),
    RefusalReason.TOO_LARGE: gettext_lazy("Too large"),
}
"""Why calls are refused. The sender never learns it."""
assert HANDSHAKE_NAMES.keys() <= HANDSHAKES.keys()


def refusal_words(reason: str) -> str:
    """A stored reason in words; the reason itself if a newer release has stored it."""
    return str(REFUSALS[RefusalReason(reason)]) if reason in set(RefusalReason) else reason


def proof_sentences(verification: Verification | None) -> list[str]:
    """What a call must contain."""
    if verification is None:
        return [_("Nobody has chosen yet how calls prove themselves, so every call is refused.")]
    match verification.proof:
        case Proof.NONE:
            return [_("Nothing is checked: whoever knows the address can send registrations.")]
        case Proof.PATH:
            return [_("The address must continue with a slash and the secret.")]
        case Proof.BASIC:
            return [_("Basic authentication as %(user)s, with the secret as the password.") % {"user": verification.user}]
        case Proof.TOKEN:
            sentence = _("The header %(header)s must contain the secret.") % {"header": _header(verification)}
            if verification.prefix:
                sentence = _("The header %(header)s must contain “%(prefix)s” and the secret.") % {
                    "header": _header(verification),
                    "prefix": verification.prefix,
                }
            return [sentence, _("The secret is the same in every call, which is weaker than a signature.")]
        case Proof.SIGNATURE:
            return [_signature(verification), _age(verification), *_once(verification)]


def _signature(verification: Verification) -> str:
    facts = {
        "header": _header(verification),
        "prefix": verification.prefix,
        "encoding": ENCODINGS[verification.encoding],
        "method": ALGORITHMS[verification.algorithm],
        "text": ", ".join(_part(part, verification) for part in verification.signed),
    }
    if verification.prefix:
        return _("The header %(header)s must contain “%(prefix)s” and the signature (%(method)s, %(encoding)s) of: %(text)s.") % facts
    return _("The header %(header)s must contain the signature (%(method)s, %(encoding)s) of: %(text)s.") % facts


def _age(verification: Verification) -> str:
    if verification.timestamp is None:
        return _("The sender sends no time, so an old call can’t be told from a new one.")
    if verification.tolerance is None:
        return _("A call may be of any age.")
    minutes, seconds = divmod(verification.tolerance, 60)
    if seconds:
        count = verification.tolerance
        return ngettext("Not older or newer than %(n)d second.", "Not older or newer than %(n)d seconds.", count) % {"n": count}
    return ngettext("Not older or newer than %(n)d minute.", "Not older or newer than %(n)d minutes.", minutes) % {"n": minutes}


def _once(verification: Verification) -> list[str]:
    return [_("The same %(id)s is taken once.") % {"id": place_words(verification.id)}] if verification.id is not None else []


def _header(verification: Verification) -> str:
    return _(" or ").join(header_name(name) for name in verification.headers)


def _part(part: Part, verification: Verification) -> str:
    if isinstance(part, SignedText):
        return f"“{part.text}”"
    if part is SignedPart.BODY:
        return _("the body")
    place = verification.id if part is SignedPart.ID else verification.timestamp
    assert place is not None
    return place_words(place)


def place_words(place: Place) -> str:
    """Where a value of a call is."""
    if place.kind is PlaceKind.HEADER:
        return header_name(place.name)
    if place.kind is PlaceKind.ITEM:
        return _("“%(item)s” in the same header") % {"item": place.name}
    return _("“%(path)s” in the body") % {"path": place.name}


def header_name(name: str) -> str:
    """A header's name as people write it: each word with a capital."""
    return "-".join(word[:1].upper() + word[1:] for word in name.split("-"))
