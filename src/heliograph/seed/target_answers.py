"""How the targets of a seeded history answer: mostly well, at times badly, and for some hours not at all.

Answers are results of the sender, judged and stored by the engine's own functions, so that they read as real ones do.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

from heliograph.domain.connection.request import Request
from heliograph.domain.connection.response_rule import Rule
from heliograph.domain.delivery.outcomes import Cause, Delivered, Outcome, Refused
from heliograph.domain.delivery.retry_policy import Category
from heliograph.engine.worker.attempt_record import exchange_of, outcome_of, response_of
from heliograph.engine.worker.config_view import UsedVersions
from heliograph.engine.worker.request_builder import ReadyRequest
from heliograph.outbound.exchange import Failure, Response, Route, SendResult, Timings
from heliograph.outbound.masks import NOTHING

TROUBLED: Final = 0.02
"""The share of requests that fail on an ordinary day."""
CURED: Final = 0.5
"""The share of retries that succeed."""


@dataclass(frozen=True, slots=True)
class Answered:
    """How an attempt ends."""

    outcome: Outcome
    took: int
    """Microseconds."""
    text: str
    """The response as it is stored."""
    status: int | None
    """The status of the response; None if there was none."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of trouble."""

    weight: int
    """How often it happens, relative to the other kinds."""
    result: SendResult
    """The result that the sender would report."""


def _answer(status: int, body: bytes, seconds: float, *headers: bytes) -> Response:
    lines = (f"HTTP/1.1 {status}".encode(), b"content-type: application/json", *headers)
    timings = Timings(0.0, 0.0, 0.0, min(0.001, seconds), seconds)
    return Response(status, lines, body, truncated=False, timings=timings, address="192.0.2.7", reused=True)


def _failure(cause: Cause, message: str, seconds: float, *, left: bool) -> Failure:
    return Failure(cause, message, left, Timings(0.002, 0.01, 0.02, 0.0, seconds), "192.0.2.7" if left else "")


_TROUBLES: Final = (
    _Kind(30, _answer(503, b'{"error":"The service is being updated"}', 0.08)),
    _Kind(10, _answer(429, b'{"error":"rate_limited"}', 0.02, b"retry-after: 30")),
    _Kind(18, _failure(Cause.TIMEOUT, "The target did not answer in time.", 10.0, left=True)),
    _Kind(9, _failure(Cause.REFUSED, "The target refused the connection.", 0.003, left=False)),
    _Kind(6, _failure(Cause.RESET, "The connection was reset.", 0.4, left=True)),
    _Kind(4, _failure(Cause.DNS, "The target's name could not be found.", 0.05, left=False)),
    _Kind(3, _failure(Cause.TLS, "The target's certificate has expired.", 0.04, left=False)),
    _Kind(16, _answer(500, b'{"error":"Internal error"}', 0.15)),
    _Kind(12, _answer(422, b'{"error":"The country is not one of ours"}', 0.06)),
    _Kind(10, _answer(401, b'{"error":"The key has expired"}', 0.03)),
    _Kind(5, _answer(404, b'{"error":"No such list"}', 0.03)),
    _Kind(4, _failure(Cause.EXCEPTION, "Heliograph failed with an internal error: MemoryError.", 0.0, left=False)),
)
_UNREADABLE: Final = Refused(Category.SOURCE_API, Cause.SOURCE, "The source could not be read.", left=False)


@dataclass(frozen=True, slots=True)
class _Outage:
    """A time when many requests over a connection fail in one way."""

    place: int
    """The place of the connection, by age."""
    begins: float
    """A share of the period."""
    lasts: float
    """A share of the period."""
    share: float
    """The share of requests that fail."""
    kind: int
    """The place of the trouble in _TROUBLES."""


_OUTAGES: Final = (
    _Outage(0, 0.31, 0.001, 0.9, 0),
    _Outage(1, 0.52, 0.0006, 0.9, 2),
    _Outage(1, 0.74, 0.004, 0.9, 9),
    _Outage(1, 0.93, 0.0004, 0.9, 1),
    _Outage(0, 0.97, 0.03, 0.25, 9),  # lasts until today: something to find and to cure
)


class TargetAnswers:
    """The answers of all targets."""

    def __init__(self, chance: random.Random, rules: dict[int, Rule], since: int, until: int) -> None:
        """rules: the response rules by connection, which decide what an answer means"""
        self._chance = chance
        self._rules = rules
        connections = sorted(rules)
        period = until - since
        self._outages = [(connections[o.place], since + o.begins * period, since + (o.begins + o.lasts) * period, o) for o in _OUTAGES]
        # Good answers differ in how long they took.
        seconds = [round(0.012 * 1.17**step, 6) for step in range(24)]
        self._good = {
            (connection, created): [_answered(_answer(200, b'{"created":' + created + b"}", took), rule) for took in seconds]
            for connection, rule in rules.items()
            for created in (b"true", b"false")
        }
        self._bad = {c: [_answered(each.result, rule) for each in _TROUBLES] for c, rule in rules.items()}
        self._weights = [each.weight for each in _TROUBLES]

    def first(self, connection: int, at: int, *, known: bool) -> Answered:
        """The answer to a first attempt.

        known: True if the target has the record already
        """
        if down := self._down(connection, at):
            return down
        if self._chance.random() < TROUBLED:
            return self._trouble(connection)
        return self.good(connection, known=known)

    def again(self, connection: int, at: int, *, known: bool) -> Answered:
        """The answer to a retry."""
        if down := self._down(connection, at):
            return down
        return self.good(connection, known=known) if self._chance.random() < CURED else self._trouble(connection)

    def _down(self, connection: int, at: int) -> Answered | None:
        for target, begins, ends, outage in self._outages:
            if target == connection and begins <= at < ends and self._chance.random() < outage.share:
                return self._bad[target][outage.kind]
        return None

    def good(self, connection: int, *, known: bool) -> Answered:
        """The answer of a target that accepts what it gets."""
        answers = self._good[connection, b"false" if known else b"true"]
        return answers[int(self._chance.random() * len(answers))]

    def _trouble(self, connection: int) -> Answered:
        if self._chance.random() < 0.01:
            return Answered(_UNREADABLE, 0, "", None)
        return self._chance.choices(self._bad[connection], self._weights)[0]


def _answered(result: SendResult, rule: Rule) -> Answered:
    ready = ReadyRequest(_NO_REQUEST, _NO_ROUTE, _NO_VERSIONS, NOTHING, rule=rule)
    outcome = outcome_of(result, 0, rule, response_of(result, ready))
    took = 0 if not isinstance(result, (Response, Failure)) else round(result.timings.total * 1e6)
    stored = exchange_of(outcome, None, result, at=0, took=took, connection=0, versions="")
    status = outcome.status if isinstance(outcome, (Delivered, Refused)) else None
    return Answered(outcome, took, stored.response, status)


_NO_REQUEST: Final = Request("POST", "https://northwind.invalid/", (), None)
_NO_ROUTE: Final = Route(0, 0)
_NO_VERSIONS: Final = UsedVersions(0, 0, (0, 0), (0, 0), (0, 0))
