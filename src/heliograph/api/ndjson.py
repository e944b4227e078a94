"""Many JSON documents in one body or answer, one a line (NDJSON)."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Final

from django.http import StreamingHttpResponse
from dmr.plugins.msgspec import MsgspecJsonRenderer

NDJSON: Final = "application/x-ndjson"
RENDERERS: Final = (MsgspecJsonRenderer(NDJSON),)
"""The renderers of a controller whose answers are lines."""


class _Lines:
    """The lines of an answer. The first one is made at once, so that an error before it is answered with a problem document."""

    def __init__(self, lines: Generator[bytes]) -> None:
        self._lines = lines
        self._first = next(lines, b"")

    def __iter__(self) -> Iterator[bytes]:
        yield self._first
        yield from self._lines

    def close(self) -> None:
        """Called by Django at the end, also if the client has gone."""
        self._lines.close()


def streamed(lines: Generator[bytes]) -> StreamingHttpResponse:
    """An answer whose lines are made while it is sent."""
    return StreamingHttpResponse(_Lines(lines), content_type=NDJSON)
