"""Headers in libcurl's form. libcurl sends every header that it is given, so the rules are checked here once more for every request."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from heliograph.domain.delivery.attempt_sentences import AttemptSentence
from heliograph.domain.errors import HeliographError
from heliograph.domain.mapping import headers as header_rules
from heliograph.domain.sentence_template import Sentence

OURS: Final = frozenset({"webhook-id", "heliograph-replay", "webhook-timestamp", "webhook-signature"})
MOST: Final = header_rules.MAX_HEADERS + 10  # a mapping's, and our own


class BadHeader(HeliographError):
    """This header must not be sent."""


def header_lines(headers: Iterable[tuple[str, str]]) -> list[str | bytes]:
    """The header lines for libcurl, text beyond ASCII as UTF-8. Raises BadHeader, which names the header but never quotes its value."""
    lines = [_line(name, value) for name, value in headers]
    if len(lines) > MOST:
        raise BadHeader(AttemptSentence.TOO_MANY_HEADERS, most=MOST)
    return lines


@lru_cache(maxsize=2048)
def _line(name: str, value: str) -> str | bytes:
    problem = header_rules.value_problem(value) or (None if name.lower() in OURS else header_rules.name_problem(name))
    if problem is not None:
        raise BadHeader(AttemptSentence.BAD_HEADER, name=repr(name[:60]), problem=Sentence(problem))
    text = value.strip(" \t")
    # libcurl removes the header for "Name:"; "Name;" sends one with an empty value.
    line = f"{name}: {text}" if text else f"{name};"
    return line if line.isascii() else line.encode()
