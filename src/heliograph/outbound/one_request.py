"""Sends one request and waits for its response, for tests of connections. Guard and limits apply as always."""

from __future__ import annotations

import queue
from typing import Final

from heliograph.domain.connection.request import Request
from heliograph.domain.delivery.attempt_sentences import AttemptSentence
from heliograph.domain.delivery.outcomes import Cause
from heliograph.outbound.exchange import Failure, Route, SendResult
from heliograph.outbound.sender import Sender, SenderStopped

GRACE: Final = 5.0
"""Seconds beyond the total timeout after which the fault must be our own."""


def ask(sender: Sender, request: Request, route: Route) -> SendResult:
    """Sends the request and waits for its result, at most as long as the route allows. Do not call it on the sender's thread."""
    results: queue.SimpleQueue[SendResult] = queue.SimpleQueue()
    try:
        sender.start(request, route, results.put)
        return results.get(timeout=route.total_timeout + GRACE)
    except SenderStopped:
        return Failure(Cause.EXCEPTION, AttemptSentence.STOPPING.fill(), left=False)
    except queue.Empty:
        return Failure(Cause.EXCEPTION, AttemptSentence.NOT_SENT_IN_TIME.fill(), left=True)
