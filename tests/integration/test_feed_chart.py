"""The chart above the Activity Feed: its hours are links to exactly the changes of that hour (35.6; X4)."""

from __future__ import annotations

import datetime
import html
import re

from django.test import Client
from tests.builders import signal_account
from tests.builders.outcome import REFUSED
from tests.builders.signal_account import SignalAccount
from tests.databases import DatabaseFacts
from tests.page_text import text_of

from heliograph.deliveries.outcome_hours import HOUR
from heliograph.domain.delivery.outcomes import Delivered
from heliograph.store.instants import from_micros

FEED = "/signal/metrics/feed/"


def hours_of(page: str) -> list[str]:
    """The links of the chart."""
    return [html.unescape(href) for href in re.findall(r'href="(\?[^"]*hour=\d+[^"]*)"', page)]


def chosen_columns(page: str) -> list[str]:
    """The links of the columns that are marked as chosen."""
    chart = page.partition("<figure")[2].partition("</figure>")[0]
    return [html.unescape(href) for href in re.findall(r'href="([^"]*)"\s+aria-current="true"', chart)]


def fill(site: SignalAccount) -> int:
    """Two changes, of which one was delivered. Returns their hour."""
    keys = signal_account.fill(site)
    site.ends(int(keys["waiting"][1:]), REFUSED)
    site.ends(site.actions("S26-6")[-1], Delivered(200))
    return site.setup.db.now() // HOUR


def test_35_6_an_hour_of_the_chart_filters_the_feed(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database) as site:
        hour = fill(site)
        site.signs_in(client)
        shown = client.get(FEED).content.decode()
        hours = sorted(set(hours_of(shown)))
        assert hours
        assert all("hour=" in each and "at=" not in each for each in hours)
        of_hour = client.get(FEED + hours[-1]).content.decode()
        assert "All hours" in text_of(of_hour.encode())
        assert set(re.findall(r'id="change-\d+"', of_hour)) <= set(re.findall(r'id="change-\d+"', shown))
        assert re.findall(r'id="change-\d+"', of_hour)
        assert hours_of(of_hour), "the neighbours stay"
        chosen = chosen_columns(of_hour)
        assert chosen
        assert set(chosen) == {hours[-1]}, "the hour itself"
        assert re.search(r'<p class="said-default">[^<]+: \d+ delivered', of_hour), "its words stay"
        assert not chosen_columns(shown)
        assert "Pause" not in text_of(of_hour.encode()), "an hour that is over does not move"
        empty = client.get(f"{FEED}?hour={hour - 300}").content.decode()
        assert not re.findall(r'id="change-\d+"', empty)
        assert "Nothing matches" in text_of(empty.encode())


def test_35_6_the_chart_follows_filters_that_figures_know_and_goes_with_others(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database) as site:
        fill(site)
        site.signs_in(client)
        event, connection = site.setup.event, site.setup.connection
        for query, has_chart in (
            ("", True),
            (f"connection={connection}", True),
            ("result=success", True),
            ("result=failure", True),
            (f"flow={site.setup.flows['All']}", True),
            ("q=Zo", False),
            (f"event={event}", False),
            ("replays=only", False),
            ("connection=1", False),
            ("hour=x", True),
            ("hour=99999999999", True),
            ("date=2026-02-31", False),
        ):
            response = client.get(f"{FEED}?{query}")
            assert bool(hours_of(response.content.decode())) is has_chart, query
        assert "Delivered" not in text_of(client.get(f"{FEED}?result=failure").content).split("By hour")[1].split("Success and failure")[0]


def test_35_6_a_link_of_the_chart_keeps_the_filters(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database) as site:
        fill(site)
        site.signs_in(client)
        connection = site.setup.connection
        hours = hours_of(client.get(f"{FEED}?connection={connection}&date=2026-11-30&jump=2026-11-30T10:00").content.decode())
        hours += hours_of(client.get(f"{FEED}?connection={connection}").content.decode())
        assert hours
        for href in hours:
            assert f"connection={connection}" in href
            assert "jump=" not in href


def test_35_6_the_chart_of_a_new_account_fits_its_age(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database) as site:
        now = fill(site)
        site.signs_in(client)
        for age, columns in ((datetime.timedelta(), 6), (datetime.timedelta(hours=9), 10), (datetime.timedelta(days=3), 24)):
            site.account.created = from_micros(now * HOUR) - age
            site.account.save()
            shown = client.get(FEED).context["chart"].plots.delivered.columns
            assert len(shown) - columns in (0, 1), "1 if an hour has just ended"
