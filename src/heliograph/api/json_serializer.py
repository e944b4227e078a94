"""Reads requests and writes answers by msgspec. Sentences, which gettext returns as classes of its own, become texts."""

from __future__ import annotations

from typing import Any

from django.utils.functional import Promise
from dmr.plugins.msgspec import MsgspecSerializer


class JsonSerializer(MsgspecSerializer):
    """The serializer of all endpoints."""

    @classmethod
    def serialize_hook(cls, to_serialize: Any) -> Any:
        """The text of a sentence. Any other type is serialized as the library does. Raises what the library raises for a type that is no JSON."""
        if isinstance(to_serialize, (str, Promise)):
            return str(to_serialize)
        return super().serialize_hook(to_serialize)
