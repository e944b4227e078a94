"""Reads one registration document from JSON and limits its size before any of it is looked up (rule I5).

Both doors and the NDJSON import read documents here, on their own threads, so none can block the recording thread for long.
"""

from __future__ import annotations

import json
from typing import Any, Final

import msgspec

from heliograph.domain.errors import HeliographError
from heliograph.domain.registration.document_values import DocumentProblem, DocumentRefused, clean
from heliograph.domain.sentence_template import Sentence, gettext_noop

MOST_VALUES: Final = 1_500
"""The most names and values of a document. A typical one has 40, and an imported table has at most 1,000 columns."""
DEEPEST: Final = 8
"""Nesting levels of a document; a registration has four."""
MOST_DIGITS: Final = 400
"""Digits of a number in a long document: parsing takes time quadratic in its digits. In a short document the number is refused by its
field."""
_LONG: Final = 64 * 1024
_DIGITS: Final = bytes.maketrans(b"123456789", b"000000000")
_SIGNS: Final = (b",", b"{", b"[")
"""The characters before or between values. Without its texts, a document has no more values than these characters."""
_MANY: Final = 2 * MOST_VALUES
"""Bytes below which a document cannot have too many values."""
_MOST_QUOTES: Final = 4 * MOST_VALUES
_decoder = msgspec.json.Decoder()


class NoDocument(HeliographError):
    """This is no JSON, or not a JSON object; the message is a sentence."""


def read_document(data: bytes) -> dict[str, Any]:
    """Parses the document. Raises NoDocument, or DocumentRefused with the field: too many values, too deep, a duplicate name, NUL, lone
    surrogates."""
    # Values outside texts are counted without decoding, because a megabyte of empty objects is expensive to decode
    if len(data) > _MANY and sum(map(data.count, _SIGNS)) > MOST_VALUES:
        outside = _outside_of_texts(data)
        if outside is None or sum(map(outside.count, _SIGNS)) > MOST_VALUES:
            raise DocumentRefused(
                [DocumentProblem("", Sentence("has too many names and values: at most %(most)s are possible.", most=MOST_VALUES))]
            )
    if len(data) > _LONG:
        many = b"0" * (MOST_DIGITS + 1)
        if many in data.translate(_DIGITS) and many in (_outside_of_texts(data) or b"").translate(_DIGITS):
            raise DocumentRefused([DocumentProblem("", Sentence("contains a number of more than %(most)s digits.", most=MOST_DIGITS))])
    try:
        document = _decoder.decode(data)
    except RecursionError:
        raise _refused("", _TOO_DEEP) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        # Half of a surrogate pair is not a character, and msgspec says nothing more: another parser finds the field.
        if b"\\u" in data:
            _find_flaws(data)
        raise NoDocument("This is not a JSON document: %(error)s.", error=str(error)) from None
    if type(document) is not dict:
        raise NoDocument("A registration is a JSON object.")
    try:
        names = _names_in(document, 0)
    except _TooDeep:
        _refuse_flaws(document)
        raise
    # The counts differ if a name occurs twice, a text contains `":` or a colon follows a space. Then each name is checked.
    if names != data.count(b'":'):
        _find_flaws(data)
    elif b"\\u0000" in data:
        _refuse_flaws(document)
    return document


def _outside_of_texts(data: bytes) -> bytes | None:
    """A document without its texts; None if it has too many of them."""
    unescaped = data.replace(b"\\\\", b"").replace(b'\\"', b"") if b"\\" in data else data
    return None if unescaped.count(b'"') > _MOST_QUOTES else b'"'.join(unescaped.split(b'"')[::2])


class _TooDeep(Exception):
    """There are more than DEEPEST levels."""


_NESTED: Final = frozenset({dict, list})


def _names_in(value: dict[str, Any] | list[Any], level: int) -> int:
    """The number of names in an object or a list. Raises _TooDeep."""
    if level >= DEEPEST:
        raise _TooDeep
    names, members = (len(value), value.values()) if type(value) is dict else (0, value)
    if _NESTED.isdisjoint(map(type, members)):
        return names
    for member in members:
        if type(member) is dict or type(member) is list:
            names += _names_in(member, level + 1)
    return names


_TOO_DEEP: Final = Sentence("is nested too deeply: at most %(most)s levels.", most=DEEPEST)
_TWICE: Final = gettext_noop("occurs twice, so it is not clear which is meant.")


def _find_flaws(data: bytes) -> None:
    """Parses the document again, slowly, to find the flaw. Raises DocumentRefused; returns if it is not JSON."""
    twice: list[str] = []

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members_by_name = dict(pairs)
        if len(members_by_name) < len(pairs) and not twice:
            seen: set[str] = set()
            twice.append(next(name for name, _ in pairs if name in seen or seen.add(name)))  # type: ignore[func-returns-value]
        return members_by_name

    try:
        document = json.loads(data, object_pairs_hook=members)
    except RecursionError:
        raise _refused("", _TOO_DEEP) from None
    except ValueError:
        return
    _refuse_flaws(document)
    if twice:
        raise _refused(twice[0], _TWICE)


def _refuse_flaws(value: object) -> None:
    flaw = _flaw(value, 0)
    if flaw:
        raise _refused(flaw[0].removeprefix("."), flaw[1])


def _refused(field: str, reason: str) -> DocumentRefused:
    return DocumentRefused([DocumentProblem(clean(field, 200), reason)])


def _flaw(value: object, level: int) -> tuple[str, str] | None:
    """The first flaw that a document may not have (NUL, a lone surrogate, depth), as path and reason. The path is built only for a flaw, because names
    may be long."""
    if isinstance(value, str):
        if "\0" in value:
            return "", "contains a NUL character."
        if not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value):
            return "", "contains half of a surrogate pair, which is not a character."
        return None
    if not isinstance(value, (dict, list)):
        return None
    if level >= DEEPEST:
        return "", _TOO_DEEP
    if isinstance(value, list):
        return next(((f"[{i}]{flaw[0]}", flaw[1]) for i, below in enumerate(value) if (flaw := _flaw(below, level + 1))), None)
    for name, below in value.items():
        if flaw := _flaw(name, level):
            return (flaw[0] if level else "a name"), flaw[1]
        if flaw := _flaw(below, level + 1):
            return f".{name}{flaw[0]}", flaw[1]
    return None
