"""What the log says of connections (O12): one that begins to fail, that rests because its target asked for it or is paused for good, and that delivers again.

    delivers --FAILURES_TO_TRIP failures in a row--> connection_fails --delivered--> connection_delivers_again
             --Retry-After--> connection_rests ---------------------/

Trouble of one connection is said at most once in SAID_EVERY seconds: a target that answers every other request with an error does not fill the log. Lines name the
connection and its account by their ids, with status and cause, and never what a target said.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from heliograph.domain.delivery.outcomes import FAILURES_TO_TRIP, Delivered, Outcome, Refused
from heliograph.store.instants import from_micros

log = structlog.get_logger(__name__)

SAID_EVERY: Final = 60.0
"""Seconds between two lines that say that one connection fails or rests."""


@dataclass(slots=True)
class _State:
    failures: int = 0
    """In a row."""
    troubled_since: float | None = None
    """When it began to fail or to rest, if the log has said so."""
    said_at: float = float("-inf")
    held_until: int = 0
    """The end of the rest that the log has said, in microseconds."""


class ConnectionLog:
    """The connections of one worker.

    clock: seconds; it never goes back
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._states: dict[int, _State] = {}

    def note(self, connection: int, account: int, outcomes: Sequence[Outcome], *, held_until: int | None, is_gone: bool, now: int) -> None:
        """Notes a batch of outcomes, in their order, and writes the line that is due.

        held_until: the end of the rest that the target asked for
        is_gone: the target answered 410, which pauses the connection
        now: microseconds
        """
        state = self._states.get(connection)
        if state is None:
            if not any(isinstance(outcome, Refused) for outcome in outcomes):
                return
            state = self._states[connection] = _State()
        last_refusal: Refused | None = None
        for outcome in outcomes:
            if isinstance(outcome, Delivered):
                state.failures, last_refusal = 0, None
            elif isinstance(outcome, Refused):
                state.failures, last_refusal = state.failures + 1, outcome
        facts = {"connection": connection, "account": account}
        at = self._clock()
        may_say = at >= state.said_at + SAID_EVERY
        if is_gone:
            self._begin(state, at)
            log.warning("connection_paused", **facts, status=410)
        elif held_until is not None and now >= state.held_until and may_say:
            state.held_until = held_until
            self._begin(state, at)
            status = next((each.status for each in outcomes if isinstance(each, Refused) and each.retry_after), None)
            until = from_micros(held_until).isoformat(timespec="seconds")
            log.warning("connection_rests", **facts, until=until, status=status)
        elif state.troubled_since is not None and not state.failures:
            log.info("connection_delivers_again", **facts, seconds=round(at - state.troubled_since))
            state.troubled_since, state.held_until = None, 0
        elif state.troubled_since is None and state.failures >= FAILURES_TO_TRIP and last_refusal is not None and may_say:
            self._begin(state, at)
            log.warning("connection_fails", **facts, cause=last_refusal.cause.value, status=last_refusal.status, failures=state.failures)
        if not state.failures and state.troubled_since is None and may_say:
            del self._states[connection]

    def _begin(self, state: _State, at: float) -> None:
        state.said_at = at
        if state.troubled_since is None:
            state.troubled_since = at
