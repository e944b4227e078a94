"""Signs requests as the Standard Webhooks specification says: `webhook-id`, `webhook-timestamp` and `webhook-signature` (C7, D1).

A retry has the same id and a timestamp of its own. While a secret is rotated the request carries two signatures, so the target may know either.
The specification signs the body: what a GET request says in its query is not covered.
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
    """The request with its signatures. secrets: the newest first, none = as it was. at: when this try goes out, aware."""
    if not secrets:
        return request
    id = next(value for name, value in request.headers if name == WEBHOOK_ID)
    at = at.astimezone(UTC)  # the library takes the clock's hands as they stand
    body = (request.body or b"").decode()
    signatures = " ".join(_signer(secret).sign(id, at, body) for secret in secrets)
    sent = (*request.headers, (TIMESTAMP, str(int(at.timestamp()))), (SIGNATURE, signatures))
    return replace(request, headers=sent, hidden=request.hidden | {SIGNATURE})  # who has it can send the request again, for some minutes


@lru_cache(maxsize=256)
def _signer(secret: str) -> Webhook:
    return Webhook(secret)
