"""The stored form of a request: secrets masked, and of its URL only the host (C5, D8)."""

from __future__ import annotations

from typing import Any, Final

from heliograph.domain.connection.request import Request
from heliograph.outbound.exchange import text_of
from heliograph.outbound.masks import Masks

KEPT_REQUEST: Final = 64 * 1024
"""The most bytes of a body that are stored."""


def kept_request(request: Request, masks: Masks) -> dict[str, Any]:
    """The request, ready for JSON.

    masks: those of every secret that was, or could have been, sent with it
    """
    body, cut = text_of(request.body or b"", KEPT_REQUEST)
    headers, body = masks.blotted_answer(request.shown_headers, body, cut=cut)
    return {"method": request.method, "url": request.shown_url, "headers": headers, "body": body, "cut": cut}
