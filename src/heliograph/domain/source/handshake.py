"""Handshakes: how a sender asks, before it sends anything, whether an address is meant to receive its calls (S2).

A handshake is data: which call is one, where its challenge is, and what the answer contains. `respond` answers it; any other call goes to the
verifier. The handshakes of known senders are HANDSHAKES.

A handshake that is not signed may be a stranger's. If its answer is an HMAC, it signs only what `verifier.is_one_word` says, and the verifier
takes no call whose signed text is that: so nobody gets a signature of a call.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Final

from heliograph.domain.mapping import headers as header_rules
from heliograph.domain.mapping.json_bodies import Body, BodyError, Members
from heliograph.domain.mapping.paths import look_up, parse_path
from heliograph.domain.source.call_body import NoCallBody, read_call_body
from heliograph.domain.source.inbound_request import InboundRequest, RefusalReason, Refused, SourceSecret
from heliograph.domain.source.verification import Algorithm, Proof, Verification, VerificationError, check_member_path
from heliograph.domain.source.verifier import CheckEd25519, Unusable, digest, is_one_word, secret_key, verify

LONGEST_CHALLENGE: Final = 1_000
LARGEST_QUESTION: Final = 16 * 1024
"""Bytes of a body in which a challenge is looked for, unless the body is signed: what a stranger sends is hardly read."""
MOST_MEMBERS: Final = 5


class HandshakeMethod(StrEnum):
    """The method of the call that asks."""

    GET = "GET"
    POST = "POST"


class ChallengePlace(StrEnum):
    """Where the challenge is."""

    QUERY = "query"
    HEADER = "header"
    MEMBER = "member"
    """Of the body's JSON, by its path."""
    NOWHERE = "nowhere"
    """There is none: any call with this method is answered with 200."""


class Reply(StrEnum):
    """What a member of the answer contains."""

    CHALLENGE = "challenge"
    HMAC_HEX = "hmac hex"
    """The HMAC-SHA256 of the challenge, with the source's secret."""
    HMAC_BASE64 = "hmac base64"


@dataclass(frozen=True, slots=True)
class ReplyMember:
    """A member of the JSON that answers a handshake."""

    name: str
    reply: Reply
    prefix: str = ""
    """Before the HMAC."""


@dataclass(frozen=True, slots=True)
class Handshake:
    """A sender's question, and the answer to it. Raises VerificationError."""

    method: HandshakeMethod
    place: ChallengePlace
    challenge: str = ""
    """The name of the parameter or header, or the path of the member, with the challenge."""
    condition: tuple[str, str] | None = None
    """A parameter or member, as the place says, that must have this value: otherwise the call is no handshake."""
    token_parameter: str = ""
    """The parameter of the query that must hold the token."""
    token: str = ""
    """What somebody typed at the sender for this purpose. It lets nobody send anything."""
    members: tuple[ReplyMember, ...] = ()
    """The answer as JSON. Without members the answer is the challenge, as text."""
    signed: bool = False
    """True if the sender signs the question as it signs its calls: then it is verified first."""

    def __post_init__(self) -> None:
        if (self.place is ChallengePlace.NOWHERE) != (not self.challenge):
            raise VerificationError("challenge", "the name of the challenge is missing, or there is no place for it")
        if self.place is ChallengePlace.HEADER and not header_rules.is_name(self.challenge):
            raise VerificationError("challenge", "this is not a header name")
        if self.place is ChallengePlace.NOWHERE and self.method is not HandshakeMethod.GET:
            raise VerificationError("method", "only a GET can be a handshake without a challenge: a POST brings a registration")
        if self.place is ChallengePlace.MEMBER:
            for path in (self.challenge, *(self.condition or ())[:1]):
                check_member_path("challenge", path)

    @property
    def needs_token(self) -> bool:
        """True if it answers nobody before a token was typed."""
        return bool(self.token_parameter) and not self.token

    def signs_for_strangers(self, verification: Verification) -> bool:
        """True if an answer is an HMAC although nothing proves who asks."""
        is_proven = self.signed and verification.proof is not Proof.NONE
        return not is_proven and any(member.reply is not Reply.CHALLENGE for member in self.members)

    def to_body(self) -> dict[str, object]:
        """The JSON of a handshake, without defaults."""
        body: dict[str, object] = {"method": self.method.value, "place": self.place.value}
        for name in ("challenge", "token_parameter", "token"):
            if value := getattr(self, name):
                body[name] = value
        if self.condition is not None:
            body["condition"] = [list(self.condition)]
        if self.members:
            body["members"] = [
                {"name": member.name, "reply": member.reply.value} | ({"prefix": member.prefix} if member.prefix else {})
                for member in self.members
            ]
        if self.signed:
            body["signed"] = True
        return body

    @classmethod
    def from_body(cls, value: object) -> Handshake:
        """Parses a body. Raises VerificationError with the field and the reason."""
        try:
            body = Body(value)
            conditions = body.pairs("condition", most=1)
            return cls(
                method=body.choice("method", HandshakeMethod),
                place=body.choice("place", ChallengePlace),
                challenge=body.text("challenge"),
                condition=conditions[0] if conditions else None,
                token_parameter=body.text("token_parameter"),
                token=body.text("token"),
                members=tuple(_read_member(Body(item, where)) for where, item in body.items("members", most=MOST_MEMBERS)),
                signed=body.flag("signed"),
            )
        except BodyError as error:
            raise VerificationError(error.where or "handshake", error.reason) from None


HANDSHAKE_MEMBERS: Final[Members] = dict.fromkeys(field.name for field in fields(Handshake)) | {
    "members": dict.fromkeys(field.name for field in fields(ReplyMember))
}
"""The members of its JSON."""


@dataclass(frozen=True, slots=True)
class HandshakeAnswer:
    """A 200 with this content."""

    body: bytes
    is_json: bool = False


META: Final = Handshake(
    HandshakeMethod.GET,
    ChallengePlace.QUERY,
    "hub.challenge",
    condition=("hub.mode", "subscribe"),
    token_parameter="hub.verify_token",  # noqa: S106 -- a parameter's name
)
ZOOM: Final = Handshake(
    HandshakeMethod.POST,
    ChallengePlace.MEMBER,
    "payload.plainToken",
    condition=("event", "endpoint.url_validation"),
    members=(ReplyMember("plainToken", Reply.CHALLENGE), ReplyMember("encryptedToken", Reply.HMAC_HEX)),
    signed=True,
)
SLACK: Final = Handshake(HandshakeMethod.POST, ChallengePlace.MEMBER, "challenge", condition=("type", "url_verification"), signed=True)
X_CRC: Final = Handshake(
    HandshakeMethod.GET, ChallengePlace.QUERY, "crc_token", members=(ReplyMember("response_token", Reply.HMAC_BASE64, "sha256="),)
)
GRAPH: Final = Handshake(HandshakeMethod.POST, ChallengePlace.QUERY, "validationToken")
OKTA: Final = Handshake(
    HandshakeMethod.GET,
    ChallengePlace.HEADER,
    "x-okta-verification-challenge",
    members=(ReplyMember("verification", Reply.CHALLENGE),),
)
ANY_GET: Final = Handshake(HandshakeMethod.GET, ChallengePlace.NOWHERE)
HANDSHAKES: Final[Mapping[str, Handshake]] = {
    "meta": META,
    "zoom": ZOOM,
    "slack": SLACK,
    "x": X_CRC,
    "graph": GRAPH,
    "okta": OKTA,
    "cvent": ANY_GET,
    "get": ANY_GET,
}
"""By a short name, for settings that choose one."""


def respond(
    handshake: Handshake,
    verification: Verification,
    secrets: Sequence[SourceSecret],
    request: InboundRequest,
    now: int,
    *,
    check_ed25519: CheckEd25519 | None = None,
) -> HandshakeAnswer | Refused | None:
    """The answer to a handshake; None if the call is none.

    secrets: newest first; the newest that is valid makes an HMAC, unless the question is signed with another one
    now: microseconds
    A call that has to be signed and is not is refused before its body is read, whether it is a handshake or not.
    """
    if request.method != handshake.method:
        return None
    secret = next((each for each in secrets if each.value and each.is_valid(now)), None)
    if handshake.signed:
        verdict = verify(verification, secrets, request, now, check_ed25519=check_ed25519)
        if isinstance(verdict, Refused):
            return verdict
        secret = next((each for each in secrets if each.id == verdict.secret_id), secret)
    challenge = ""
    if handshake.place is not ChallengePlace.NOWHERE:
        text = _challenge(handshake, request)
        if text is None:
            return None
        challenge = text
        if len(challenge) > LONGEST_CHALLENGE or not challenge.isprintable():
            return Refused(RefusalReason.WRONG_HANDSHAKE)
        if handshake.signs_for_strangers(verification) and not is_one_word(_bytes(challenge)):
            return Refused(RefusalReason.WRONG_HANDSHAKE)
    if handshake.token_parameter:
        token = request.parameter(handshake.token_parameter) or ""
        if not handshake.token or not hmac.compare_digest(_bytes(handshake.token), _bytes(token)):
            return Refused(RefusalReason.WRONG_HANDSHAKE)
    if not handshake.members:
        return HandshakeAnswer(_bytes(challenge))
    return _json_answer(handshake, verification, secret, challenge)


def _json_answer(
    handshake: Handshake, verification: Verification, secret: SourceSecret | None, challenge: str
) -> HandshakeAnswer | Refused:
    members = {}
    for member in handshake.members:
        if member.reply is Reply.CHALLENGE:
            members[member.name] = challenge
            continue
        if secret is None:
            return Refused(RefusalReason.NO_SECRET)
        try:
            key = secret_key(verification, secret.value)
        except Unusable:
            return Refused(RefusalReason.UNUSABLE_SECRET)
        proof = digest(Algorithm.SHA256, key, _bytes(challenge))
        members[member.name] = member.prefix + (proof.hex() if member.reply is Reply.HMAC_HEX else base64.b64encode(proof).decode())
    return HandshakeAnswer(json.dumps(members, separators=(",", ":")).encode(), is_json=True)


def _challenge(handshake: Handshake, request: InboundRequest) -> str | None:
    """The challenge, "" for one that is no text; None if the call is no handshake."""
    if handshake.place is ChallengePlace.MEMBER:
        return _member_challenge(handshake, request)
    if handshake.condition is not None and request.parameter(handshake.condition[0]) != handshake.condition[1]:
        return None
    if handshake.place is ChallengePlace.QUERY:
        return request.parameter(handshake.challenge)
    values = request.values(handshake.challenge)
    return values[0] if len(values) == 1 else None


def _member_challenge(handshake: Handshake, request: InboundRequest) -> str | None:
    if not handshake.signed and len(request.body) > LARGEST_QUESTION:
        return None
    types = request.values("content-type")
    try:
        value = read_call_body(request.body, types[0] if types else "")
    except NoCallBody:
        return None
    if handshake.condition is not None and look_up(value, parse_path(handshake.condition[0])) != handshake.condition[1]:
        return None
    challenge = look_up(value, parse_path(handshake.challenge))
    return challenge if isinstance(challenge, str) else None


def _read_member(body: Body) -> ReplyMember:
    return ReplyMember(body.text("name"), body.choice("reply", Reply), body.text("prefix", longest=100))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
