"""Removes credentials from texts that are stored, shown or logged (C5).

    masks = masks_of(secrets, request)    everything that was sent with a request, or could have been
    masks.blotted(text)                   the text without it; call it after a text was cut, with cut=True

Targets repeat what they were sent: decoded, encoded, quoted, wrapped and shortened. So each credential is searched for in several *readings*
(itself, its base64 at any offset, its hexadecimal digits, the bytes of a signing key …), in the text and in what decoders make of it
(percent-encoding, HTML, JSON …: text_levels.py), ignoring case, and piece by piece (needles.py). docs/reference/security.md says what is not
found.
"""

from __future__ import annotations

import base64
import itertools
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

from heliograph.domain.connection.request import Request
from heliograph.domain.connection.secret import MASK
from heliograph.outbound.needles import LONGEST_BEGINNING, SHORTEST, WINDOW, FullOfSecrets, Needles, Reading
from heliograph.outbound.text_levels import TAIL, endings, levels

SHORTEST_PIECE: Final = WINDOW
"""For a part of a path or a header: shorter ones are words, not credentials."""
SHORTEST_CODE: Final = 6
"""For the base64 or hexadecimal digits of a secret."""

_BREAKS: Final = re.compile(r"[/?&=#{}]")
_SPEAKING: Final = re.compile(r"[?&][^=&]*(?:key|token|secret|sig|pass|pwd|auth|code|hash)[^=&]*=([^&]+)", re.IGNORECASE)
_SEPARATORS: Final = re.compile(r"[\s,;\"=]+")
_UNFINISHED_CHARACTER: Final = re.compile(
    r"(?:\\u[dD][89abAB][0-9a-fA-F]{2}(?:\\(?:u[0-9a-fA-F]{0,3})?)?|\\u[0-9a-fA-F]{2,3}"
    r"|(?:%[89a-fA-F][0-9a-fA-F]){1,3}%?[0-9a-fA-F]?)\Z"
)
"""At the end of a text that was cut off: an escape of SHORTEST or more characters, which may be the beginning of a secret."""
_PEM: Final = re.compile(r"-----BEGIN [A-Z0-9 ]+-----.+-----END", re.DOTALL)
_KEY_LINES: Final = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----(.+?)-----END", re.DOTALL)
_CODED: Final = ("whsec_", "v1,")
"""The prefixes of a signing secret, and of a signature (Standard Webhooks)."""

GIVEN_BY_TARGETS: Final = frozenset({"set-cookie", "set-cookie2", "cookie", "authorization", "proxy-authorization"})
"""Response headers whose values are credentials that the target issued. Their values are never stored."""


@dataclass(frozen=True, slots=True, eq=False)
class Masks:
    """The texts to search for. It contains secrets: never log or store it."""

    given: frozenset[str] = field(default=frozenset(), repr=False)
    """The texts that it was built from."""
    needles: tuple[Needles, ...] = field(default=(), repr=False)
    """First the needles of a connection, which are prepared once; then those of its access token and of a single request."""

    def also(self, request: Request | None = None, *, secrets: Iterable[str] = (), credentials: Iterable[str] = ()) -> Masks:
        """These masks and those of what else was sent. request: the contents of its hidden headers and its URL. credentials: values of such
        headers."""
        values = list(credentials)
        secret_list = list(secrets)
        if request is not None:
            if hidden := request.hidden:
                values += [value for name, value in request.headers if name.lower() in hidden]
            # the path as sent, without the query, whose parameters are the payload's or secrets of their own
            secret_list.append("/" + request.url.partition("://")[2].partition("/")[2].partition("?")[0])
        given = self.given
        new_values, new_secrets = (
            [value for value in values if value not in given],
            [secret for secret in secret_list if secret not in given],
        )
        if not new_values and not new_secrets:
            return self
        parts = {Reading(part): None for value in new_values for part in _parts_of_header(value)}
        parts |= {part: None for secret in new_secrets for part in _parts_of_secret(secret)}
        readings = [reading for part in parts if part.text not in given and len(part.text) >= SHORTEST for reading in _readings(part)]
        needles = (*self.needles, Needles(readings)) if readings else self.needles
        return Masks(given.union(new_values, new_secrets, (part.text for part in parts)), needles)

    @property
    def longest(self) -> int:
        """Characters of the longest reading: so much of a text beyond its cut is worth reading."""
        return max((needles.longest for needles in self.needles), default=0)

    def blotted(self, text: str, *, cut: bool = False) -> str:
        """The text with "…" in place of credentials.

        cut: True if the text was cut off, so that it may end in the beginning of a credential
        """
        if not text or not self.needles:
            return text
        if any(needles.are_too_many for needles in self.needles):
            return MASK
        spans: list[tuple[int, int]] = []
        try:
            for level in levels(text):
                for needles in self.needles:
                    if needles.may_be_in(level):
                        spans += needles.spans(level, cut=cut)
        except FullOfSecrets:
            return MASK
        if cut:
            spans += self._beginning_at_end(text)
        return _blanked(text, spans) if spans else text

    def shortened(self, text: str, most: int, *, cut: bool = False) -> str:
        """At most so many characters of the text, without credentials. It is cut before it is searched, so that its length costs nothing.

        cut: it was cut off before.
        """
        end = most + self.longest
        return self.blotted(text[:end], cut=cut or len(text) > end)[:most]

    def blotted_answer(
        self, headers: Iterable[tuple[str, str]], body: str, *, cut: bool = False, hidden: frozenset[str] = frozenset()
    ) -> tuple[list[list[str]], str]:
        """Headers and body without credentials. It searches all of it at once, because nearly always there are none.

        hidden: lower-case names of headers whose values are removed, besides those of cookies
        """
        never = GIVEN_BY_TARGETS | hidden if hidden else GIVEN_BY_TARGETS
        lines = [[name, MASK if name.lower() in never else value] for name, value in headers]
        text = "\0".join([*itertools.chain.from_iterable(lines), body])
        if self.blotted(text, cut=cut) is text:
            return lines, body
        return [[self.blotted(name), self.blotted(value)] for name, value in lines], self.blotted(body, cut=cut)

    def _beginning_at_end(self, text: str) -> list[tuple[int, int]]:
        """The end of a text, if it is the beginning of a secret. A beginning longer than a window is found as windows."""
        before = max(0, len(text) - TAIL)
        for ending, starts in endings(text[before:]):
            for size in range(min(len(ending), LONGEST_BEGINNING), 0, -1):
                start = before + starts[len(ending) - size]
                if len(text) - start >= SHORTEST and any(ending[-size:] in needles.beginnings for needles in self.needles):
                    return [(start, len(text))]
        escape = _UNFINISHED_CHARACTER.search(text, before)
        return [escape.span()] if escape and len(escape[0]) >= SHORTEST else []


NOTHING: Final = Masks()


def masks_of(secrets: Iterable[str], request: Request | None = None, *, credentials: Iterable[str] = ()) -> Masks:
    """The masks of everything that was sent with a request, or could have been. The only place where masks are created.

    secrets: as stored or given (passwords, keys, tokens, signing secrets, path and query of a URL, private keys)
    request: the values of its hidden headers with their parts (for Basic also the pair), and its path
    credentials: values of such headers
    """
    return NOTHING.also(request, secrets=secrets, credentials=credentials)


# What was sent.


def _parts_of_secret(secret: str) -> Iterator[Reading]:
    """A secret, and the parts of a path, a query or a private key that are credentials on their own."""
    if _PEM.match(secret):
        for block in _KEY_LINES.findall(secret):
            yield from (Reading(line) for line in block.split() if len(line) >= SHORTEST_PIECE)
        return
    if not secret.startswith(("/", "?")):
        yield Reading(secret)
        return
    for text in (secret, unquote(secret), secret.partition("?")[0]):
        yield Reading(text, is_path=True)
    for piece in _BREAKS.split(secret):
        if len(piece) >= SHORTEST_PIECE and any(c.isdigit() for c in piece):
            yield from (Reading(piece, is_path=True), Reading(unquote(piece), is_path=True))
    for value in _SPEAKING.findall(secret):
        yield from (Reading(value), Reading(unquote(value)))


def _parts_of_header(value: str) -> Iterator[str]:
    """The value, or its credentials without the scheme; its long words; for Basic also the decoded base64."""
    scheme, _, credentials = value.partition(" ")
    yield credentials.strip()
    words = value.split()
    if len(words) != 2 or len(credentials) < SHORTEST:
        yield value
    for word in words:
        if len(word) >= SHORTEST_PIECE:
            yield word
            if not word.startswith(_CODED):  # their parts are readings
                yield from (piece for piece in _SEPARATORS.split(word) if len(piece) >= SHORTEST_PIECE)
    if scheme.lower() == "basic":
        with suppress(ValueError):
            pair = base64.b64decode(credentials).decode()
            password = pair.partition(":")[2]
            yield password if len(password) >= SHORTEST else pair


# The readings.


@lru_cache(maxsize=1024)
def _readings(part: Reading) -> tuple[Reading, ...]:
    """Each reading of a secret that is long enough."""
    secret = part.text
    coded = next((len(prefix) for prefix in _CODED if secret.startswith(prefix)), 0)
    raw = secret[coded:].encode("utf-8", "surrogatepass")
    texts = [secret[coded:].rstrip("=")]
    codes = _codes(raw)
    if not secret.isascii():
        texts.append(raw.decode("latin-1"))  # UTF-8 in a header that is read as Latin-1
        with suppress(UnicodeEncodeError):
            texts.append(secret.encode("latin-1").decode("utf-8", "replace"))
    if coded:
        with suppress(ValueError):
            key = base64.b64decode(secret[coded:], validate=True)
            codes += _codes(key)
            if secret.startswith(_CODED[0]):
                texts += [key.decode("latin-1"), key.decode("utf-8", "replace").strip("\ufffd")]
    readings = [Reading(text, part.is_path) for text in texts if len(text) >= SHORTEST]
    return tuple(dict.fromkeys([*readings, *(Reading(code) for code in codes if len(code) >= SHORTEST_CODE)]))


def _codes(raw: bytes) -> list[str]:
    """Bytes as hexadecimal digits, and as base64 at any offset: only the characters that do not depend on neighbouring bytes."""
    whole, second, third = (base64.b64encode(bytes(before) + raw).decode() for before in (0, 1, 2))
    size = len(raw)
    return [raw.hex(), whole[: size * 8 // 6], second[2 : (size + 1) * 8 // 6], third[3 : (size + 2) * 8 // 6]]


# What replaces them.


def _blanked(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """Replaces the spans; overlapping or adjacent ones become one mask."""
    pieces: list[str] = []
    end = 0
    for start, stop in sorted(spans):
        if start > end or not pieces:
            pieces += [text[end:start], MASK]
        end = max(end, stop)
    return "".join([*pieces, text[end:]])
