"""How long the Overview takes to answer, and the watch of notifications to look, over a long history (wanted: a p95 of 300 ms or less).

    heliograph seed --changes 10000000                      # in the data folder or database of the environment
    python benchmarks/bench_overview.py [--account SEEDED] [--looks 40] [--json]

Reads the account that `heliograph seed` made, with the settings of the environment, in this process, like bench_insights.py: milliseconds from
the request to the last byte, without the network, and those of this process's CPU (SQLite's included, PostgreSQL's not). Beside the Overview: its
REST document, pages of connections, the page Sent, and `look_at`, which every process with pages does every 10 seconds for each account. The first
look of it opens the problems of the history; what is measured are the looks after it, as all others are.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from bench_insights import _clocks, _since, roll_up_people, summed_up


def looks_at(account: Any) -> dict[str, Callable[[], Any]]:
    """What is looked at, by name."""
    from django.conf import settings
    from django.test import Client
    from django_scopes import scope

    from heliograph.accounts.models import Role, User
    from heliograph.connections.models import Connection
    from heliograph.deliveries.account_reader import account_reader
    from heliograph.notifications.post_office import look_at
    from heliograph.overview.account_overview import AccountOverview

    email = "bench-overview@example.org"
    user = User.objects.filter(email=email).first() or User.objects.create_user(
        email, "only a bench signs in so", name="Bench", account_id=account.pk, role=Role.ADMINISTRATOR
    )
    host = next((h for h in settings.ALLOWED_HOSTS if "*" not in h and h), "127.0.0.1")
    client = Client(headers={"host": host.lstrip(".")})
    client.force_login(user)

    def page(path: str) -> Callable[[], None]:
        def get() -> None:
            answer = client.get(path)
            if answer.status_code != 200:
                raise SystemExit(f"{path} answered {answer.status_code}")

        return get

    def without_templates() -> None:
        with scope(account=account.pk), account_reader(account.pk) as reader:
            overview = AccountOverview(reader, ZoneInfo(account.timezone))
            overview.needs, overview.destinations(), overview.delivered_yesterday, overview.saves()

    with scope(account=account.pk):
        connections = list(Connection.objects.filter(deleted_at=None).order_by("pk").values_list("pk", "name"))
    return {
        "overview": page("/signal/overview/"),
        "overview, without its template": without_templates,
        **{f"connection {name}": page(f"/signal/connections/{id}/overview/") for id, name in connections},
        "notifications, sent": page("/signal/notifications/sent/"),
        "look_at": lambda: look_at(account),
    }


def measured(account: Any, looks: int) -> dict[str, dict[str, float]]:
    """p50 and p95 by name. The looks are in turn, so that each finds the caches as the others left them."""
    from heliograph.collector import spare_imported

    calls = looks_at(account)
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
    for look in range(looks + 1):
        if look == 1:
            spare_imported()  # as the process of the pages does
        for name, call in calls.items():
            began = _clocks()
            call()
            if look:  # the first look compiles templates and fills caches
                took[name].append(_since(began))
    return {name: summed_up(each) for name, each in took.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--account", default="SEEDED")
    parser.add_argument("--looks", type=int, default=40, help="at each page")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()

    from heliograph.commands import ready

    ready()
    from heliograph.accounts.models import Account

    account = Account.objects.get(code=options.account)
    roll_up_people(account.pk)
    found = measured(account, options.looks)
    if options.json:
        print(json.dumps(found))
        return
    print(f"{'':46} {'p50':>8} {'p95':>8}   ms {'p50':>8} {'p95':>8}   ms of CPU")
    for name, each in found.items():
        print(f"{name:46} {each['p50']:8} {each['p95']:8}      {each['cpu']:8} {each['cpu95']:8}")


if __name__ == "__main__":
    main()
