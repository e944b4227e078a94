"""Removes credentials from texts that are stored, shown or logged (C5).

    masks = masks_of(secrets, request)    everything that was sent with a request, or could have been
    masks.blotted(text)                   the text without it; call it before a text is cut

Targets repeat what they were sent: decoded, encoded and quoted. So each credential is searched for in several *readings* (itself, its
base64 at any offset, its hexadecimal digits, the bytes of a signing key …), and each reading in every *spelling* that one or two encoders
produce (percent-encoding, HTML, JSON …), ignoring case. docs/reference/security.md says what is not found.
"""

from __future__ import annotations

import base64
import html
import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Final
from urllib.parse import quote, quote_plus, unquote

from heliograph.domain.connection.request import Request

MASK: Final = "…"
SHORTEST: Final = 4
"""A shorter secret would remove half of every answer. Also the shortest beginning of a secret that is found where a text was cut off."""
SHORTEST_PIECE: Final = 12
"""For a part of a path or a header: shorter ones are words, not credentials."""
SHORTEST_CODE: Final = 6
"""For the base64 or hexadecimal digits of a secret."""
LONGEST_TWICE: Final = 1_000
"""A longer text is searched for in the spellings of single encoders, not of nested ones."""
MOST_BEGINNINGS: Final = 64
"""Places that may be the beginning of a cut-off secret. A text with more of them was built to be slow: it is removed from the first one on.
"""

_BREAKS: Final = re.compile(r"[/?&=#{}]")
_SPEAKING: Final = re.compile(r"[?&][^=&]*(?:key|token|secret|sig|pass|pwd|auth|code|hash)[^=&]*=([^&]+)", re.IGNORECASE)
_SEPARATORS: Final = re.compile(r"[\s,;\"=]+")
_RUNS: Final = re.compile(r"[0-9A-Za-z]+")
_LONG_RUN: Final = re.compile(r"[0-9A-Za-z]{10,}")
_PEM: Final = re.compile(r"-----BEGIN [A-Z0-9 ]+-----.+-----END", re.DOTALL)
_KEY_LINES: Final = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----(.+?)-----END", re.DOTALL)
_CODED: Final = ("whsec_", "v1,")
"""The prefixes of a signing secret, and of a signature (Standard Webhooks)."""
_URL_SAFE: Final = str.maketrans("+/", "-_")


GIVEN_BY_TARGETS: Final = frozenset({"set-cookie", "set-cookie2", "cookie", "authorization", "proxy-authorization"})
"""Response headers whose values are credentials, whoever issued them: their values are never stored."""


@dataclass(frozen=True, slots=True, eq=False)
class Masks:
    """The texts to search for. It contains secrets: never log or store it.

    given: the texts it was built from. readings: each with a run of its letters and digits, in lower case. No encoder changes that run, so
    a text without it does not contain the reading in any spelling: for most texts nothing else need be searched for.
    """

    given: frozenset[str] = field(default=frozenset(), repr=False)
    readings: tuple[tuple[bytes, str], ...] = field(default=(), repr=False)

    def also(self, request: Request | None = None, *, secrets: Iterable[str] = (), credentials: Iterable[str] = ()) -> Masks:
        """These masks and those of what else was sent. request: the contents of its hidden headers and its URL. credentials: values of such
        headers."""
        values = list(credentials)
        found = list(secrets)
        if request is not None:
            if hidden := request.hidden:
                values += [value for name, value in request.headers if name.lower() in hidden]
            found.append(_path_of(request.url))
        given = self.given
        new_values, new_secrets = [value for value in values if value not in given], [secret for secret in found if secret not in given]
        if not new_values and not new_secrets:
            return self
        parts = {part for value in new_values for part in _parts_of_header(value)}
        parts.update(part for secret in new_secrets for part in _parts_of_secret(secret))
        readings = [reading for part in parts if part not in given and len(part) >= SHORTEST for reading in _readings(part)]
        return Masks(given.union(new_values, new_secrets, parts), (*self.readings, *readings))

    def _candidates(self, text: str) -> list[str]:
        """The readings that may be in a text: nearly always none."""
        raw = text.encode("utf-8", "surrogatepass").lower()
        return [reading for run, reading in self.readings if run in raw]

    def are_in(self, text: str) -> bool:
        """True if there is anything to remove."""
        raw = text.encode("utf-8", "surrogatepass").lower()
        folded = ""
        for run, reading in self.readings:
            if run not in raw:
                continue
            if reading.isascii():
                for word in _plain_spellings(reading):
                    if word in raw:
                        return True
                continue
            folded = folded or _folded(text)
            if any(word in folded for word in _spellings(reading)):
                return True
        return False

    def blotted(self, text: str, *, cut: bool = False) -> str:
        """The text with "…" in place of credentials. cut: the text was cut off, so its end may be the beginning of one."""
        if not text:
            return text
        near = self._candidates(text)
        if not near and not cut:
            return text
        folded = _folded(text)
        spans = [span for reading in near for word in _spellings(reading) for span in _occurrences(word, folded)]
        if cut:
            spans += [span for _, reading in self.readings for word in _spellings(reading) for span in _cut_off_at_end(word, folded)]
        return _blanked(text, spans) if spans else text

    def blotted_answer(
        self, headers: Iterable[tuple[str, str]], body: str, *, cut: bool = False, hidden: frozenset[str] = frozenset()
    ) -> tuple[list[list[str]], str]:
        """Headers and body without credentials. hidden: lower-case names of headers whose values are dropped; those of cookies always are.

        Searches all of it at once, because nearly always there is nothing.
        """
        never = GIVEN_BY_TARGETS | hidden if hidden else GIVEN_BY_TARGETS
        kept = [[name, MASK if name.lower() in never else value] for name, value in headers]
        if not cut and not self.are_in("\0".join([body, *itertools.chain.from_iterable(kept)])):
            return kept, body
        return [[self.blotted(name), self.blotted(value)] for name, value in kept], self.blotted(body, cut=cut)


NOTHING: Final = Masks()


def masks_of(secrets: Iterable[str], request: Request | None = None, *, credentials: Iterable[str] = ()) -> Masks:
    """The masks of everything that was sent with a request, or could have been. The only place where masks are created.

    secrets: as stored or given (passwords, keys, tokens, signing secrets, path and query of a URL, private keys). request: the values of
    its hidden headers with their parts (for Basic also the pair), and its path. credentials: values of such headers.
    """
    return NOTHING.also(request, secrets=secrets, credentials=credentials)


# What was sent.


def _path_of(url: str) -> str:
    """The path as sent, without the query, whose parameters are the payload's or secrets of their own."""
    return "/" + url.partition("://")[2].partition("/")[2].partition("?")[0]


def _parts_of_secret(secret: str) -> Iterator[str]:
    """A secret, and the parts of a path, a query or a private key that are credentials on their own."""
    if _PEM.match(secret):
        for block in _KEY_LINES.findall(secret):
            yield from (line for line in block.split() if len(line) >= SHORTEST_PIECE)
        return
    yield secret
    if secret.startswith("/"):
        yield unquote(secret)
        yield secret.partition("?")[0]
        for piece in _BREAKS.split(secret):
            if len(piece) >= SHORTEST_PIECE and any(c.isdigit() for c in piece):
                yield from (piece, unquote(piece))
        for value in _SPEAKING.findall(secret):
            yield from (value, unquote(value))


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
def _readings(secret: str) -> tuple[tuple[bytes, str], ...]:
    """Each reading of a secret that is long enough, with the run that finds it."""
    coded = next((len(prefix) for prefix in _CODED if secret.startswith(prefix)), 0)
    found = [secret[coded:].rstrip("=")]
    raw = secret[coded:].encode("utf-8", "surrogatepass")
    codes = _codes(raw)
    as_is: list[str] = []
    if not secret.isascii():
        found.append(raw.decode("latin-1"))  # UTF-8 in a header that is read as Latin-1
        with suppress(UnicodeEncodeError):
            found.append(secret.encode("latin-1").decode("utf-8", "replace"))
    if coded:
        with suppress(ValueError):
            key = base64.b64decode(secret[coded:], validate=True)
            codes += _codes(key)
            if secret.startswith(_CODED[0]):
                shown = (key.decode("latin-1"), key.decode("utf-8", "replace").strip("\ufffd"))
                as_is = [spelled for text in shown for spelled in (text, json.dumps(text)[1:-1])]
    kept = [text for text in found if len(text) >= SHORTEST] + [code for code in codes if len(code) >= SHORTEST_CODE]
    readings = [(_longest_run(text), text) for text in dict.fromkeys(kept)]
    # Random bytes have no long run of letters and digits, so they are searched for as a whole.
    return tuple(readings + [(text.encode().lower(), text) for text in as_is if len(text) >= SHORTEST])


def _longest_run(text: str) -> bytes:
    """A long run of letters and digits, or else the longest there is."""
    long = _LONG_RUN.search(text)
    return (long[0] if long else max(_RUNS.findall(text), key=len, default="")).lower().encode()


def _codes(raw: bytes) -> list[str]:
    """Bytes as hexadecimal digits, and as base64 at any offset: only the characters that do not depend on neighbouring bytes."""
    whole, second, third = (base64.b64encode(bytes(before) + raw).decode() for before in (0, 1, 2))
    size = len(raw)
    return [raw.hex(), whole[: size * 8 // 6], second[2 : (size + 1) * 8 // 6], third[3 : (size + 2) * 8 // 6]]


# The spellings.


def _json(text: str, *, plain: bool = False, more: Iterable[str] = ()) -> str:
    """plain: as ASCII. more: further characters to escape."""
    written = json.dumps(text, ensure_ascii=plain)[1:-1]
    for char in more:
        written = written.replace('\\"' if char == '"' else char, "\\/" if char == "/" else f"\\u{ord(char):04x}")
    return written


_WRITERS: Final[tuple[Callable[[str], str], ...]] = (
    partial(quote, safe=""),
    quote,
    quote_plus,
    partial(quote, safe="!'()*"),  # JavaScript's encodeURIComponent
    partial(quote, safe="!$&'()*+,;=:@/?"),  # allowed in a path or a query (RFC 3986)
    partial(quote, safe="", encoding="latin-1"),
    html.escape,
    partial(html.escape, quote=False),
    lambda text: html.escape(text, quote=False).replace('"', "&#34;").replace("'", "&#39;"),
    lambda text: html.escape(text, quote=False).replace('"', "&quot;").replace("'", "&#039;"),
    lambda text: text.encode("ascii", "xmlcharrefreplace").decode(),
    *(partial(_json, plain=plain, more=more) for plain in (True, False) for more in ("", "/", "<>&", "<>&'", "<>&'\"+`")),
    lambda text: text.translate(_URL_SAFE),
    lambda text: repr(text)[1:-1],
    lambda text: repr(text.encode())[2:-1],
)
"""None of them changes ASCII letters and digits."""


@lru_cache(maxsize=1024)
def _spellings(text: str) -> tuple[str, ...]:
    """A reading as spelled by each encoder, and by each inside another, in lower case."""
    once = _written([text])
    spelled = _written(once) if len(text) <= LONGEST_TWICE else once
    return tuple({_folded(each) for each in spelled})


@lru_cache(maxsize=1024)
def _plain_spellings(text: str) -> tuple[bytes, ...]:
    """The ASCII spellings of a reading, to be searched for in a text's bytes: folding a non-ASCII text costs more than everything else."""
    return tuple(word.encode() for word in _spellings(text))


def _written(texts: Iterable[str]) -> set[str]:
    found = set(texts)
    for text in tuple(found):
        if text.isascii() and text.isalnum():
            continue
        if not text.isascii():  # escapes of upper-case letters differ
            found |= {text.upper(), text.lower()}
        for write in _WRITERS:
            with suppress(UnicodeError):
                found.add(write(text))
    return found


def _folded(text: str) -> str:
    """Lower-cases a text without changing its length: a character whose lower case is longer stays as it is."""
    folded = text.casefold()
    if len(folded) == len(text):
        return folded
    return "".join(small if len(small := char.casefold()) == 1 else char for char in text)


# Where credentials are found.


def _occurrences(word: str, folded: str) -> Iterator[tuple[int, int]]:
    start = folded.find(word)
    while start >= 0:
        yield start, start + len(word)
        start = folded.find(word, start + 1)


def _cut_off_at_end(word: str, folded: str) -> Iterator[tuple[int, int]]:
    """The end of a text, if it is the beginning of a word."""
    first = start = folded.find(word[:SHORTEST], max(0, len(folded) - len(word) + 1))
    for _ in range(MOST_BEGINNINGS):
        if start < 0:
            return
        if word.startswith(folded[start:]):
            yield start, len(folded)
            return
        start = folded.find(word[:SHORTEST], start + 1)
    yield first, len(folded)


def _blanked(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """Replaces the spans; overlapping or adjacent ones become one mask."""
    kept: list[str] = []
    end = 0
    for start, stop in sorted(spans):
        if start > end or not kept:
            kept += [text[end:start], MASK]
        end = max(end, stop)
    return "".join([*kept, text[end:]])
