"""Reads requests and writes answers by msgspec. Sentences, which gettext returns as classes of its own, become texts."""

from __future__ import annotations

from typing import Any

import msgspec
from django.http import HttpRequest
from django.utils.functional import Promise
from dmr.parsers import Parser, Raw
from dmr.plugins.msgspec import MsgspecSerializer

from heliograph.api.request_flaws import number_problem


class JsonSerializer(MsgspecSerializer):
    """The serializer of all endpoints."""

    @classmethod
    def deserialize(cls, buffer: Raw, *, parser: Parser, request: HttpRequest, model: Any) -> Any:
        """The value of a body, before its members are checked. Raises what the parser raises, and Problem (400) for a number out of range, which
        msgspec reports like a value of a wrong type, without its place."""
        try:
            return super().deserialize(buffer, parser=parser, request=request, model=model)
        except msgspec.ValidationError:
            raise number_problem(bytes(buffer)) from None

    @classmethod
    def serialize_hook(cls, to_serialize: Any) -> Any:
        """The text of a sentence. Any other type is serialized as the library does. Raises what the library raises for a type that is no JSON."""
        if isinstance(to_serialize, (str, Promise)):
            return str(to_serialize)
        return super().serialize_hook(to_serialize)
