"""Reads configuration bodies: the JSON in `config_history`, which versions compare.

A body may come from an older or a newer release, or from a stranger: every read checks the type and says where and what is wrong. Unknown
keys are ignored, so that a process can run beside a newer one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Final

from heliograph.domain.errors import HeliographError
from heliograph.domain.sentence_template import Sentence, SentenceValue, at_place, gettext_noop, stored_sentence


class BodyError(HeliographError):
    """A configuration body cannot be read. `where`: the place, like `rows[2].parts[0]`; `reason`: what is wrong there."""

    def __init__(self, where: str, reason: str, /, **values: SentenceValue) -> None:
        """values: those of the reason, if it is a template."""
        self.where = where
        self.reason = Sentence(reason, **values)
        super().__init__(at_place(where, self.reason))


class Body:
    """A JSON object, read key by key. where: its place in the whole body, for messages."""

    __slots__ = ("_value", "where")

    def __init__(self, value: object, where: str = "") -> None:
        if not isinstance(value, Mapping):
            raise BodyError(where, "expected an object, got %(kind)s", kind=_kind(value))
        self._value = value
        self.where = where

    def at(self, key: str) -> str:
        """The place of a key, for messages."""
        return f"{self.where}.{key}" if self.where else key

    def has(self, key: str) -> bool:
        """True if the key has a value other than null."""
        return self._value.get(key) is not None

    def keys(self, *, most: int) -> tuple[str, ...]:
        """The names of its members."""
        if len(self._value) > most:
            raise BodyError(
                self.where, "at most %(most)s entries are possible, there are %(count)s", most=str(most), count=str(len(self._value))
            )
        return tuple(self._value)

    def nested(self, key: str) -> Body:
        """The object of a key."""
        return Body(self._value.get(key), self.at(key))

    def is_text(self, key: str, text: str) -> bool:
        """True if the key has this text: for a word in place of a number."""
        return self._value.get(key) == text

    def text(self, key: str, default: str = "", *, longest: int = 255) -> str:
        """A text that a database and a header can contain; without NUL and lone surrogates."""
        value = self._value.get(key, default)
        if not isinstance(value, str):
            raise BodyError(self.at(key), "expected a text, got %(kind)s", kind=_kind(value))
        return checked_text(value, self.at(key), longest=longest)

    def sentence(self, key: str, *, longest: int) -> str:
        """A text that `with_sentence` wrote."""
        return stored_sentence(self.text(key, longest=longest), self._value.get(f"{key}_sentence"))

    def flag(self, key: str, *, default: bool = False) -> bool:
        value = self._value.get(key, default)
        if not isinstance(value, bool):
            raise BodyError(self.at(key), "expected true or false, got %(kind)s", kind=_kind(value))
        return value

    def number(self, key: str, *, least: int, most: int) -> int | None:
        """An integer within bounds, or None if it is absent."""
        value = self._value.get(key)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise BodyError(self.at(key), "expected a whole number from %(least)s to %(most)s", least=str(least), most=str(most))
        return value

    def choice[E: StrEnum](self, key: str, kind: type[E], default: E | None = None) -> E:
        """One of the enumeration's values. Without a default the key must be there."""
        value = self._value.get(key, default)
        try:
            return kind(value)
        except ValueError:
            raise BodyError(self.at(key), "expected one of %(names)s", names=", ".join(kind)) from None

    def items(self, key: str, *, most: int) -> Iterator[tuple[str, object]]:
        """The entries of a list, each with its place."""
        value = self._value.get(key, ())
        if not isinstance(value, (list, tuple)):
            raise BodyError(self.at(key), "expected a list, got %(kind)s", kind=_kind(value))
        if len(value) > most:
            raise BodyError(
                self.at(key), "at most %(most)s entries are possible, there are %(count)s", most=str(most), count=str(len(value))
            )
        return ((f"{self.at(key)}[{i}]", item) for i, item in enumerate(value))

    def texts(self, key: str, *, most: int, longest: int = 255) -> tuple[str, ...]:
        """A list of texts."""
        texts = []
        for where, item in self.items(key, most=most):
            if not isinstance(item, str):
                raise BodyError(where, "expected a text, got %(kind)s", kind=_kind(item))
            texts.append(checked_text(item, where, longest=longest))
        return tuple(texts)

    def pairs(self, key: str, *, most: int, longest: int = 1_000) -> tuple[tuple[str, str], ...]:
        """A list of pairs of texts."""
        pairs = []
        for where, item in self.items(key, most=most):
            if not isinstance(item, (list, tuple)) or len(item) != 2 or not all(isinstance(text, str) for text in item):
                raise BodyError(where, "expected a pair of texts")
            pairs.append((checked_text(item[0], where, longest=longest), checked_text(item[1], where, longest=longest)))
        return tuple(pairs)


type Members = Mapping[str, Members | None]
"""The members that an object may have, each with those of its value, or of the entries of its list; None: they are not checked."""


def unknown_member(value: object, known: Members) -> str:
    """The place of the first member that an object does not have, such as “signed[1].txt”; "" if it knows all.

    For what a person sends, which may be misspelt: what is stored may come from a newer release, and is read without this.
    """
    if not isinstance(value, Mapping):
        return ""
    for name, inner in value.items():
        if name not in known:
            return str(name)
        members = known[name]
        if members is None:
            continue
        entries = [(f"{name}[{number}]", entry) for number, entry in enumerate(inner)] if isinstance(inner, list) else [(name, inner)]
        for where, entry in entries:
            if place := unknown_member(entry, members):
                return f"{where}.{place}"
    return ""


def checked_text(text: str, where: str, *, longest: int) -> str:
    """The text, unchanged. Raises BodyError if it is too long or contains characters that no database stores."""
    if len(text) > longest:
        raise BodyError(where, "at most %(most)s characters are possible; this has %(count)s", most=longest, count=len(text))
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BodyError(where, "it contains half a character (a lone surrogate)") from None
    if "\0" in text:
        raise BodyError(where, "it contains a NUL character")
    return text


_NO_LINE: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
_TURNS: Final = re.compile("[\u202a-\u202e\u2066-\u2069]")


def is_one_line(text: str) -> bool:
    """True if it can be a name: one line, without characters that change the direction of the text after it.

    It does not use str.isprintable(), which refuses the joiners needed for Persian, Hindi and emoji, and the no-break space.
    """
    return not any(unicodedata.category(c) in _NO_LINE for c in text) and not _TURNS.search(text)


_KINDS: Final[tuple[tuple[type | tuple[type, ...], str], ...]] = (
    (type(None), "null"),
    (bool, gettext_noop("true or false")),
    (str, gettext_noop("a text")),
    ((int, float), gettext_noop("a number")),
    ((list, tuple), gettext_noop("a list")),
    (Mapping, gettext_noop("an object")),
)
"""The kinds of JSON values. The first one that fits counts: Python’s bool is an int."""


def _kind(value: object) -> Sentence:
    """The kind of a value in words."""
    return Sentence(next((name for kind, name in _KINDS if isinstance(value, kind)), gettext_noop("something else")))
