"""The load generator: clients that create registrations and change them, each version sent until it is answered.

A registration belongs to one client, and a client sends one request at a time, so the order of a registration's versions is known from
outside. A request that was never answered is sent again under the same Idempotency-Key, to any open door.
"""

from __future__ import annotations

import http.client
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

from heliograph.verify.ledger import Ledger, LedgerVersion

MOST_OUTSTANDING: Final = 600
"""Versions that a target may still wait for before the clients pause."""
ANSWER_WITHIN: Final = 6.0
"""Seconds to wait for an answer; a suspended process gives none."""
TRY_AGAIN: Final = (0.05, 0.3)
AGAIN: Final = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
"""Statuses after which the same request is sent again."""
RECENT: Final = 12
"""A client changes one of this many of its newest registrations."""


@dataclass(slots=True)
class Load:
    """What all clients share. doors: addresses that serve /ingest. document: makes a version's registration document. pace: longest time in
    seconds between two requests of a client."""

    ledger: Ledger
    doors: Sequence[str]
    token: str
    document: Callable[[LedgerVersion], dict[str, Any]]
    clients: int = 8
    pace: float = 0.08
    bulk: int = 12
    seed: int = 1
    unexpected: list[str] = field(default_factory=list)
    """Answers that no sender should ever get, in words."""
    answers: Counter[str] = field(default_factory=Counter)
    stopping: threading.Event = field(default_factory=threading.Event)
    given_up: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Starts the clients."""
        self._threads = [threading.Thread(target=_Client(self, n).run, name=f"client {n}", daemon=True) for n in range(self.clients)]
        for thread in self._threads:
            thread.start()

    def stop(self, timeout: float) -> bool:
        """Sends nothing new, and waits until everything sent is answered. Returns whether it was."""
        self.stopping.set()
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self.given_up.set()
        return not any(thread.is_alive() for thread in self._threads)


class _Client:
    def __init__(self, load: Load, number: int) -> None:
        self._load, self._number = load, number
        self._random = random.Random(load.seed * 1000 + number)  # noqa: S311 -- a trial, not a secret
        self._versions: dict[str, int] = {}
        self._recent: deque[str] = deque(maxlen=RECENT)
        self._connections: dict[str, http.client.HTTPConnection] = {}

    def run(self) -> None:
        load = self._load
        while not load.stopping.wait(self._random.uniform(0, load.pace)):
            if load.ledger.outstanding() > MOST_OUTSTANDING:
                continue
            if load.bulk and self._random.random() < 0.05:
                self._many(self._random.randint(2, load.bulk))
            else:
                self._one()
        for connection in self._connections.values():
            connection.close()

    # Choosing what to send.

    def _next(self, *, but: Sequence[str] = ()) -> LedgerVersion:
        known = [code for code in self._recent if code not in but]
        if not known or self._random.random() < 0.25:
            code = f"V{self._number}-{len(self._versions) + 1:05}"
            self._recent.append(code)
        else:
            code = self._random.choice(known)
        self._versions[code] = self._versions.get(code, 0) + 1
        version = LedgerVersion(code, self._versions[code])
        self._load.ledger.ask(version, time.monotonic())
        return version

    def _one(self) -> None:
        version = self._next()
        body = json.dumps(self._load.document(version)).encode()

        def read(status: int, answer: bytes) -> bool:
            return self._is_settled(version, status, json.loads(answer))

        self._until_answered(body, "application/json", read)

    def _many(self, count: int) -> None:
        versions: list[LedgerVersion] = []
        for _ in range(count):
            versions.append(self._next(but=[v.code for v in versions]))
        body = b"".join(json.dumps(self._load.document(version)).encode() + b"\n" for version in versions)

        def read(status: int, answer: bytes) -> bool:
            if status != 200:
                return self._is_settled(versions[0], status, json.loads(answer))
            lines = [json.loads(line) for line in answer.splitlines()]
            if len(lines) != len(versions):
                return False
            settled = [self._is_settled(v, line["status"], line) for v, line in zip(versions, lines, strict=True)]
            return all(settled)

        self._until_answered(body, "application/x-ndjson", read)

    def _is_settled(self, version: LedgerVersion, status: int, answer: dict[str, Any]) -> bool:
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

    # Sending.

    def _until_answered(self, body: bytes, kind: str, read: Callable[[int, bytes], bool]) -> None:
        headers = {
            "Authorization": f"Bearer {self._load.token}",
            "Content-Type": kind,
            "Idempotency-Key": str(uuid.UUID(int=self._random.getrandbits(128))),
        }
        while not self._load.given_up.is_set():
            door = self._random.choice(self._load.doors)
            try:
                connection = self._connection(door)
                connection.request("POST", "/ingest/registrations", body, headers)
                response = connection.getresponse()
                if read(response.status, response.read()):
                    return
            except (OSError, http.client.HTTPException, json.JSONDecodeError, ValueError) as error:
                self._load.answers[f"none: {type(error).__name__}"] += 1
                self._connections.pop(door).close()
            self._load.given_up.wait(self._random.uniform(*TRY_AGAIN))

    def _connection(self, door: str) -> http.client.HTTPConnection:
        if door not in self._connections:
            self._connections[door] = http.client.HTTPConnection(urlsplit(door).netloc, timeout=ANSWER_WITHIN)
        return self._connections[door]
