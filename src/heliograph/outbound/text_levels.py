"""A text as decoders read it, one after the other, and where each character stood in the original (C5).

    original      token%5Cu00e4bc%0Ad     percent-encoded JSON
    1st level     token\\u00e4bc↵d
    2nd level     tokenäbc↵d
    searched      tokenäbcd               without white space, in lower case

Writers nest: HTML in JSON, JSON in a URL. A secret has hundreds of spellings, but a text only has these few levels, so the work depends on the
length of the text alone.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

MOST_LEVELS: Final = 3
"""Writers inside each other that are undone."""
TAIL: Final = 400
"""The last characters of a cut text in which the beginning of a secret may stand: 11 characters, in the longest spelling that three encoders
make."""

_ESCAPE: Final = re.compile(
    r"(?:%[0-9a-fA-F]{2})+|(?:\\[xX][0-9a-fA-F]{2})+|(?:\\[uU][0-9a-fA-F]{4})+|\\.|&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});|=\r?\n",
    re.DOTALL,
)
"""The escapes of URLs, HTML, JSON and Python for a character; the last is a soft line break of quoted-printable."""
_UNFINISHED: Final = re.compile(
    r"(?:%[0-9a-fA-F]?|\\[uU][dD][89abAB][0-9a-fA-F]{2}(?:\\(?:[uU][0-9a-fA-F]{0,3})?)?|\\(?:[xX][0-9a-fA-F]?|[uU][0-9a-fA-F]{0,3})?|&#?[0-9a-zA-Z]{0,31}|=\r?)\Z"
)
_PART_OF_UTF_8: Final = re.compile(r"(?:%|\\[xX])[89a-fA-F][0-9a-fA-F]\Z")
_SHORT: Final = 12
"""The longest escape, in characters, whose meaning is cached: most texts repeat a few short ones."""
_CONTROLS: Final = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "v": "\v", "a": "\a", "0": "\0"}
_WORDS: Final = re.compile(r"\S+")
_GROWING: Final = re.compile(
    r"([\u00df\u0130\u0149\u01f0\u0390\u03b0\u0587\u1e96-\u1e9a\u1e9e\u1f50\u1f52\u1f54\u1f56\u1f80-\u1faf\u1fb2-\u1fb4\u1fb6-\u1fb7\u1fbc"
    r"\u1fc2-\u1fc4\u1fc6-\u1fc7\u1fcc\u1fd2-\u1fd3\u1fd6-\u1fd7\u1fe2-\u1fe4\u1fe6-\u1fe7\u1ff2-\u1ff4\u1ff6-\u1ff7\u1ffc\ufb00-\ufb06\ufb13-\ufb17])"
)
"""Letters whose lower case is longer, such as ß."""
_LONE: Final = re.compile("[\ud800-\udfff]")


def decode(text: str) -> str:
    """The text without one level of escapes."""
    if not has_escapes(text):
        return text
    if "\1" in text:
        return _ESCAPE.sub(_meaning_of, text)
    # JSON has little but these, and replacing them costs a tenth of asking for each
    shorter = text.replace("\\\\", "\1").replace('\\"', '"').replace("\\/", "/")
    return (_ESCAPE.sub(_meaning_of, shorter) if has_escapes(shorter) else shorter).replace("\1", "\\")


def has_escapes(text: str) -> bool:
    """False for nearly every text: then there is no second level."""
    return "%" in text or "\\" in text or "&" in text or "=\n" in text or "=\r" in text


def fold(text: str) -> str:
    """The text in lower case, with the two alphabets of base64 as one. Its length does not change: a letter whose lower case is longer stays
    as it is."""
    folded = text.lower() if text.isascii() else text.casefold()
    if len(folded) != len(text):
        folded = "".join(part if number % 2 else part.casefold() for number, part in enumerate(_GROWING.split(text)))
    if not folded.isascii():
        folded = _LONE.sub("\ufffd", folded)
    return folded.replace("-", "+").replace("_", "/")


def squeeze(text: str) -> str:
    """The text without white space."""
    return "".join(text.split())


@dataclass(frozen=True)
class Level:
    """A text after some decodings. before: the level from which it was decoded; None: this is the original."""

    decoded: str
    before: Level | None = None

    @cached_property
    def folded(self) -> str:
        return fold(self.decoded)

    @cached_property
    def squeezed(self) -> str:
        """The searched text: folded and without white space."""
        return squeeze(self.folded)

    @cached_property
    def _places(self) -> Sequence[int]:
        """Where each squeezed character stands in the folded text."""
        if len(self.squeezed) == len(self.folded):
            return range(len(self.folded))
        places: list[int] = []
        for word in _WORDS.finditer(self.folded):
            places.extend(range(word.start(), word.end()))
        return places

    @cached_property
    def starts(self) -> Sequence[int]:
        """The start of each decoded character in the original, and at last the end of the original."""
        if self.before is None:
            return range(len(self.decoded) + 1)
        outer = self.before.starts
        return [outer[start] for start in decode_with_starts(self.before.decoded)[1]]

    def with_spaces(self, start: int, stop: int) -> str:
        """The folded text behind a part of the squeezed one."""
        return self.folded[self._places[start] : self._places[stop - 1] + 1]

    def span(self, start: int, stop: int) -> tuple[int, int]:
        """Where a part of the squeezed text stands in the original."""
        return self.span_of_folded(self._places[start], self._places[stop - 1] + 1)

    def span_of_folded(self, start: int, stop: int) -> tuple[int, int]:
        """Where a part of the folded text stands in the original."""
        return self.starts[start], self.starts[stop]


def levels(text: str) -> Iterator[Level]:
    """The text itself and what decoders make of it, while that differs."""
    level = Level(text)
    yield level
    for _ in range(MOST_LEVELS):
        decoded = decode(level.decoded)
        if decoded == level.decoded:
            return
        level = Level(decoded, level)
        yield level


def endings(text: str) -> Iterator[tuple[str, Sequence[int]]]:
    """A text that was cut off, as it may be read at each level: folded, and where each character begins in it.

    The cut may go through an escape, which is left out then, with what was there of a character of several bytes.
    """
    readings: dict[str, Sequence[int]] = {text: range(len(text) + 1)}
    for _ in range(MOST_LEVELS + 1):
        for reading in list(readings):
            whole = _UNFINISHED.sub("", reading)
            readings.setdefault(whole, readings[reading])
            for _byte in range(3):
                whole = _PART_OF_UTF_8.sub("", whole)
                readings.setdefault(whole, readings[reading])
        for reading, starts in readings.items():
            yield fold(reading), starts
        decoded: dict[str, Sequence[int]] = {}
        for reading, starts in readings.items():
            if has_escapes(reading):
                text, inner = decode_with_starts(reading)
                decoded.setdefault(text, [starts[start] for start in inner])
        if not decoded:
            return
        readings = decoded


def decode_with_starts(text: str) -> tuple[str, list[int]]:
    """The text without one level of escapes, and the position at which each of its characters began, followed by the end of the text."""
    pieces: list[str] = []
    starts: list[int] = []
    end = 0
    for match in _ESCAPE.finditer(text):
        plain = _meaning_of(match)
        pieces += [text[end : match.start()], plain]
        starts.extend(range(end, match.start()))
        starts.extend(_starts_in(match, plain))
        end = match.end()
    pieces.append(text[end:])
    starts.extend(range(end, len(text) + 1))
    return "".join(pieces), starts


def _starts_in(match: re.Match[str], plain: str) -> Iterator[int]:
    escape, start = match[0], match.start()
    width = 3 if escape[0] == "%" else 4 if escape[:2] in ("\\x", "\\X") else 6 if escape[:2] in ("\\u", "\\U") and len(escape) > 2 else 0
    if not width or len(escape) == width:
        yield from [start] * len(plain)
        return
    one_each = len(escape) == width * len(plain)
    for char in plain:
        yield start
        start += width * (1 if one_each else 1 + (char > "\uffff") if width == 6 else len(char.encode("utf-8", "replace")))


def _meaning_of(match: re.Match[str]) -> str:
    escape = match[0]
    return _meaning_of_short(escape) if len(escape) <= _SHORT else _meaning(escape)


def _meaning(escape: str) -> str:
    match escape[0]:
        case "%":
            return _text_of(bytes.fromhex(escape.replace("%", "")))
        case "&":
            return html.unescape(escape)
        case "=":
            return ""
        case _:
            pass
    kind = escape[1]
    if len(escape) == 2:
        return _CONTROLS.get(kind, kind)
    if kind in "xX":
        return _text_of(bytes.fromhex("".join(escape[start : start + 2] for start in range(2, len(escape), 4))))
    units = bytes.fromhex("".join(escape[start : start + 4] for start in range(2, len(escape), 6)))
    return units.decode("utf-16-be", "replace")


_meaning_of_short = lru_cache(maxsize=4_096)(_meaning)


def _text_of(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")
