"""What answers hold beyond JSON's own types: sentences, which gettext answers as strings of classes of their own."""

from __future__ import annotations

from typing import Any

from django.utils.functional import Promise
from dmr.plugins.msgspec import MsgspecSerializer


class JsonSerializer(MsgspecSerializer):
    """Reads requests and writes answers."""

    @classmethod
    def serialize_hook(cls, to_serialize: Any) -> Any:
        """The text of a sentence; for any other type that of the library."""
        if isinstance(to_serialize, (str, Promise)):
            return str(to_serialize)
        return super().serialize_hook(to_serialize)
