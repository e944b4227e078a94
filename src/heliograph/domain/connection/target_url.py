"""The URL of a connection: a fixed origin, and a path and query that may contain source fields (C2, C5).

A source field is written in braces, which URLs do not otherwise contain: `https://crm.example.com/v2/events/{event.code}/leads`. Scheme, host
and port cannot contain one. Path and query may be a secret (Slack, Teams), so they are stored separately from the origin, and shown as "…".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import tzinfo
from functools import lru_cache
from ipaddress import AddressValueError, IPv6Address
from typing import Final
from urllib.parse import quote

from heliograph.domain.errors import HeliographError
from heliograph.domain.mapping.mapping_renderer import FactSource, ValueProblem, problem_of
from heliograph.domain.mapping.transform import Unfit, text_of
from heliograph.domain.sentence_template import Sentence, gettext_noop
from heliograph.domain.setup.fields import FieldError, parse_source

LONGEST_URL: Final = 8_192
DEFAULT_PORTS: Final = {"https": 443, "http": 80}
URL: Final = "URL"  # the name in validation errors

_ORIGIN: Final = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]{0,30})://(?P<host>\[[0-9A-Fa-f:.]{2,45}\]|[^/?#\[\]:@\\%{}]{1,253})(?::(?P<port>[0-9]{1,5}))?"
)
_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_CONTROL: Final = re.compile(r"[\x00-\x20\x7f\\]")
_CHIP: Final = re.compile(r"\{([^{}]*)\}")
_KEPT: Final = "".join(chr(code) for code in range(0x21, 0x7F))  # typed text stays as typed, only non-ASCII characters are encoded


class AddressError(HeliographError):
    """This URL cannot be used."""


@dataclass(frozen=True, slots=True)
class TargetAddress:
    """A parsed URL. origin: `https://host` or `https://host:port`, in lower case; path_and_query: as written, with chips."""

    origin: str
    path_and_query: str


def split_address(text: str, *, http: bool = False) -> TargetAddress:
    """Splits a URL. http: allows a URL without TLS (the operator decides that per network, C6).

    Raises AddressError with a sentence that never repeats path or query. Host names must be ASCII: the form encodes others first.
    """
    if len(text) > LONGEST_URL:
        raise AddressError("The URL is longer than %(most)s characters.", most=LONGEST_URL)
    if _CONTROL.search(text):
        raise AddressError("The URL contains a space, a line break, a backslash or another control character.")
    head, slash, _ = text.partition("://")
    authority = re.split(r"[/?#]", text[len(head) + 3 :], maxsplit=1)[0] if slash else ""
    if "@" in authority:
        raise AddressError("The URL contains a user name or password before the host; use a connection with Basic Authentication.")
    if "{" in head or "{" in authority:
        raise AddressError("Scheme, host and port of the URL cannot contain a source field; only path and query can.")
    match = _ORIGIN.fullmatch(f"{head}://{authority}")
    if match is None:
        raise AddressError("The URL has no readable host; it has to look like https://example.org/path.")
    path_and_query = text[len(head) + 3 + len(authority) :]
    if "#" in path_and_query:
        raise AddressError("What follows # in a URL is never sent; leave it out.")
    parse_path_and_query(path_and_query)
    return TargetAddress(_origin(match, http=http), path_and_query if path_and_query.startswith("/") else f"/{path_and_query}")


def _origin(match: re.Match[str], *, http: bool) -> str:
    scheme, host = match["scheme"].lower(), match["host"].lower()
    if scheme not in DEFAULT_PORTS:
        raise AddressError("The address must start with https://.")
    if scheme == "http" and not http:
        raise AddressError("The address must start with https://. Without it everybody on the way can read and change what is sent.")
    if host.startswith("["):
        try:
            host = f"[{IPv6Address(host[1:-1])}]"
        except AddressValueError:
            raise AddressError("The URL's host is not a valid IPv6 address.") from None
    elif not all(_LABEL.fullmatch(label) for label in host.removesuffix(".").split(".")):
        raise AddressError("The URL's host name is not valid.")
    port = int(match["port"] or DEFAULT_PORTS[scheme])
    if not 0 < port < 65_536:
        raise AddressError("The URL's port is not a number from 1 to 65535.")
    return f"{scheme}://{host}" if port == DEFAULT_PORTS[scheme] else f"{scheme}://{host}:{port}"


@lru_cache(maxsize=1024)
def masked(url: str) -> str:
    """A URL as everyone may see it: host, port unless it is the default, and "…" (C5). Never raises."""
    authority = re.split(r"[/?#\\]", url.partition("://")[2], maxsplit=1)[0].rpartition("@")[2]
    return f"{authority}/…" if authority and not _CONTROL.search(authority) else "…"


def without_query(url: str) -> str:
    """A URL whose path is no secret, such as that of an OAuth2 endpoint (RFC 6749, section 3): host, port, path, and "…" for a query. Never
    raises."""
    masked_url = masked(url).removesuffix("…").removesuffix("/")
    path, query, _ = url.partition("://")[2].partition("?")
    _, slash, steps = path.partition("/")
    if not masked_url or _CONTROL.search(steps):
        return masked(url)
    return f"{masked_url}{slash}{steps}" + ("?…" if query else "")


@dataclass(frozen=True, slots=True)
class PathAndQuery:
    """Path and query, parsed: texts and the chips between them (one more text than chips)."""

    texts: tuple[str, ...]
    chips: tuple[str, ...]

    def fill(self, facts: FactSource, zone: tzinfo) -> str | ValueProblem:
        """Path and query with the values of the source fields, percent-encoded. An empty value is a validation error (C2)."""
        if not self.chips:
            return self.texts[0]
        filled = [self.texts[0]]
        for chip, text in zip(self.chips, self.texts[1:], strict=True):
            try:
                value = text_of(facts.value(chip), zone).strip()
            except Unfit as error:
                return problem_of(URL, error)
            if not value:
                return ValueProblem(URL, Sentence("contains the field %(chip)s, which is empty", chip=chip))
            try:
                filled += [quote(value, safe=""), text]
            except UnicodeEncodeError:
                return ValueProblem(URL, Sentence("contains the field %(chip)s, which is not valid text", chip=chip))
        whole = "".join(filled)
        if _has_dots(whole):
            return ValueProblem(URL, gettext_noop("would lead to another path, because a field in it contains /./, /../ or only dots"))
        return whole


def parse_path_and_query(path_and_query: str) -> PathAndQuery:
    """Parses path and query. Raises AddressError for unknown fields, stray braces and dot segments."""
    pieces = _CHIP.split(path_and_query)
    texts, chips = pieces[::2], pieces[1::2]
    if any("{" in text or "}" in text for text in texts):
        raise AddressError("The URL contains a brace that is not closed; a source field looks like {event.code}.")
    for chip in chips:
        try:
            parse_source(chip)
        except FieldError as error:
            raise AddressError("%(error)s A source field in a URL looks like {event.code}.", error=error.sentence) from None
    if _has_dots("x".join(texts)):
        raise AddressError("The path of the URL contains /./ or /../; write the address without it.")
    try:
        return PathAndQuery(tuple(quote(text, safe=_KEPT) for text in texts), tuple(chips))
    except UnicodeEncodeError:
        raise AddressError("The URL contains half a character (a lone surrogate).") from None


_STEP: Final = r"(?:[/\\]|%(?:25)*(?:2f|5c))"
_DOTS: Final = re.compile(rf"(?:\A|{_STEP})(?:\.|%(?:25)*2e){{1,2}}(?:\Z|(?={_STEP}))", re.IGNORECASE)


def _has_dots(path_and_query: str) -> bool:
    """True if a parser would read a part of the path as "." or "..", even one that decodes %2F first, once or more often, as many servers do."""
    path = path_and_query.partition("?")[0]
    if "." not in path and "%2" not in path:
        return False
    return _DOTS.search(path) is not None
