"""What a request may not hold: NUL (U+0000) in a text of its query or JSON body, and in that body a number that is out of range, such as 1e999.

PostgreSQL stores NUL in no text, and SQLite in any. A path with NUL leads nowhere (web/texts.py).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Final

import msgspec
from django.http import HttpRequest

from heliograph.api.api_problems import Problem
from heliograph.domain.registration.document_values import clean
from heliograph.web.texts import LONGEST_QUERY, flaws

LONGEST_FIELD: Final = 200
"""Characters of a field's name in a problem document."""
_NUL: Final = "\0"


def check_query(request: HttpRequest) -> None:
    """Raises Problem (400) for the first parameter with a text that no page would send (A8). It names the parameter."""
    for flaw in flaws(request.GET, LONGEST_QUERY):
        raise _problem(flaw.field, str(flaw.sentence))


def check_body(body: bytes) -> None:
    """Raises Problem (400) for the first text with NUL in a JSON body. It names the member that has it, such as `rows[0].target`.

    A body that is no JSON passes: the endpoint says what is wrong with it.
    """
    if b"\\u0000" not in body:
        return
    try:
        place = _place_of(lambda value: isinstance(value, str) and _NUL in value, msgspec.json.decode(body))
    except RecursionError:
        raise Problem("request", "The body is nested too deeply.") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        return
    if place is not None:
        raise _problem(place.removeprefix(".") or "body", "contains a NUL character (U+0000).")


def number_problem(body: bytes) -> Problem:
    """The problem (400) of a JSON body with a number that is out of range (1e999), or an integer of thousands of digits. It names the member."""
    try:
        place = _place_of(lambda value: isinstance(value, float) and math.isinf(value), json.loads(body))
    except (ValueError, RecursionError):  # an integer of more digits than Python reads
        place = None
    return _problem((place or "").removeprefix(".") or "body", "A number is out of range.")


def _problem(field: str, reason: str) -> Problem:
    return Problem.from_field(clean(field, LONGEST_FIELD), reason, name="request")


def _place_of(is_flawed: Callable[[object], bool], value: object) -> str | None:
    """Where the first flawed text or number stands in a JSON value: `.rows[0].target`; "" for the value itself, or for the name of a member of
    it; None if there is none.

    The place is put together only once there is one, because names may be long.
    """
    if isinstance(value, dict):
        for name, member in value.items():
            if is_flawed(name):
                return ""
            if (place := _place_of(is_flawed, member)) is not None:
                return f".{name}{place}"
    elif isinstance(value, list):
        for number, item in enumerate(value):
            if (place := _place_of(is_flawed, item)) is not None:
                return f"[{number}]{place}"
    elif is_flawed(value):
        return ""
    return None
