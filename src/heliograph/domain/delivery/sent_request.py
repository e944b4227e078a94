"""The contents of a request, field by field: to compare the last sent request with the one that would be sent (Y1).

It reads requests in their stored form (outbound.kept_request), which has only the host of the URL and no credentials. Headers that differ in every
request are left out: the action's id, time and signature, the access token, and the header of a replay.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self
from urllib.parse import parse_qsl

_EVERY_TIME: Final = frozenset({"webhook-id", "webhook-timestamp", "webhook-signature", "heliograph-replay", "authorization"})
_DEEPEST: Final = 20
"""Levels of a JSON body that are taken apart; what lies deeper is one field."""
HOST: Final = "URL"
BODY: Final = "body"
"""The name of a body that has no fields."""


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field that differs. was, would: as text; None: it is not there."""

    name: str
    was: str | None
    would: str | None


@dataclass(frozen=True, slots=True)
class SentRequest:
    """A request, field by field: the host, headers ("Header Content-Type") and the body's fields ("contact.name", "tags[0]").

    whole: all of it is known. It is not if the body was cut off, or if the payload was in the URL.
    """

    fields: Mapping[str, str]
    whole: bool

    @classmethod
    def from_stored(cls, stored: Mapping[str, Any]) -> Self:
        """The request of an attempt, from its stored form. Anything unexpected is left out."""
        fields = {HOST: f"{_text(stored.get('method'))} {_text(stored.get('url'))}".strip()}
        headers = {}
        for pair in stored.get("headers") or ():
            name, value = _text(pair[0]), _text(pair[1])
            if name.lower() not in _EVERY_TIME:
                headers[name.lower()] = value
        fields |= {f"Header {name}": value for name, value in sorted(headers.items())}
        body = _text(stored.get("body"))
        fields |= dict(_body_fields(body, headers.get("content-type", "")))
        return cls(fields, not stored.get("cut") and _text(stored.get("method")) != "GET")

    @property
    def digest(self) -> bytes | None:
        """Equal for requests that say the same; None if not all of it is known."""
        if not self.whole:
            return None
        return hashlib.sha256(json.dumps(sorted(self.fields.items())).encode()).digest()


def field_changes(was: SentRequest, would: SentRequest) -> list[FieldChange]:
    """The fields that differ: first those of the request to be sent, in its order, then those that it no longer has."""
    names = dict.fromkeys([*would.fields, *was.fields])
    return [
        FieldChange(name, was.fields.get(name), would.fields.get(name)) for name in names if was.fields.get(name) != would.fields.get(name)
    ]


def _body_fields(body: str, content_type: str) -> Iterator[tuple[str, str]]:
    if not body:
        return
    if "urlencoded" in content_type:
        yield from parse_qsl(body, keep_blank_values=True)
        return
    try:
        tree = json.loads(body)
    except (ValueError, RecursionError):
        yield BODY, body
        return
    yield from _leaves(tree, "", _DEEPEST)


def _leaves(tree: Any, path: str, depth: int) -> Iterator[tuple[str, str]]:
    if isinstance(tree, dict) and tree and depth:
        for key, value in tree.items():
            yield from _leaves(value, f"{path}.{key}" if path else str(key), depth - 1)
    elif isinstance(tree, list) and tree and depth:
        for index, value in enumerate(tree):
            yield from _leaves(value, f"{path}[{index}]", depth - 1)
    else:
        yield path or BODY, tree if isinstance(tree, str) else json.dumps(tree, ensure_ascii=False, sort_keys=True)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
