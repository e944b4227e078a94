"""Paths of a response rule as people paste them: JSONPath and JSON Pointer become the plain path that a rule keeps (C7, ADR 26).

    $.result[0].status    result[0].status    JSONPath (RFC 9535)
    /result/0/status      result[0].status    JSON Pointer (RFC 6901); digits count as an entry of a list
    $.result[*].status    refused             it leads to several values

A path is translated once, when a rule is tried or saved, and never for an answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext as _
from jsonpath import JSONPath, JSONPathEnvironment
from jsonpath.exceptions import JSONPathError
from jsonpath.segments import JSONPathRecursiveDescentSegment
from jsonpath.selectors import IndexSelector, NameSelector, SliceSelector, WildcardSelector

from heliograph.domain.connection.response_rule import ResponsePlace
from heliograph.domain.mapping.json_bodies import BodyError
from heliograph.domain.mapping.paths import MAX_INDEX, MAX_LENGTH, PathStep, format_path, parse_path

_JSON_PATH: Final = re.compile(r"\$(?=[.\[\s]|\Z)")
"""How a JSONPath begins. `$schema` is a name."""
_POINTER: Final = re.compile(r"#?/")
"""How a JSON Pointer begins, also as a part of an address."""
_ENVIRONMENT: Final = JSONPathEnvironment(strict=True)
_EXAMPLE: Final = "result[0].status"


class ForeignPath(BodyError):
    """This path cannot be written as a plain path."""


def is_foreign(text: str) -> bool:
    """Whether a path is written as JSONPath or JSON Pointer."""
    return _JSON_PATH.match(text) is not None or _POINTER.match(text) is not None


def plain_path(text: str) -> str:
    """The plain path that leads to the same value. A plain path stays as it is. Raises ForeignPath, which says what to write instead."""
    if len(text) > MAX_LENGTH or not is_foreign(text):
        return text
    steps = _pointer_steps(text) if _POINTER.match(text) else _json_path_steps(text)
    if not steps:
        words = {"path": text, "example": _EXAMPLE}
        raise ForeignPath("", _("“%(path)s” is the whole answer: write the path of a field, as in %(example)s") % words)
    return quoted_path(format_path(tuple(steps)))


def quoted_path(path: str) -> str:
    """The plain path, quoted if it looks like JSONPath or JSON Pointer: `["$"].success` for the member “success” of a member named “$”."""
    if not is_foreign(path):
        return path
    first, *others = parse_path(path, in_list=True)
    return f"[{json.dumps(first, ensure_ascii=False)}]{format_path(('x', *others))[1:]}"


def _pointer_steps(text: str) -> list[PathStep]:
    """The steps of a JSON Pointer. Digits mean the entry of a list, because a plain path distinguishes entries from names."""
    words = {"path": text}
    if text.startswith("#"):
        raise ForeignPath("", _("“%(path)s” begins with the # of an address: write the path alone, as in /result/0/status") % words)
    if re.search("~(?![01])", text):
        raise ForeignPath("", _("“%(path)s” is no JSON Pointer: ~ is written as ~0 in it, and / within a name as ~1") % words)
    names = [part.replace("~1", "/").replace("~0", "~") for part in text[1:].split("/")]
    if "-" in names:
        raise ForeignPath("", _("“%(path)s” leads behind the end of a list: write the number of an entry, as in /result/0/status") % words)
    return [_entry(text, int(name)) if re.fullmatch("0|[1-9][0-9]{0,5}", name) else name for name in names]


def _json_path_steps(text: str) -> list[PathStep]:
    """The steps of a JSONPath that leads to one value."""
    query, words = None, {"path": text, "example": _EXAMPLE}
    with suppress(JSONPathError, RecursionError):
        query = _ENVIRONMENT.compile(text)
    if not isinstance(query, JSONPath):
        raise ForeignPath("", _("“%(path)s” is no JSONPath: write the path of a field, as in $.%(example)s, or %(example)s") % words)
    steps: list[PathStep] = []
    for segment in query.segments:
        if isinstance(segment, JSONPathRecursiveDescentSegment):
            raise ForeignPath("", _("“%(path)s” searches at every depth (..): write the whole way to the field, as in %(example)s") % words)
        if len(segment.selectors) != 1:
            raise ForeignPath(
                "", _("“%(path)s” leads to several fields: write one of them here, and the others in further conditions") % words
            )
        (selector,) = segment.selectors
        match selector:
            case NameSelector(name=name):
                steps.append(str(name))
            case IndexSelector(index=index) if index >= 0:
                steps.append(_entry(text, index))
            case IndexSelector():
                reason = _("“%(path)s” counts from the end of a list: write the number of an entry from 0, as in %(example)s")
                raise ForeignPath("", reason % words)
            case WildcardSelector() | SliceSelector():
                reason = _(
                    "“%(path)s” leads to several entries: write the number of one, as in %(example)s, or, if they are plain texts, the path of"
                    " the list, of which any entry may match"
                )
                raise ForeignPath("", reason % words)
            case _:
                reason = _(
                    "“%(path)s” chooses entries by a filter (?): write the number of one, as in %(example)s, and compare in the condition"
                )
                raise ForeignPath("", reason % words)
    return steps


def _entry(text: str, index: int) -> int:
    if index > MAX_INDEX:
        reason = _("“%(path)s” names entry %(n)s of a list, and %(most)s is the highest")
        raise ForeignPath("", reason % {"path": text, "n": intcomma(index), "most": MAX_INDEX})
    return index


def plain_rule(rule: Sequence[object]) -> list[object]:
    """The body of a rule with plain paths. Anything else stays as it is, because `read_rule` refuses it. Raises ForeignPath, with the place."""
    return [_plain_clause(clause, f"rule[{i}]") if isinstance(clause, Mapping) else clause for i, clause in enumerate(rule)]


def _plain_clause(clause: Mapping[str, object], where: str) -> dict[str, object]:
    body = {**clause}
    conditions = clause.get("if")
    if isinstance(conditions, list):
        body["if"] = [
            _with_plain_path(each, "name", f"{where}.if[{at}]")
            if isinstance(each, Mapping) and each.get("in") == ResponsePlace.JSON.value
            else each
            for at, each in enumerate(conditions)
        ]
    return _with_plain_path(body, "shows", where)


def _with_plain_path(body: Mapping[str, object], key: str, where: str) -> dict[str, object]:
    path = body.get(key)
    if not isinstance(path, str):
        return {**body}
    try:
        return {**body, key: plain_path(path)}
    except ForeignPath as error:
        raise ForeignPath(f"{where}.{key}", error.reason) from None
