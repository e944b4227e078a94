"""What HTTP costs at the fast door, apart from recording: microseconds of CPU of the serving process for each post of 2 KB.

    python benchmarks/bench_door.py [--requests 20000] [--rounds 3] [--rate 0] [--json]

In turn: `socket`, which only finds the end of a request and answers; `uvicorn`, which parses it for an application that answers at once; `door`,
which is the fast door with its checks, where a document is decoded and answered at once instead of recorded. 64 clients, as in `heliograph bench`;
--rate: posts a second, 0 = as fast as they are answered; --rounds: of the three.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import json
import socket
import statistics
import subprocess
import sys
import time
from collections import deque
from concurrent.futures import Future
from typing import Any

import uvicorn
import uvloop

from heliograph.bench.load_process import BenchClient
from heliograph.bench.work import CLIENTS, Work
from heliograph.domain.http_request import LOCAL
from heliograph.domain.registration.item_plan import ItemOutcome
from heliograph.engine.ingest.door_places import DoorPlaces
from heliograph.engine.ingest.door_protocol import DoorProtocol
from heliograph.engine.ingest.fast_door import Edge
from heliograph.engine.ingest.request_rules import BodyBudget
from heliograph.recording.items import ItemResult
from heliograph.store.token_check import ApiGrant

KINDS = ("socket", "uvicorn", "door")
BODY = b'{"changes":[4711]}'
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(BODY), BODY)


class AtOnce(asyncio.Protocol):
    """Answers every request without reading more of it than its end."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, found, rest = self.buffer.partition(b"\r\n\r\n")
        if found and len(rest) >= int(head.rpartition(b"Content-Length: ")[2]):
            self.buffer = b""
            self.transport.write(ANSWER)


async def application(_scope: Any, receive: Any, send: Any) -> None:
    """Reads the body and answers."""
    while (await receive()).get("more_body"):
        pass
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(BODY)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": BODY})


class NothingRecorded:
    """Stands where the batch writer is: everything is answered at once."""

    def __init__(self) -> None:
        self.answer = ItemResult(ItemOutcome.CREATED, registration=4711, version=1, changes=(4711,))
        self.on_answered: Any = None

    def submit(self, items: Any, _size: int, done: Any) -> None:
        done([self.answer] * len(items))
        self.on_answered()

    def note_use(self, _token: int) -> None:
        pass


class OneToken:
    """Stands where the token cache is."""

    def __init__(self) -> None:
        self.grant = ApiGrant(1, 1, frozenset({"ingest"}))

    def known(self, _token: str) -> Any:
        return self.grant

    def look_up(self, _token: str) -> Future[Any] | None:
        return None


class Doorway:
    """Stands where the reception is."""

    def __init__(self) -> None:
        self.writer, self.tokens, self.body_budget = NothingRecorded(), OneToken(), BodyBudget()
        self.inbound, self.tracer = None, None


async def serve(kind: str) -> None:
    """Serves until its input ends. Says its port, and its CPU at each line that it reads."""
    loop = asyncio.get_running_loop()
    server: Any
    if kind == "socket":
        server = await loop.create_server(AtOnce, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
    else:
        listening = socket.create_server(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        ours = LOCAL.at("127.0.0.1", port)
        protocol: Any = (
            functools.partial(DoorProtocol, ours=ours, places=DoorPlaces(), on_refused=lambda _status: None)
            if kind == "door"
            else "httptools"
        )
        reception: Any = Doorway()
        app: Any = Edge(reception) if kind == "door" else application
        settings: dict[str, Any] = {"ws": "none", "lifespan": "off", "log_config": None, "access_log": False}
        config = uvicorn.Config(app, http=protocol, server_header=False, proxy_headers=False, **settings)
        server = asyncio.ensure_future(uvicorn.Server(config).serve(sockets=[listening]))
    print(port, flush=True)
    while await loop.run_in_executor(None, sys.stdin.readline):
        print(time.process_time(), flush=True)


async def post(port: int, count: int, rate: float) -> None:
    """Posts that many, by all clients together."""
    work = Work("D", count)
    clients = [BenchClient(deque(work.requests(n, "t")), port, 0.0, 0.0) for n in range(CLIENTS)]
    pace = CLIENTS / rate if rate else 0.0
    for n, client in enumerate(clients):
        client.pace, client.due = pace, time.monotonic() + n * pace / CLIENTS
        await client.connect(port)
        client.begin()
    await asyncio.gather(*(client.done for client in clients))
    wrong = next((answer for client in clients for _, _, answer in client.answers if answer[9:11] != b"20"), None)
    if wrong:
        raise RuntimeError(wrong[:300])


def cost(kind: str, count: int, rate: float) -> float:
    """Microseconds of CPU a post."""
    process = subprocess.Popen([sys.executable, __file__, "--serve", kind], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    wish, said = process.stdin, process.stdout
    assert wish
    assert said

    def asked() -> float:
        print(file=wish, flush=True)
        return float(said.readline())

    try:
        port = int(said.readline())
        uvloop.run(post(port, min(count, 2_000), rate))  # warm
        before = asked()
        uvloop.run(post(port, count, rate))
        return (asked() - before) / count * 1e6
    finally:
        process.kill()
        process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--serve", choices=KINDS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        uvloop.run(serve(given.serve))
        return
    found: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for _ in range(given.rounds):
        for kind in KINDS:
            found[kind].append(cost(kind, given.requests, given.rate))
    middle = {kind: round(statistics.median(costs), 1) for kind, costs in found.items()}
    if given.json:
        print(json.dumps({"benchmark": "bench_door", "rate": given.rate, "cpu_us_per_post": middle}))
    else:
        for kind, value in middle.items():
            print(f"{kind:>8}  {value:7,.1f} µs")


if __name__ == "__main__":
    main()
