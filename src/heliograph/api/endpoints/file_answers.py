"""Files as answers: CSV, which is streamed."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

from django.http import StreamingHttpResponse
from dmr import ResponseSpec
from dmr.files import FileBody
from dmr.renderers import FileRenderer

from heliograph.api.controller import ApiController

CSV: Final = "text/csv"
FILE: Final = (ResponseSpec(FileBody, status_code=HTTPStatus.OK), *ApiController.responses)
"""What an endpoint that answers a file declares: `@validate(*FILE)`."""


class FileController(ApiController):
    """The endpoint of a file."""

    renderers = (FileRenderer(CSV),)


def csv_answer(lines: Iterable[bytes], name: str) -> StreamingHttpResponse:
    """The answer with a file.

    name: under which it is saved
    """
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingHttpResponse(lines, content_type=f"{CSV}; charset=utf-8", headers=headers)
