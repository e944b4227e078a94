"""The period above the Activity Feed (35.6; X1, X4): the list, its chart and its links have what happened in it, in the account's time zone."""

from __future__ import annotations

import datetime
import html
import re
from collections.abc import Iterator
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from tests.api_client import ApiClient
from tests.builders import signal_account
from tests.builders.outcome import REFUSED
from tests.builders.registration import person
from tests.builders.signal_account import SignalAccount
from tests.databases import DatabaseFacts
from tests.figures import fold_all
from tests.page_text import text_of

from heliograph.deliveries.outcome_hours import HOUR, outcome_columns
from heliograph.domain.delivery.outcomes import Delivered
from heliograph.domain.delivery.retry_policy import MINUTE
from heliograph.domain.flow.flow import Mode
from heliograph.insights.period import CalendarPeriod, calendar_window
from heliograph.store.instants import from_micros, to_micros

FEED, SUMMARY = "/signal/metrics/feed/", "/signal/metrics/"
DAY = 24 * HOUR
AGES = (0, 5, 70, 200, 1_300, 1_600, 2_900, 4_000, 6_000, 9_000, 15_000, 30_000, 41_000, 60_000, 100_000, 140_000, 500_000)
"""How many minutes ago changes were sent."""


@pytest.fixture
def site(database: DatabaseFacts) -> Iterator[SignalAccount]:
    with signal_account.site(database) as made:
        yield made


def fill(site: SignalAccount, ages: tuple[int, ...] = AGES) -> int:
    """A change for each age, every third of them not delivered. Returns the present (microseconds)."""
    site.record(*(person(f"S26-{n}", "Ada", f"No{n}") for n, _age in enumerate(ages)))
    now = site.store.now()
    for n, age in enumerate(ages):
        (action,) = site.actions(f"S26-{n}")
        site.ends(action, Delivered(200) if n % 3 else REFUSED)
        site.store.run("UPDATE action SET created = :at WHERE id = :id", {"at": now - age * MINUTE, "id": action})
    count_anew(site)
    site.account.created = from_micros(now) - datetime.timedelta(days=500)
    site.account.save()
    return now


def count_anew(site: SignalAccount) -> None:
    """The figures of the actions as they stand."""
    for table in ("figure_delta", "figure_sum", "figure_hour"):
        site.store.run(f"DELETE FROM {table}")
    for measure in ("10", "10 + a.state"):  # triggered, and what became of it
        site.store.run(
            "INSERT INTO figure_delta (account_id, minute, mode, integration, flow_id, connection_id, category, measure, n)"
            f" SELECT a.account_id, a.created / {MINUTE}, a.mode, 1, a.flow_id, l.connection_id, 0, {measure}, count(*)"
            " FROM action a JOIN lane l ON l.id = a.lane_id GROUP BY 1, 2, 3, 5, 6, 8"
        )


def in_zone(site: SignalAccount, zone: str) -> None:
    site.account.timezone = zone
    site.account.save()


def changes_of(page: str) -> set[str]:
    return set(re.findall(r'id="change-(\d+)"', page))


def sent_in(site: SignalAccount, since: int, until: int) -> set[str]:
    """The changes that were sent in [since, until)."""
    rows = site.store.all("SELECT change_id FROM action WHERE created >= :since AND created < :until", {"since": since, "until": until})
    return {str(id) for (id,) in rows}


# --- the chart


@pytest.mark.parametrize("zone", ["Europe/Vienna", "Asia/Kathmandu", "America/St_Johns"])
@pytest.mark.parametrize("is_folded", [False, True])
def test_35_6_each_column_of_a_chart_opens_exactly_its_changes(site: SignalAccount, client: Client, zone: str, is_folded: bool) -> None:
    fill(site)
    in_zone(site, zone)
    if is_folded:
        fold_all(site.store, site.account.pk)
    site.signs_in(client)
    today = datetime.datetime.now(ZoneInfo(zone)).date()
    for query in (
        "",
        "period=4h",
        "period=today",
        "period=yesterday",
        "period=week",
        "period=7d",
        "period=30d",
        "days=100",
        "days=400",
        f"from={today - datetime.timedelta(days=4)}&to={today}",
        f"date={today - datetime.timedelta(days=1)}",
        f"period=7d&date={today - datetime.timedelta(days=1)}",
    ):
        answer = client.get(f"{FEED}?{query}")
        chart, found = answer.context["chart"], set()
        if chart is None:
            assert not changes_of(answer.text), query
            continue
        columns = zip(chart.plots.delivered.columns, (chart.plots.undelivered or chart.plots.delivered).columns, strict=True)
        for pair in columns:
            for href in {column.href for column in pair if column.href}:
                said = " ".join({column.description.rpartition(":")[2] for column in pair if column.href})
                opened = changes_of(client.get(FEED + href, follow=True).text)
                assert len(opened) == sum(map(int, re.findall(r"\d+", said))), (query, href, said)
                assert not opened & found, (query, href)
                found |= opened
        assert found, query
        if len(found) < 25 and query:
            assert found == changes_of(answer.text), query


def test_35_6_a_chart_has_hours_up_to_two_days_and_then_days(site: SignalAccount, client: Client) -> None:
    fill(site)
    site.signs_in(client)
    today = datetime.datetime.now(ZoneInfo("Europe/Vienna")).date()
    for query, least, most, heading in (
        ("period=1h", 12, 12, "By minute"),
        ("period=1d", 24, 25, "By hour"),
        ("days=2", 48, 49, "By hour"),
        ("days=3", 3, 4, "By day"),
        ("period=30d", 30, 31, "By day"),
        ("days=400", 30, 31, "By day"),
        (f"from={today - datetime.timedelta(days=9)}&to={today}", 10, 10, "By day"),
    ):
        chart = client.get(f"{FEED}?{query}").context["chart"]
        assert least <= len(chart.plots.delivered.columns) <= most, query
        assert chart.unit.heading == heading, query
    labels = [column.label for column in client.get(f"{FEED}?period=7d").context["chart"].plots.delivered.columns if column.label]
    assert labels
    assert all(re.fullmatch(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun) \d+", label) for label in labels), labels
    labels = [column.label for column in client.get(f"{FEED}?days=2").context["chart"].plots.delivered.columns if column.label]
    assert all(re.fullmatch(r"\w{3} \d\d:\d\d", label) for label in labels), labels


def test_35_6_days_have_the_hours_of_the_accounts_zone_when_clocks_change(site: SignalAccount, client: Client) -> None:
    """25 October 2026 has 25 hours in Vienna, 29 March 2026 has 23."""
    fill(site, (1, 2, 3))
    vienna = ZoneInfo("Europe/Vienna")
    times = ((25, 10, 0, 30), (25, 10, 23, 30), (29, 3, 12, 0))
    for n, (day, month, hour, minute) in enumerate(times):
        at = to_micros(datetime.datetime(2026, month, day, hour, minute, tzinfo=vienna))
        site.store.run("UPDATE action SET created = :at WHERE id = :id", {"at": at, "id": site.actions(f"S26-{n}")[0]})
    count_anew(site)
    site.account.created = datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC)
    site.account.save()
    site.signs_in(client)
    for query, hours, changes in (
        ("date=2026-10-25", 25, 2),
        ("date=2026-03-29", 23, 1),
        ("from=2026-10-24&to=2026-10-25", 49, 2),
        ("from=2026-03-28&to=2026-03-29", 47, 1),
    ):
        answer = client.get(f"{FEED}?{query}")
        assert len(answer.context["chart"].plots.delivered.columns) == hours, query
        assert len(changes_of(answer.text)) == changes, query
    days = client.get(f"{FEED}?from=2026-10-20&to=2026-10-28").context["chart"].plots.undelivered.columns
    assert ["date=2026-10-25" in column.href for column in days].count(True) <= 1
    assert len(days) == 9


def test_35_6_an_hour_across_midnight_has_the_chart_of_its_day_in_the_period(site: SignalAccount, client: Client) -> None:
    """In Kolkata midnight is in the middle of an hour of UTC, which begins on the day before the period."""
    fill(site, (1,))
    kolkata = ZoneInfo("Asia/Kolkata")
    in_zone(site, "Asia/Kolkata")
    at = to_micros(datetime.datetime(2026, 11, 2, 0, 10, tzinfo=kolkata))
    site.store.run("UPDATE action SET created = :at", {"at": at})
    count_anew(site)
    site.signs_in(client)
    answer = client.get(f"{FEED}?from=2026-11-02&to=2026-11-08&hour={at // HOUR}")
    assert len(changes_of(answer.text)) == 1
    assert answer.context["chart"] is not None
    assert len(answer.context["chart"].plots.undelivered.columns) == 25, "the first and the last have half an hour"


def test_35_6_the_chart_of_a_new_account_fits_its_age_in_every_period(site: SignalAccount, client: Client) -> None:
    now = fill(site, (1, 5, 50))
    site.account.created = from_micros(now) - datetime.timedelta(days=8)
    site.account.save()
    site.signs_in(client)
    for query, most in (("period=30d", 9), ("days=400", 6), ("period=7d", 8)):
        columns = client.get(f"{FEED}?{query}").context["chart"].plots.delivered.columns
        assert len(columns) <= most, query
        assert len(columns) >= 6, query
    site.store.run("UPDATE action SET created = :at WHERE id = :id", {"at": now - 20 * DAY, "id": site.actions("S26-0")[0]})
    count_anew(site)
    assert len(client.get(f"{FEED}?period=30d").context["chart"].plots.delivered.columns) >= 30, "what it has is not cut off"


@pytest.mark.parametrize("query", ["period=today", "period=yesterday", "period=week", "period=7d", "period=1d", "days=20"])
def test_35_6_a_period_is_compared_with_the_one_before_as_on_summary(site: SignalAccount, client: Client, query: str) -> None:
    fill(site)
    site.signs_in(client)
    answer = client.get(f"{FEED}?{query}").context["chart"].answer
    assert re.match(r"\d+ delivered", answer)
    assert answer in text_of(client.get(f"{SUMMARY}?{query}").content)
    assert client.get(f"{FEED}?{query}&connection={site.setup.connection}").context["chart"].answer == answer
    assert client.get(f"{FEED}?{query}&result=failure").context["chart"].answer == "", "nothing delivered stands there"
    assert client.get(FEED).context["chart"].answer == ""


@pytest.mark.parametrize("is_folded", [False, True])
@pytest.mark.parametrize("edges", [(-500_000, -1), (-41_001, -9_000, -8_977, 1), (-75, -60, -59, -4, 1), (-6_000, -4_000, -200, -70)])
def test_X2_the_outcomes_by_column_are_those_of_the_rows(site: SignalAccount, edges: tuple[int, ...], is_folded: bool) -> None:
    """edges: minutes from the next whole minute."""
    now = fill(site)
    if is_folded:
        fold_all(site.store, site.account.pk)
    ends = [(-(-now // MINUTE) + edge) * MINUTE for edge in edges]
    flow, connection = site.setup.flows["All"], site.setup.connection
    for narrowed, expected in (({}, True), ({"flow": flow}, True), ({"connection": connection}, True), ({"flow": 9_999}, False)):
        found = outcome_columns(site.store, site.account.pk, Mode.LIVE, ends, **narrowed)
        for column, (since, until) in enumerate(pairwise(ends)):
            rows = site.store.all(
                "SELECT state, count(*) FROM action WHERE created >= :since AND created < :until GROUP BY state",
                {"since": since, "until": until},
            )
            states = {int(state): int(n) for state, n in rows} if expected else {}
            assert found.delivered[column] == states.get(10, 0), (narrowed, column)
            assert found.waiting[column] == states.get(2, 0), (narrowed, column)
    assert outcome_columns(site.store, site.account.pk, Mode.TEST, ends).due == 0


# --- the list


def test_35_6_a_period_narrows_the_feed_on_the_page_and_by_rest(site: SignalAccount, client: Client) -> None:
    now = fill(site)
    api = ApiClient.for_account(site.account.pk)
    site.signs_in(client)
    zone = ZoneInfo("Europe/Vienna")
    today = from_micros(now).astimezone(zone).date()
    for query, days in (("period=1h", 1 / 24), ("period=1d", 1), ("period=7d", 7), ("days=5", 5), ("days=400", 400)):
        expected = sent_in(site, now - int(days * DAY), now + MINUTE)
        assert expected
        assert changes_of(client.get(f"{FEED}?{query}").text) == expected, query
        assert {change["id"] for change in api.get(f"feed?{query}")["items"]} == expected, query
    for period in CalendarPeriod:
        window = calendar_window(period, now, zone)
        expected = sent_in(site, window.since, window.until)
        assert changes_of(client.get(f"{FEED}?period={period}").text) == expected, period
        assert {change["id"] for change in api.get(f"feed?period={period}")["items"]} == expected, period
    week = f"from={today - datetime.timedelta(days=6)}&to={today}"
    day = today - datetime.timedelta(days=2)
    for query in (week, f"{week}&date={day}", f"{week}&result=failure", f"{week}&q=No3"):
        page, answer = client.get(f"{FEED}?{query}"), api.get(f"feed?{query}&limit=200")
        assert changes_of(page.text) == {change["id"] for change in answer["items"]}, query
    assert len(changes_of(client.get(f"{FEED}?days=400").text)) == len(AGES), "the default has no beginning, as these have"
    assert changes_of(client.get(FEED).text) == changes_of(client.get(f"{FEED}?days=400").text)
    moments = f"since={from_micros(now // MINUTE * MINUTE - 90 * MINUTE):%Y-%m-%dT%H:%M:%SZ}&until={from_micros(now // MINUTE * MINUTE):%Y-%m-%dT%H:%M:%SZ}"
    minutes = f"since={now // MINUTE - 90}&until={now // MINUTE}"
    assert {change["id"] for change in api.get(f"feed?{moments}")["items"]} == changes_of(client.get(f"{FEED}?{minutes}").text) != set()


def test_35_6_pages_of_a_period_end_with_it(site: SignalAccount, client: Client) -> None:
    now = fill(site, (*range(1, 31), 60 * 24 * 9))
    site.signs_in(client)
    page = client.get(f"{FEED}?period=7d")
    older = html.unescape(re.search(r'rel="next" href="([^"]+)"', page.text)[1])
    assert "period=7d" in older
    rest = client.get(FEED + older)
    assert changes_of(page.text) | changes_of(rest.text) == sent_in(site, now - 7 * DAY, now + MINUTE)
    assert 'rel="next"' not in rest.text
    api = ApiClient.for_account(site.account.pk)
    assert len(api.every("feed?period=7d&limit=7")) == 30


def test_35_6_what_is_no_period_is_refused_by_rest_as_on_the_page(site: SignalAccount) -> None:
    api = ApiClient.for_account(site.account.pk)
    for query, field in (
        ("period=fortnight", "period"),
        ("days=0", "days"),
        ("days=401", "days"),
        ("days=x", "days"),
        ("from=2026-10-05&to=2026-10-01", "to"),
        ("from=2024-01-01&to=2026-10-01", "to"),
        ("from=2026-02-31&to=2026-10-01", "from"),
        ("from=2026-10-01", "to"),
        ("to=2026-10-01", "from"),
        ("since=2026-10-01T00:00:00Z", "since"),
        ("days=3&period=1h", "days"),
        ("period=today&from=2026-10-01&to=2026-10-02", "from"),
    ):
        assert api.get(f"feed?{query}", status=400)["errors"][0]["field"] == field, query
        assert api.get(f"figures?{query}", status=400)["errors"][0]["field"] == field, query
    assert api.get("figures?period=yesterday")


def test_35_6_the_feed_follows_a_period_that_goes_on(site: SignalAccount, client: Client) -> None:
    now = fill(site)
    site.signs_in(client)
    today = from_micros(now).astimezone(ZoneInfo("Europe/Vienna")).date()
    yesterday = today - datetime.timedelta(days=1)
    for query, follows in (
        ("", True),
        ("period=1h", True),
        ("period=today", True),
        ("period=week", True),
        ("days=400", True),
        (f"from={yesterday}&to={today}", True),
        (f"date={today}", True),
        (f"period=today&date={today}", True),
        ("period=yesterday", False),
        (f"from={yesterday}&to={yesterday}", False),
        (f"date={yesterday}", False),
        (f"period=7d&date={yesterday}", False),
        (f"since={now // MINUTE - 90}&until={now // MINUTE}", False),
        (f"period=1d&hour={now // HOUR}", False),
        (f"period=1d&paused={now}", False),
    ):
        answer = client.get(f"{FEED}?{query}")
        assert ("data-live" in answer.text) is follows, query
        assert (answer.context["beside"].get("text") == "Pause") is follows, query


def test_35_6_the_list_refreshes_itself_without_the_chart(site: SignalAccount, client: Client) -> None:
    fill(site)
    site.signs_in(client)
    for is_live in (False, True):
        answer = client.get(f"{FEED}?days=400", headers={"HX-Request": "true"} if is_live else {})
        assert changes_of(answer.text)
        assert ("chart" in answer.context) is not is_live
        assert ("periods" in answer.context) is not is_live


# --- one time at once


def test_35_6_the_bar_says_what_is_chosen_and_keeps_the_filters(site: SignalAccount, client: Client) -> None:
    now = fill(site)
    site.signs_in(client)
    flow = site.setup.flows["All"]
    for query, chosen in (
        ("", "Any time"),
        ("period=today", "Today"),
        ("period=week", "This week"),
        ("period=30d", "Last 30 days"),
    ):
        bar = client.get(f"{FEED}?{query}").text.split('class="period"')[1].split("</details>")[0]
        current = re.findall(r'<a href="[^"]*" aria-current="true">(.*?)</a>', bar)
        assert current == [chosen], query
        assert f"{chosen}\n" in bar.split("</summary>")[0], "a phone has it on one button"
    kept = f"q=No&result=failure&flow={flow}&connection={site.setup.connection}&mode=test&replays=without"
    lost = f"hour={now // HOUR}&date={from_micros(now).date()}&jump={from_micros(now):%Y-%m-%dT%H:%M}&paused={now}"
    page = client.get(f"{FEED}?{kept}&{lost}&period=week", follow=True).text
    bar = page.split('class="period"')[1].split('class="tabs"')[0]
    links = [html.unescape(href) for href in re.findall(r'<a href="([^"]+)"', bar)]
    assert len(links) > 9
    for href in links:
        assert not re.search("hour=|date=|jump=|paused=|at=", href), href
        assert all(pair in href for pair in kept.split("&")), href
    for form in bar.split("<form")[1:]:
        assert all(f'name="{pair.split("=")[0]}" value="{pair.split("=")[1]}"' in form for pair in kept.split("&"))
    filters = page.split("data-instant")[1].split("</form>")[0]
    assert '<input type="hidden" name="period" value="week">' in filters
    assert "period=week" in html.unescape(re.search(r'href="([^"]*)"[^>]*>Test Flows', page)[1])
    summary = html.unescape(re.search(r'href="(/signal/metrics/\?[^"]*)"[^>]*>Summary', page.replace("\n", ""))[1])
    assert "period=week" in summary
    assert f"{FEED}?period=week&amp;mode=test&amp;replays=without" in client.get(summary).text, "and leads back to it"
    assert f"{FEED}?period=week&amp;connection={site.setup.connection}" in client.get(f"{SUMMARY}?period=week").text


def test_35_6_a_later_choice_replaces_a_time_that_leaves_nothing_of_it(site: SignalAccount, client: Client) -> None:
    now = fill(site)
    site.signs_in(client)
    today = from_micros(now).astimezone(ZoneInfo("Europe/Vienna")).date()
    old = today - datetime.timedelta(days=40)
    hour_of_old = to_micros(datetime.datetime.combine(old, datetime.time(12), ZoneInfo("Europe/Vienna"))) // HOUR
    for query, shown in (
        (f"period=today&date={old}", f"date={old}"),
        (f"period=today&hour={hour_of_old}", f"hour={hour_of_old}"),
        (f"period=7d&date={old}&hour={hour_of_old}", f"date={old}&hour={hour_of_old}"),
        (f"date={today}&hour={hour_of_old}", f"date={today}"),
        (f"days=3&jump={old}T10:00", f"jump={old}T10%3A00"),
        (f"from={today}&to={today}&date={old}&at=x", f"date={old}"),
    ):
        answer = client.get(f"{FEED}?{query}")
        assert answer.status_code == 302, query
        assert answer["Location"] == f"?{shown}", query
        assert client.get(FEED + answer["Location"]).status_code == 200, query
    for query in (f"date={old}&jump={old - datetime.timedelta(days=9)}T10:00", f"period=7d&date={today}", f"period=7d&jump={today}T00:00"):
        assert client.get(f"{FEED}?{query}").status_code == 200, query
    for date in ("1970-01-01", "9998-12-31"):
        assert "Nothing matches" in text_of(client.get(f"{FEED}?date={date}").content), "no day is too far"


def test_35_6_a_period_without_anything_says_so_and_leads_out(site: SignalAccount, client: Client) -> None:
    fill(site)
    site.signs_in(client)
    page = client.get(f"{FEED}?from=2001-01-01&to=2001-01-02&mode=live")
    assert page.context["chart"] is None
    assert "Nothing happened in this period" in text_of(page.content)
    (href,) = re.findall(r'<a class="button" href="([^"]+)">Any time', page.text)
    assert changes_of(client.get(FEED + html.unescape(href)).text)


def test_35_6_a_saved_view_keeps_its_period(site: SignalAccount, client: Client) -> None:
    now = fill(site)
    site.signs_in(client)
    filters = client.get(f"{FEED}?period=week&result=failure&hour={now // HOUR}").context["filters"]
    assert filters.view_query == "period=week&result=failure"
    client.post("/accounts/me/views/", {"list_name": "feed", "name": "Failures", "query": filters.view_query})
    (view,) = client.get(f"{FEED}?result=failure&period=week").context["filters"].views
    assert view.current
    assert view.href.endswith("?period=week&result=failure")
