"""The load: senders that post at a steady rate, each post again and again until it is accepted, as the doors' Retry-After asks. Some do not wait for
that: they show when the doors take posts again."""

from __future__ import annotations

import asyncio
import json
import random
import threading
import time
import uuid
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from heliograph.stage.load import LoadClient, body_of, request_of
from heliograph.stage.receiver import header_of
from heliograph.verify.ledger import Ledger, LedgerVersion
from heliograph.verify.trial_account import document

AGAIN: Final = frozenset({429, 502, 503, 504})
WITHOUT_ANSWER: Final = 0.5
"""Seconds after which a post that got no answer is sent again."""
IMPATIENT: Final = 4
"""So many senders send a refused post again after IMPATIENCE seconds, whatever Retry-After asks."""
IMPATIENCE: Final = 0.25
RECENT: Final = 12
"""A sender changes one of this many of its newest registrations."""


@dataclass(slots=True)
class Senders:
    """All senders, on one thread. rate: posts per second of all of them."""

    ledger: Ledger
    doors: Sequence[str]
    token: str
    rate: float
    count: int = 40
    answers: Counter[str] = field(default_factory=Counter)
    accepted: list[tuple[float, float, LedgerVersion]] = field(default_factory=list)
    """When each accepted post was sent for the last time, when its answer came, and its version; monotonic seconds."""
    unexpected: list[str] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="senders", daemon=True)
        self._thread.start()

    def stop(self, timeout: float) -> bool:
        """Sends nothing new, and waits until everything that was sent is accepted. Returns whether it was."""
        assert self._thread is not None
        self.stopping.set()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    async def _run(self) -> None:
        senders = [_Sender(self, number) for number in range(self.count)]
        for sender in senders:
            sender.begin()
        await asyncio.gather(*(sender.done for sender in senders))


class _Sender(LoadClient):
    answer_within = 40.0
    """Longer than the doors take for their 503."""

    def __init__(self, senders: Senders, number: int) -> None:
        super().__init__()
        self._senders, self._number = senders, number
        self._random = random.Random(number)
        self._ports = [urlsplit(door).port or 80 for door in senders.doors]
        self._period = senders.count / senders.rate
        self._due = time.monotonic() + self._random.uniform(0, self._period)
        self._codes: dict[str, int] = {}
        self._recent: deque[str] = deque(maxlen=RECENT)
        self._version = LedgerVersion("", 0)
        self._sent_at = 0.0

    def next_due(self) -> float | None:
        return None if self._senders.stopping.is_set() else self._due

    def next_request(self) -> bytes | None:
        if self._senders.stopping.is_set():
            return None
        self._due = max(self._due + self._period, time.monotonic())  # what an outage has delayed is not made up for
        if not self._recent or self._random.random() < 0.25:
            code = f"F{self._number}-{len(self._codes) + 1:05}"
            self._recent.append(code)
        else:
            code = self._random.choice(self._recent)
        number = self._codes[code] = self._codes.get(code, 0) + 1
        self._version = LedgerVersion(code, number)
        self._senders.ledger.ask(self._version, time.monotonic())
        body = json.dumps(document(code, number, profile={"first_name": code})).encode()
        return request_of(body, "application/json", self._senders.token, str(uuid.UUID(int=self._random.getrandbits(128))))

    def choose_door(self) -> int:
        self._sent_at = time.monotonic()
        return self._random.choice(self._ports)

    def settle(self, status: int, answer: bytes) -> bool:
        self._senders.answers[str(status)] += 1
        if status in AGAIN:
            retry_after = header_of(answer.partition(b"\r\n\r\n")[0], "retry-after")
            self.send_again(IMPATIENCE if self._number < IMPATIENT else float(retry_after or WITHOUT_ANSWER))
            return False
        now, outcome = time.monotonic(), json.loads(body_of(answer))
        if status in (200, 201) and outcome["outcome"] in ("created", "updated"):
            self._senders.ledger.accept(self._version, now)
            self._senders.accepted.append((self._sent_at, now, self._version))
        else:
            self._senders.unexpected.append(f"{self._version.code} version {self._version.number}: {status} {outcome}"[:500])
        return True

    def lose(self, error: Exception) -> None:
        self._senders.answers[f"none: {type(error).__name__}"] += 1
        self.send_again(WITHOUT_ANSWER)
