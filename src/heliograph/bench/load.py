"""The load generator, in its own process: 64 clients on keep-alive connections, as fast as they are answered or at a given rate.

Reads a job (JSON) from stdin, prepares its requests, prints "ready", waits for a line, posts, and writes the results to the file that the
job names. A request answered with 429 or 503 is sent again with its key; the times are those of the answers.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any, Final, cast

import uvloop

from heliograph.bench.work import CLIENTS, Work

AGAIN: Final = 0.02
"""Seconds before a request answered with 429 or 503 is sent again."""


class Client(asyncio.Protocol):
    """One client: posts its requests in order, one at a time, over a keep-alive connection, which it reopens if it was idle for too long.

    pace: seconds between two requests, 0 = at once; due: the time of the first one.
    """

    def __init__(self, requests: deque[bytes], port: int, pace: float, due: float) -> None:
        self.requests, self.port, self.pace, self.due = requests, port, pace, due
        self.answers: list[tuple[int, int, bytes]] = []
        """Of each request: when it was meant to be sent, when its answer came (nanoseconds), and the answer."""
        self.meant = 0.0
        self.again = 0
        self.buffer = b""
        self.loop = asyncio.get_running_loop()
        self.done: asyncio.Future[None] = self.loop.create_future()
        self.transport: asyncio.Transport | None = None
        self.waits = False

    async def connect(self) -> None:
        """Opens its connection."""
        await self.loop.create_connection(lambda: self, "127.0.0.1", self.port)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        if self.waits and not self.done.done():
            last = self.answers[-1][2][:200].decode("utf-8", "replace") if self.answers else "none"
            self.done.set_exception(
                ConnectionResetError(f"closed with {len(self.requests)} requests left ({exc}); the last answer: {last}")
            )

    def begin(self) -> None:
        """Sends the next request when it is due."""
        if not self.requests:
            self.done.set_result(None)
            return
        if self.pace:
            self.meant = self.due
            wait = self.due - time.monotonic()
            self.due += self.pace
            if wait > 0:
                self.loop.call_later(wait, self._send)
                return
        else:
            self.meant = time.monotonic()
        self._send()

    def _send(self) -> None:
        if self.transport is None or self.transport.is_closing():
            self.connecting = self.loop.create_task(self._connect_and_send())
            return
        self.waits = True
        self.transport.write(self.requests[0])

    async def _connect_and_send(self) -> None:
        try:
            await self.connect()
        except OSError as error:
            self.done.set_exception(error)
            return
        self._send()

    def data_received(self, data: bytes) -> None:
        if self.buffer:
            data = self.buffer + data
        end = data.find(b"\r\n\r\n")
        if end >= 0:
            where = data.find(b"ontent-length: ", 0, end)
            whole = data.endswith(b"0\r\n\r\n") if where < 0 else len(data) >= end + 4 + int(data[where + 15 : data.find(b"\r", where)])
            if whole:
                self.buffer = b""
                self._answered(data)
                return
        self.buffer = data

    def _answered(self, answer: bytes) -> None:
        self.waits = False
        if answer[9:12] in (b"429", b"503"):
            self.again += 1
            self.loop.call_later(AGAIN, self._send)
            return
        self.answers.append((int(self.meant * 1e9), time.monotonic_ns(), answer))
        self.requests.popleft()
        self.begin()


def accepted(meant: int, at: int, answer: bytes) -> list[tuple[int, int, int]]:
    """(change, meant, at) for each registration that an answer accepted, in nanoseconds. Raises ValueError for any other answer."""
    head, _, body = answer.partition(b"\r\n\r\n")
    if head[9:11] != b"20":
        raise ValueError(answer[:500].decode("utf-8", "replace"))
    if b"chunked" in head:
        body = _joined(body)
    lines = []
    for line in body.splitlines():
        message = json.loads(line)
        if message.get("status", 200) >= 300 or len(message["changes"]) != 1:
            raise ValueError(line[:500].decode())
        lines.append((message["changes"][0], meant, at))
    return lines


def _joined(body: bytes) -> bytes:
    """The decoded body of a chunked answer."""
    pieces: list[bytes] = []
    at = 0
    while True:
        end = body.index(b"\r\n", at)
        size = int(body[at:end], 16)
        if not size:
            return b"".join(pieces)
        pieces.append(body[end + 2 : end + 2 + size])
        at = end + 4 + size


async def run(job: dict[str, Any]) -> dict[str, Any]:
    """Posts a job. rate: registrations a second, 0 = as fast as they are answered."""
    loop = asyncio.get_running_loop()
    work = Work(job["tag"], job["count"], job["lines"], job["small"], job["position"])
    host = f"127.0.0.1:{job['port']}"
    own_requests = [deque(work.requests(n, host, job["token"])) for n in range(CLIENTS)]
    busy = [requests for requests in own_requests if requests]
    print("ready", flush=True)  # noqa: T201
    await loop.run_in_executor(None, sys.stdin.readline)
    pace = job["count"] / job["rate"] / max(map(len, busy)) if job["rate"] else 0.0
    clients = [Client(requests, job["port"], pace, n * pace / len(busy)) for n, requests in enumerate(busy)]
    if not pace:
        await asyncio.gather(*(client.connect() for client in clients))
    began, cpu = time.monotonic_ns(), time.process_time()
    for client in clients:
        client.due += began / 1e9
        client.begin()
    await asyncio.gather(*(client.done for client in clients))
    took, cpu = (time.monotonic_ns() - began) / 1e9, time.process_time() - cpu
    accepted_all = [each for client in clients for answer in client.answers for each in accepted(*answer)]
    return {"began": began, "took": took, "cpu": cpu, "again": sum(client.again for client in clients), "accepted": accepted_all}


def main() -> None:
    """Runs one job. The results are long, so they go to the file that the job names."""
    job = json.loads(sys.stdin.readline())
    Path(job["into"]).write_text(json.dumps(uvloop.run(run(job))), "utf-8")
    print("done", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
