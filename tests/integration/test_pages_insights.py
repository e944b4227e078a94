"""Account Insights on real rows: every number leads to exactly its records (X2, X3)."""

from __future__ import annotations

import datetime
import html
import re
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from tests.aging import age
from tests.builders import signal_account
from tests.builders.outcome import REFUSED
from tests.builders.registration import person
from tests.builders.signal_account import SignalAccount
from tests.databases import DatabaseFacts
from tests.insights_numbers import NUMBER, listed, number_in
from tests.page_text import text_of
from tests.story import Story

from heliograph.domain.delivery.outcomes import Delivered
from heliograph.domain.figures import Measure
from heliograph.domain.flow.flow import Mode
from heliograph.insights.record_kinds import RecordKind
from heliograph.store.instants import from_micros

POSTS = "/signal/metrics/posts/webhooks/"


@pytest.mark.parametrize("address", ["/signal/metrics/", "/signal/metrics/troubleshooting/", POSTS, f"{POSTS}troubleshooting/"])
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
            assert ("integration=webhooks" in href) is (POSTS in address)


def badge(client: Client, address: str) -> str:
    """What stands beside Troubleshooting in the tabs of a page."""
    page = client.get(address).content.decode()
    (tab,) = re.findall(r"<a [^>]*>Troubleshooting(.*?)</a>", re.search(r'<nav class="tabs".*?</nav>', page, re.DOTALL)[0], re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", tab).split())


@pytest.mark.parametrize("page", ["", "troubleshooting/", "feed/"])
@pytest.mark.parametrize("of", ["/signal/metrics/", POSTS])
def test_X2_the_numbers_beside_troubleshooting_are_those_of_its_period_and_mode(
    database: DatabaseFacts, client: Client, of: str, page: str
) -> None:
    with signal_account.site(database) as site:
        keys = signal_account.fill(site)
        for _try in range(2):
            site.ends(int(keys["waiting"][1:]), REFUSED)
        site.signs_in(client)
        for query in ("period=1h", "period=1h&mode=test", "from=2020-01-01&to=2020-01-31"):
            numbers = {}
            for kind in ("in-retry-queue", "untagged", "failed"):
                links = re.findall(rf'href="([^"]*/{kind}/[^"]*)"', client.get(f"{of}troubleshooting/?{query}").content.decode())
                links += re.findall(rf'href="([^"]*/{kind}/[^"]*)"', client.get(f"{of}?{query}").content.decode())
                numbers[kind] = max((listed(client, html.unescape(link)) for link in links), default=0)
            named = {"waiting": numbers["in-retry-queue"] - numbers["untagged"], "failed": numbers["failed"]}
            assert badge(client, f"{of}{page}?{query}").split() == [word for name, n in named.items() if n for word in (str(n), name)]
        assert badge(client, f"{of}{page}?period=1h"), "something waits"


def test_X1_N2_metrics_has_its_own_panel_with_a_page_for_each_integration_that_is_used(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database) as site:
        site.signs_in(client)
        for address, here in (("/signal/metrics/", "Insights"), (POSTS, "Webhook Posts"), (f"{POSTS}feed/", "Webhook Posts")):
            panel = re.search(r'<nav class="panel" [^>]*aria-label="Signal".*?</nav>', client.get(address).content.decode(), re.DOTALL)[0]
            assert {"Insights", "Webhook Posts", "Flows"} <= set(re.findall(r"([A-Z][\w ]+)</a>", panel))
            assert re.findall(r'aria-current="page">.*?([A-Z][\w ]+)</a>', panel, re.DOTALL) == [here]
        site.setup.save_flow(replace(site.setup.provider.account(site.account.pk).flows[site.setup.flows["All"]], destinations=()))
        shown = text_of(client.get("/signal/metrics/").content)
        assert "Webhook Posts" not in shown
        assert client.get("/signal/metrics/posts/salesforce/").status_code == 404


def test_X1_an_integration_counts_its_own_and_account_insights_all(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database) as site:
        signal_account.fill(site)
        site.store.run(
            "INSERT INTO figure_delta (account_id, minute, mode, integration, measure, n)"
            " SELECT account_id, minute, mode, 2, measure, n FROM figure_delta WHERE account_id = :a AND measure = 3",
            {"a": site.account.pk},
        )
        site.store.run(
            "INSERT INTO figure_delta (account_id, minute, mode, integration, measure, n)"
            " SELECT account_id, minute, mode, 2, 1, 5 FROM figure_delta WHERE account_id = :a AND measure = 1 LIMIT 1",
            {"a": site.account.pk},
        )
        site.signs_in(client)
        assert "Changes Processed 12" in text_of(client.get("/signal/metrics/?period=1h").content)
        shown = text_of(client.get(f"{POSTS}?period=1h").content)
        assert "Changes Processed 7" in shown
        assert "Unique Registrations 6" in shown
        assert "Webhook Posts" in shown


def test_X2_the_summary_says_what_happened(site: SignalAccount, client: Client) -> None:
    site.signs_in(client)
    shown = text_of(client.get("/signal/metrics/?period=1h").content)
    for said in (
        "Changes Processed 7",
        "Unique Registrations 6",
        "Actions Triggered 8",
        "Active Flows 2",
        "Leads Created -",
        "8 triggered = 1 success + 0 replaced by newer data + 2 waiting + 1 failed + 1 invalid + 0 held + 3 being sent",
        "1 delivered.",
        "Delivered 1 Waiting 2 Failed 1 Invalid 1",
        "CRM answered 401 Unauthorized.",
        "Open Connection Setup",
        "1 waits for a tag",
    ):
        assert said in shown, shown
    assert "<b>Haddad" not in client.get("/signal/metrics/records/failures/").content.decode()


def test_X2_the_tabs_say_on_every_page_what_waits_and_what_failed(site: SignalAccount, client: Client) -> None:
    site.signs_in(client)
    pages = [client.get(f"/signal/metrics/{tab}").content.decode() for tab in ("", "troubleshooting/", "feed/")]
    tabs = [re.findall(r'<nav class="tabs".*?</nav>', page, re.DOTALL)[0] for page in pages]
    assert {" ".join(re.sub(r"<[^>]+>", " ", each).split()) for each in tabs} == {
        "Summary Troubleshooting 2 waiting 1 failed Activity Feed"
    }


def test_X1_an_account_with_only_test_flows_is_led_to_their_numbers(story: Story, client: Client) -> None:
    crm = story.connection("Sales CRM", "/crm")
    story.flow("Trial", [story.to(crm)], mode=Mode.TEST)
    story.signs_in(client)
    nothing = "/signal/metrics/?from=2001-01-01&to=2001-01-31"
    shown = client.get(nothing).content.decode()
    link = r'<a class="button" href="([^"]*)">Test Flows</a>'
    found = re.search(link, shown)
    assert found
    there = client.get(html.unescape(found.group(1))).content.decode()
    assert re.search(link, there) is None, "it is open"
    story.flow("Leads", [story.to(crm)])
    assert re.search(link, client.get(nothing).content.decode()) is None


def test_X2_an_account_without_anything_is_told_so(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database) as site:
        site.signs_in(client)
        assert "Nothing happened in this period" in text_of(client.get("/signal/metrics/?from=2001-01-01&to=2001-01-31").content)
        assert "Nothing is waiting or failed" in text_of(client.get("/signal/metrics/troubleshooting/").content)
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
def test_X3_a_list_is_searched_and_filtered(site: SignalAccount, client: Client, kind: RecordKind, query: str, codes: set[str]) -> None:
    site.signs_in(client)
    shown = client.get(f"/signal/metrics/records/{kind.value}/?{query}").content.decode().partition("<tbody>")[2]
    assert set(re.findall(r">(S26-\d)<", shown)) == codes


def test_P1_another_accounts_records_are_not_listed(site: SignalAccount, client: Client) -> None:
    other = signal_account.made(site.store, name="Somebody else")
    other.signs_in(client)
    for kind in RecordKind:
        for query in ("", f"?event={site.setup.event}", f"?flow={site.setup.flows['All']}", f"?connection={site.setup.connection}"):
            whole = client.get(f"/signal/metrics/records/{kind.value}/{query}").content.decode()
            # A form's random token may read CRM, and the other account has a connection of that name, too.
            shown = text_of(re.sub(r'<form class="filters".*?</form>', "", whole, flags=re.DOTALL).encode())
            assert "S26-" not in shown, (kind, query)
            assert "CRM" not in shown, (kind, query)


def test_X3_what_is_no_list_is_not_there(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database) as site:
        site.signs_in(client)
        assert client.get("/signal/metrics/records/nonsense/").status_code == 404
        assert client.get("/signal/metrics/records/changes/?at=x").status_code == 404
        for query in ("category=x&facet=y", "mode=x", "connection=-1"):
            assert client.get(f"/signal/metrics/?{query}").status_code == 200
            assert client.get(f"/signal/metrics/records/retries/?{query}").status_code == 200


def test_X2_the_period_before_is_a_line_also_across_hours_that_are_to_come(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database) as site:
        signal_account.fill(site)
        site.ends(site.actions("S26-6")[-1], Delivered(200))
        site.signs_in(client)
        first = from_micros(site.setup.db.now()).astimezone(ZoneInfo(site.account.timezone)).date()
        period = f"?from={first}&to={first + datetime.timedelta(days=1)}"
        for address in ("/signal/metrics/", POSTS):
            page = client.get(f"{address}{period}")
            assert 'class="before"' not in page.content.decode()
            assert "still to come" in text_of(page.content)
            assert "The period before" not in text_of(page.content)
        site.store.run(
            "INSERT INTO figure_delta (account_id, minute, mode, integration, measure, n)"
            " SELECT account_id, minute, mode, 2, measure, 5 FROM figure_delta WHERE account_id = :a AND measure = :success LIMIT 1",
            {"a": site.account.pk, "success": int(Measure.SUCCESS)},
        )
        age(site.setup.db, site.account.pk, 1)
        site.record(person("S26-7", "Nils", "Holm"))
        site.ends(site.actions("S26-7")[0], Delivered(200))
        for address, delivered in (("/signal/metrics/", 7), (POSTS, 2)):
            page = client.get(f"{address}{period}")
            before = [int(n) for n in re.findall(r"The period before: (\d+) delivered", text_of(page.content))]
            assert (len(before), sum(before)) == (48, delivered)
            assert re.search(r"still to come. The period before: 0 delivered", text_of(page.content))
            assert f"The period before {delivered} " in text_of(page.content)
        left_out = client.get(f"/signal/metrics/{period}&replays=without")
        assert "The period before" in text_of(left_out.content)
        assert "The period before" not in text_of(client.get(f"/signal/metrics/{period}&mode=test").content)
