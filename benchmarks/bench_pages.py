"""How long the pages take to answer where there is much to show, while deliveries run (wanted: a p95 of 150 ms or less).

    python benchmarks/bench_pages.py [--registrations 200000] [--flows 500] [--rate 200] [--looks 60] [--database-url URL] [--json]

An account with so many flows and registrations of generated names; then a sender posts at a steady rate, each post triggers five deliveries, and one person
opens page after page. Milliseconds from request to the last byte, p50 and p95 by page, and whether any delivery was lost meanwhile.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any
from urllib.parse import quote, urlsplit

from heliograph.stage.ground import Ground, ground

FIRST = ("Zoë", "花子", "Олена", "Joe", "Amélie", "محمد", "Priya", "Søren", "Chloé", "Иван", "Mary Jane", "José")
LAST = ("Marin", "山田", "Шевченко", "Citizen", "Lefèvre", "الأحمد", "Nair", "Ångström", "Okafor", "Lindqvist", "O’Neill", "Nguyễn")
PAGES = {
    "flow list": "/signal/flows/",
    "flow list, searched": "/signal/flows/?q=Passes",
    "registrations": "/registrations/",
    "registrations by name": "/registrations/?sort=name",
    "search, a common name": f"/registrations/?q={quote('lindqvist')}",
    "search, a rare name": "/registrations/?q=rarest",
    "search, nobody": "/registrations/?q=nobodyatall",
    "filter by status": "/registrations/?status=Attended",
    "feed": "/signal/metrics/feed/",
    "retry": "/signal/retry/",
}


def fill(account: int, count: int) -> None:
    """Registrations without sending, through record()."""
    from heliograph.bench.work import EVENT
    from heliograph.options import Options
    from heliograph.recording.batches import record_batch
    from heliograph.recording.items import RecordItem
    from heliograph.store.config_cache import Committed
    from heliograph.wiring import open_database

    chance = random.Random(7)
    with closing(open_database(Options.load())) as db:
        for start in range(0, count, 500):
            items = []
            for n in range(start, min(count, start + 500)):
                last = "Rarest" if n == count // 2 else chance.choice(LAST)
                profile = {
                    "first_name": chance.choice(FIRST), "last_name": last, "email": f"p{n}@example.org", "organization": f"Company {n % 997}",
                }  # fmt: skip
                document = {
                    "event": EVENT,
                    "code": f"P{n:07}",
                    "status": chance.choice(("Attended", "New", "Cancelled")),
                    "profile": profile,
                }
                items.append(RecordItem(account, document, "bench", quiet=True))
            record_batch(db, items, Committed(db))


def looked_at(pages: str, cookie: str, looks: int) -> dict[str, list[float]]:
    """Milliseconds of each look, by page, in turn."""
    took: dict[str, list[float]] = {name: [] for name in PAGES}
    with closing(http.client.HTTPConnection(urlsplit(pages).netloc, timeout=60)) as connection:
        for n in range(looks + 1):
            for name, path in PAGES.items():
                began = time.perf_counter()
                connection.request("GET", path, headers={"Cookie": cookie, "Host": urlsplit(pages).netloc})
                answer = connection.getresponse()
                answer.read()
                if answer.status != 200:
                    raise SystemExit(f"{path} answered {answer.status}")
                if n:  # the first look compiles templates and fills caches
                    took[name].append((time.perf_counter() - began) * 1e3)
    return {name: sorted(found) for name, found in took.items()}


def measure(options: argparse.Namespace, stands: Ground) -> dict[str, Any]:
    from heliograph.bench.fixture import FixtureSize, make
    from heliograph.bench.runs import posted
    from heliograph.bench.side_load import signed_in
    from heliograph.bench.site import BenchReceiver, Site, running

    with BenchReceiver() as receiver, running(Site(stands, 2)) as site:
        made = make(FixtureSize("PAGES", receiver.url, options.flows, min(5, options.flows)))
        fill(made.account, options.registrations)
        cookie = signed_in(made.account)
        alone = looked_at(site.pages, cookie, options.looks)
        with ThreadPoolExecutor(1) as pool:
            stop_after = max(2_000, round(options.rate * sum(map(sum, alone.values())) / 1e3 * 1.5))
            run = pool.submit(posted, site, receiver, made, tag="AA-", count=stop_after, rate=options.rate)
            among = looked_at(site.pages, cookie, options.looks)
            done = run.done()
            figures = run.result()
    found = {
        name: {
            "alone": {"p50": round(alone[name][len(alone[name]) // 2], 1), "p95": round(alone[name][int(len(alone[name]) * 0.95)], 1)},
            "beside": {"p50": round(among[name][len(among[name]) // 2], 1), "p95": round(among[name][int(len(among[name]) * 0.95)], 1)},
        }
        for name in PAGES
    }
    return {"pages": found, "lost": figures.lost, "deliveries": figures.deliveries, "posts_ended_before_the_last_look": done}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--registrations", type=int, default=200_000)
    parser.add_argument("--flows", type=int, default=500)
    parser.add_argument("--rate", type=float, default=200.0, help="posts a second")
    parser.add_argument("--looks", type=int, default=60, help="at each page")
    parser.add_argument("--database-url", default="")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with ground("pages", options.database_url, settings={"log_level": "error"}) as stands:
        found = measure(options, stands)
    if options.json:
        print(json.dumps(found))
        return
    print(f"{'':26} {'alone p50':>10} {'p95':>8} {'beside p50':>11} {'p95':>8}   ms")
    for name, by in found["pages"].items():
        print(f"{name:26} {by['alone']['p50']:10} {by['alone']['p95']:8} {by['beside']['p50']:11} {by['beside']['p95']:8}")
    print(f"{found['deliveries']:,} deliveries meanwhile, {found['lost']} lost")


if __name__ == "__main__":
    main()
