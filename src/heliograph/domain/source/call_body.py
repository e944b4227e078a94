"""The JSON in the body of a call: as it is, or in a form (S2)."""

from __future__ import annotations

import json
from typing import Final
from urllib.parse import parse_qsl

from heliograph.domain.errors import HeliographError
from heliograph.domain.mapping.paths import Json
from heliograph.domain.sentence_template import Sentence

DEEPEST: Final = 64
"""Levels of a call's JSON."""
MOST_FORM_FIELDS: Final = 1_000
FORM: Final = "application/x-www-form-urlencoded"
PAYLOAD: Final = "payload"
"""The field of a form that contains JSON, as GitHub and Slack send it."""


class NoCallBody(HeliographError, ValueError):
    """The body is no JSON, or too deep; the message is a sentence."""


def read_call_body(body: bytes, content_type: str = "") -> Json:
    """The JSON of a call. A form is an object of its fields; if it has the field `payload` with JSON, that JSON.

    JSON that is called a form is read as JSON: many programs say so unless told otherwise, and no form begins with a brace or bracket.
    Text that begins with a byte order mark, and UTF-16 and UTF-32, are read as well. Raises NoCallBody.
    """
    if content_type.partition(";")[0].strip().lower() == FORM and not body.lstrip().startswith((b"{", b"[")):
        return _read_form(body)
    return _read_json(body)


def _read_form(body: bytes) -> Json:
    try:
        fields = dict(parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=MOST_FORM_FIELDS))
    except ValueError:
        raise NoCallBody("The body is not a form in UTF-8, or has too many fields.") from None
    if PAYLOAD in fields:
        return _read_json(fields[PAYLOAD].encode("utf-8", "surrogatepass"))
    return dict(fields)


def _read_json(body: bytes) -> Json:
    try:
        value: Json = json.loads(body)
    except RecursionError:
        raise NoCallBody(_TOO_DEEP) from None
    except ValueError as error:
        raise NoCallBody("The body is not JSON: %(error)s.", error=str(error)) from None
    _check_depth(value)
    return value


_TOO_DEEP: Final = Sentence("The body is nested too deeply: at most %(most)s levels are read.", most=DEEPEST)


def _check_depth(value: Json) -> None:
    level: list[Json] = [value]
    for _ in range(DEEPEST + 1):
        level = [
            below
            for each in level
            if isinstance(each, (dict, list))
            for below in (each.values() if isinstance(each, dict) else each)
            if isinstance(below, (dict, list))
        ]
        if not level:
            return
    raise NoCallBody(_TOO_DEEP)
