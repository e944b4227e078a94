"""The load: clients that create registrations and change them, each version sent until it is answered.

A registration belongs to one client, and a client sends one request at a time, so the order of a registration's versions is known from
outside. A request that was never answered is sent again under the same Idempotency-Key, to any open door.
"""

from __future__ import annotations

import asyncio
import json
import random
import threading
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from heliograph.stage.load import LoadClient, body_of, request_of
from heliograph.verify.ledger import Ledger, LedgerVersion

MOST_OUTSTANDING: Final = 600
"""Versions that a target may still wait for before the clients pause."""
TRY_AGAIN: Final = (0.05, 0.3)
"""Seconds before the same request is sent again."""
AGAIN: Final = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
"""Statuses after which the same request is sent again."""
RECENT: Final = 12
"""A client changes one of this many of its newest registrations."""


@dataclass(slots=True)
class Load:
    """The state that all clients share. They run on one thread."""

    ledger: Ledger
    doors: Sequence[str]
    """Addresses that serve /ingest."""
    token: str
    document: Callable[[LedgerVersion], dict[str, Any]]
    """Makes the registration document of a version."""
    clients: int = 8
    pace: float = 0.08
    """The longest time between two requests of a client, in seconds."""
    bulk: int = 12
    seed: int = 1
    unexpected: list[str] = field(default_factory=list)
    """Answers that no sender should ever get, in words."""
    answers: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    """How often a sender had to send a request again: it was not answered, or not with success."""
    stopping: threading.Event = field(default_factory=threading.Event)
    given_up: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Starts the clients."""
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="load", daemon=True)
        self._thread.start()

    def stop(self, timeout: float) -> bool:
        """Sends nothing new, and waits until everything sent is answered. Returns whether it was."""
        assert self._thread is not None
        self.stopping.set()
        self._thread.join(timeout)
        self.given_up.set()
        return not self._thread.is_alive()

    async def _run(self) -> None:
        clients = [_Client(self, n) for n in range(self.clients)]
        for client in clients:
            client.begin()
        await asyncio.gather(*(client.done for client in clients))
        for connection in (connection for client in clients for connection in client.connections.values()):
            connection.transport.close()


class _Client(LoadClient):
    answer_within = 6.0
    """A suspended process gives no answer."""

    def __init__(self, load: Load, number: int) -> None:
        super().__init__()
        self._load, self._number = load, number
        self._random = random.Random(load.seed * 1000 + number)  # noqa: S311 -- a trial, not a secret
        self._ports = [urlsplit(door).port or 80 for door in load.doors]
        self._codes: dict[str, int] = {}
        """The newest version's number by registration code."""
        self._recent: deque[str] = deque(maxlen=RECENT)
        self._versions: list[LedgerVersion] = []
        """The versions in the request that is sent now."""

    def next_due(self) -> float | None:
        return None if self._load.stopping.is_set() else time.monotonic() + self._random.uniform(0, self._load.pace)

    def next_request(self) -> bytes | None:
        load = self._load
        if load.stopping.is_set() or load.ledger.outstanding() > MOST_OUTSTANDING:
            return None
        many = load.bulk and self._random.random() < 0.05
        self._versions = []
        for _ in range(self._random.randint(2, load.bulk) if many else 1):
            self._versions.append(self._next_version())
        body = b"\n".join(json.dumps(load.document(version)).encode() for version in self._versions)
        key = str(uuid.UUID(int=self._random.getrandbits(128)))
        return request_of(body, "application/x-ndjson" if many else "application/json", load.token, key)

    def _next_version(self) -> LedgerVersion:
        in_request = {version.code for version in self._versions}
        known = [code for code in self._recent if code not in in_request]
        if not known or self._random.random() < 0.25:
            code = f"V{self._number}-{len(self._codes) + 1:05}"
            self._recent.append(code)
        else:
            code = self._random.choice(known)
        self._codes[code] = self._codes.get(code, 0) + 1
        version = LedgerVersion(code, self._codes[code])
        self._load.ledger.ask(version, time.monotonic())
        return version

    def choose_door(self) -> int:
        return self._random.choice(self._ports)

    def settle(self, status: int, answer: bytes) -> bool:
        try:
            lines = [json.loads(line) for line in body_of(answer).splitlines()]
        except ValueError as error:
            self.lose(error)
            return False
        whole = status != 200 or len(self._versions) == 1  # one answer for the whole request
        versions = self._versions[:1] if whole else self._versions
        settled = len(lines) == len(versions)
        if settled:
            for version, line in zip(versions, lines, strict=True):
                settled &= self._settle_version(version, status if whole else line["status"], line)
        if not settled:
            self._try_again()
        return settled

    def _settle_version(self, version: LedgerVersion, status: int, answer: dict[str, Any]) -> bool:
        """True if the version need not be sent again."""
        self._load.answers[f"{status} {answer.get('outcome', '')}".strip()] += 1
        if status in (200, 201):
            self._load.ledger.accept(version, time.monotonic())
            if answer.get("outcome") not in ("created", "updated"):
                self._load.unexpected.append(f"{version.code} version {version.number}: {status} {answer}")
            return True
        if status in AGAIN:
            return False
        self._load.unexpected.append(f"{version.code} version {version.number}: {status} {answer}"[:500])
        return True

    def lose(self, error: Exception) -> None:
        self._load.answers[f"none: {type(error).__name__}"] += 1
        self._try_again()

    def _try_again(self) -> None:
        self._load.refused += 1
        if self._load.given_up.is_set():
            self.done.set_result(None)
        else:
            self.send_again(self._random.uniform(*TRY_AGAIN))
