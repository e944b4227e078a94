"""Guesses the type and the options of a missing question or custom field from its answers in a file (P6)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from heliograph.domain.mapping.json_bodies import is_one_line
from heliograph.domain.setup.compiled_setup import QuestionType
from heliograph.registrations.imports.census import Uses
from heliograph.registrations.imports.values import DateOrder, day, flag

LONGEST_LABEL: Final = 300  # of a question, a custom field or an option
_MOST_OPTIONS: Final = 50
_AND: Final = re.compile(r"[|;,/&+]| and ")
"""Signs between two answers in one cell."""


def kind_of(uses: Uses, sound: Sequence[str], answered: int, *, several: bool) -> tuple[str, list[str]]:
    """The type and the options of a question, by its answers (P6).

    sound: the answers that do not look like typing errors.
    answered: rows that answer the question.
    several: True if some rows have several answers. A Yes/No question still takes one answer: rows with both are refused.
    """
    options = sorted((name for name in sound if can_be_named(name)), key=lambda name: (-uses.names[name], name))
    is_yes_or_no = 0 < len(options) == len(sound) and not uses.full and all(flag(name) in (True, False) for name in options)
    if several and not is_yes_or_no:
        return QuestionType.MULTI_SELECT, options
    if uses.full or len(options) < max(1, len(sound)):  # an answer that cannot be an option is free text
        return QuestionType.TEXT, []
    if is_yes_or_no:
        return QuestionType.RADIO, options
    if all(_is_number(name) for name in uses.names):
        return QuestionType.NUMBER, []
    if all(day(name, DateOrder.DAY_FIRST) for name in uses.names):
        return QuestionType.DATE, []
    if len(options) > _MOST_OPTIONS or answered < 3 * len(uses.names):
        return QuestionType.TEXT, []
    return (QuestionType.RADIO if len(options) == 2 else QuestionType.SELECT), options


def is_yes_and_no(text: str) -> bool:
    """Whether a cell holds both Yes and No, as in “Yes|No”."""
    words = [flag(part) for part in _AND.split(text)]
    return True in words and False in words


def can_be_named(text: str) -> bool:
    """Whether a question, a custom field or an option can have this name."""
    return len(text) <= LONGEST_LABEL and is_one_line(text)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
