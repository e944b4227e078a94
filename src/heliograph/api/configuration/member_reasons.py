"""What msgspec says of a member that does not fit, as a sentence: the English stays, and pages translate it."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from heliograph.api.possible_values import with_choices
from heliograph.domain.sentence_template import Sentence, at_place, gettext_noop, whole_sentence, with_stop

_AT: Final = " - at `$."
_REASONS: Final = (
    (re.compile(r"(?s)Object contains unknown field `(?P<name>.*)`"), gettext_noop("there is no member `%(name)s`")),
    (re.compile(r"(?s)Object missing required field `(?P<name>.*)`"), gettext_noop("there must be a member `%(name)s`")),
    (re.compile(r"(?s)Expected `(?P<type>[^`]*)`, got `(?P<given>[^`]*)`"), gettext_noop("Expected `%(type)s`, got `%(given)s`")),
    (re.compile(r"(?s)Expected `(?P<type>[^`]*)` of length (?P<bound>[<>]= \d+)"), gettext_noop("Expected `%(type)s` of length %(bound)s")),
    (re.compile(r"(?s)Expected `(?P<type>[^`]*)` (?P<bound>[<>]=? \S+)"), gettext_noop("Expected `%(type)s` %(bound)s")),
    (
        re.compile(r"(?s)Expected `(?P<type>[^`]*)` matching regex (?P<pattern>.*)"),
        gettext_noop("Expected `%(type)s` matching regex %(pattern)s"),
    ),
    (
        re.compile(r"(?s)Expected `(?P<type>[^`]*)` with a timezone component"),
        gettext_noop("Expected `%(type)s` with a timezone component"),
    ),
    (re.compile(r"(?s)Expected `(?P<type>[^`]*)`"), gettext_noop("Expected `%(type)s`")),
    (re.compile(r"(?s)Invalid value (?P<value>.*)"), gettext_noop("Invalid value %(value)s")),
    (re.compile(r"(?s)Invalid RFC3339 encoded (?P<type>\w+)"), gettext_noop("Invalid RFC3339 encoded %(type)s")),
    (re.compile(r"(?s)Integer value out of range"), gettext_noop("Integer value out of range")),
    (re.compile(r"(?s)Number out of range"), gettext_noop("Number out of range")),
)
"""The forms of msgspec's reasons, the more special ones first, and their templates. The first two say it in the words of a file."""


def refused_member(error: msgspec.ValidationError, type: Any = None) -> Sentence:
    """What is wrong with a member, behind its path.

    type: of the document, for the values that the member takes
    """
    reason, _at, path = str(error).partition(_AT)
    path = path.rstrip("`")
    sentence = _sentence_of(reason if type is None else with_choices(reason, type, path))
    return with_stop(at_place(path, sentence)) if path else whole_sentence(sentence)


def _sentence_of(reason: str) -> str:
    """A reason of msgspec as a sentence; one of a form that is not known, and what is a sentence already, as it is."""
    if isinstance(reason, Sentence):
        return reason
    matches = ((pattern.fullmatch(reason), template) for pattern, template in _REASONS)
    return next((Sentence(template, **match.groupdict()) for match, template in matches if match is not None), reason)
