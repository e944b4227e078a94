"""The product during a bench, and the bench's own processes. The product is one `serve`, or on PostgreSQL one `web` with several `worker`s."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import subprocess
import sys
import time
from array import array
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any, Final, Self

from heliograph.bench import machine
from heliograph.bench.targets_process import ANSWER
from heliograph.domain.errors import HeliographError
from heliograph.options import Options
from heliograph.stage.command_processes import ServiceProcess
from heliograph.stage.ground import Ground
from heliograph.store.row_states import LANE_READY

STALLED: Final = 20.0
"""Seconds without an arrival after which missing deliveries count as lost."""


class BenchError(HeliographError):
    """The bench cannot continue."""


class Helper:
    """One of the bench's own processes: a module of this package that reads and writes lines."""

    def __init__(self, name: str) -> None:
        module = f"{__package__}.{name}_process"
        self.process = subprocess.Popen([sys.executable, "-m", module], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603
        self.name = name

    def send_line(self, line: str = "") -> None:
        """Sends a line."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def hear(self) -> str:
        """The next line. Raises BenchError if the process has ended."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise BenchError(f"The bench's {self.name} ended with exit code {self.process.wait()}.")
        return line

    def end(self) -> None:
        """Kills the process."""
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()


class BenchReceiver(Helper):
    """The target."""

    def __init__(self) -> None:
        super().__init__("targets")
        self.port = int(self.hear())
        self.url = f"http://127.0.0.1:{self.port}"

    def ask(self, name: str) -> bytes:
        """The receiver's answer to a control request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with closing(connection):
            connection.request("GET", f"/control/{name}")
            return connection.getresponse().read()

    def counts(self) -> dict[str, Any]:
        """The counts since the last reset: `received` requests, the time of the `last` one (nanoseconds), and `cpu` (seconds)."""
        counts: dict[str, Any] = json.loads(self.ask("count"))
        return counts

    def arrivals(self) -> tuple[array[int], array[int]]:
        """Keys and times of all arrivals."""
        data = self.ask("arrivals")
        keys, times = array("q"), array("q")
        keys.frombytes(data[: len(data) // 2])
        times.frombytes(data[len(data) // 2 :])
        return keys, times

    def until_received(self, count: int) -> int:
        """Waits until `count` have arrived, or nothing arrives any more. Returns how many."""
        before, since = -1, time.monotonic()
        while True:
            received = int(self.counts()["received"])
            if received >= count:
                return received
            if received != before:
                before, since = received, time.monotonic()
            elif time.monotonic() - since > STALLED:
                return received
            time.sleep(0.05)


class Site:
    """The running product. The first of its parts has the door."""

    def __init__(self, ground: Ground, workers: int) -> None:
        """workers: the number of workers beside one web; 0 for one serve, as always on SQLite"""
        if ground.on_sqlite or not workers:
            self.parts = [ServiceProcess(ground, "serve", log_level="warning")]
        else:
            names = [("web", "web"), *(("worker", f"worker-{n}") for n in range(1, workers + 1))]
            self.parts = [ServiceProcess(ground, command, name, log_level="warning") for command, name in names]
        self._url = ground.database_url
        self.door = int(self.parts[0].door.rpartition(":")[2])
        self.pages = self.parts[0].pages

    def start(self) -> None:
        """Starts it and waits until it serves."""
        for part in self.parts:
            part.start()
        for part in self.parts:
            part.until_ready()

    def stop(self) -> None:
        """Stops it as an operator does."""
        for part in self.parts:
            part.running.ask_to_stop()
        for part in self.parts:
            part.running.wait(15)

    def end(self) -> None:
        """Kills all its processes."""
        for part in self.parts:
            part.end()

    def pids(self) -> dict[str, int]:
        """Its processes by name: engine, pages, edge; supervisors under their command's name; a worker's engine under the worker's."""
        counts: dict[str, int] = {}
        for part in self.parts:
            for name, pid in part.pids().items():
                if name == part.command:
                    counts[f"{part.name} supervisor" if len(self.parts) > 1 else "supervisor"] = pid
                else:
                    counts[part.name if part.command == "worker" else name] = pid
        return counts

    def cpu(self) -> dict[str, float]:
        """CPU seconds so far by process; on PostgreSQL including the database's."""
        seconds = {name: machine.cpu_seconds(pid) for name, pid in self.pids().items()}
        if self._url and (database := machine.postgres_cpu_seconds(self._url)):
            seconds["database"] = database
        return seconds

    def threads(self) -> dict[str, float]:
        """CPU seconds so far by process and thread: {"engine reading": 1.2}."""
        return {
            f"{name} {thread}": seconds
            for name, pid in self.pids().items()
            if "supervisor" not in name
            for thread, seconds in machine.thread_cpu_seconds(pid).items()
        }

    def batches(self) -> dict[str, tuple[float, float]]:
        """How many batches were recorded and settled so far, and the documents or outcomes in them."""
        batches: dict[str, tuple[float, float]] = {"recorded": (0.0, 0.0), "settled": (0.0, 0.0)}
        for part in self.parts:
            values = dict(line.rsplit(" ", 1) for line in part.metrics().splitlines() if not line.startswith("#"))
            for what, metric in (("recorded", "heliograph_record_batch_size"), ("settled", "heliograph_settle_batch_size")):
                count, total = float(values[f"{metric}_count"]), float(values[f"{metric}_sum"])
                batches[what] = batches[what][0] + count, batches[what][1] + total
        return batches

    def rss(self) -> dict[str, float]:
        """Peak memory so far by process, in MB."""
        return {name: round(machine.peak_rss(pid) / 1e6, 1) for name, pid in self.pids().items()}


@contextmanager
def running(site: Site) -> Iterator[Site]:
    """Runs the product for the duration of the block. If the bench fails, the error contains what the product has logged."""
    try:
        site.start()
        yield site
        site.stop()
    except BenchError as error:
        logged = "\n".join(f"{part.name}: {part.running.output[-3000:]}" for part in site.parts)
        raise BenchError(f"{error}\n{logged}") from error
    finally:
        site.end()


def until_settled(connections: Sequence[int]) -> None:
    """Waits until these connections have nothing left to send. Raises BenchError."""
    from heliograph.wiring import open_database  # noqa: PLC0415 -- reads Django's settings

    with closing(open_database(Options.load(), read_only=True)) as db:
        deadline = time.monotonic() + STALLED
        sql = f"SELECT 1 FROM lane WHERE {LANE_READY} AND {db.member('connection_id', 'connections')} LIMIT 1"  # noqa: S608
        while db.all(sql, {"connections": list(connections)}):
            if time.monotonic() > deadline:
                raise BenchError("The delivered actions were not settled in time.")
            time.sleep(0.02)


def alone(receiver: BenchReceiver) -> float:
    """The receiver's own limit, in requests a second.

    It is measured for one second with pipelined requests on raw sockets, because such a sender costs next to nothing.
    """
    body = b'{"change":1,"x":"' + b"x" * 500 + b'"}'
    request = b"POST /d/1 HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    batch = request * 50
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_connection(("127.0.0.1", receiver.port))) for _ in range(8)]
        receiver.ask("reset")
        began, sent = time.monotonic(), 0
        while time.monotonic() - began < 1.0:
            for each in sockets:
                each.sendall(batch)
            sent += 50 * len(sockets)
            for each in sockets:
                left = 50 * len(ANSWER)
                while left > 0:
                    left -= len(each.recv(65_536))
        return round(sent / (time.monotonic() - began), 1)


def floor(receiver: BenchReceiver, bodies: Sequence[str], count: int, opened: int) -> dict[str, float]:
    """The result of the bare libcurl loop with these bodies: per_s, cpu_us."""
    with Helper("floor") as helper:
        helper.send_line(json.dumps({"url": f"{receiver.url}/d/1", "bodies": list(bodies), "count": count, "opened": opened}))
        figures: dict[str, float] = json.loads(helper.hear())
        return figures
