"""A response as response rules read it (C7): status, headers, text, JSON, and whether it was cut off."""

from __future__ import annotations

import codecs
import json
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from heliograph.domain.mapping.paths import ABSENT, Path, look_up

UTF_8: Final = "utf-8"
CHARSETS: Final = frozenset(
    {
        "ascii",
        "big5",
        "cp1250",
        "cp1251",
        "cp1252",
        "cp1253",
        "cp1254",
        "cp1255",
        "cp1256",
        "cp1257",
        "cp1258",
        "euc_jp",
        "euc_kr",
        "gb18030",
        "gb2312",
        "gbk",
        "iso2022_jp",
        "iso8859-1",
        "iso8859-2",
        "iso8859-3",
        "iso8859-4",
        "iso8859-5",
        "iso8859-6",
        "iso8859-7",
        "iso8859-8",
        "iso8859-9",
        "iso8859-10",
        "iso8859-13",
        "iso8859-14",
        "iso8859-15",
        "iso8859-16",
        "koi8-r",
        "koi8-u",
        "shift_jis",
        "utf-8",
        "utf-16",
        "utf-16-be",
        "utf-16-le",
    }
)
"""The charsets that responses may have, by Python's names. Python's other codecs are not used on the web, and some raise errors or are slow."""
_MARKS: Final = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def charset_of(headers: Iterable[tuple[str, str]]) -> str:
    """The charset in the Content-Type, by Python's name; UTF-8 if there is none or an unknown one.

    headers: by lower-case name
    """
    declared = next((value for name, value in headers if name == "content-type"), "")
    for parameter in declared.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            try:
                charset = codecs.lookup(value.strip().strip("\"'")).name
            except (LookupError, ValueError):
                return UTF_8
            return charset if charset in CHARSETS else UTF_8
    return UTF_8


def decoded(body: bytes, charset: str = UTF_8, *, cut: bool = False) -> str:
    """A body as text. Bytes that are no text are replaced.

    charset: used unless the body has a byte order mark
    cut: the body was cut off, so half a character at its end is left out
    """
    codec = next((codec for mark, codec in _MARKS if body.startswith(mark)), charset)
    return codecs.getincrementaldecoder(codec)("replace").decode(body, final=not cut)


def folded(text: str) -> str:
    """A text in the form in which texts are compared: lower case, without outer spaces, accents in one spelling (Unicode NFC)."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text.strip()).casefold())


@dataclass(frozen=True, slots=True)
class TargetResponse:
    """An answer as rules see it."""

    status: int
    headers: Sequence[tuple[str, str]]
    """With lower-case names."""
    body: bytes
    """As much as was read."""
    blotted: Callable[[str], str] = field(default=str, repr=False, compare=False)
    """Takes credentials out of a text of the answer that is stored."""
    cut: bool = False
    """The answer was longer than `body`."""
    charset: str = ""
    """Of the body. "": the one that the headers declare."""
    memo: dict[object, object] = field(default_factory=dict, init=False, repr=False, compare=False)
    """Results that are computed once, however many conditions ask for them."""

    @property
    def text(self) -> str:
        """The body as text, in the charset that it was sent in."""
        if "text" not in self.memo:
            self.memo["text"] = decoded(self.body, self.charset or charset_of(self.headers), cut=self.cut)
        return str(self.memo["text"])

    @property
    def json(self) -> object:
        """The body as JSON; ABSENT if it is not JSON, is nested too deeply, or was cut."""
        if "json" not in self.memo:
            self.memo["json"] = ABSENT if self.cut else self._json()
        return self.memo["json"]

    def _json(self) -> object:
        try:
            if (self.charset or charset_of(self.headers)) == UTF_8:
                return json.loads(self.body)  # which knows UTF-16 and UTF-32, too
            return json.loads(self.text)
        except (ValueError, RecursionError):
            return ABSENT

    @property
    def folded(self) -> str:
        """The text as it is compared."""
        if "folded" not in self.memo:
            self.memo["folded"] = folded(self.text)
        return str(self.memo["folded"])

    def texts_at(self, path: Path) -> list[str]:
        """The texts at a path: one, those of a list, or none. Objects have no text."""
        value = look_up(self.json, path)
        return [text for entry in (value if isinstance(value, list) else [value]) if (text := _scalar(entry)) is not None]


def _scalar(value: object) -> str | None:
    """A plain JSON value as a rule writes it: true, false, null, 12, 1.5, or the text itself."""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, (bool, int, float)):
        try:
            return json.dumps(int(value) if isinstance(value, float) and value.is_integer() else value)
        except ValueError:  # a number with more digits than Python writes
            return None
    return None
