"""How a sender proves that a call is its own, as data (S2). One verifier (`domain.source.verifier`) reads it; `verification_presets` has the
rows of known senders.

    signature   a header contains a signature of the body, mostly with a timestamp and an identifier
    token       a header contains a secret, as it is
    basic       Basic authentication; the secret is the password
    path        the URL continues with a secret: for senders that can prove nothing
    none        nothing is proved; somebody chose that by its name
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Final

from heliograph.domain.errors import HeliographError
from heliograph.domain.mapping import headers as header_rules
from heliograph.domain.mapping.json_bodies import Body, BodyError, Members
from heliograph.domain.mapping.paths import PathError, parse_path
from heliograph.domain.sentence_template import Sentence, SentenceValue, at_place, gettext_noop, with_stop, without_stop

DEFAULT_TOLERANCE: Final = 300
"""Seconds that a call may be old, and early."""
LONGEST_TOLERANCE: Final = 86_400
ANY_AGE: Final = "none"
"""In place of the seconds of a tolerance: the age of a call does not matter. It must be chosen."""
MOST_PARTS: Final = 10
MOST_HEADERS: Final = 4


class VerificationError(HeliographError):
    """A verification or a handshake is invalid. field: its name in the body; reason: what is wrong."""

    def __init__(self, field: str, reason: str, /, **values: SentenceValue) -> None:
        """values: those of the reason, if it is a template."""
        self.field = field
        self.reason = Sentence(reason, **values)
        super().__init__(with_stop(at_place(field, self.reason)))


class Proof(StrEnum):
    """What a sender proves itself by."""

    SIGNATURE = "signature"
    TOKEN = "token"  # noqa: S105 - the name of a kind
    BASIC = "basic"
    PATH = "path"
    NONE = "none"


class Algorithm(StrEnum):
    """How a signature is made: an HMAC with one of three hashes, or Ed25519, whose secret is the sender's public key."""

    SHA256 = "sha256"
    SHA1 = "sha1"
    SHA512 = "sha512"
    ED25519 = "ed25519"


class SignatureEncoding(StrEnum):
    """How the bytes of a signature are written."""

    HEX = "hex"
    """In lower or upper case."""
    BASE64 = "base64"
    """With or without padding, in the usual alphabet or the one for URLs."""


class SecretForm(StrEnum):
    """How a secret becomes the key."""

    TEXT = "text"
    """Its characters, all of them, in UTF-8."""
    HEX = "hex"
    BASE64 = "base64"


class SignedPart(StrEnum):
    """A part of the signed text that each call brings along."""

    ID = "id"
    TIMESTAMP = "timestamp"
    BODY = "body"


@dataclass(frozen=True, slots=True)
class SignedText:
    """A part of the signed text that is always the same, such as a dot."""

    text: str


type Part = SignedPart | SignedText


class PlaceKind(StrEnum):
    """Where a value of a call is."""

    HEADER = "header"
    ITEM = "item"
    """An item of the signature's own header: what follows its name, such as `t=`."""
    MEMBER = "member"
    """A member of the body's JSON, by its path."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a timestamp or an identifier is."""

    kind: PlaceKind
    name: str
    """Of the header, in lower case; of the item, with its sign of equality; or the member's path."""


class TimeUnit(StrEnum):
    """How a timestamp is written."""

    SECONDS = "seconds"
    """Since 1970."""
    MILLISECONDS = "milliseconds"
    ISO = "iso"
    """ISO 8601 with a time zone."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What a call must prove. Raises VerificationError for settings that prove less than they seem to."""

    proof: Proof
    headers: tuple[str, ...] = ()
    """Of the signature or token, in lower case: the first one that a call has counts."""
    delimiter: str = ""
    """Between several signatures in a header; "" if there is only one."""
    prefix: str = ""
    """Before a signature or token, such as `sha256=`. Items that begin otherwise are ignored."""
    encoding: SignatureEncoding = SignatureEncoding.HEX
    algorithm: Algorithm = Algorithm.SHA256
    secret_form: SecretForm = SecretForm.TEXT
    secret_prefix: str = ""
    """Before the part of the secret that is decoded, such as `whsec_`; a secret without it is decoded as a whole."""
    signed: tuple[Part, ...] = (SignedPart.BODY,)
    timestamp: Place | None = None
    unit: TimeUnit = TimeUnit.SECONDS
    tolerance: int | None = DEFAULT_TOLERANCE
    """Seconds that a call may be old, and early; None: its age does not matter."""
    id: Place | None = None
    """The sender's identifier of a call, by which duplicates are recognised."""
    user: str = ""
    """The user of Basic authentication."""

    def __post_init__(self) -> None:
        if self.proof in (Proof.SIGNATURE, Proof.TOKEN):
            self._check_headers()
        if self.proof is Proof.SIGNATURE:
            self._check_signed_text()
        if self.proof is Proof.BASIC and (not self.user or ":" in self.user):
            raise VerificationError("user", "Basic authentication needs a user, without a colon")
        for field, place in (("timestamp", self.timestamp), ("id", self.id)):
            if place is not None:
                _check_place(field, place)

    @property
    def needs_secret(self) -> bool:
        """True if nothing is taken without a secret."""
        return self.proof is not Proof.NONE

    @property
    def checks_age(self) -> bool:
        """True if calls that are too old or too new are refused."""
        return self.proof is Proof.SIGNATURE and self.timestamp is not None and self.tolerance is not None

    @property
    def credential_headers(self) -> frozenset[str]:
        """Lower-case names of the headers by which somebody else could pretend to be the sender. What is stored of a call masks them."""
        return frozenset({"authorization", "cookie", *self.headers})

    def _check_headers(self) -> None:
        if not self.headers:
            raise VerificationError("headers", "the header that proves the sender is missing")
        for name in self.headers:
            if not header_rules.is_name(name):
                raise VerificationError("headers", _NAMED_PROBLEM, name=name, problem=Sentence(_NO_HEADER))
            if name != name.lower():
                raise VerificationError("headers", "“%(name)s” is written in lower case", name=name)

    def _check_signed_text(self) -> None:
        if SignedPart.BODY not in self.signed:
            raise VerificationError("signed", "the signature must cover the body")
        for part, place in ((SignedPart.TIMESTAMP, self.timestamp), (SignedPart.ID, self.id)):
            if part in self.signed and place is None:
                raise VerificationError(part.value, "the signed text contains the %(part)s, so its place is needed", part=part.value)
            if part in self.signed and place is not None and place.kind is PlaceKind.MEMBER:
                raise VerificationError(part.value, "a member of the body is signed with the body, and not once more")
        if self.timestamp is not None and self.timestamp.kind is not PlaceKind.MEMBER and SignedPart.TIMESTAMP not in self.signed:
            raise VerificationError("signed", "the timestamp must be part of the signed text: otherwise an old call passes with a new one")
        if self.tolerance is not None and not 1 <= self.tolerance <= LONGEST_TOLERANCE:
            raise VerificationError("tolerance", "expected 1 to %(most)s seconds, or “%(word)s”", most=LONGEST_TOLERANCE, word=ANY_AGE)

    def to_body(self) -> dict[str, object]:
        """The JSON of a verification, without defaults."""
        body: dict[str, object] = {"proof": self.proof.value}
        for name in ("delimiter", "prefix", "secret_prefix", "user"):
            if value := getattr(self, name):
                body[name] = value
        if self.headers:
            body["headers"] = list(self.headers)
        if self.proof is Proof.SIGNATURE:
            body |= {"encoding": self.encoding.value, "algorithm": self.algorithm.value, "secret_form": self.secret_form.value}
            body["signed"] = [{"text": part.text} if isinstance(part, SignedText) else part.value for part in self.signed]
            if self.timestamp is not None:
                body |= {"timestamp": _place_body(self.timestamp), "unit": self.unit.value}
                body["tolerance"] = ANY_AGE if self.tolerance is None else self.tolerance
        if self.id is not None:
            body["id"] = _place_body(self.id)
        return body

    @classmethod
    def from_body(cls, value: object) -> Verification:
        """Parses a body. Raises VerificationError with the field and the reason."""
        try:
            body = Body(value)
            return cls(
                proof=body.choice("proof", Proof),
                headers=tuple(name.lower() for name in body.texts("headers", most=MOST_HEADERS)),
                delimiter=body.text("delimiter", longest=10),
                prefix=body.text("prefix", longest=100),
                encoding=body.choice("encoding", SignatureEncoding, SignatureEncoding.HEX),
                algorithm=body.choice("algorithm", Algorithm, Algorithm.SHA256),
                secret_form=body.choice("secret_form", SecretForm, SecretForm.TEXT),
                secret_prefix=body.text("secret_prefix", longest=100),
                signed=_read_parts(body),
                timestamp=_read_place(body, "timestamp"),
                unit=body.choice("unit", TimeUnit, TimeUnit.SECONDS),
                tolerance=_read_tolerance(body),
                id=_read_place(body, "id"),
                user=body.text("user"),
            )
        except BodyError as error:
            raise VerificationError(error.where or "verification", error.reason) from None


_PLACE_MEMBERS: Final[Members] = dict.fromkeys(PlaceKind)
VERIFICATION_MEMBERS: Final[Members] = (
    dict.fromkeys(field.name for field in fields(Verification))
    | {"signed": {"text": None}}
    | dict.fromkeys(("timestamp", "id"), _PLACE_MEMBERS)
)
"""The members of its JSON."""
_NAMED_PROBLEM: Final = gettext_noop("“%(name)s” %(problem)s")
_NO_HEADER: Final = gettext_noop("is not a header name: letters, digits and dashes make one")


def _check_place(field: str, place: Place) -> None:
    if not place.name:
        raise VerificationError(field, "its name is missing")
    if place.kind is PlaceKind.HEADER and not header_rules.is_name(place.name):
        raise VerificationError(field, _NAMED_PROBLEM, name=place.name, problem=Sentence(_NO_HEADER))
    if place.kind is PlaceKind.MEMBER:
        check_member_path(field, place.name)


def check_member_path(field: str, path: str) -> None:
    """Raises VerificationError if this is no path of a member. field: what it is for"""
    try:
        parse_path(path)
    except PathError as error:
        raise VerificationError(field, without_stop(error.sentence)) from None


def _place_body(place: Place) -> dict[str, str]:
    return {place.kind.value: place.name}


def _read_place(body: Body, key: str) -> Place | None:
    if not body.has(key):
        return None
    place = body.nested(key)
    kinds = [kind for kind in PlaceKind if place.has(kind)]
    if len(kinds) != 1:
        raise BodyError(body.at(key), "expected one of %(names)s", names=", ".join(PlaceKind))
    name = place.text(kinds[0], longest=500)
    return Place(kinds[0], name.lower() if kinds[0] is PlaceKind.HEADER else name)


def _read_parts(body: Body) -> tuple[Part, ...]:
    if not body.has("signed"):
        return (SignedPart.BODY,)
    parts: list[Part] = []
    for where, item in body.items("signed", most=MOST_PARTS):
        if isinstance(item, str):
            if item not in list(SignedPart):
                raise BodyError(where, "expected one of %(names)s, or an object with a text", names=", ".join(SignedPart))
            parts.append(SignedPart(item))
        else:
            parts.append(SignedText(Body(item, where).text("text", longest=100)))
    return tuple(parts)


def _read_tolerance(body: Body) -> int | None:
    if body.is_text("tolerance", ANY_AGE):
        return None
    tolerance = body.number("tolerance", least=1, most=LONGEST_TOLERANCE)
    return DEFAULT_TOLERANCE if tolerance is None else tolerance
