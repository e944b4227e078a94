"""Signs requests according to the Standard Webhooks specification: `webhook-id`, `webhook-timestamp` and `webhook-signature` (C7, D1).

A retry has the same id and its own timestamp. While a secret is being rotated the request carries two signatures, so the target may know
either secret. The specification signs the body; the query of a GET request is not covered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from standardwebhooks import Webhook

from heliograph.domain.connection.request import WEBHOOK_ID, Request

TIMESTAMP: Final = "webhook-timestamp"
SIGNATURE: Final = "webhook-signature"


def signed(request: Request, secrets: Sequence[str], at: datetime) -> Request:
    """The request with its signatures.

    secrets: newest first; if empty, the request is unchanged
    at: the time of this attempt, aware
    """
    if not secrets:
        return request
    id = next(value for name, value in request.headers if name == WEBHOOK_ID)
    at = at.astimezone(UTC)  # the library ignores the time zone
    body = (request.body or b"").decode()
    signatures = " ".join(_signer(secret).sign(id, at, body) for secret in secrets)
    sent = (*request.headers, (TIMESTAMP, str(int(at.timestamp()))), (SIGNATURE, signatures))
    return replace(request, headers=sent, hidden=request.hidden | {SIGNATURE})  # whoever has it can replay the request for some minutes


@lru_cache(maxsize=256)
def _signer(secret: str) -> Webhook:
    return Webhook(secret)
