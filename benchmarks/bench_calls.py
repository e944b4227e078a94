"""What calls of a live source cost at the fast door: how long signed calls wait for their answer at a rate, and how much CPU each takes.

    python benchmarks/bench_calls.py [--rate 1000] [--seconds 20] [--clients 64] [--database-url postgresql://…] [--draft] [--json]

A `serve` of its own, with its engine, pages and recording, gets calls of 2 KB with Standard Webhooks' signatures, each at its moment, whether or not
the one before was answered. A wait begins when the call was due. Recorded is what became registrations of it by the end, and how long that took.
--draft: the calls are only stored.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import hmac
import json
import os
import statistics
import time
from collections import deque
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvloop

from heliograph.stage.command_processes import ServiceProcess, wait_until
from heliograph.stage.ground import Ground, ground

PATH = "benchmark-of-calls"
KEY = hashlib.sha256(b"bench").digest()
EVENT = "SUMMIT"


def body_of(number: int) -> bytes:
    """A call of 2 KB."""
    person = {"first": f"First{number}", "last": "Lastname", "mail": f"p{number}@example.org", "note": "x" * 1_700}
    return json.dumps({"id": f"call-{number}", "ticket": {"code": f"R{number:07}", "status": "Attended", "person": person}}).encode()


def request_of(number: int) -> bytes:
    body, at = body_of(number), int(time.time())
    text = f"call-{number}.{at}.".encode() + body
    signature = base64.b64encode(hmac.digest(KEY, text, "sha256")).decode()
    head = (
        f"POST /in/{PATH} HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        f"webhook-id: call-{number}\r\nwebhook-timestamp: {at}\r\nwebhook-signature: v1,{signature}\r\n\r\n"
    )
    return head.encode() + body


@dataclass
class Load:
    """Calls that are due, and how long each waited."""

    rate: float
    count: int
    first: int = 0
    """The number of the first call."""
    began: float = 0.0
    sent: int = 0
    waits: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    queue: deque[tuple[int, float]] = field(default_factory=deque)
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when all are."""


class Sender(asyncio.Protocol):
    """A keep-alive connection that sends the next call that is due."""

    def __init__(self, load: Load, port: int, idle: set[Sender]) -> None:
        self.load, self.port, self.idle = load, port, idle
        self.due = 0.0
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport
        self.idle.add(self)

    def send(self, number: int, due: float) -> None:
        self.due = due
        request = request_of(number)
        self.transport.write(request.replace(b"%d", str(self.port).encode(), 1))

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, found, rest = self.buffer.partition(b"\r\n\r\n")
        if not found or len(rest) < int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]):
            return
        status = int(self.buffer[9:12])
        self.buffer = b""
        self.load.waits.append(time.monotonic() - self.due)
        self.load.statuses[status] = self.load.statuses.get(status, 0) + 1
        if len(self.load.waits) == self.load.count:
            self.load.answered.set()
        if self.load.queue:
            self.send(*self.load.queue.popleft())
        else:
            self.idle.add(self)


async def run(load: Load, port: int, clients: int) -> None:
    """Sends every call at its moment, or as soon as a connection is free."""
    loop = asyncio.get_running_loop()
    idle: set[Sender] = set()
    for _ in range(clients):
        await loop.create_connection(lambda: Sender(load, port, idle), "127.0.0.1", port)
    load.began = time.monotonic()
    while load.sent < load.count:
        now = time.monotonic()
        while load.sent < load.count and (due := load.began + load.sent / load.rate) <= now:
            if idle:
                idle.pop().send(load.first + load.sent, due)
            else:
                load.queue.append((load.first + load.sent, due))
            load.sent += 1
        await asyncio.sleep(0.001)
    await load.answered.wait()


def make_source(draft: bool) -> int:
    """An account with an event and a source. Returns the source's id. In a process of the ground."""
    from heliograph.accounts.vault import vault
    from heliograph.domain.mapping.row import MappingRow, SourceValue
    from heliograph.domain.source.call_mapping import CallMapping, CallRow
    from heliograph.domain.source.verification_presets import PRESETS
    from heliograph.options import Options
    from heliograph.setup.services.account_creation import AccountFacts
    from heliograph.stage.account import AccountPlan, EventPlan, make_account
    from heliograph.store.secrets import SecretPlace, save_secret
    from heliograph.wiring import open_database

    made = make_account(
        AccountPlan(
            AccountFacts("BENCH", "Bench"),
            tags={},
            events=[EventPlan(EVENT, "Summit", "2030-05-02T11:00", "2030-05-02T20:00", "UTC", "Vienna", (), ())],
            status_tag=lambda _: "",
            session_tag=lambda _: "",
        )
    )
    fields = {"code": "ticket.code", "status": "ticket.status", "profile.first_name": "ticket.person.first"}
    fields |= {"profile.last_name": "ticket.person.last", "profile.email": "ticket.person.mail"}
    rows = tuple(CallRow(MappingRow(target, (SourceValue(path),))) for target, path in fields.items())
    mapping = CallMapping(rows=(CallRow(fixed_event()), *rows))
    settings = {"verification": PRESETS["standard-webhooks"].verification.to_body()}
    with closing(open_database(Options.load())) as db, db.transaction():
        params = {"account": made.id, "settings": json.dumps(settings), "mapping": json.dumps(mapping.to_body()), "now": db.now()}
        ((source,),) = db.all(
            "INSERT INTO source (account_id, name, folded_name, platform, path, settings, mapping, state, created, created_by, changed)"
            " VALUES (:account, 'bench', 'bench', 'webhook', :path, :settings, :mapping, :state, :now, 'bench', :now) RETURNING id",
            {**params, "path": PATH, "state": 0 if draft else 1},
        )
        ((secret,),) = db.all(
            "INSERT INTO source_secret (account_id, source_id, created, created_by) VALUES (:account, :source, :now, 'bench') RETURNING id",
            {"account": made.id, "source": source, "now": db.now()},
        )
        place = SecretPlace(made.id, "source", source, str(secret))
        save_secret(db, vault(), place, "whsec_" + base64.b64encode(KEY).decode())
    return int(source)


def fixed_event() -> Any:
    from heliograph.domain.mapping.row import FixedText, MappingRow

    return MappingRow("event", (FixedText(EVENT),))


def counts(source: int) -> dict[int, int]:
    """Calls by state."""
    from heliograph.options import Options
    from heliograph.wiring import open_database

    with closing(open_database(Options.load(), read_only=True)) as db:
        return dict(db.all("SELECT state, count(*) FROM source_call WHERE source_id = :source GROUP BY state", {"source": source}))


def cpu_of(pid: int) -> float:
    """Seconds of CPU of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(made: Ground, rate: float, seconds: float, clients: int, draft: bool) -> dict[str, Any]:
    source = make_source(draft)
    service = ServiceProcess(made, "serve", "")
    service.start()
    try:
        service.until_ready()
        port = int(service.door.rpartition(":")[2])
        uvloop.run(run(Load(200.0, 200, first=10_000_000), port, clients))  # warm
        edge = service.pids()["edge"]
        before = cpu_of(edge)
        load = Load(rate, int(rate * seconds))
        uvloop.run(run(load, port, clients))
        cpu = (cpu_of(edge) - before) / load.count * 1e6
        ended = time.monotonic()
        if not draft:
            wait_until(lambda: counts(source).get(0, 0) == 0, 120.0, 0.1)
        waits = sorted(load.waits)
        return {
            "rate": round(load.count / (max(ended - load.began, 0.001)), 1),
            "calls": load.count,
            "statuses": load.statuses,
            "wait_ms": {name: round(waits[min(len(waits) - 1, int(len(waits) * share))] * 1000, 1) for name, share in SHARES.items()},
            "mean_ms": round(statistics.mean(waits) * 1000, 1),
            "edge_cpu_us_per_call": round(cpu, 1),
            "calls_by_state": counts(source),
            "recorded_s_after_the_last": None if draft else round(time.monotonic() - ended, 1),
            "load_average": round(os.getloadavg()[0], 1),
        }
    finally:
        service.end()


SHARES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999, "max": 1.0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=1000.0)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--database-url", default="")
    parser.add_argument("--draft", action="store_true")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with ground("calls", given.database_url) as made:
        figures = measure(made, given.rate, given.seconds, given.clients, given.draft)
    print(json.dumps({"benchmark": "bench_calls", **figures}) if given.json else json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
