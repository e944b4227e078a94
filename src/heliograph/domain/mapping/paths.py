"""Paths into a JSON value: `blocks[0].text.text` (M2). Nested mapping rows and response rules use the same syntax.

A path starts with a name (in a response rule also with a list index); a dot leads to a member of an object, a number in brackets to an
entry of a list, counted from 0. A name that contains a dot, a bracket or a quote is written in brackets as a JSON string:
`form["entry.123"]`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from heliograph.domain.errors import HeliographError


@dataclass(frozen=True, slots=True)
class EntryWith:
    """The step to the entry of a list that has this text in a member: the answer to one question in a list of answers."""

    member: str
    text: str


type PathStep = str | int | EntryWith
type Path = tuple[PathStep, ...]
type Json = dict[str, Json] | list[Json] | str | int | float | bool | None

MAX_DEPTH: Final = 16
MAX_INDEX: Final = 99
MAX_LENGTH: Final = 500


class PathError(HeliographError):
    """This is not a path."""


def parse_path(text: str, *, in_list: bool = False, by_content: bool = False) -> Path:
    """Parses a path into steps. Raises PathError, which says what is wrong and where.

    in_list: the path may start with an index, for an answer that is a list
    by_content: a bracket may choose an entry by one of its members: `answers[question="Diet"].value`
    """
    if len(text) > MAX_LENGTH:
        raise PathError("A path is at most %(most)s characters long.", most=MAX_LENGTH)
    steps: list[PathStep] = []
    at = 0
    while at < len(text) or not steps:
        if text[at : at + 1] == "[":
            step, at = _entry_with(text, at) if by_content and _is_by_content(text, at) else _bracket(text, at)
        else:
            if steps:
                at += 1  # skip the dot
            end = at
            while end < len(text) and text[end] not in '.[]"':
                end += 1
            step, at = text[at:end], end
            if not step:
                raise PathError("A name is missing at character %(number)s of “%(text)s”.", number=at + 1, text=text)
        if not steps and not isinstance(step, str) and not in_list:
            raise PathError("“%(text)s” must start with a name, not with a number.", text=text)
        if at < len(text) and text[at] not in ".[":
            raise PathError("After character %(at)s of “%(text)s” a dot or a bracket must follow.", at=at, text=text)
        steps.append(step)
        if len(steps) > MAX_DEPTH:
            raise PathError("A path is at most %(most)s steps deep.", most=MAX_DEPTH)
    return tuple(steps)


def _is_by_content(text: str, at: int) -> bool:
    """Whether the bracket at `at` contains a sign of equality outside of quotes."""
    if text[at + 1 : at + 2] == '"':
        try:
            _name, end = _DECODER.raw_decode(text, at + 1)
        except ValueError:
            return False
        return text[end : end + 1] == "="
    return text[at + 1 :].partition("]")[0].partition('"')[0].endswith("=")


def _entry_with(text: str, at: int) -> tuple[EntryWith, int]:
    """The member and the text in the bracket at `at`, and where it ends."""
    if text[at + 1] == '"':
        member, end = _DECODER.raw_decode(text, at + 1)
    else:
        end = text.index("=", at)
        member = text[at + 1 : end]
    try:
        value, end = _DECODER.raw_decode(text, end + 1)
    except ValueError:
        raise PathError("The text in quotes at character %(number)s of “%(text)s” does not end.", number=end + 2, text=text) from None
    if text[end : end + 1] != "]" or not isinstance(value, str) or not isinstance(member, str) or not member:
        raise PathError(
            "In the bracket at character %(number)s of “%(text)s” there must be a name, = and a text in quotes.", number=at + 1, text=text
        )
    return EntryWith(member, value), end + 1


def _bracket(text: str, at: int) -> tuple[PathStep, int]:
    """The contents of the bracket at `at`, and where it ends."""
    if text[at + 1 : at + 2] == '"':
        try:
            name, end = _DECODER.raw_decode(text, at + 1)
        except ValueError:
            raise PathError("The name in quotes at character %(number)s of “%(text)s” does not end.", number=at + 2, text=text) from None
        if text[end : end + 1] != "]" or not isinstance(name, str):
            raise PathError("The bracket at character %(number)s of “%(text)s” is not closed.", number=at + 1, text=text)
        return name, end + 1
    end = text.find("]", at)
    digits = text[at + 1 : end] if end > 0 else ""
    if not (digits.isascii() and digits.isdigit()) or (digits[0] == "0" and digits != "0"):
        raise PathError(
            "In the bracket at character %(number)s of “%(text)s” there must be a number, or a name in quotes.", number=at + 1, text=text
        )
    if len(digits) > 3 or int(digits) > MAX_INDEX:
        raise PathError("A list has at most %(most)s entries; %(number)s is too high.", most=MAX_INDEX + 1, number=digits[:20])
    return int(digits), end + 1


_DECODER: Final = json.JSONDecoder()


def format_path(path: Path) -> str:
    """The canonical spelling of a path; `parse_path` reads it back."""
    written: list[str] = []
    for step in path:
        if isinstance(step, int):
            written.append(f"[{step}]")
        elif isinstance(step, EntryWith):
            member = json.dumps(step.member, ensure_ascii=False) if any(c in step.member for c in '.[]"=') else step.member
            written.append(f"[{member}={json.dumps(step.text, ensure_ascii=False)}]")
        elif not step or any(c in step for c in '.[]"'):
            written.append(f"[{json.dumps(step, ensure_ascii=False)}]")
        else:
            written.append(f".{step}" if written else step)
    return "".join(written)


def without_index(path: Path) -> Path:
    """The path of the list that an entry belongs to; any other path unchanged."""
    while isinstance(path[-1], int):
        path = path[:-1]
    return path


def form_name(path: Path) -> str:
    """The key in a form or query: `a[b]` for nested fields; the entries of a list repeat one key (M2)."""
    first, *rest = without_index(path)
    return f"{first}{''.join(f'[{step}]' for step in rest)}"


class Absent:
    """Marks that a path leads nowhere."""


ABSENT: Final = Absent()


def look_up(value: object, path: Path) -> object:
    """The value at the path in decoded JSON, or ABSENT."""
    for step in path:
        if isinstance(step, int):
            if not isinstance(value, list) or step >= len(value):
                return ABSENT
            value = value[step]
        elif isinstance(step, EntryWith):
            value = entry_with(value, step)
        else:
            if not isinstance(value, dict) or step not in value:
                return ABSENT
            value = value[step]
    return value


def entry_with(value: object, step: EntryWith) -> object:
    """The first entry of a list that has the text in the member, or ABSENT."""
    entries = value if isinstance(value, list) else []
    return next((entry for entry in entries if isinstance(entry, dict) and _has_text(entry.get(step.member), step.text)), ABSENT)


def _has_text(value: object, text: str) -> bool:
    return value == text or (isinstance(value, int) and not isinstance(value, bool) and str(value) == text)
