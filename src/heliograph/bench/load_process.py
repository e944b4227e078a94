"""The load generator, in its own process: 64 clients on keep-alive connections, as fast as they are answered or at a given rate.

Reads a job (JSON) from stdin, prepares its requests, prints "ready", waits for a line, posts, and writes the results to the file that the
job names. A request that gets a 429 or 503 is sent again with its key. The times are the times of the responses.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any, Final

import uvloop

from heliograph.bench.work import CLIENTS, Work
from heliograph.stage.load import LoadClient, body_of

AGAIN: Final = 0.02
"""Seconds before a request answered with 429 or 503 is sent again."""


class BenchClient(LoadClient):
    """Posts its requests in order.

    pace: seconds between two requests; 0 for as fast as they are answered
    due: the monotonic time of the first request
    """

    def __init__(self, requests: deque[bytes], port: int, pace: float, due: float) -> None:
        super().__init__()
        self.requests, self.port, self.pace, self.due = requests, port, pace, due
        self.answers: list[tuple[int, int, bytes]] = []
        """(time at which a request was meant to be sent, time of its answer, answer); times in nanoseconds."""
        self.meant = 0.0
        self.again = 0

    def next_due(self) -> float | None:
        if not self.requests:
            return None
        if self.pace:
            self.meant = self.due
            self.due += self.pace
        else:
            self.meant = time.monotonic()
        return self.meant

    def next_request(self) -> bytes:
        return self.requests.popleft()

    def choose_door(self) -> int:
        return self.port

    def settle(self, status: int, answer: bytes) -> bool:
        if status in (429, 503):
            self.again += 1
            self.send_again(AGAIN)
            return False
        self.answers.append((int(self.meant * 1e9), time.monotonic_ns(), answer))
        return True

    def lose(self, error: Exception) -> None:
        last = self.answers[-1][2][:200].decode("utf-8", "replace") if self.answers else "none"
        self.done.set_exception(ConnectionResetError(f"{error}; {len(self.requests) + 1} requests left; the last answer: {last}"))


def accepted(meant: int, at: int, answer: bytes) -> list[tuple[int, int, int]]:
    """(change, meant, at) for each registration that an answer accepted, in nanoseconds. Raises ValueError for any other answer."""
    if answer[9:11] != b"20":
        raise ValueError(answer[:500].decode("utf-8", "replace"))
    lines = []
    for line in body_of(answer).splitlines():
        message = json.loads(line)
        if message.get("status", 200) >= 300 or len(message["changes"]) != 1:
            raise ValueError(line[:500].decode())
        lines.append((message["changes"][0], meant, at))
    return lines


async def run(job: dict[str, Any]) -> dict[str, Any]:
    """Posts a job. rate: registrations a second, 0 = as fast as they are answered."""
    loop = asyncio.get_running_loop()
    work = Work(job["tag"], job["count"], job["lines"], job["small"], job["position"])
    own_requests = [deque(work.requests(n, job["token"])) for n in range(CLIENTS)]
    busy = [requests for requests in own_requests if requests]
    print("ready", flush=True)  # noqa: T201
    await loop.run_in_executor(None, sys.stdin.readline)
    pace = job["count"] / job["rate"] / max(map(len, busy)) if job["rate"] else 0.0
    clients = [BenchClient(requests, job["port"], pace, n * pace / len(busy)) for n, requests in enumerate(busy)]
    if not pace:
        await asyncio.gather(*(client.connect(client.port) for client in clients))
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
