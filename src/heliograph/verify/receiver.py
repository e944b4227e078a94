"""The targets of a trial on loopback: some steady, some that fail in every way a target can, but for no version more often than Heliograph
retries."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, Self

from heliograph.domain.delivery.retry_policy import AUTOMATIC_RETRIES
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


TROUBLES: Final[Mapping[Mood, int]] = {Mood.REFUSES: 10, Mood.RESETS: 4, Mood.LOSES_ANSWER: 4, Mood.HANGS: 1}
"""The relative weight of each trouble."""
STATUSES: Final = (500, 503, 429, 408, 404, 401, 422)


@dataclass(slots=True)
class TrialTargets:
    """Decides what happens to each request. failing: the targets that fail. slow: whether answers may take long; False for a receiver that
    must be fast."""

    ledger: Ledger
    failing: frozenset[str]
    random: random.Random
    slow: bool = True
    _failed: Counter[tuple[str, LedgerVersion]] = field(default_factory=Counter)

    def mood(self, target: str, version: LedgerVersion) -> Mood:
        """The next mood. A version fails at least once less than there are automatic retries: with more failures, giving up would be right
        (D5).

        The spare retry is for a request that a busy machine did not read in time.
        """
        if target in self.failing and self._failed[target, version] < AUTOMATIC_RETRIES - 1 and self.random.random() < FAILS:
            self.fails(target, version)
            return self.random.choices(list(TROUBLES), list(TROUBLES.values()))[0]
        return self._takes()

    def fails(self, target: str, version: LedgerVersion) -> None:
        """Notes a failed attempt for this version."""
        self._failed[target, version] += 1

    def _takes(self) -> Mood:
        return Mood.LATE if self.slow and self.random.random() < 0.03 else Mood.TAKES


class TrialReceiver:
    """Listens on its own thread, HTTP/1.1 with keep-alive. The path names the target."""

    def __init__(self, targets: TrialTargets) -> None:
        self.targets = targets
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="receiver", daemon=True)
        self._ready = threading.Event()
        self._open: set[_Connection] = set()

    def url(self, target: str) -> str:
        """The URL of a target."""
        return f"http://127.0.0.1:{self.port}/{target}"

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        server = self._loop.run_until_complete(
            self._loop.create_server(lambda: _Connection(self.targets, self._loop, self._open), "127.0.0.1", 0, backlog=1024)
        )
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        try:
            self._loop.run_forever()
        finally:
            server.close()
            for connection in list(self._open):
                connection.abort()
            self._loop.run_until_complete(server.wait_closed())
            self._loop.close()


class _Connection(asyncio.Protocol):
    """Handles one request after another: libcurl sends the next one after the answer."""

    def __init__(self, targets: TrialTargets, loop: asyncio.AbstractEventLoop, open_: set[_Connection]) -> None:
        self._targets, self._loop, self._open = targets, loop, open_
        self._transport: Any = None
        self._buffer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._open.discard(self)

    def abort(self) -> None:
        """Closes it at once."""
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        first, *lines = self._buffer[:end].decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        whole = end + 4 + int(headers.get("content-length", "0"))
        if len(self._buffer) < whole:
            return
        body = bytes(self._buffer[end + 4 : whole])
        del self._buffer[:whole]
        self._request(first.split(" ")[1].removeprefix("/"), headers.get("webhook-id", ""), json.loads(body))

    def _request(self, target: str, id: str, body: dict[str, str]) -> None:
        version = LedgerVersion(body["code"], int(body["version"]))
        arrival = self._targets.ledger.arrive(Arrival(target, version, id, time.monotonic()))
        match self._targets.mood(target, version):
            case Mood.TAKES:
                self._take(arrival)
            case Mood.LATE:
                self._loop.call_later(self._targets.random.uniform(*LATE), self._take, arrival)
            case Mood.REFUSES:
                self._answer(self._targets.random.choice(STATUSES))
            case Mood.RESETS:
                self._reset()
            case Mood.LOSES_ANSWER:
                self._targets.ledger.took(arrival, answered=False)
                self._reset()
            case Mood.HANGS:
                pass

    def _take(self, arrival: Arrival) -> None:
        """A sender that has disconnected gets no answer, and the target has not accepted the request, like one that rolls back if it cannot
        answer."""
        if self._is_gone():
            self._targets.fails(arrival.target, arrival.version)
            return
        self._targets.ledger.took(arrival, answered=True)
        self._answer(200)

    def _is_gone(self) -> bool:
        """True if the sender has disconnected, even if this connection was not told yet: on a busy machine a request may be read after its
        sender gave up."""
        if self._transport.is_closing():
            return True
        try:
            with self._transport.get_extra_info("socket").dup() as peer:
                return bool(peer.recv(1, socket.MSG_PEEK) == b"")
        except BlockingIOError:
            return False
        except OSError:
            return True

    def _answer(self, status: int) -> None:
        more = "retry-after: 1\r\n" if status == 429 else ""
        self._transport.write(f"HTTP/1.1 {status} Said\r\n{more}content-length: 2\r\n\r\nok".encode())

    def _reset(self) -> None:
        opened = self._transport.get_extra_info("socket")
        if opened is not None:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()
