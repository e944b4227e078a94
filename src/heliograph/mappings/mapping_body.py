"""A previewed request as tokens for components/setup_body.html (M7).

The kinds of tokens are key, str, lit (number, true, false, null), p (punctuation), and hole: a value that cannot be sent.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

from django.utils.translation import gettext as _

from heliograph.domain.mapping.mapping import MappingKind
from heliograph.domain.mapping.mapping_renderer import Hole, Rendered
from heliograph.domain.mapping.paths import Json

JSON, FORM, QUERY, HEADERS = "json", "form", "query", "headers"


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a line."""

    kind: str
    """key, str, lit, p or hole"""
    text: str


type TokenLine = list[Token]


def ways(kind: MappingKind) -> tuple[str, ...]:
    """The formats in which a mapping of this kind can be shown."""
    return (HEADERS,) if kind is MappingKind.HEADER else (JSON, FORM, QUERY)


def written(rendered: Rendered, how: str) -> list[TokenLine]:
    """The body, query or headers, line by line."""
    lines: list[TokenLine] = []
    if how == HEADERS:
        for name, value in rendered.headers():
            value_token = Token("hole", _(value)) if isinstance(value, Hole) else Token("str", value)
            lines.append([Token("key", name), Token("p", ": "), value_token])
        return lines
    if how == JSON:
        return _json(rendered.tree(), 0, "", "")
    escape = quote_plus if how == FORM else lambda text: quote(text, safe="")
    for number, (name, value) in enumerate(rendered.pairs()):
        glue = ("" if how == FORM else "?") if number == 0 else "&"
        value_token = Token("hole", _(value)) if isinstance(value, Hole) else Token("str", escape(value))
        lines.append([Token("p", glue), Token("key", escape(name)), Token("p", "="), value_token])
    return lines


def _json(value: Json, depth: int, key: str, tail: str) -> list[TokenLine]:
    start: TokenLine = [Token("p", "  " * depth)]
    if key:
        start += [Token("key", key), Token("p", ": ")]
    if isinstance(value, dict) and value:
        members: Iterable[tuple[str, Json]] = [(json.dumps(name, ensure_ascii=False), member) for name, member in value.items()]
        return _nested(start, "{}", list(members), depth, tail)
    if isinstance(value, list) and value:
        return _nested(start, "[]", [("", entry) for entry in value], depth, tail)
    if isinstance(value, Hole):
        leaf = Token("hole", _(value))
    elif isinstance(value, dict | list):
        leaf = Token("p", "{}" if isinstance(value, dict) else "[]")
    else:
        leaf = Token("str" if isinstance(value, str) else "lit", json.dumps(value, ensure_ascii=False))
    return [[*start, leaf, *([Token("p", tail)] if tail else [])]]


def _nested(start: TokenLine, marks: str, members: Sequence[tuple[str, Json]], depth: int, tail: str) -> list[TokenLine]:
    lines: list[TokenLine] = [[*start, Token("p", marks[0])]]
    for number, (key, member) in enumerate(members, 1):
        lines += _json(member, depth + 1, key, "" if number == len(members) else ",")
    return [*lines, [Token("p", f"{'  ' * depth}{marks[1]}{tail}")]]
