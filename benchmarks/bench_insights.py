"""How long the pages of Metrics take to answer over a long history (wanted: a p95 of 300 ms or less).

    heliograph seed --changes 1000000                      # in the data folder or database of the environment
    python benchmarks/bench_insights.py [--account SEEDED] [--looks 12] [--only feed] [--json]

Reads the account that `heliograph seed` made, with the settings of the environment, in this process: milliseconds from the request to the last
byte, without the network, and those of this process's CPU (SQLite's included, PostgreSQL's not), which depend less on what else runs. Each page is
looked at several times, in turn with all others, so that each finds the caches as the others left them. Before that the roll-ups of people are
renewed, as a running Heliograph does each minute; after `heliograph seed` this takes a minute or two for 10,000,000 changes.
"""

from __future__ import annotations

import argparse
import html
import json
import random
import re
import threading
import time
from contextlib import closing
from typing import Any
from urllib.parse import quote

PERIODS = ("15m", "1h", "4h", "1d", "7d", "30d")
FEED = {
    "feed": "",
    "feed, success": "?result=success",
    "feed, failure": "?result=failure",
    "feed, validation": "?result=validation",
    "feed, not triggered": "?result=not-triggered",
    "feed, test": "?mode=test",
    "feed, today": "?period=today",
    "feed, 7d": "?period=7d",
    "feed, 30d": "?period=30d",
    "feed, 400 days": "?days=400",
    "feed, a common name": f"?q={quote('müller')}",
    "feed, nobody": "?q=nobodyatall",
}
RETRY = {"retry": "", "retry, failed": "?status=Failed", "retry, done": "?status=Done", "retry, a name": f"?q={quote('müller')}"}
SEARCH = {
    "search, a common name": quote("müller"),
    "search, two words": quote("anna weiß"),
    "search, nobody": "nobodyatall",
    "search, a code": "SUM00",
}


def pages(account: int) -> dict[str, list[str]]:
    """Addresses by what they are called."""
    from django.db import connection

    from heliograph.insights.record_kinds import RecordKind
    from heliograph.store.django_database import of_django

    db = of_django(connection)
    found = {f"insights, {period}": [f"/signal/metrics/?period={period}"] for period in PERIODS}
    found |= {f"troubleshooting, {period}": [f"/signal/metrics/troubleshooting/?period={period}"] for period in PERIODS}
    found["insights, 30d, test"] = ["/signal/metrics/?period=30d&mode=test"]
    found["insights, 12 whole days"] = ["/signal/metrics/?days=12"]
    for kind in RecordKind:
        for period in ("1d", "30d"):
            found[f"records, {kind}, {period}"] = [f"/signal/metrics/records/{kind}/?period={period}"]
    found["records, recorded, created, 30d"] = ["/signal/metrics/records/recorded/?period=30d&facet=1"]
    found["records, retries, General, 30d"] = ["/signal/metrics/records/retries/?period=30d&category=General"]
    for kind in ("triggered", "changes", "attempts", "failures"):
        found[f"records, {kind}, a name"] = [f"/signal/metrics/records/{kind}/?period=30d&q={quote('müller')}"]
    events = db.all("SELECT id FROM event WHERE account_id = :account ORDER BY id", {"account": account})
    flows = db.all("SELECT id FROM flow WHERE account_id = :account ORDER BY id", {"account": account})
    connections = db.all("SELECT id FROM connection WHERE account_id = :account ORDER BY id", {"account": account})
    found["records, triggered, by event"] = [f"/signal/metrics/records/triggered/?period=30d&event={id}" for (id,) in events]
    found["records, triggered, by flow"] = [f"/signal/metrics/records/triggered/?period=30d&flow={id}" for (id,) in flows]
    found["records, attempts, by connection"] = [f"/signal/metrics/records/attempts/?period=30d&connection={id}" for (id,) in connections]
    found |= {name: [f"/signal/metrics/feed/{asked}"] for name, asked in FEED.items()}
    found["feed, by event"] = [f"/signal/metrics/feed/?event={id}" for (id,) in events]
    found["feed, by flow"] = [f"/signal/metrics/feed/?flow={id}" for (id,) in flows]
    found |= {name: [f"/signal/retry/{asked}"] for name, asked in RETRY.items()}
    found |= {name: [f"/registrations/?q={words}"] for name, words in SEARCH.items()}
    ((last,),) = db.all("SELECT MAX(serial) FROM registration WHERE account_id = :account", {"account": account})
    chance = random.Random(3)
    known = db.all(
        f"SELECT e.code, r.code FROM registration r JOIN event e ON e.id = r.event_id WHERE r.account_id = :account AND {db.member('r.serial', 'serials')}",
        {"account": account, "serials": [chance.randrange(1, last + 1) for _ in range(40)]},
    )
    found["timeline"] = [f"/signal/registrations/{quote(event)}/{quote(code)}/" for event, code in known]
    found["timeline, trouble"] = [f"{address}?show=trouble" for address in found["timeline"]]
    return found


def looked_at(account: int, looks: int, only: str) -> dict[str, list[tuple[float, float]]]:
    """Milliseconds and those of this process's CPU of each look, by page; further pages of lists count as pages of their own."""
    from django.conf import settings
    from django.test import Client

    from heliograph.accounts.models import Role, User
    from heliograph.collector import spare_imported

    email = "bench-insights@example.org"
    user = User.objects.filter(email=email).first() or User.objects.create_user(
        email, "only a bench signs in so", name="Bench", account_id=account, role=Role.ADMINISTRATOR
    )
    host = next((h for h in settings.ALLOWED_HOSTS if "*" not in h and h), "127.0.0.1")
    client = Client(headers={"host": host.lstrip(".")})
    client.force_login(user)
    wanted = {name: addresses for name, addresses in pages(account).items() if only in name}
    took: dict[str, list[tuple[float, float]]] = {}
    for look in range(looks + 1):
        if look == 1:
            spare_imported()  # as the process of the pages does
        for name, addresses in wanted.items():
            address = addresses[look % len(addresses)]
            began = _clocks()
            answer = client.get(address)
            spent = _since(began)
            if answer.status_code != 200:
                raise SystemExit(f"{address} answered {answer.status_code}")
            if not look:  # the first look compiles templates and fills caches
                continue
            took.setdefault(name, []).append(spent)
            older = re.search(r'rel="next" href="([^"]+)"', answer.content.decode())
            if older and name.startswith(("records", "feed", "retry")):
                began = _clocks()
                client.get(address.partition("?")[0] + html.unescape(older[1]))
                took.setdefault(f"{name}: page 2", []).append(_since(began))
    return took


def _clocks() -> tuple[float, float]:
    return time.perf_counter() * 1e3, time.process_time() * 1e3


def _since(began: tuple[float, float]) -> tuple[float, float]:
    wall, cpu = _clocks()
    return wall - began[0], cpu - began[1]


def roll_up_people(account: int) -> None:
    """Renews all roll-ups of people that were sent somewhere."""
    from heliograph.options import Options
    from heliograph.store.queue.people_roll_up import renew_account, renew_present
    from heliograph.wiring import open_database

    with closing(open_database(Options.load())) as db:
        renew_account(db, account, threading.Event(), recent=False)
        renew_present(db, account, threading.Event())


def summed_up(looks: list[tuple[float, float]]) -> dict[str, float]:
    """p50 and p95 of what it took, and of this process's CPU."""
    wall, cpu = (sorted(each) for each in zip(*looks, strict=True))
    last = min(len(wall) - 1, int(len(wall) * 0.95))
    half = len(wall) // 2
    return {name: round(ms, 1) for name, ms in (("p50", wall[half]), ("p95", wall[last]), ("cpu", cpu[half]), ("cpu95", cpu[last]))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--account", default="SEEDED")
    parser.add_argument("--looks", type=int, default=12, help="at each page")
    parser.add_argument("--only", default="", help="pages whose name contains this")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()

    from heliograph.commands import ready

    ready()
    from heliograph.accounts.models import Account

    account = int(Account.objects.get(code=options.account).pk)
    roll_up_people(account)
    found: dict[str, dict[str, Any]] = {name: summed_up(each) for name, each in looked_at(account, options.looks, options.only).items()}
    if options.json:
        print(json.dumps(found))
        return
    print(f"{'':46} {'p50':>8} {'p95':>8}   ms {'p50':>8} {'p95':>8}   ms of CPU")
    for name, each in found.items():
        print(f"{name:46} {each['p50']:8} {each['p95']:8}      {each['cpu']:8} {each['cpu95']:8}")


if __name__ == "__main__":
    main()
