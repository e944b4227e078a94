"""The message of an attempt, as it is stored in English, in the reader's language.

A page finds the sentence of domain.delivery.attempt_sentences of which a text was made. A text that was made of none of them, such as a target's own
words, stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Final

from django.utils.translation import gettext as _

from heliograph.accounts.languages import translated
from heliograph.domain.connection.request import AUTHENTICATES, NO_TEXT
from heliograph.domain.delivery.attempt_sentences import OURS, SENTENCE, WORDS, AttemptReason, AttemptSentence
from heliograph.domain.mapping.headers import TOO_LONG as HEADERS_TOO_LONG
from heliograph.domain.mapping.mapping_renderer import REQUIRED_AND_EMPTY, TOO_LONG
from heliograph.domain.mapping.source_readers import NOT_MAPPED
from heliograph.domain.sentence_template import Sentence

VALUE_PROBLEMS: Final[tuple[str, ...]] = (
    "is not a date",
    "is too far away for a date",
    "is too large a number",
    "is not a number",
    "is neither Yes nor No",
    NOT_MAPPED,
    REQUIRED_AND_EMPTY,
    TOO_LONG,
    "has a line break, and a header cannot",
    "has a control character, and a header cannot",
    Sentence("is longer than %(most)s characters", most=8_000),
    Sentence("is longer than %(most)s characters", most=8_192),
    HEADERS_TOO_LONG,
    NO_TEXT,
    AUTHENTICATES,
    "would lead to another path, because a field in it contains /./, /../ or only dots",
)
"""What the message of a validation error says of a field; each is a message where the domain says it."""
_PHRASES: Final = "|".join(sorted(WORDS))
_PHRASE: Final = re.compile(rf"%\\\(({_PHRASES})\\\)s")
_WORD: Final = re.compile(r"%\\\((\w+)\\\)s")


def message_words(text: str) -> str:
    """A stored message in the active language. A target's own words, behind a colon, stay."""
    if not text:
        return ""
    sentence = text if isinstance(text, Sentence) else _sentence_of(text)
    if sentence is not None:
        return translated(sentence)
    problems = list(_value_problems(text))
    if problems:
        return "; ".join(problems)
    ours, colon, theirs = text.partition(": ")
    sentence = _sentence_of(f"{ours}.") if colon else None
    return f"{translated(sentence).removesuffix('.')}: {theirs}" if sentence is not None else _(text)


def message_sentence(text: str) -> str:
    """A message as the sentence that it was made of, to be shown by `translated`; one that was made of none of ours as it is."""
    return _sentence_of(text) or text


def is_known(text: str) -> bool:
    """Whether the text was made of one of our sentences."""
    return _sentence_of(text) is not None


def _value_problems(text: str) -> Iterator[str]:
    """The problems of a validation error, one for each field; nothing if one of them is none that we know."""
    pairs = []
    for piece in text.split("; "):
        reason = next((each for each in VALUE_PROBLEMS if piece.endswith(f" {each}")), None)
        if reason is None:
            return
        pairs.append((piece.removesuffix(f" {reason}"), reason))
    yield from (f"{field} {translated(reason)}" for field, reason in pairs)


def _sentence_of(text: str, templates: Iterable[str] = AttemptSentence) -> Sentence | None:
    """The sentence of which a text was made; None if it was made of none of the templates."""
    for template in templates:
        match = _pattern(template).fullmatch(text)
        if match is None:
            continue
        values = {name: _value(name, value) for name, value in match.groupdict().items()}
        known = {name: value for name, value in values.items() if value is not None}
        if len(known) == len(values):
            return Sentence(template, **known)
    return None


def _value(name: str, text: str) -> str | None:
    """A value of a sentence, as a Sentence if it is ours; None if it should be one of our sentences and is none."""
    if name == SENTENCE:
        return _sentence_of(text)
    if name not in OURS:
        return text
    return _sentence_of(text, AttemptReason) or Sentence(next((each for each in VALUE_PROBLEMS if each == text), text))


@cache
def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(_WORD.sub(r"(?P<\1>[^ ]+)", _PHRASE.sub(r"(?P<\1>.+?)", re.escape(template))), re.DOTALL)
