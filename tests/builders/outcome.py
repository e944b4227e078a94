"""Ends of attempts, as a worker would store them."""

from __future__ import annotations

import json

from heliograph.domain.delivery import lanes as rules
from heliograph.domain.delivery.lanes import Flight
from heliograph.domain.delivery.outcomes import Cause, Delivered, Outcome, Refused, ValidationFailed
from heliograph.domain.delivery.retry_policy import Category, RetryPolicy
from heliograph.domain.snapshot import ConfigProvider
from heliograph.store.database import Database
from heliograph.store.queue import outcome_store
from heliograph.store.queue.lane_reads import lock_lanes, open_actions
from heliograph.store.queue.outcome_store import Settled, StoredExchange

REFUSED = Refused(Category.CONFIG, Cause.ANSWER, "The target answered 401.", left=True, status=401)
BUSY = Refused(Category.CONNECTION, Cause.TIMEOUT, "No answer within 10 seconds.", left=True)
INVALID = ValidationFailed(("email is required and empty",))
REQUEST = json.dumps(
    {
        "method": "POST",
        "url": "https://crm.example.com/…",
        "headers": [["Content-Type", "application/json"], ["Authorization", "•••"]],
        "body": '{"email": "joe@example.org", "Consent": true}',
        "cut": False,
    }
)
RESPONSE = json.dumps(
    {
        "status": 401,
        "headers": [["content-type", "text/html"]],
        "body": "<script>alert(1)</script>",
        "cut": False,
        "timings": {"name": 0.012, "connect": 0.048, "tls": 0.031, "sent": 0.092, "first": 0.183, "total": 0.187},
        "address": "203.0.113.20",
    }
)


def end_attempt(db: Database, provider: ConfigProvider, account: int, action: int, outcome: Outcome, *, status: int | None = None) -> None:
    """Ends an attempt of an action with this outcome. status: the answer's, if the outcome does not say it."""
    flows = provider.account(account).flows.values()
    destinations = {destination.id: destination for flow in flows for destination in flow.destinations}
    with db.transaction():
        ((lane,),) = db.all("SELECT lane_id FROM action WHERE id = :id", {"id": action})
        stored = lock_lanes(db, [lane])[lane]
        about = open_actions(db, [lane], also=[action])[lane]
        began = next(a for a in about if a.id == action)
        now = db.now()
        to = destinations[stored.lane.destination]
        settlement = rules.settle(to.does, stored.lane, about, Flight(began, outcome), now, RetryPolicy())
        message = _message(outcome)
        answered = status or (outcome.status if isinstance(outcome, (Delivered, Refused)) else None)
        exchange = StoredExchange(
            at=now,
            took=84_000,
            category=outcome.category if isinstance(outcome, Refused) else None,
            cause=outcome.cause if isinstance(outcome, Refused) else None,
            status=answered,
            message=message,
            connection=to.connection,
            versions="1,1,1,0",
            request=REQUEST,
            response=RESPONSE if answered else "",
        )
        outcome_store.store(db, [Settled(settlement, stored, about, exchange, message)], now)


def _message(outcome: Outcome) -> str:
    if isinstance(outcome, Refused):
        return outcome.message
    return "; ".join(outcome.problems) if isinstance(outcome, ValidationFailed) else ""
