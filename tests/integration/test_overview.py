"""Signal's home and the page of a connection: what needs somebody, by which button, and what was delivered (N2, C3)."""

from __future__ import annotations

import datetime
import html
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from django.db import connections
from django.test import Client
from django_scopes import scopes_disabled
from tests.api_client import ApiClient
from tests.audit_entries import audit_entries
from tests.builders import planted_sources, signal_account
from tests.builders.outcome import BUSY, REFUSED
from tests.builders.registration import person
from tests.builders.signal_account import SignalAccount
from tests.counted import counting
from tests.databases import DatabaseFacts
from tests.figures import fold_all
from tests.page_text import text_of
from tests.receiver import Answer, Receiver
from tests.retry_story import NO, queued, refused
from tests.story import Story
from tests.tables import table_rows

from heliograph.connections.connection_deliveries import quantile
from heliograph.deliveries.account_reader import AccountReader, account_reader
from heliograph.deliveries.outcome_hours import HOUR, OutcomeHours, outcome_hours
from heliograph.domain.connection.secret import Secret
from heliograph.domain.delivery.outcomes import Delivered
from heliograph.domain.delivery.retry_policy import MINUTE
from heliograph.domain.flow.flow import Mode
from heliograph.overview.account_overview import AccountOverview
from heliograph.retry.needs import NeedKind, needs_of
from heliograph.store import connection_states
from heliograph.store.django_database import of_django
from heliograph.store.instants import to_micros
from heliograph.web.charts import hour_bars
from heliograph.web.list_count import MOST
from heliograph.web.percentages import percent

OVERVIEW = "/signal/overview/"


@pytest.fixture
def site(database: DatabaseFacts) -> Iterator[SignalAccount]:
    with signal_account.site(database) as made:
        yield made


def delivered(site: SignalAccount, *codes: str) -> None:
    site.record(*(person(code, "Ana", "Roth") for code in codes))
    for code in codes:
        site.ends(site.actions(code)[0], Delivered(200))


def test_35_1_an_account_may_begin_with_the_flow_list(site: SignalAccount, client: Client) -> None:
    site.signs_in(client)
    page = "/settings/account/"
    assert '<option value="overview" selected' in client.get(page).text
    typed = {"name": "Acme", "code": site.account.code, "timezone": "Europe/Berlin", "start_page": "flows"}
    assert client.post(page, typed).status_code == 302
    assert client.get("/signal/", follow=True).redirect_chain == [("/signal/flows/", 302)]
    assert client.post(page, typed | {"start_page": "moon"}).status_code == 422
    *_others, (_kind, _what, _name, before, after) = audit_entries(site.account.pk, "account")
    assert (before["start_page"], after["start_page"]) == ("overview", "flows")
    assert ApiClient.for_account(site.account.pk).patch("account", {"start_page": "overview"})["start_page"] == "overview"
    assert client.get("/signal/", follow=True).redirect_chain == [(OVERVIEW, 302)]


def test_N2_all_is_well_while_everything_is_delivered(site: SignalAccount, client: Client) -> None:
    delivered(site, "A-1", "A-2")
    site.signs_in(client)
    assert client.get("/signal/", follow=True).redirect_chain == [(OVERVIEW, 302)]
    page = client.get(OVERVIEW).content
    shown = text_of(page)
    assert "All is well" in shown
    assert "need you" not in shown
    (row,) = table_rows(page, "Destination", "Delivered", "Rate")
    assert (row["People"], row["Delivered"], row["Rate"], row["Not delivered"]) == ("2", "2", "100%", "Nothing")


def test_35_1_who_was_sent_something_today_is_answered_on_the_home(site: SignalAccount, client: Client) -> None:
    """Each person counts once for a destination, however much was sent for them. The number opens their list."""
    delivered(site, "A-1", "A-2")
    site.record(person("A-1", "Anna", "Roth"))
    site.ends(site.actions("A-1")[1], Delivered(200))
    site.signs_in(client)
    page = client.get(OVERVIEW).content
    assert "3 for 2 people by" in text_of(page)
    (row,) = table_rows(page, "Destination", "Delivered", "People")
    assert (row["People"], row["Delivered"]) == ("2", "3")
    (href,) = re.findall(r'href="(/signal/metrics/records/people/[^"]*)"', page.decode())
    assert re.search(r"<h1>[^<]*: 2</h1>", client.get(html.unescape(href)).content.decode())
    answer = ApiClient.for_account(site.account.pk).get("overview")
    assert (answer["people"], answer["destinations"][0]["people"], answer["delivered"]) == (2, 2, 3)


def test_35_1_before_anything_is_delivered_the_home_counts_nobody(site: SignalAccount, client: Client) -> None:
    site.signs_in(client)
    page = client.get(OVERVIEW).content
    assert "0 by" in text_of(page)
    assert {(row["People"], row["Delivered"]) for row in table_rows(page, "Destination", "Delivered", "People")} == {("0", "0")}


def test_N2_each_thing_that_needs_somebody_has_its_cause_and_its_button(site: SignalAccount, client: Client) -> None:
    signal_account.fill(site)
    site.signs_in(client)
    shown = text_of(client.get(OVERVIEW).content)
    assert "2 things need you" in shown
    for words in ("401 Unauthorized", "Most likely:", "waiting", "1 status or property has no tag", "Choose tags", "1 failed"):
        assert words in shown, shown
    assert "is tried again automatically" in shown, "a target that does not answer needs nobody"


@pytest.mark.parametrize(("minutes", "named"), [(10, True), (-10, False)])
def test_N2_what_is_tried_again_says_when_unless_it_is_due_already(
    site: SignalAccount, client: Client, minutes: int, *, named: bool
) -> None:
    """A try that is due and not made is held by its connection: an instant that has passed would say nothing."""
    signal_account.fill(site)
    with site.store.transaction():
        site.store.run("UPDATE action SET due_at = :at WHERE due_at IS NOT NULL", {"at": site.store.now() + minutes * MINUTE})
    site.signs_in(client)
    shown = text_of(client.get(OVERVIEW).content)
    assert bool(re.search(r"tried again automatically: .+? at [^.]*\d\d:\d\d\.", shown)) == named
    assert ("tried again automatically. Open Retry" in shown) != named


def test_N2_what_needs_somebody_is_gone_once_it_is_cured(site: SignalAccount) -> None:
    signal_account.fill(site)
    with account_reader(site.account.pk) as reader:
        kinds = {need.kind for need in needs_of(reader).needs}
    assert kinds == {NeedKind.CONNECTION, NeedKind.TAGS}
    site.ends(site.actions("S26-2")[0], Delivered(200))
    with account_reader(site.account.pk) as reader:
        found = needs_of(reader)
    assert {need.kind for need in found.needs} == {NeedKind.TAGS}
    assert found.needs[0].key == "tags"
    assert not found.needs[0].waiting.is_more


def test_N2_a_paused_connection_is_released_by_its_button(site: SignalAccount, client: Client) -> None:
    site.record(person("A-1", "Ana", "Roth"))
    with site.store.transaction():
        connection_states.pause(site.store, site.setup.account, site.setup.connection, "No paper.")
    site.signs_in(client)
    page = client.get(OVERVIEW).content
    shown = text_of(page)
    assert "1 thing needs you" in shown
    assert "1 held" in shown
    assert f'href="/signal/connections/{site.setup.connection}/release/"' in page.decode()


@pytest.mark.parametrize("role", ["planner", "viewer"])
def test_P1_nobody_is_offered_what_only_others_may_do(site: SignalAccount, client: Client, role: str) -> None:
    signal_account.fill(site)
    site.signs_in(client, getattr(site, role))
    page = client.get(OVERVIEW).content.decode()
    assert "401 Unauthorized" in page
    buttons = re.findall(r'<a class="button[^"]*" id="need-[^"]*" href="([^"]*)"', page)
    assert buttons == (["/settings/tags/coverage/"] if role == "planner" else [])


def test_N2_another_account_is_another_overview(site: SignalAccount, client: Client) -> None:
    signal_account.fill(site)
    other = signal_account.made(site.store, name="Others")
    other.signs_in(client)
    page = client.get(OVERVIEW).content
    assert "All is well" in text_of(page)
    assert all(row["Delivered"] == "0" for row in table_rows(page, "Destination", "Delivered"))
    assert client.get(f"/signal/connections/{site.setup.connection}/overview/").status_code == 404


def test_N2_the_api_reads_the_same(site: SignalAccount) -> None:
    signal_account.fill(site)
    answer = ApiClient.for_account(site.account.pk).get("overview")
    assert [need["kind"] for need in answer["needs"]] == ["connection", "tags"]
    refusing, untagged = answer["needs"]
    assert (refusing["http_status"], refusing["waiting"], untagged["waiting"]) == (401, 1, 1)
    assert not answer["is_well"]
    assert answer["delivered"] == sum(each["delivered"] for each in answer["destinations"]) == 1


def statements_of_overview(client: Client) -> list[str]:
    """The statements of a second look at the Overview, those of its reader with them."""
    client.get(OVERVIEW)
    with counting(*(of_django(connections[alias]) for alias in ("read", "default")), wakers={}) as cost:
        client.get(OVERVIEW)
    return cost.texts


def test_N2_the_overview_reads_the_same_number_of_statements_however_much_there_is(site: SignalAccount, client: Client) -> None:
    signal_account.fill(site)
    site.signs_in(client)
    before = statements_of_overview(client)
    site.record(*(person(f"M-{number}", "Ana", "Roth") for number in range(40)))
    for number in range(40):
        site.ends(site.actions(f"M-{number}")[0], REFUSED if number % 2 else BUSY)
    after = statements_of_overview(client)
    assert any("FROM connection_state" in text for text in after), "the reader's statements are counted"
    assert len(after) <= len(before), Counter(after) - Counter(before)


def test_N2_each_refusing_connection_costs_the_overview_no_statement(story: Story, client: Client) -> None:
    """How each signed in when it was refused is read in one."""
    story.signs_in(client)
    names = [f"Target {number}" for number in range(6)]
    with story.worker():
        counts = []
        for number, name in enumerate(names):
            story.receiver.answer(f"/{number}", Answer(401))
            story.flow(name, [story.to(story.connection(name, f"/{number}"))])
            story.record(f"R-{number}", status="Attended")
            story.wait_for(lambda: "pending" not in story.states())
            counts.append(statements_of_overview(client))
    assert len(counts[-1]) == len(counts[1]), Counter(counts[-1]) - Counter(counts[1])


def test_N2_what_test_flows_delivered_stands_beside_what_live_flows_delivered(story: Story, receiver: Receiver, client: Client) -> None:
    """The first delivery of a recipe is one of a Test flow."""
    crm = story.connection("Sales CRM", "/crm")
    story.flow("Trial", [story.to(crm)], mode=Mode.TEST)
    story.signs_in(client)
    assert "0 by Test flows" in text_of(client.get(OVERVIEW).content), "no flow is Live"
    with story.worker():
        story.record("A-1", "REHEARSAL")
        story.until("A-1", "success")
        page = client.get(OVERVIEW).content.decode()
        (href,) = re.findall(r'<a href="([^"]*)">1 by Test flows</a>', page)
        assert re.search(r"Delivered\D*\b1\b", text_of(client.get(html.unescape(href)).content))
        story.flow("Leads", [story.to(crm)])
        assert "1 by Test flows" in text_of(client.get(OVERVIEW).content)
        answer = ApiClient.for_account(story.account).get("overview")
        assert (answer["delivered_by_tests"], answer["delivered"]) == (1, 0)


def test_N2_an_account_with_live_flows_reads_nothing_of_tests_that_delivered_nothing(site: SignalAccount, client: Client) -> None:
    delivered(site, "A-1")
    site.signs_in(client)
    assert "by Test flows" not in client.get(OVERVIEW).text


# --- hours


@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.parametrize(("since", "until"), [(0, 0), (-3 * 60 - 7, 1), (-25 * 60, -30), (-5, 1), (-59, -2)])
def test_X2_the_outcomes_by_hour_are_those_of_the_rows(site: SignalAccount, since: int, until: int, folded: bool) -> None:
    """since, until: minutes from the next whole minute."""
    signal_account.fill(site)
    if folded:
        fold_all(site.store, site.account.pk)
    end = -(-site.store.now() // MINUTE) * MINUTE
    first, last = end + since * MINUTE, end + until * MINUTE
    found = outcome_hours(site.store, site.account.pk, Mode.LIVE, first, last).total
    rows = site.store.all(
        "SELECT state, count(*) FROM action WHERE account_id = :account AND mode = 1 AND created >= :first AND created < :last GROUP BY state",
        {"account": site.account.pk, "first": first, "last": last},
    )
    states = {int(state): int(n) for state, n in rows}
    assert [sum(each) for each in (found.delivered, found.waiting, found.failed, found.invalid)] == [
        states.get(n, 0) for n in (10, 2, 11, 12)
    ]
    assert len(found.delivered) == max(0, -(-last // HOUR) - first // HOUR)


def test_X2_the_hours_of_flows_and_of_connections_add_up_to_all(site: SignalAccount) -> None:
    signal_account.fill(site)
    now = site.store.now()
    period = outcome_hours(site.store, site.account.pk, Mode.LIVE, now // HOUR * HOUR - HOUR, -(-(now + 1) // MINUTE) * MINUTE)
    assert (
        sum(hours.due for hours in period.by_flow.values()) == period.total.due == sum(hours.due for hours in period.by_connection.values())
    )
    assert period.total.rate is not None
    assert 0 < period.total.rate < 1


def test_X2_a_share_is_whole_only_if_nothing_is_missing() -> None:
    assert [percent(share) for share in (0, 1, 0.9999, 0.961, 2.5)] == ["0%", "100%", "99.9%", "96.1%", "250%"]
    nothing = OutcomeHours.nothing(3)
    assert nothing.rate is None
    assert (replace(nothing, delivered=(1, 2, 0)) + replace(nothing, failed=(0, 0, 1))).rate == 0.75
    assert [quantile(range(1, 101), share) for share in (0.5, 0.95, 1)] == [50, 95, 100]
    assert quantile([], 0.5) is None
    bars = hour_bars([4, 0], [0, 1], columns=24)
    assert (bars.width, [tone for tone, *_place in bars.rects]) == (96, ["ink", "failed"])


# --- the page of a connection


def test_C3_the_page_of_a_connection_says_how_it_is(site: SignalAccount, client: Client) -> None:
    signal_account.fill(site)
    site.signs_in(client, site.viewer)
    page = client.get(f"/signal/connections/{site.setup.connection}/overview/").content
    shown = text_of(page)
    rows = table_rows(page, "When", "Registration", "Result", "Answer")
    stored = site.store.all("SELECT count(DISTINCT action_id) FROM attempt WHERE connection_id = :id", {"id": site.setup.connection})
    assert len(rows) == min(20, stored[0][0])
    assert {"Delivered", "Waiting", "Failed", "Validation error"} >= {row["Result"] for row in rows} >= {"Delivered", "Waiting"}
    assert "Typical answer 84 ms" in shown
    assert "Used by" in shown
    assert "Joe Citizen" in shown


def test_N2_the_page_of_a_connection_calls_failed_only_what_nobody_tries_again(story: Story, receiver: Receiver, client: Client) -> None:
    crm = refused(story, receiver, "A-1", "A-2", "A-3")
    story.signs_in(client)

    def results() -> dict[str, tuple[str, str]]:
        page = client.get(f"/signal/connections/{crm}/overview/").content
        rows = table_rows(page, "Registration", "Result", "Answer")
        assert len(rows) == 3, "each delivery once, however often it was tried"
        failed = sum(row["Result"] == "Failed" for row in rows)
        assert f"Failed {failed} in Retry now" in text_of(page)
        assert page.partition(b'id="last-title"')[2].count(b'class="status failed') == failed
        return {row["Registration"].split()[0]: (row["Result"], row["Answer"]) for row in rows}

    refusal = "401 Unauthorized “invalid_token”"
    assert results() == dict.fromkeys(("A-1", "A-2", "A-3"), ("Waiting", refusal))
    story.retries(0.01, 0.01, 0.01)
    receiver.answer("/crm", lambda request: Answer(200) if request.json()["code"] == "A-2" else NO)
    with story.worker():
        story.submit(story.action("A-2")["key"])
        story.until("A-2", "success")
        story.submit(story.action("A-1")["key"])
        story.until("A-1", "failed")
    assert results() == {"A-1": ("Failed", refusal), "A-2": ("Delivered", "200 OK"), "A-3": ("Waiting", refusal)}


def test_X3_each_hour_of_a_connection_leads_to_its_records(site: SignalAccount, client: Client) -> None:
    signal_account.fill(site)
    site.signs_in(client, site.viewer)
    page = client.get(f"/signal/connections/{site.setup.connection}/overview/").content.decode()
    hours = re.findall(r'<a href="(/signal/metrics/records/[^"]*)"[^>]*>.*?<span class="said">[^<]*: ([^<]*)</span>', page, re.DOTALL)
    assert {href.split("/")[4] for href, _numbers in hours} == {"success", "failures"}
    for href, numbers in hours:
        shown = client.get(html.unescape(href)).content.decode()
        number = sum(int(each) for each in re.findall(r"\d+", numbers))
        assert re.search(rf"<h1>[^<]*: {number}</h1>", shown), (href, numbers)


def test_C3_a_refusing_connection_is_quoted_and_says_since_when(story: Story, receiver: Receiver, client: Client) -> None:
    crm = refused(story, receiver, "A-1", "A-2")
    story.signs_in(client)
    for path in (f"/signal/connections/{crm}/", f"/signal/connections/{crm}/overview/"):
        shown = text_of(client.get(path).content)
        for words in ("Refusing since", "invalid_token", "401 Unauthorized", "Most likely: enter the key", "2 wait"):
            assert words in shown, (path, words)
    shown = text_of(client.get(OVERVIEW).content)
    for words in ("1 thing needs you", "Sales CRM refuses what we send", "invalid_token", "Enter a new key", "2 waiting"):
        assert words in shown, words
    flows = client.get("/signal/flows/").content.decode()
    assert re.search(r'class="chip failed">.*?Sales CRM: refuses, 401', flows, re.DOTALL), "its chip is red"
    (flow,) = story.provider.account(story.account).flows
    editor = client.get(f"/signal/flows/{flow}/").content.decode()
    assert re.search(r'class="callout failed">.*?Sales CRM: refuses, 401', editor, re.DOTALL), "the flow says so, too"
    (row,) = table_rows(flows, "Flow", "Delivered in 24 hours")
    assert row["Delivered in 24 hours"] == "0% of 2"


def test_D7_setup_promises_to_send_only_what_a_save_can_cure(story: Story, receiver: Receiver, client: Client) -> None:
    story.signs_in(client)
    promised = "sent as soon as you save a correction"
    crm = refused(story, receiver, "A-1")
    assert promised in text_of(client.get(f"/signal/connections/{crm}/").content)
    receiver.answer("/crm", Answer(500))
    with story.worker():
        story.record_many([{"code": "A-2", "status": "Attended"}])
        queued(story, 2)
    shown = text_of(client.get(f"/signal/connections/{crm}/").content)
    assert "2 wait, and are sent as soon as it works again" in shown
    assert promised not in shown


def test_C3_a_connection_that_refuses_says_the_most_likely_cure_in_the_list(story: Story, receiver: Receiver, client: Client) -> None:
    refused(story, receiver, "A-1")
    story.signs_in(client)
    shown = text_of(client.get("/signal/connections/").content)
    assert "Most likely: enter the key" in shown


def test_D6_an_answer_without_words_is_not_quoted_twice(story: Story, receiver: Receiver, client: Client) -> None:
    crm = refused(story, receiver, "A-1", answer=Answer(403, b""))
    story.signs_in(client)
    for path in (OVERVIEW, f"/signal/connections/{crm}/overview/"):
        page = client.get(path).content.decode()
        (quote,) = re.findall(r"<blockquote.*?</blockquote>", page, re.DOTALL)
        assert quote.count("403 Forbidden") == 1, (path, quote)


def test_D6_a_failure_by_a_response_rule_quotes_the_target_too(story: Story, receiver: Receiver, client: Client) -> None:
    rule = [{"if": [{"in": "status", "is": ["404"]}], "then": "failed", "shows": "message"}]
    statements = []
    for number in range(3):
        receiver.answer(f"/{number}", Answer(404, {"message": f"Invalid webhook {number}."}))
        story.flow(f"To {number}", [story.to(story.connection(f"CRM {number}", f"/{number}", rule=rule))])
        with story.worker():
            story.record(f"A-{number}", status="Attended")
            queued(story, sum(range(1, number + 2)))
        needs_of(AccountReader(story.db, story.account))
        with counting(story.db, wakers={}) as cost:
            assert len(needs_of(AccountReader(story.db, story.account)).needs) == number + 1
        statements.append(cost.statements)
    assert len(set(statements)) == 1, "the words of all are read at once"
    story.signs_in(client)
    page = client.get(OVERVIEW).content.decode()
    quotes = re.findall(r'<blockquote class="quote">(.*?)</blockquote>', page, re.DOTALL)
    for number, quote in enumerate(sorted(quotes)):
        words = text_of(f"<main {quote}".encode())
        assert re.fullmatch(rf"Invalid webhook {number} Its answer at \d\d:\d\d, 404 Not Found", words), words
    assert len(quotes) == 3


def test_the_pages_of_a_connection_say_in_the_readers_language_why_nothing_answered(
    story: Story, receiver: Receiver, client: Client
) -> None:
    crm = refused(story, receiver, "A-1", answer=Answer(then="close"))
    story.signs_in(client)
    for path in (f"/signal/connections/{crm}/overview/", "/signal/connections/"):
        shown = text_of(client.get(path, headers={"accept-language": "de"}).content)
        assert "hat die Verbindung ohne Antwort geschlossen" in shown, path
        assert "closed the connection" not in shown, path


def test_C3_after_a_save_the_page_says_what_came_of_what_waited(story: Story, receiver: Receiver, client: Client) -> None:
    crm = refused(story, receiver, "A-1", "A-2")
    story.signs_in(client)
    page, saved = f"/signal/connections/{crm}/", story.db.now()
    receiver.answer("/crm", Answer(200))
    story.change_connection(crm, secrets={Secret.KEY: "a new one"})
    first = client.get(f"{page}?saved={saved}").content.decode()
    assert "2 are being sent" in first
    assert "Refusing since" not in first
    assert f'hx-get="{page}?saved={saved}" hx-trigger="every 1s"' in " ".join(first.split())
    with story.worker():
        story.until("A-1", "success")
        story.until("A-2", "success")
    last = client.get(f"{page}?saved={saved}").content.decode()
    assert "2 sent" in text_of(last.encode())
    assert "being sent" not in last
    assert f'hx-get="{page}?saved={saved}"' not in last, "it has ended"
    for other in ("x", "-1", str(saved + 10**15), "1"):
        assert " sent" not in text_of(client.get(f"{page}?saved={other}").content).partition("Target")[0]


def test_C3_a_save_that_changed_nothing_says_what_still_waits(story: Story, receiver: Receiver, client: Client) -> None:
    """The target came round by itself (D7: only a correction sends what waits). The page leads to where it is sent at once."""
    crm = refused(story, receiver, "A-1", "A-2")
    story.signs_in(client)
    receiver.answer("/crm", Answer(200))
    saved = story.db.now()
    assert "wait for their next try" not in text_of(client.get(f"/signal/connections/{crm}/?saved={saved}").content), "it refuses still"
    story.record_many([{"code": "A-3"}])
    with story.worker():
        story.until("A-3", "success")
    shown = client.get(f"/signal/connections/{crm}/?saved={saved}").content
    assert "2 wait for their next try" in text_of(shown)
    assert f'<a href="/signal/retry/?connection={crm}&amp;status=waiting">Send them now, in Retry</a>' in shown.decode()
    assert "wait for their next try" not in text_of(client.get(f"/signal/connections/{crm}/").content)


def test_N2_the_day_begins_at_the_accounts_midnight(site: SignalAccount) -> None:
    delivered(site, "A-1")
    for zone in ("UTC", "Asia/Kathmandu", "America/St_Johns", "Pacific/Kiritimati"):
        with account_reader(site.account.pk) as reader:
            overview = AccountOverview(reader, ZoneInfo(zone))
            rows = site.store.all("SELECT count(*) FROM action WHERE state = 10 AND created >= :at", {"at": overview.window.since})
            assert overview.today.total.sent == rows[0][0], zone
            assert overview.window.since <= overview.now < overview.window.since + 25 * HOUR


def test_N2_yesterday_is_compared_by_the_clock_where_the_clocks_were_changed(site: SignalAccount) -> None:
    """On 25 October 2026 Vienna's clocks went back, so that 13 hours had passed at noon. Insights compares by the clock, too."""
    vienna = ZoneInfo("Europe/Vienna")
    delivered(site, "A-1")
    for hour, number in ((11, 1), (12, 0)):
        minute = to_micros(datetime.datetime(2026, 10, 24, hour, 30, tzinfo=vienna)) // MINUTE
        site.store.run("UPDATE figure_delta SET minute = :minute", {"minute": minute})
        with account_reader(site.account.pk) as reader:
            overview = AccountOverview(reader, vienna)
            overview.now = to_micros(datetime.datetime(2026, 10, 25, 12, 0, tzinfo=vienna))
            assert overview.delivered_yesterday == number, hour


def test_N2_a_source_that_cannot_be_read_needs_somebody_by_rest_too(site: SignalAccount, client: Client) -> None:
    api = ApiClient.for_account(site.account.pk)
    assert api.get("overview")["is_well"]
    with scopes_disabled():
        planted_sources.plant(site.store, site.account.pk)
    site.signs_in(client)
    assert "“Cannot be read” can’t be read since" in text_of(client.get(OVERVIEW).content)
    assert not api.get("overview")["is_well"]


def test_N2_flows_that_are_not_named_are_counted(story: Story, client: Client) -> None:
    story.receiver.answer("/crm", Answer(401))
    crm = story.connection("Sales CRM", "/crm")
    for number in range(1, 6):
        story.flow(f"Flow {number}", [story.to(crm)])
    with story.worker():
        story.record("A-1", status="Attended")
        queued(story, 5)
    story.signs_in(client)
    assert "Stops Flow 1, Flow 2, Flow 3, 2 more." in text_of(client.get(OVERVIEW).content)


def test_N2_what_is_counted_no_further_is_called_more(site: SignalAccount, client: Client) -> None:
    site.record(person("A-1", "Ana", "Roth"), person("A-2", "Ben", "Roth"))
    for code, tries in (("A-1", 1), ("A-2", 4)):
        (first,) = site.actions(code)
        for _try in range(tries):
            site.ends(first, REFUSED)
        copied(site, first, MOST)
    site.signs_in(client)
    page = text_of(client.get(OVERVIEW).content)
    assert "more than 10,000 waiting" in page
    assert "more than 10,000 failed" in page
    api = ApiClient.for_account(site.account.pk)
    assert api.get("overview")["needs"][0]["is_more"]
    assert [cause["items"]["is_more"] for cause in api.get("retry/causes")["items"]] == [True, True]


def copied(site: SignalAccount, action: int, number: int) -> None:
    """So many more actions like this one, which stays the newest."""
    columns = (
        "account_id, uid, lane_id, run_id, registration_id, event_id, flow_id, destination_id, mode, version, rank, state, created, ended, due_at,"
        " queue, cause, category, message, change_id, sent"
    )
    site.store.run(
        f"INSERT INTO action (id, {columns}) WITH RECURSIVE n(i) AS (SELECT CAST(1 AS bigint) UNION ALL SELECT i + 1 FROM n WHERE i < :number)"
        f" SELECT -100000 * id - i, {columns} FROM n CROSS JOIN action WHERE id = :id",
        {"id": action, "number": number},
    )


def test_N2_the_button_of_each_thing_has_a_name_without_spaces(story: Story, client: Client) -> None:
    """An id with a space is none in HTML."""
    story.receiver.answer("/crm", Answer(400, {"message": "No such field"}))
    story.flow("Leads", [story.to(story.connection("Sales CRM", "/crm"))])
    with story.worker():
        story.record("A-1", status="Attended")
        queued(story, 1)
    story.signs_in(client)
    (id,) = re.findall(r'<a class="button primary" id="(need-[^"]*)"', client.get(OVERVIEW).text)
    assert re.fullmatch(r"[\w-]+", id), id
