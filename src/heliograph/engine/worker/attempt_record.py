"""The record of an attempt: its outcome, and request and response as the item page shows them (D3, D4, D8, C5).

Secrets are masked before anything is stored: the connection's wherever they occur, and its URL except the host.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final, assert_never

import msgspec

from heliograph.domain.connection.response_rule import READ_REASON, Rule, classify_response, reason_of, with_reason
from heliograph.domain.connection.target_response import TargetResponse, charset_of
from heliograph.domain.delivery.outcomes import (
    Cut,
    Delivered,
    HoldConnection,
    Outcome,
    PauseConnection,
    Refused,
    ValidationFailed,
    classify_status,
    classify_transport_error,
    effect_on_connection,
)
from heliograph.domain.delivery.retry_policy import SECOND, Category
from heliograph.engine.worker.request_builder import ReadyRequest
from heliograph.outbound.exchange import CutOff, Failure, Response, SendResult, text_of
from heliograph.outbound.kept_request import kept_request
from heliograph.outbound.masks import NOTHING, Masks
from heliograph.store.queue.outcome_store import StoredExchange

KEPT_RESPONSE: Final = 16 * 1024
_encode: Final = msgspec.json.Encoder().encode


def response_of(result: SendResult, ready: ReadyRequest) -> TargetResponse | None:
    """The answer as the connection's response rule sees it; None without a rule or an answer."""
    if not ready.rule or not isinstance(result, Response):
        return None
    return TargetResponse(result.status, result.headers, result.body, cut=result.truncated)


def outcome_of(result: SendResult, now: int, rule: Rule = (), response: TargetResponse | None = None) -> Outcome:
    """Classifies a result. The target's own reason is added when the attempt is stored: masking takes too long for the reading thread.

    now: microseconds, for a Retry-After that is a date
    rule: the connection's response rule
    response: the rule's view of the answer
    """
    match result:
        case Response() if response is not None:
            return classify_response(rule, response, now, quotes=False)
        case Response():
            retry_after = None if 200 <= result.status < 300 else result.header("retry-after")
            return classify_status(result.status, retry_after=retry_after, now=now)
        case Failure():
            return classify_transport_error(result.cause, result.message, left=result.left)
        case CutOff():
            return Cut(result.left)
        case _:
            assert_never(result)


@dataclass(frozen=True, slots=True)
class Lesson:
    """The effect of a result on the connection limiter, before it is settled."""

    reached: bool
    """The target answered."""
    hold: float = 0.0
    """Seconds for which nothing is sent."""


GONE_FOR_NOW: Final = 5.0
"""Seconds within which the pause after a 410 is committed and read back."""


def lesson_of(outcome: Outcome, now: int) -> Lesson:
    """The lesson of an outcome. Every response counts as "reached", except a failed connection and an error that a gateway in between sent."""
    if not isinstance(outcome, Refused):
        return Lesson(reached=True)
    effect = effect_on_connection(outcome, now)
    hold = (
        (effect.until - now) / SECOND
        if isinstance(effect, HoldConnection)
        else GONE_FOR_NOW
        if isinstance(effect, PauseConnection)
        else 0.0
    )
    return Lesson(outcome.reached, hold)


def raw_reason(rule: Rule, response: TargetResponse | None, masks: Masks) -> str:
    """The beginning of the target's own reason. It may contain secrets, which are masked when the attempt is stored: never log or store it."""
    return reason_of(rule, response)[: READ_REASON + masks.longest] if response is not None else ""


def exchange_of(
    outcome: Outcome,
    ready: ReadyRequest | None,
    result: SendResult | None,
    *,
    at: int,
    took: int,
    connection: int,
    versions: str,
    reason: str = "",
) -> StoredExchange:
    """The attempt to store.

    at: its start, in microseconds by the database's clock
    took: microseconds
    reason: that of `raw_reason`
    """
    masks = ready.masks.also(ready.request) if ready else NOTHING
    category, cause, status, message = None, None, None, ""
    response = _response(result, masks, ready.request.hidden if ready else frozenset()) if result is not None else ""
    match outcome:
        case Delivered(status=code):
            status = code
        case Refused():
            category, cause, status = outcome.category, outcome.cause, outcome.status
            message = with_reason(outcome.message, masks.shortened(reason, READ_REASON, cut=len(reason) > READ_REASON))
            response = response or _json({"failure": outcome.cause.value})
        case ValidationFailed(problems=problems):
            category, message = Category.VALIDATION, "; ".join(problems)
        case _:
            pass
    return StoredExchange(
        at=at,
        took=took,
        category=category,
        cause=cause,
        status=status,
        message=plain(masks.blotted(message)),
        connection=connection,
        versions=versions,
        request=_json(kept_request(ready.request, masks)) if ready else "",
        response=response,
    )


def plain(text: str) -> str:
    """The text without what a database refuses: NUL and lone surrogates."""
    return text if text.isascii() and "\0" not in text else text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _response(result: SendResult, masks: Masks, hidden: frozenset[str]) -> str:
    if isinstance(result, CutOff):
        return ""
    seconds = result.timings
    timings = {
        "name": round(seconds.name, 6),
        "connect": round(seconds.connect, 6),
        "tls": round(seconds.tls, 6),
        "sent": round(seconds.sent, 6),
        "first": round(seconds.first, 6),
        "total": round(seconds.total, 6),
    }
    if isinstance(result, Failure):
        return _json(
            {"failure": result.cause.value, "message": masks.blotted(result.message), "timings": timings, "address": result.address}
        )
    answered = result.headers
    body, cut = text_of(result.body, KEPT_RESPONSE, truncated=result.truncated, charset=charset_of(answered))
    headers, body = masks.blotted_answer(answered, body, cut=cut, hidden=hidden)
    return _json({"status": result.status, "headers": headers, "body": body, "cut": cut, "timings": timings, "address": result.address})


def _json(value: object) -> str:
    """JSON that both databases accept. Control characters are escaped, and decoding with "replace" has left no lone surrogates."""
    try:
        return _encode(value).decode()
    except UnicodeEncodeError:  # a mapping's header may still contain one: as ASCII it can be stored
        return json.dumps(value, separators=(",", ":"))


def micros(seconds: float) -> int:
    """Seconds as microseconds."""
    return round(seconds * SECOND)
