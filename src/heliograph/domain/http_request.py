"""The rules for HTTP requests at all our ports: head, Host and chunked body, each with exactly one reading (RFC 9112; rules H1, H2).

Several servers and proxies parse the same request. If two of them find different ends of it, an attacker's bytes become the next person's
request. So nothing is repaired: a request with no reading or with two is refused, and its connection closed. Rare but valid forms are refused
as
well: chunk extensions, trailers, absolute URLs in the request line, HTTP/1.0 without Host.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Final, NamedTuple

PROBLEM: Final = "urn:heliograph:problem:"
"""The beginning of the type of every problem document (RFC 9457)."""
PROBLEM_TYPE: Final = "application/problem+json"
REST_WITHIN: Final = 5.0
"""Seconds for the remaining body of a request that has been replied to."""
LARGEST_HEAD: Final = 32 * 1024
MOST_HEADERS: Final = 100
LOOPBACK: Final = ("localhost", "127.0.0.1", "[::1]")

_PHRASES: Final = {400: "Bad Request", 413: "Content Too Large", 431: "Request Header Fields Too Large", 501: "Not Implemented"}
METHODS: Final = (b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS")
_TOKEN: Final = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
# Possessive quantifiers: no head makes these look at a byte twice.
_HEAD: Final = re.compile(rb"([A-Z]++) /[!\"$-~]*+ HTTP/1\.([01])\r(\n(?:" + _TOKEN + rb"++:[\t\x20-\x7e\x80-\xff]*+\r\n)*+)\r\n")
_FIELD: Final = re.compile(
    rb"\n(host|content-length|transfer-encoding|content-type|content-encoding|authorization|idempotency-key|upgrade):[\t ]*+([^\r]*)"
)
"""Headers that a request may contain only once, because they determine its end, its sender, its type, or a change of protocol."""
_BARE: Final = re.compile(rb"(?<!\r)\n|\r(?!\n|\Z)|\0")
_CHUNK: Final = re.compile(rb"[0-9A-Fa-f]{1,8}\Z")
_LONGEST_LENGTH: Final = 17
_LONGEST_SIZE: Final = 8
"""The most digits of a Content-Length, and of a chunk's size."""


@dataclass(frozen=True, slots=True)
class RequestRefusal:
    """The refusal of a request, after which its connection is closed."""

    status: int
    name: str
    """The kind of fault, for programs."""
    detail: str
    """A sentence for people."""
    received: str = ""
    """The faulty text, for the log."""

    content_type: ClassVar = PROBLEM_TYPE
    headers: ClassVar[Mapping[str, str]] = {}

    @property
    def phrase(self) -> str:
        return _PHRASES[self.status]

    @property
    def content(self) -> Mapping[str, str | int]:
        return {"type": PROBLEM + self.name, "title": self.phrase, "status": self.status, "detail": self.detail}

    @property
    def body(self) -> bytes:
        return json.dumps(self.content, separators=(",", ":"), ensure_ascii=False).encode()


class RequestHead(NamedTuple):
    """A head with exactly one reading."""

    size: int
    """Bytes, including empty lines before the head."""
    length: int = 0
    """Bytes of the body, unless it is chunked."""
    chunked: bool = False
    upgrade: bool = False
    """True if another protocol is requested; that is ignored (RFC 9110 §7.8)."""


def _malformed(detail: str) -> RequestRefusal:
    return RequestRefusal(400, "http", detail)


MALFORMED: Final = _malformed("This is not HTTP as RFC 9112 has it.")
BODY_TOO_LARGE: Final = RequestRefusal(413, "size", "The body is too large.")
NO_HOST: Final = _malformed("A request names one Host.")
NOT_OURS: Final = RequestRefusal(400, "host", "This Host is none of ours. Whoever runs Heliograph can allow it: HELIOGRAPH_ALLOWED_HOSTS.")
LENGTH: Final = _malformed("Content-Length is not a number.")
TWO_LENGTHS: Final = _malformed("Content-Length and Transfer-Encoding exclude each other.")
CODING: Final = _malformed("The one Transfer-Encoding that is read is chunked, in HTTP/1.1.")
CHUNKS: Final = _malformed("The body is not chunked as RFC 9112 has it; extensions and trailers are not taken.")
METHOD: Final = RequestRefusal(501, "method", f"There are these methods: {b', '.join(METHODS).decode()}.")
TOO_LARGE: Final = RequestRefusal(431, "head", f"The head of a request may have {LARGEST_HEAD:,} bytes and {MOST_HEADERS} headers.")


@dataclass(frozen=True, slots=True)
class Hosts:
    """The allowed Host values, besides the loopback names and the door's own address."""

    names: tuple[str, ...] = ()
    """Hosts, without a port, with one of `ports`, or with the door's own."""
    ports: tuple[int, ...] = ()
    exact: tuple[str, ...] = ()
    """Hosts with a port: `host:port`."""

    def names_at(self, host: str) -> list[str]:
        """The names that a door at this address accepts.

        host: without brackets; an address that means all addresses adds no name
        """
        own = () if host in {"", "0.0.0.0", "::"} else (f"[{host}]" if ":" in host else host,)  # noqa: S104 -- nothing is bound here
        return sorted({name.lower() for name in (*LOOPBACK, *self.names, *own)})

    def at(self, host: str, port: int) -> frozenset[bytes]:
        """Every spelling of Host that a door at this address accepts, in lower case."""
        names = self.names_at(host)
        names_and_ports = {*names, *self.exact, *(f"{name}:{number}" for name in names for number in (*self.ports, port))}
        return frozenset(each.lower().encode("ascii", "ignore") for each in names_and_ports)


PAGES_HEALTH: Final = "/health/pages"
"""A URL for the operations port. The server of the pages replies on one of its threads, without an account or a database."""
COUNTED_SENDER: Final = "heliograph.counted_sender"
"""The variable of a request in which the pages' server says for whom wrong passwords are counted
(`heliograph.domain.client_address.ClientAddresses.counted_sender`)."""
LOCAL: Final = Hosts()
"""Only the loopback names and the door's own address."""


def host_problem(values: Sequence[bytes], ours: frozenset[bytes]) -> RequestRefusal | None:
    """Refuses a request unless it has exactly one Host header, with an allowed value. None: it is allowed."""
    if len(values) != 1 or not values[0]:
        return NO_HOST
    host = values[0].strip(b" \t")
    return None if host.lower() in ours else replace(NOT_OURS, received=host[:200].decode("ascii", "backslashreplace"))


def read_head(data: bytes, ours: frozenset[bytes]) -> RequestHead | RequestRefusal | None:
    """The head at the start of these bytes; None if it is incomplete.

    ours: the allowed Host values (`Hosts.at`)
    """
    begin = 0
    while data.startswith(b"\r\n", begin):  # RFC 9112 §2.2: old clients send this after a body
        begin += 2
    end = data.find(b"\r\n\r\n", begin)
    if (end if end >= 0 else len(data)) > LARGEST_HEAD:
        return TOO_LARGE
    if end < 0:
        return MALFORMED if _BARE.search(data) or data[begin : begin + 1] in {b" ", b"\t"} else None
    match = _HEAD.match(data, begin, end + 4)
    if match is None:
        return MALFORMED
    if match[1] not in METHODS:
        return METHOD
    return _framed(match[3], end + 4, match[2] == b"1", ours)


def _framed(lines: bytes, size: int, is_1_1: bool, ours: frozenset[bytes]) -> RequestHead | RequestRefusal:
    """lines: the headers, well formed, with the preceding line feed."""
    if lines.count(b"\n") > MOST_HEADERS + 1:
        return TOO_LARGE
    fields = _FIELD.findall(lines.lower())  # for the headers that matter here, case does not
    once: dict[bytes, bytes] = dict(fields)
    if len(once) != len(fields):
        names = [name for name, _value in fields]
        return _malformed(f"The header {next(name for name in names if names.count(name) > 1).decode()} occurs twice.")
    host = once.get(b"host")
    if host not in ours and (refused := host_problem(() if host is None else (host,), ours)):
        return refused
    upgrade = b"upgrade" in once
    length, coding = once.get(b"content-length"), once.get(b"transfer-encoding")
    if coding is not None:
        if length is not None:
            return TWO_LENGTHS
        return RequestHead(size, chunked=True, upgrade=upgrade) if is_1_1 and coding.rstrip(b" \t") == b"chunked" else CODING
    if length is None:
        return RequestHead(size, upgrade=upgrade)
    length = length.rstrip(b" \t")
    return RequestHead(size, int(length), False, upgrade) if length.isdigit() and len(length) <= _LONGEST_LENGTH else LENGTH


class Chunks:
    """Follows a chunked body to its end, over pieces of any size. `done`: the end was reached."""

    __slots__ = ("_left", "_line", "_state", "done")

    def __init__(self) -> None:
        self.done = False
        self._left = 0
        self._line = b""  # the beginning of a line
        self._state = self._size

    def feed(self, data: bytes) -> tuple[int, list[bytes]] | RequestRefusal:
        """How many of these bytes belong to the body, and their content; or the refusal."""
        at, carried = 0, []
        while at < len(data) and not self.done:
            if self._left:
                part = data[at : at + self._left]
                carried.append(part)
                self._left -= len(part)
                at += len(part)
                continue
            end = data.find(b"\n", at, at + _LONGEST_SIZE + 2)
            line = self._line + data[at : end + 1 if end >= 0 else at + _LONGEST_SIZE + 2]
            if end < 0:
                # a size is refused at its first wrong byte, so that nobody waits for the rest of the line
                text = line.removesuffix(b"\r")
                may_become_valid = not text or (self._state == self._size and bool(_CHUNK.match(text)))
                if len(line) > _LONGEST_SIZE + 1 or not may_become_valid:
                    return CHUNKS
                self._line = line
                return len(data), carried
            if not line.endswith(b"\r\n") or not self._state(line[:-2]):
                return CHUNKS
            self._line = b""
            at = end + 1
        return at, carried

    def _size(self, text: bytes) -> bool:
        if not _CHUNK.match(text):
            return False
        self._left = int(text, 16)
        self._state = self._end_of_chunk if self._left else self._end
        return True

    def _end_of_chunk(self, text: bytes) -> bool:
        self._state = self._size
        return not text

    def _end(self, text: bytes) -> bool:
        self.done = True
        return not text
