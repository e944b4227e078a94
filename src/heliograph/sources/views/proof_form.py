"""The form of how calls prove themselves, and the verification that it makes (S2)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from django.utils.translation import gettext_lazy

from heliograph.accounts.languages import translated
from heliograph.domain.sentence_template import whole_sentence
from heliograph.domain.source.handshake import HANDSHAKES, Handshake
from heliograph.domain.source.verification import (
    ANY_AGE,
    DEFAULT_TOLERANCE,
    Part,
    Place,
    PlaceKind,
    Proof,
    SecretForm,
    SignedPart,
    SignedText,
    TimeUnit,
    Verification,
    VerificationError,
)
from heliograph.domain.source.verification_presets import PRESETS
from heliograph.setup.views.shared_form import SharedForm
from heliograph.sources import proof_words as words
from heliograph.sources.services.source_proof import SourceProof
from heliograph.web.form_fields import Radios, Select, TextLine
from heliograph.web.shown_fields import Choice

PRESET: Final = "preset"
HOW: Final = (
    Choice(PRESET, gettext_lazy("Like a known sender"), sub=gettext_lazy("The settings of one of many senders")),
    Choice(Proof.SIGNATURE, gettext_lazy("Built from parts"), sub=gettext_lazy("As the platform’s documentation says")),
    Choice(Proof.TOKEN, gettext_lazy("A fixed token in a header"), sub=gettext_lazy("Weaker: the same in every call")),
    Choice(Proof.BASIC, gettext_lazy("User and password"), sub=gettext_lazy("Basic authentication, in the header or in the address")),
    Choice(Proof.PATH, gettext_lazy("A secret in the address"), sub=gettext_lazy("Weaker: addresses are often logged")),
    Choice(Proof.NONE, gettext_lazy("No verification"), sub=gettext_lazy("Anyone who knows the address can send")),
)
SHOWN_SENDERS: Final = tuple(Choice(each.slug, each.name) for each in PRESETS.values() if not each.is_doorbell)
WHSEC: Final = "whsec_"
"""A form of secrets: Base64 after these letters."""
_PIECE: Final = re.compile(r"\{(id|timestamp|body)\}")
_ITEM: Final = re.compile(r"[\w-]+=")
_MEMBER: Final = "body:"


SIGNATURE_FIELDS: Final = (
    *("header", "before", "delimiter", "encoding", "algorithm"),
    *("signed", "timestamp", "unit", "tolerance", "secret_form"),
)
"""The fields of a signature that is put together from parts."""


class ProofForm(SharedForm):
    """How calls prove themselves."""

    pairs = (("header", "before"), ("encoding", "algorithm"), ("timestamp", "unit"), ("tolerance", "secret_form"))

    how = Radios(gettext_lazy("How a call proves where it comes from"), options=HOW, initial=PRESET)
    preset = Select(gettext_lazy("Sender"), options=SHOWN_SENDERS, initial="standard-webhooks")
    header = TextLine(gettext_lazy("Header with the signature"), autocomplete="off")
    before = TextLine(gettext_lazy("Text before it"), optional=True, autocomplete="off", placeholder="sha256=")
    delimiter = TextLine(
        gettext_lazy("Between several signatures"), optional=True, autocomplete="off", help=gettext_lazy("A comma, for example.")
    )
    encoding = Select(gettext_lazy("Format"), options=[Choice(key, name) for key, name in words.ENCODINGS.items()], initial="hex")
    algorithm = Select(gettext_lazy("Method"), options=[Choice(key, name) for key, name in words.ALGORITHMS.items()], initial="sha256")
    signed = TextLine(
        gettext_lazy("Signed text"),
        initial="{body}",
        autocomplete="off",
        help=gettext_lazy("In the order in which the sender joins them: {id}, {timestamp}, {body}, and the text between them."),
    )
    timestamp = TextLine(
        gettext_lazy("Header with the time"),
        optional=True,
        autocomplete="off",
        help=gettext_lazy("t= for an item of the signature’s header, body: and a path for a field of the body."),
    )
    unit = Select(
        gettext_lazy("Unit"),
        options=[
            Choice(TimeUnit.SECONDS, gettext_lazy("Seconds")),
            Choice(TimeUnit.MILLISECONDS, gettext_lazy("Milliseconds")),
            Choice(TimeUnit.ISO, "2026-10-14T12:11:40Z"),
        ],
        initial=TimeUnit.SECONDS,
    )
    tolerance = Select(
        gettext_lazy("May be off by"),
        options=[
            Choice("60", gettext_lazy("1 minute")),
            Choice("300", gettext_lazy("5 minutes")),
            Choice("3600", gettext_lazy("1 hour")),
            Choice(ANY_AGE, gettext_lazy("No limit")),
        ],
        initial=str(DEFAULT_TOLERANCE),
        help=gettext_lazy("Earlier or later than our clock. Older calls are refused."),
    )
    id = TextLine(
        gettext_lazy("Header or field with its id"),
        optional=True,
        autocomplete="off",
        placeholder="body: id",
        help=gettext_lazy("A call that comes twice is taken once."),
    )
    secret_form = Select(
        gettext_lazy("The secret is"),
        options=[
            Choice(SecretForm.TEXT, gettext_lazy("Text, as it is")),
            Choice(WHSEC, gettext_lazy("Text, without whsec_, as Base64")),
            Choice(SecretForm.HEX, gettext_lazy("Hex")),
            Choice(SecretForm.BASE64, gettext_lazy("Base64")),
        ],
        initial=SecretForm.TEXT,
    )
    token_header = TextLine(gettext_lazy("Header with the token"), autocomplete="off", placeholder="X-Token")
    user = TextLine(gettext_lazy("User"), autocomplete="off")
    handshake = Select(
        gettext_lazy("Handshake"),
        options=[Choice("", gettext_lazy("None")), *(Choice(key, name) for key, name in words.HANDSHAKE_NAMES.items())],
        help=gettext_lazy("Some platforms first ask whether the address is yours. We answer."),
    )

    def proof(self, kept: Handshake | None) -> SourceProof | None:
        """What was chosen; None if it is invalid, which the form then says.

        kept: the handshake that is stored, for one that the form does not offer
        """
        typed = self.cleaned_data
        shown = _handshake_key(kept)
        handshake = kept if typed["handshake"] == "" and shown is None else HANDSHAKES.get(typed["handshake"])
        try:
            return SourceProof(self._verification(typed), handshake)
        except VerificationError as error:
            field = {"headers": "token_header" if typed["how"] == Proof.TOKEN else "header", "prefix": "before"}.get(
                error.field, error.field
            )
            self.add_error(field if field in self.fields else None, translated(whole_sentence(error.reason)))
            return None

    def _verification(self, typed: Mapping[str, Any]) -> Verification:
        how = typed["how"] or PRESET
        if how == PRESET:
            if typed["preset"] not in PRESETS:
                raise VerificationError("preset", "choose the sender")
            return PRESETS[typed["preset"]].verification
        if how in (Proof.NONE, Proof.PATH):
            return Verification(Proof(how), id=_place(typed["id"]))
        if how == Proof.BASIC:
            return Verification(Proof.BASIC, user=typed["user"], id=_place(typed["id"]))
        if how == Proof.TOKEN:
            return Verification(Proof.TOKEN, headers=_names(typed["token_header"]), id=_place(typed["id"]))
        whsec = typed["secret_form"] == WHSEC
        body = Verification(
            Proof.SIGNATURE,
            headers=_names(typed["header"]),
            prefix=typed["before"],
            delimiter=typed["delimiter"],
            signed=_signed(typed["signed"]),
            timestamp=_place(typed["timestamp"]),
            unit=TimeUnit(typed["unit"] or TimeUnit.SECONDS),
            tolerance=None if typed["tolerance"] == ANY_AGE else int(typed["tolerance"] or DEFAULT_TOLERANCE),
            id=_place(typed["id"]),
            secret_prefix=WHSEC if whsec else "",
        ).to_body()
        return Verification.from_body(
            body
            | {"encoding": typed["encoding"], "algorithm": typed["algorithm"]}
            | {"secret_form": SecretForm.BASE64.value if whsec else typed["secret_form"]}
        )


def stored_fields(proof: SourceProof) -> dict[str, str]:
    """The fields of the form that show a stored proof."""
    verification, handshake = proof.verification, _handshake_key(proof.handshake) or ""
    if verification is None:
        return {"handshake": handshake}
    for slug, preset in PRESETS.items():
        if preset.verification == verification and not preset.is_doorbell:
            return {"how": PRESET, "preset": slug, "handshake": handshake}
    header = ", ".join(words.header_name(name) for name in verification.headers)
    fields = {"how": verification.proof.value, "id": _place_text(verification.id), "handshake": handshake, "user": verification.user}
    if verification.proof is Proof.TOKEN:
        return fields | {"token_header": header}
    if verification.proof is not Proof.SIGNATURE:
        return fields
    return fields | {
        "header": header,
        "before": verification.prefix,
        "delimiter": verification.delimiter,
        "encoding": verification.encoding.value,
        "algorithm": verification.algorithm.value,
        "signed": "".join(part.text if isinstance(part, SignedText) else f"{{{part.value}}}" for part in verification.signed),
        "timestamp": _place_text(verification.timestamp),
        "unit": verification.unit.value,
        "tolerance": ANY_AGE if verification.tolerance is None else str(verification.tolerance),
        "secret_form": WHSEC if verification.secret_prefix == WHSEC else verification.secret_form.value,
    }


def _handshake_key(handshake: Handshake | None) -> str | None:
    """The option that shows a handshake; None if there is none, as for one with a token."""
    if handshake is None:
        return ""
    return next((key for key in words.HANDSHAKE_NAMES if HANDSHAKES[key] == handshake), None)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip().lower() for name in text.split(",") if name.strip())


def _signed(text: str) -> tuple[Part, ...]:
    parts: list[Part] = []
    for number, piece in enumerate(_PIECE.split(text)):
        if number % 2:
            parts.append(SignedPart(piece))
        elif piece:
            parts.append(SignedText(piece))
    return tuple(parts)


def _place(text: str) -> Place | None:
    """A header's name, `t=` for an item of the signature's header, or `body: path`; None for nothing."""
    text = text.strip()
    if not text:
        return None
    if text.startswith(_MEMBER):
        return Place(PlaceKind.MEMBER, text.removeprefix(_MEMBER).strip())
    return Place(PlaceKind.ITEM, text) if _ITEM.fullmatch(text) else Place(PlaceKind.HEADER, text.lower())


def _place_text(place: Place | None) -> str:
    if place is None:
        return ""
    if place.kind is PlaceKind.MEMBER:
        return f"{_MEMBER} {place.name}"
    return words.header_name(place.name) if place.kind is PlaceKind.HEADER else place.name
