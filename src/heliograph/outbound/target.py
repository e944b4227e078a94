"""Parses the address part of a URL strictly (C6).

libcurl, Python and browsers disagree about odd URLs (backslashes, control characters, several `@`). Checking one reading and connecting by
another opens the door to attacks, so only URLs with a single reading pass.
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import AddressValueError, IPv6Address
from typing import Final
from urllib.parse import quote

import idna

from heliograph.domain.delivery.attempt_sentences import AttemptSentence
from heliograph.domain.errors import HeliographError


class InvalidTarget(HeliographError):
    """The URL cannot be used."""


@dataclass(frozen=True)
class Target:
    """Where a URL leads. `host` is lower-case ASCII without brackets; `literal`: it is an address, not a name.

    `path_and_query` is percent-encoded; it may be a secret. `str()` is host and port, which may be shown.
    """

    scheme: str
    host: str
    port: int
    literal: bool
    path_and_query: str = field(repr=False)

    @cached_property
    def bracketed(self) -> str:
        """The host as written in a URL."""
        return f"[{self.host}]" if ":" in self.host else self.host

    def __str__(self) -> str:
        return self.bracketed if self.port == DEFAULT_PORTS[self.scheme] else f"{self.bracketed}:{self.port}"

    @cached_property
    def url(self) -> str:
        """The whole URL in a form that all parsers read alike, without a fragment."""
        return f"{self.scheme}://{self}{self.path_and_query}"


DEFAULT_PORTS: Final = {"http": 80, "https": 443}
LONGEST_URL: Final = 8_192

# RFC 3986: scheme "://" authority, then path, query. The character set excludes everything that a parser could take for a second authority.
_URL: Final = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<host>\[[0-9A-Fa-f:.]+\]|[^/?#\[\]:@\\%]*)(?P<port>:[0-9]{0,5})?(?P<path_and_query>[/?#].*)?"
)
_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_KEPT: Final = "".join(chr(code) for code in range(0x21, 0x7F))
_UNSAFE: Final = re.compile(r"[\x00-\x20\x7f\\]")


def read_target(url: str) -> Target:
    """Scheme, host and port of a URL. Raises InvalidTarget, whose sentence never quotes path, query or user information."""
    if len(url) > LONGEST_URL:
        raise InvalidTarget(AttemptSentence.URL_TOO_LONG, most=LONGEST_URL)
    if _UNSAFE.search(url):
        raise InvalidTarget("The URL contains a space, a line break, a backslash or another control character.")
    authority = re.split(r"[/?#]", url.partition("://")[2], maxsplit=1)[0]
    if "@" in authority:
        raise InvalidTarget("The URL contains a user name or password before the host; use a connection with Basic Authentication.")
    match = _URL.fullmatch(url)
    if match is None:
        raise InvalidTarget("The URL has no readable host; it must look like https://example.org/path.")
    scheme = match["scheme"].lower()
    if scheme not in DEFAULT_PORTS:
        raise InvalidTarget(AttemptSentence.URL_SCHEME, scheme=scheme[:20])
    port = int(match["port"][1:]) if match["port"] and len(match["port"]) > 1 else DEFAULT_PORTS[scheme]
    if not 0 < port < 65_536:
        raise InvalidTarget("The URL's port is not a number from 1 to 65535.")
    host, literal = _read_host(match["host"])
    path_and_query = (match["path_and_query"] or "").partition("#")[0]
    if not path_and_query.startswith("/"):
        path_and_query = f"/{path_and_query}"
    try:
        return Target(scheme, host, port, literal, path_and_query if path_and_query.isascii() else quote(path_and_query, safe=_KEPT))
    except UnicodeEncodeError:
        raise InvalidTarget("The URL contains half a character (a lone surrogate).") from None


def with_ascii_host(url: str) -> str:
    """A URL as people type it, with the host as it is sent: `https://müller.example` becomes `https://xn--mller-kva.example`. Other errors
    stay for `read_target` to report."""
    head, slash, tail = url.partition("://")
    authority = re.split(r"[/?#]", tail, maxsplit=1)[0]
    host, colon, port = authority.partition(":")
    if not slash or authority.isascii() or "@" in authority or _UNSAFE.search(authority):
        return url
    try:
        return f"{head}://{idna.encode(host, uts46=True).decode('ascii')}{colon}{port}{tail[len(authority) :]}"
    except UnicodeError:  # includes idna.IDNAError
        return url


def _read_host(text: str) -> tuple[str, bool]:
    if text.startswith("["):
        try:
            return str(IPv6Address(text[1:-1])), True
        except AddressValueError:
            raise InvalidTarget("The URL's host is not a valid IPv6 address.") from None
    host = text
    if not host.isascii():
        try:
            host = idna.encode(host, uts46=True).decode("ascii")
        except UnicodeError:  # includes idna.IDNAError
            raise InvalidTarget("The URL's host name contains characters that no host name can have.") from None
    host = host.lower()
    labels = host.removesuffix(".").split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise InvalidTarget("The URL's host name is not valid.")
    if _NUMBER.fullmatch(labels[-1]):  # libcurl and other parsers take 127.1, 0x7f000001 and 017700000001 for addresses
        try:
            return socket.inet_ntoa(socket.inet_aton(host.removesuffix("."))), True
        except OSError:
            raise InvalidTarget("The URL's host is not a valid IPv4 address.") from None
    return host, False
