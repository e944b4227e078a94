"""The targets of a trial on loopback: some steady, some that fail in every way a target can, but for no version more often than Heliograph
retries."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import socket
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from heliograph.domain.delivery.retry_policy import AUTOMATIC_RETRIES
from heliograph.stage.receiver import ReceiverConnection, header_of, path_of
from heliograph.verify.ledger import Arrival, Ledger, LedgerVersion

FAILS: Final = 0.15
"""Share of requests that a failing target fails."""
LATE: Final = (0.1, 0.6)
"""Seconds that a late answer takes; less than a request's total timeout."""


class Mood(Enum):
    """How a target treats a request."""

    TAKES = "takes"
    LATE = "takes, late"
    REFUSES = "refuses"
    RESETS = "resets"
    HANGS = "hangs"
    LOSES_ANSWER = "takes, and the answer is lost"
    HALF_ANSWERS = "takes, and breaks off in the middle of the answer"


TROUBLES: Final[Mapping[Mood, int]] = {Mood.REFUSES: 10, Mood.RESETS: 4, Mood.LOSES_ANSWER: 4, Mood.HANGS: 1}
"""The relative weight of each trouble."""
STATUSES: Final = (500, 503, 429, 408, 404, 401, 422)
HALF_ANSWERS: Final = (
    b"HTTP/1.1 20",
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Le",
    b"HTTP/1.1 200 OK\r\nContent-Length: 64\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 64\r\n\r\nhalf of what was prom",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\nhalf of a chu",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno number\r\nok\r\n",
)


@dataclass(slots=True)
class TrialTargets:
    """Decides what happens to each request."""

    ledger: Ledger
    failing: frozenset[str]
    """The targets that fail."""
    random: random.Random
    slow: bool = True
    """True if answers may take long; False for a receiver that has to be fast."""
    _failed: Counter[tuple[str, LedgerVersion]] = field(default_factory=Counter)
    _period: tuple[Mood, frozenset[str]] | None = None

    @contextlib.contextmanager
    def period(self, mood: Mood) -> Iterator[str]:
        """One target, or all, have this mood meanwhile. Gives their names, in words."""
        names = self.random.choice(([*self.ledger.targets], [self.random.choice(list(self.ledger.targets))]))
        self._period = mood, frozenset(names)
        try:
            yield "all targets" if len(names) > 1 else names[0]
        finally:
            self._period = None

    def mood(self, target: str, version: LedgerVersion) -> Mood:
        """The mood for the next request of a version. A version fails less often than there are automatic retries, because after more failures
        Heliograph would be right to give up (D5).

        The spare retry is for a request that a busy machine did not read in time.
        """
        period = self._period
        if self._failed[target, version] < AUTOMATIC_RETRIES - 1:
            if period is not None and target in period[1]:
                self.fails(target, version)
                return period[0]
            if target in self.failing and self.random.random() < FAILS:
                self.fails(target, version)
                return self.random.choices(list(TROUBLES), list(TROUBLES.values()))[0]
        return Mood.LATE if self.slow and self.random.random() < 0.03 else Mood.TAKES

    def fails(self, target: str, version: LedgerVersion) -> None:
        """Notes a failed attempt for this version."""
        self._failed[target, version] += 1

    def take(self, connection: ReceiverConnection, head: bytes, body: bytes) -> None:
        """Enters a request in the ledger and treats it by the target's mood. The path names the target."""
        document: dict[str, str] = json.loads(body)
        target, version = path_of(head).removeprefix("/"), LedgerVersion(document["code"], int(document["version"]))
        arrival = self.ledger.arrive(Arrival(target, version, header_of(head, "webhook-id"), time.monotonic()))
        match self.mood(target, version):
            case Mood.TAKES:
                self._accept(connection, arrival)
            case Mood.LATE:
                asyncio.get_running_loop().call_later(self.random.uniform(*LATE), self._accept, connection, arrival)
            case Mood.REFUSES:
                status = self.random.choice(STATUSES)
                connection.answer(status, b"ok", {"Retry-After": "1"} if status == 429 else {})
            case Mood.RESETS:
                connection.reset()
            case Mood.LOSES_ANSWER:
                self.ledger.took(arrival, answered=False)
                connection.reset()
            case Mood.HALF_ANSWERS:
                self.ledger.took(arrival, answered=False)
                connection.break_off(self.random.choice(HALF_ANSWERS), reset=self.random.choice((True, False)))
            case Mood.HANGS:
                pass

    def _accept(self, connection: ReceiverConnection, arrival: Arrival) -> None:
        """Accepts a request and answers it. If the sender has disconnected, the target does not accept it, like one that rolls back if it cannot
        answer.
        """
        if _is_gone(connection):
            self.fails(arrival.target, arrival.version)
            return
        self.ledger.took(arrival, answered=True)
        connection.answer(200, b"ok")


def _is_gone(connection: ReceiverConnection) -> bool:
    """True if the sender has disconnected, even if asyncio has not noticed yet: a busy machine may read a request after its sender gave up."""
    if connection.transport.is_closing():
        return True
    try:
        with connection.transport.get_extra_info("socket").dup() as peer:
            return bool(peer.recv(1, socket.MSG_PEEK) == b"")
    except BlockingIOError:
        return False
    except OSError:
        return True
