"""Account Insights on real rows: every number leads to exactly its records (X2, X3)."""

from __future__ import annotations

import html
import re

import pytest
from django.test import Client
from tests.builders import signal_account
from tests.builders.outcome import REFUSED
from tests.databases import DatabaseFacts
from tests.insights_numbers import NUMBER, listed, number_in
from tests.page_text import text_of

from heliograph.domain.delivery.outcomes import Delivered
from heliograph.insights.records import RecordKind


@pytest.mark.parametrize("address", ["/signal/metrics/", "/signal/metrics/troubleshooting/"])
@pytest.mark.parametrize("mode", ["", "&mode=test"])
def test_X3_every_number_and_bar_leads_to_exactly_so_many_records(database: DatabaseFacts, client: Client, address: str, mode: str) -> None:
    with signal_account.site(database) as site:
        keys = signal_account.fill(site)
        for _try in range(2):
            site.ends(int(keys["waiting"][1:]), REFUSED)
        site.ends(site.actions("S26-6")[-1], Delivered(200))
        site.signs_in(client)
        shown = client.get(f"{address}?period=1h{mode}").content.decode()
        found = {html.unescape(link["href"]): number_in(link["inside"]) for link in NUMBER.finditer(shown)}
        numbers = {href: n for href, n in found.items() if n is not None}
        if not mode:
            assert len({href.partition("?")[0] for href in numbers}) >= 4
            assert sum(n > 0 for n in numbers.values()) >= 7
        for href, n in numbers.items():
            assert listed(client, href) == n, href


def test_X2_the_summary_says_what_happened(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database) as site:
        signal_account.fill(site)
        site.signs_in(client)
        shown = text_of(client.get("/signal/metrics/?period=1h").content)
        for said in (
            "Changes Processed 7",
            "Unique Registrations 6",
            "Actions Triggered 8",
            "Active Flows 2",
            "Leads Created -",
            "8 triggered = 1 success + 0 superseded + 2 queued + 1 failed + 1 validation + 3 pending",
            "CRM answered 401 Unauthorized.",
            "Open Connection Setup",
            "1 was not triggered, but can be cured",
        ):
            assert said in shown, shown
        assert "<b>Haddad" not in client.get("/signal/metrics/records/failures/").content.decode()


def test_X2_an_account_without_anything_is_told_so(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database) as site:
        site.signs_in(client)
        assert "Nothing happened in this period" in text_of(client.get("/signal/metrics/?from=2001-01-01&to=2001-01-31").content)
        assert "Nothing waits, nothing failed" in text_of(client.get("/signal/metrics/troubleshooting/").content)
        for kind in RecordKind:
            assert "No records" in text_of(client.get(f"/signal/metrics/records/{kind.value}/?from=2001-01-01&to=2001-01-31").content)


@pytest.mark.parametrize(
    ("query", "codes"),
    [
        ("q=joe", {"S26-2"}),
        ("q=S26-1", {"S26-1"}),
        ("q=nobody", set()),
        ("q=%25", set()),
        ("event=999", set()),
        ("flow=999", set()),
    ],
)
@pytest.mark.parametrize("kind", [RecordKind.CHANGES, RecordKind.REGISTRATIONS, RecordKind.TRIGGERED])
def test_X3_a_list_is_searched_and_filtered(database: DatabaseFacts, client: Client, kind: RecordKind, query: str, codes: set[str]) -> None:
    with signal_account.site(database) as site:
        signal_account.fill(site)
        site.signs_in(client)
        shown = client.get(f"/signal/metrics/records/{kind.value}/?{query}").content.decode().partition("<tbody>")[2]
        assert set(re.findall(r">(S26-\d)<", shown)) == codes


def test_P1_another_accounts_records_are_not_listed(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database) as site:
        signal_account.fill(site)
        other = signal_account.made(site.store, name="Somebody else")
        other.signs_in(client)
        for kind in RecordKind:
            for query in ("", f"?event={site.setup.event}", f"?flow={site.setup.flows['All']}", f"?connection={site.setup.connection}"):
                shown = text_of(client.get(f"/signal/metrics/records/{kind.value}/{query}").content)  # a form's random token may read CRM
                assert "S26-" not in shown, (kind, query)
                assert "CRM" not in shown, (kind, query)


def test_X3_what_is_no_list_is_not_there(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database) as site:
        site.signs_in(client)
        assert client.get("/signal/metrics/records/nonsense/").status_code == 404
        assert client.get("/signal/metrics/records/changes/?at=x").status_code == 404
        for query in ("since=1&until=x", "days=1e9", "from=x&to=y", "category=x&facet=y", "mode=x", "connection=-1"):
            assert client.get(f"/signal/metrics/?{query}").status_code == 200
            assert client.get(f"/signal/metrics/records/retries/?{query}").status_code == 200
