"""How long the REST API takes to answer where there is much, while deliveries run (wanted: a p95 of 100 ms for single things, 150 ms for lists).

    python benchmarks/bench_api.py [--registrations 200000] [--changes 1000000] [--flows 500] [--rate 200] [--looks 60] [--database-url URL] [--json]

An account with so many flows, registrations and changes; then a sender posts at a steady rate, each post triggers five deliveries, and a program asks
endpoint after endpoint. Milliseconds from the request to the last byte, p50 and p95 by endpoint, alone and beside the deliveries; then one full read as
NDJSON with the rate of deliveries meanwhile, in proportion to the rate without it; and whether any delivery was lost.

The program pauses between two requests: one that does not would be made to, by up to 250 ms, so that deliveries have the processors (web/limits.py).
"""

from __future__ import annotations

import argparse
import http.client
import json
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from heliograph.stage.ground import Ground, ground

sys.path.insert(0, str(Path(__file__).parent))
from bench_pages import fill

PAUSE = 0.1
"""Seconds between two requests."""


@dataclass
class Program:
    """A program that asks the API. took: milliseconds by endpoint."""

    host: str
    token: str
    took: dict[str, list[float]] = field(default_factory=dict)

    def ask(
        self, connection: http.client.HTTPConnection, name: str, method: str, path: str, body: Any = None, *, counts: bool = True
    ) -> Any:
        """Sends a request and returns the JSON of the answer."""
        headers = {"Authorization": f"Bearer {self.token}", "Host": self.host, "Content-Type": "application/json"}
        began = time.perf_counter()
        connection.request(method, f"/api/v1/{path}", None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        content = answer.read()
        if answer.status >= 300:
            raise SystemExit(f"{method} {path} answered {answer.status}: {content[:300]!r}")
        if counts:
            self.took.setdefault(name, []).append((time.perf_counter() - began) * 1e3)
        return json.loads(content) if content else None

    def look_around(self, looks: int) -> None:
        """Asks every endpoint `looks` times, in turn. The first round fills caches and does not count."""
        with closing(http.client.HTTPConnection(self.host, timeout=60)) as connection:
            first = {kind: self.ask(connection, "", "GET", f"{kind}?limit=1", counts=False)["items"][0]["id"] for kind in KINDS}
            for n in range(looks + 1):
                for name, method, path, body in requests(first, n):
                    time.sleep(PAUSE)
                    self.ask(connection, name, method, path, body, counts=n > 0)

    def read_all(self, stopped: threading.Event) -> int:
        """Streams all registrations as NDJSON, again and again. Returns the number of lines."""
        lines = 0
        headers = {"Authorization": f"Bearer {self.token}", "Host": self.host}
        while not stopped.is_set():
            with closing(http.client.HTTPConnection(self.host, timeout=120)) as connection:
                connection.request("GET", "/api/v1/registrations.ndjson", headers=headers)
                answer = connection.getresponse()
                if answer.status == 429:  # the read before it has just been left, and still has its place
                    stopped.wait(float(answer.headers["Retry-After"]))
                    continue
                if answer.status != 200:
                    raise SystemExit(f"The full read answered {answer.status}: {answer.read()[:300]!r}")
                while not stopped.is_set() and answer.readline():
                    lines += 1
        return lines


KINDS = ("registrations", "flows", "connections", "mappings", "events", "tags")


def requests(first: dict[str, str], n: int) -> Iterator[tuple[str, str, str, Any]]:
    """The requests of one round: name, method, path, body."""
    for kind in KINDS:
        yield f"one of {kind}", "GET", f"{kind}/{first[kind]}", None
    yield "history of a registration", "GET", f"registrations/{first['registrations']}/history", None
    yield "timeline of a registration", "GET", f"registrations/{first['registrations']}/timeline", None
    yield "write a tag", "PATCH", f"tags/{first['tags']}", {"label": f"Label {n}"}
    yield "write a flow", "PATCH", f"flows/{first['flows']}", {"name": f"Renamed {n}"}
    yield "write a registration", "PATCH", f"registrations/{first['registrations']}", {"profile": {"position": f"Position {n}"}}
    yield "list of registrations", "GET", "registrations?limit=50", None
    yield "list, searched", "GET", "registrations?limit=50&q=lindqvist", None
    yield "list, a rare name", "GET", "registrations?limit=50&q=rarest", None
    yield "list, nobody", "GET", "registrations?limit=50&q=nobodyatall", None
    yield "list of flows", "GET", "flows?limit=50", None
    yield "list of connections", "GET", "connections", None
    yield "list of retry items", "GET", "retry?limit=50", None
    yield "list of the audit", "GET", "audit?limit=50", None
    yield "feed", "GET", "feed?limit=50", None


def history(account: int, registrations: int, changes: int) -> None:
    """Changes of the registrations, without sending, until there are so many."""
    from heliograph.bench.work import EVENT
    from heliograph.options import Options
    from heliograph.recording.batches import record_batch
    from heliograph.recording.items import RecordItem
    from heliograph.store.config_cache import Committed
    from heliograph.wiring import open_database

    with closing(open_database(Options.load())) as db:
        for start in range(registrations, changes, 500):
            items = [
                RecordItem(
                    account,
                    {"event": EVENT, "code": f"P{n % registrations:07}", "profile": {"position": f"Since {n}"}},
                    "bench",
                    quiet=True,
                )
                for n in range(start, min(changes, start + 500))
            ]
            record_batch(db, items, Committed(db))


def measure(options: argparse.Namespace, stands: Ground) -> dict[str, Any]:
    from heliograph.accounts.api_tokens import create_token
    from heliograph.accounts.models import Role, TokenScope
    from heliograph.bench.fixture import FixtureSize, make
    from heliograph.bench.runs import posted
    from heliograph.bench.site import BenchReceiver, Site, running

    with BenchReceiver() as receiver, running(Site(stands, 2)) as site:
        made = make(FixtureSize("API", receiver.url, options.flows, min(5, options.flows)))
        fill(made.account, options.registrations)
        history(made.account, options.registrations, options.changes)
        token = create_token(made.account, "bench", by="bench", scopes=list(TokenScope), role=Role.ADMINISTRATOR).secret
        host = urlsplit(site.pages).netloc
        alone, beside = Program(host, token), Program(host, token)
        began = time.perf_counter()
        alone.look_around(options.looks)
        count = max(2_000, round(options.rate * (time.perf_counter() - began) * 1.5))
        with ThreadPoolExecutor(2) as pool:
            run = pool.submit(posted, site, receiver, made, tag="AA-", count=count, rate=options.rate)
            beside.look_around(options.looks)
            ended = run.done()
            figures = [run.result()]
            rates: dict[bool, list[float]] = {True: [], False: []}
            lines = 0
            for pair in range(options.pairs):
                for reads in (True, False) if pair % 2 else (False, True):
                    stopped = threading.Event()
                    reader = pool.submit(Program(host, token).read_all, stopped) if reads else None
                    figures.append(posted(site, receiver, made, tag=f"R{pair}{int(reads)}-", count=options.posts))
                    stopped.set()
                    lines += reader.result() if reader else 0
                    rates[reads].append(figures[-1].per_s)
    found = {
        name: {
            "alone": {"p50": _part(alone.took[name], 0.5), "p95": _part(alone.took[name], 0.95)},
            "beside": {"p50": _part(beside.took[name], 0.5), "p95": _part(beside.took[name], 0.95)},
        }
        for name in alone.took
    }
    return {
        "endpoints": found,
        "full_read": {
            "deliveries_a_second": rates[True],
            "without": rates[False],
            "ratio": _part(rates[True], 0.5) / _part(rates[False], 0.5),
        },
        "lines_read": lines,
        "lost": sum(each.lost for each in figures),
        "deliveries": sum(each.deliveries for each in figures),
        "posts_ended_before_the_last_request": ended,
    }


def _part(values: list[float], part: float) -> float:
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * part))], 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--registrations", type=int, default=200_000)
    parser.add_argument("--changes", type=int, default=1_000_000)
    parser.add_argument("--flows", type=int, default=500)
    parser.add_argument("--rate", type=float, default=200.0, help="posts a second")
    parser.add_argument("--looks", type=int, default=60, help="at each endpoint")
    parser.add_argument("--pairs", type=int, default=3, help="of full reads and none")
    parser.add_argument("--posts", type=int, default=3_000, help="beside each full read")
    parser.add_argument("--database-url", default="")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with ground("api", options.database_url, settings={"log_level": "error", "api_requests": "1000000"}) as stands:
        found = measure(options, stands)
    if options.json:
        print(json.dumps(found))
        return
    print(f"{'':28} {'alone p50':>10} {'p95':>8} {'beside p50':>11} {'p95':>8}   ms")
    for name, by in found["endpoints"].items():
        print(f"{name:28} {by['alone']['p50']:10} {by['alone']['p95']:8} {by['beside']['p50']:11} {by['beside']['p95']:8}")
    reading = found["full_read"]
    print(f"full read: {reading['deliveries_a_second']} deliveries a second, without {reading['without']}: {reading['ratio']:.2f}")
    print(f"{found['lines_read']:,} lines read, {found['deliveries']:,} deliveries, {found['lost']} lost")


if __name__ == "__main__":
    main()
