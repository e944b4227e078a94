"""The rules for calls to /in/<path>, for both doors: the fast one and the pages' port (S2; docs/reference/inbound.md).

    head → source → body → handshake or verification → stored → 200

No I/O here: a door reads and writes, these rules decide.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from heliograph.domain.mapping import headers as header_rules
from heliograph.domain.source.handshake import HandshakeAnswer, respond
from heliograph.domain.source.inbound_request import InboundRequest, RefusalReason, Refused
from heliograph.domain.source.verification import Proof, Verification
from heliograph.domain.source.verifier import CheckEd25519, verify
from heliograph.engine.ingest.problem_documents import RETRY_BUSY, RETRY_DATABASE, IngestReply, problem, too_large
from heliograph.store.inbound_calls import DoorSource, InboundCall
from heliograph.store.stored_calls import pack_body

PREFIX: Final = "/in/"
LARGEST_CALL: Final = 1024 * 1024
"""Bytes of a call's body."""
MOST_CALL_BYTES: Final = 32 * 1024 * 1024
"""Limit on the bytes of calls' bodies that a process holds at one time: a budget of their own, because anybody may send one. A source gets half."""
LARGE: Final = 64 * 1024
"""Bytes of a body from which on it is judged on another thread than the event loop's."""
MOST_HEADERS: Final = 60
LONGEST_VALUE: Final = 1_000
"""Headers of a call that are kept, and the characters of each."""
MASK: Final = "…"

_PATH: Final = re.compile(r"/in/([0-9a-z-]{1,40})(/.*)?", re.DOTALL)
_SECRET_HEADERS: Final = frozenset({"authorization", "proxy-authorization", "cookie"})


@dataclass(frozen=True, slots=True)
class InboundReply:
    """A reply to a call, before HTTP."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_problem(self) -> bool:
        return self.status >= 400


type Reply = InboundReply | IngestReply

STORED: Final = InboundReply(200, b'{"outcome":"stored"}')
NOTHING_HERE: Final = problem(404, "not-found", "There is nothing here.")
WRONG_METHOD: Final = problem(405, "method", "Use POST.", Allow="POST")
COMPRESSED: Final = problem(415, "content-encoding", "Send the body uncompressed.")
NOT_PROVEN: Final = problem(401, "proof", "The call does not prove who sends it.", WWW_Authenticate='Signature realm="heliograph"')
NO_PASSWORD: Final = problem(
    401, "proof", "The call does not prove who sends it.", WWW_Authenticate='Basic realm="heliograph", charset="UTF-8"'
)
BUSY: Final = problem(503, "busy", "More arrives than can be stored at the moment. Send the call again.", retry_after=RETRY_BUSY)
UNAVAILABLE: Final = problem(503, "unavailable", "The database cannot store this now. Send the call again.", retry_after=RETRY_DATABASE)


class Address(NamedTuple):
    """What a call's path names."""

    source: str
    """The path of a source."""
    rest: str
    """What follows it, with its slash."""


def address_of(path: str) -> Address | None:
    """The address in a path; None if no source can have it."""
    match = _PATH.fullmatch(path)
    return Address(match[1], match[2] or "") if match else None


def refusal_of_head(request: InboundRequest) -> Reply | None:
    """The reply to a call whose body is not read; None: it is."""
    if request.method not in {"POST", "GET", "HEAD"}:
        return WRONG_METHOD
    if any(value.lower() not in {"", "identity"} for value in request.values("content-encoding")):
        return COMPRESSED
    lengths = request.values("content-length")
    if lengths and lengths[0].isascii() and lengths[0].isdigit() and int(lengths[0][:18]) > LARGEST_CALL:
        return TOO_LARGE
    return None


TOO_LARGE: Final = too_large(LARGEST_CALL)


class Judged(NamedTuple):
    """What becomes of a call."""

    reply: Reply
    """The answer; to a call that is to be stored, once it is."""
    call: InboundCall | None = None
    """To be stored."""
    refusal: RefusalReason | None = None
    """To be counted."""


def judge(source: DoorSource, request: InboundRequest, now: int, check_ed25519: CheckEd25519) -> Judged:
    """Judges a call whose body is read.

    now: microseconds
    """
    verification = source.verification
    if verification is None:
        return Judged(NOT_PROVEN, refusal=RefusalReason.NOT_SET_UP)
    if source.handshake is not None:
        answer = respond(source.handshake, verification, source.secrets, request, now, check_ed25519=check_ed25519)
        if isinstance(answer, HandshakeAnswer):
            return Judged(_handshake_reply(answer))
        if isinstance(answer, Refused):
            return Judged(_unproven(verification), refusal=answer.reason)
    if request.method != "POST":
        return Judged(WRONG_METHOD, refusal=RefusalReason.WRONG_METHOD)
    verdict = verify(verification, source.secrets, request, now, check_ed25519=check_ed25519)
    if isinstance(verdict, Refused):
        return Judged(_unproven(verification), refusal=verdict.reason)
    call = InboundCall(
        source.account,
        source.id,
        verdict.sender_id,
        stored_headers(verification, request),
        pack_body(request.body),
        verdict.secret_id,
    )
    return Judged(STORED, call)


def _unproven(verification: Verification) -> Reply:
    return NO_PASSWORD if verification.proof is Proof.BASIC else NOT_PROVEN


def _handshake_reply(answer: HandshakeAnswer) -> InboundReply:
    kind = "application/json" if answer.is_json else "text/plain; charset=utf-8"
    return InboundReply(200, answer.body, kind, {"X-Content-Type-Options": "nosniff"})


def stored_headers(verification: Verification, request: InboundRequest) -> str:
    """The headers of a call as JSON, without credentials. `:path` is what follows the source's path, `:query` the query."""
    hidden = verification.credential_headers | _SECRET_HEADERS
    headers: dict[str, Any] = {}
    for name, value in request.headers[:MOST_HEADERS]:
        is_hidden = name in hidden or header_rules.is_secret_name(name)
        headers[name] = MASK if is_hidden else value[:LONGEST_VALUE]
    rest = request.path_rest
    if verification.proof is Proof.PATH:
        rest = "/" + rest.removeprefix("/").partition("/")[2]
    if rest.strip("/"):
        headers[":path"] = _storable(rest)
    if request.query:
        headers[":query"] = _storable(request.query)
    return json.dumps(headers, ensure_ascii=False)


def _storable(text: str) -> str:
    """A text that both databases take."""
    return text[:LONGEST_VALUE].encode("utf-8", "replace").decode().replace("\0", "�")
