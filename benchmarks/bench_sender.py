"""The guarded sender against a bare libcurl loop: what guard, caps, timeouts, threads and results cost per request.

    python benchmarks/bench_sender.py [--requests 20000] [--open 64] [--pairs 7] [--hanging 0] [--json]

Both post 400 bytes to one receiver (a process of its own) with the same number of requests open, alternately; the ratio's median over the pairs is what counts. `--hanging N` keeps N requests open to a target that never
answers, beside the sender's (D9): its rate must hardly move.
"""

from __future__ import annotations

import argparse
import json
import select
import statistics
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pycurl

from heliograph.domain.connection.request import Request
from heliograph.outbound.exchange import Response, Route, SendResult
from heliograph.outbound.guard import Policy
from heliograph.outbound.sender import Sender

LOCAL = Policy.parse(["127.0.0.1"])
BODY = b'{"first_name":"' + b"x" * 384 + b'"}'
HEADERS = (("Content-Type", "application/json"), ("webhook-id", "msg_0123456789"))
RECEIVER = """
import asyncio, sys
try:
    from uvloop import run
except ImportError:
    from asyncio import run
ANSWER = b"HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\nDate: Mon, 01 Jan 2026 00:00:00 GMT\\r\\nServer: bench\\r\\nContent-Length: 11\\r\\n\\r\\n" + b'{"ok":true}'
class Connection(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.buffer = transport, b""
    def data_received(self, data):
        self.buffer += data
        while True:
            head, found, rest = self.buffer.partition(b"\\r\\n\\r\\n")
            if not found:
                return
            length = int(head.lower().partition(b"content-length:")[2].split(b"\\r", 1)[0] or 0)
            if len(rest) < length:
                return
            self.buffer = rest[length:]
            if b" /hang" not in head[:20]:
                self.transport.write(ANSWER)
async def main():
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
run(main())
"""


@contextmanager
def receiver():
    process = subprocess.Popen([sys.executable, "-c", RECEIVER], stdout=subprocess.PIPE, text=True)
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


def bare(port: int, requests: int, opened: int) -> tuple[float, float]:
    """Requests/s and CPU µs a request of the least loop that libcurl's socket interface needs."""
    url, multi, poll = f"http://127.0.0.1:{port}/hook", pycurl.CurlMulti(), select.epoll()
    watched, due, handles = {}, [0.0], []

    def on_socket(what, descriptor, _multi, _data):
        if what == pycurl.POLL_REMOVE:
            watched.pop(descriptor, None) and poll.unregister(descriptor)
        else:
            events = (select.EPOLLIN if what & 1 else 0) | (select.EPOLLOUT if what & 2 else 0)
            (poll.modify if descriptor in watched else poll.register)(descriptor, events)
            watched[descriptor] = events

    def on_timer(milliseconds):
        due[0] = float("inf") if milliseconds < 0 else time.monotonic() + milliseconds / 1000

    multi.setopt(pycurl.M_SOCKETFUNCTION, on_socket)
    multi.setopt(pycurl.M_TIMERFUNCTION, on_timer)
    for _ in range(opened):
        handle = pycurl.Curl()
        chunks: list[bytes] = []
        for option, value in ((pycurl.NOSIGNAL, 1), (pycurl.URL, url), (pycurl.TIMEOUT_MS, 10_000), (pycurl.WRITEFUNCTION, chunks.append)):
            handle.setopt(option, value)
        handles.append(handle)
    free, started, done = list(handles), 0, 0
    lines = [*(f"{name}: {value}" for name, value in HEADERS), "Expect:"]
    began, cpu = time.perf_counter(), time.thread_time()
    while done < requests:
        while free and started < requests:
            handle = free.pop()
            handle.setopt(pycurl.HTTPHEADER, lines)
            handle.setopt(pycurl.POSTFIELDS, BODY)
            multi.add_handle(handle)
            started += 1
        if due[0] <= time.monotonic():
            due[0] = float("inf")
            multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
        for descriptor, events in poll.poll(min(0.05, max(0.0, due[0] - time.monotonic()))):
            multi.socket_action(descriptor, (1 if events & select.EPOLLIN else 0) | (2 if events & select.EPOLLOUT else 0))
        _, ended, failed = multi.info_read()
        if failed:
            raise RuntimeError(failed)
        for handle in ended:
            multi.remove_handle(handle)
            free.append(handle)
        done += len(ended)
    result = requests / (time.perf_counter() - began), (time.thread_time() - cpu) / requests * 1e6
    for handle in handles:
        handle.close()
    multi.close()
    poll.close()
    return result


def ours(port: int, other: int, requests: int, opened: int, hanging: int) -> tuple[float, float]:
    """The same by the sender, each request started from the answer of another one."""
    sender = Sender()
    route, dead = Route(1, 1, LOCAL), Route(2, 2, LOCAL, total_timeout=60)
    request, finished, left, cpu = (
        Request("POST", f"http://127.0.0.1:{port}/hook", HEADERS, BODY),
        threading.Event(),
        [requests, requests],
        [0.0, 0.0],
    )

    def done(result: SendResult) -> None:
        if not isinstance(result, Response):
            raise TypeError(result)
        if left[1] == requests:
            cpu[0] = time.thread_time()
        left[1] -= 1
        if left[0] > 0:
            left[0] -= 1
            sender.start(request, route, done)
        elif left[1] == 0:
            cpu[1] = time.thread_time()
            finished.set()

    for _ in range(hanging):
        sender.start(Request("POST", f"http://127.0.0.1:{other}/hang", HEADERS, BODY), dead, lambda _: None)
    while hanging and sender.opened < hanging:
        time.sleep(0.01)
    began = time.perf_counter()
    for _ in range(min(opened, requests)):
        left[0] -= 1
        sender.start(request, route, done)
    finished.wait()
    took = time.perf_counter() - began
    sender.stop(0)
    return requests / took, (cpu[1] - cpu[0]) / requests * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--open", type=int, default=64)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--hanging", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    pairs = []
    with receiver() as port, receiver() as other:
        for number in range(given.pairs):
            first = number % 2 == 0
            one = bare(port, given.requests, given.open) if first else ours(port, other, given.requests, given.open, given.hanging)
            two = ours(port, other, given.requests, given.open, given.hanging) if first else bare(port, given.requests, given.open)
            pairs.append((one, two) if first else (two, one))
    found = {
        "bare_per_second": round(statistics.median(pair[0][0] for pair in pairs)),
        "sender_per_second": round(statistics.median(pair[1][0] for pair in pairs)),
        "ratio": round(statistics.median(pair[1][0] / pair[0][0] for pair in pairs), 3),
        "bare_cpu_us": round(statistics.median(pair[0][1] for pair in pairs), 1),
        "sender_cpu_us": round(statistics.median(pair[1][1] for pair in pairs), 1),
        "open": given.open,
        "hanging": given.hanging,
        "pairs": given.pairs,
    }
    if given.json:
        print(json.dumps({"benchmark": Path(__file__).stem, **found}))
    else:
        for name, value in found.items():
            print(f"{name:>18}  {value:,}")


if __name__ == "__main__":
    main()
