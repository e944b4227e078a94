"""The parser of registration documents: the one of `/ingest`, so that a body is decoded once, within its bounds (I5)."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpRequest
from dmr.parsers import DeserializeFunc, Parser, Raw

from heliograph.recording.json_documents import read_document


class DocumentParser(Parser):
    """Reads one registration document."""

    content_type = "application/json"

    def parse(self, to_deserialize: Raw, deserializer_hook: DeserializeFunc | None = None, *, request: HttpRequest, model: Any) -> Any:
        """The members of the document. Raises NoDocument, DocumentRefused."""
        return read_document(to_deserialize if isinstance(to_deserialize, bytes) else bytes(to_deserialize))


PARSERS: Final = (DocumentParser(),)
"""The parsers of a controller whose bodies are registration documents."""
