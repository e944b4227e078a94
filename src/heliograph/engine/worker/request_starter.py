"""Starts the request of a lane that was read (docs/design/queue.md, sections 3 and 4).

Between the read and the start, the slot may have been lost, the lane moved or its replay cancelled: then the lane is given back. The sender
calls back on its own thread, which lands what came of the request in the shared memory.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from heliograph import failpoints
from heliograph.domain.delivery.action import Origin
from heliograph.domain.delivery.outcomes import CouldNotBegin, Delivered, Refused, ValidationFailed
from heliograph.domain.delivery.retry_policy import SECOND, Category
from heliograph.domain.delivery.slots import may_start
from heliograph.engine.tracer import TRACEPARENT, Tracer
from heliograph.engine.worker.attempt_record import lesson_of, outcome_of, raw_reason, response_of
from heliograph.engine.worker.connection_limiter import ConnectionLimiter
from heliograph.engine.worker.inflight_journal import InflightJournal
from heliograph.engine.worker.oauth_tokens import TokenPending
from heliograph.engine.worker.request_builder import DestinationGone, ReadContent, ReadyRequest, RequestBuilder
from heliograph.engine.worker.shared_lanes import FinishedLane, SharedLanes, TakenLane
from heliograph.engine.worker.slot_ownership import Ownership
from heliograph.outbound.exchange import CutOff, Response, SendResult
from heliograph.outbound.sender import Sender, SenderStopped
from heliograph.store.database import Database
from heliograph.store.queue import lane_reads as table

STALE_READ = 2.0
"""Seconds after which a lane that waited for its connection is read again."""


@dataclass(slots=True)
class RequestStarter:
    """Starts requests, for the reading thread alone.

    in_flight: the number of started requests whose lesson the lane reader has not learned yet
    """

    db: Database
    builder: RequestBuilder
    ownership: Ownership
    memory: SharedLanes
    journal: InflightJournal
    sender: Sender
    tracer: Tracer | None = None
    in_flight: int = 0

    def start[T](self, taken: TakenLane, content: ReadContent, limiter: ConnectionLimiter[T], now: float) -> bool:
        """Starts the request of a lane. False if it still waits for its access token.

        limiter: that of the lane's connection
        """
        assert taken.action is not None
        slot = taken.stored.slot
        assigned = self.builder.view.connection_of(taken.stored.account, taken.stored.lane.destination)
        if self.ownership.epoch(slot) != taken.epoch or now - taken.at > STALE_READ or assigned not in (None, taken.stored.connection):
            self._give_back(taken, limiter)
            return True
        if taken.action.origin is Origin.REPLAY and not table.is_open(self.db, taken.action.id):
            self._give_back(taken, limiter)  # its replay was cancelled since it was read: from then on nothing of it starts
            return True
        built = self.builder.build(taken.action, content, self.db)
        if isinstance(built, TokenPending):
            return False
        if not isinstance(built, ReadyRequest):
            self._unsent(taken, built, limiter, now)
            return True
        parent = table.traceparent(self.db, taken.action.change) if self.tracer is not None else ""
        # Take the time before checking the lease, so that a process that was suspended in between sends nothing.
        began = time.monotonic()
        if not may_start(self.ownership.time_left(slot), built.route.total_timeout):  # it could outlive the lease
            self._give_back(taken, limiter)
            return True
        cell = self.journal.note(taken.stored.lane.id, taken.action.version)
        limiter.note_start(began)
        self.in_flight += 1
        span = None
        if self.tracer is not None:
            span = self.tracer.delivers(parent, {"http.request.method": built.request.method, "heliograph.attempt": taken.action.sent + 1})
            built = replace(built, request=built.request.with_default(TRACEPARENT, span.traceparent))
        memory, tokens, connection, action = self.memory, self.builder.tokens, taken.stored.connection, taken.action.id

        def done(result: SendResult) -> None:
            failpoints.reach(failpoints.Instant.ANSWER_ARRIVED)
            response = response_of(result, built)
            result = tokens.heed(connection, built.generation, action, result, built.rule, response)
            ended = memory.db_time(time.monotonic())
            outcome = outcome_of(result, ended, built.rule, response)
            memory.returned.append((connection, lesson_of(outcome, ended)))
            if span is not None:
                error = outcome.cause.value if isinstance(outcome, Refused) else "" if isinstance(outcome, Delivered) else "cut"
                span.end(status=result.status if isinstance(result, Response) else None, error=error)
            reason = raw_reason(built.rule, response, built.masks)
            memory.land(FinishedLane(taken, outcome, ready=built, result=result, cell=cell, began=began, used=built.used, reason=reason))

        failpoints.reach(failpoints.Instant.REQUEST_NOTED)
        try:
            self.sender.start(built.request, built.route, done, began)
        except SenderStopped:
            done(CutOff(left=False))
        return True

    def _unsent[T](
        self,
        taken: TakenLane,
        built: Refused | ValidationFailed | CouldNotBegin | DestinationGone,
        limiter: ConnectionLimiter[T],
        now: float,
    ) -> None:
        """Settles an action for which no request could be built."""
        assert taken.action is not None
        # its authority cannot be reached: treated like an unreachable target
        if isinstance(built, Refused) and built.category is Category.CONNECTION:
            limiter.note_start(now)
            limiter.note_end(now, reached=False)
            if built.retry_after:
                limiter.hold(now, built.retry_after / SECOND)
        used = self.builder.view.used(taken.action.account, taken.action.flow, taken.action.destination)
        if isinstance(built, DestinationGone):
            self.memory.land(FinishedLane(taken, gone=built.cause, began=time.monotonic()))
        else:
            self.memory.land(FinishedLane(taken, outcome=built, began=time.monotonic(), used=used))

    def _give_back[T](self, taken: TakenLane, limiter: ConnectionLimiter[T]) -> None:
        """Gives a lane back unsent. It is read again before later ones."""
        self.memory.drop(taken)
        limiter.forget_floors()
