"""A period or a day that there is not is refused in words, on every page that takes one (X1, X4): no other one is shown in its place."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from tests.builders.signal_account import SignalAccount
from tests.page_text import text_of

from heliograph.insights.period import MOST_DAYS

INSIGHTS = (
    "/signal/metrics/",
    "/signal/metrics/troubleshooting/",
    "/signal/metrics/posts/webhooks/",
    "/signal/metrics/posts/webhooks/troubleshooting/",
    "/signal/metrics/records/triggered/",
    "/signal/metrics/records/changes/",
    "/signal/metrics/feed/",
    "/signal/metrics/posts/webhooks/feed/",
)
WRONG = (
    ({"days": "0"}, f"from 1 to {MOST_DAYS}"),
    ({"days": "abc"}, f"from 1 to {MOST_DAYS}"),
    ({"days": "401"}, f"from 1 to {MOST_DAYS}"),
    ({"from": "2026-10-05", "to": "2026-10-01"}, "The period ends before it begins. Choose a later end."),
    ({"from": "2024-01-01", "to": "2026-10-01"}, "These are 1,005 days."),
    ({"from": "2026-02-31", "to": "2026-10-01"}, "“2026-02-31” is not a day"),
    ({"from": "2026-10-01"}, "Choose the day on which it ends."),
    ({"to": "2026-10-01"}, "Choose the day on which it begins."),
    ({"period": "fortnight"}, "a period that does not exist"),
    ({"since": "1", "until": "x"}, "It may be incomplete"),
    ({"days": "3", "period": "1h"}, "two periods at once"),
)
FEED = (
    ({"date": "2026-02-31"}, "“2026-02-31” is not a day."),
    ({"date": "9999-12-31"}, "“9999-12-31” is not a day."),
    ({"date": "abc"}, "“abc” is not a day."),
    ({"jump": "x"}, "“x” is not a time."),
    ({"jump": "2026-13-45T00:00"}, "“2026-13-45T00:00” is not a time."),
    ({"jump": "9999-12-31T23:59"}, "“9999-12-31T23:59” is not a time."),
)


def test_X1_a_period_that_there_is_not_is_refused_on_every_page(site: SignalAccount, client: Client) -> None:
    site.signs_in(client)
    for address in INSIGHTS:
        for query, sentence in WRONG:
            answer = client.get(address, query)
            page, text = answer.content.decode(), text_of(answer.content)
            assert answer.status_code == 422, (address, query)
            assert sentence in text, (address, query, text)
            for name in query.keys() & {"days", "from", "to"}:
                assert re.search(rf'name="{name}"\s+(inputmode="numeric" )?value="{query[name]}"', page), (address, query, name)
            main = page[page.index("<main") :]
            links = set(re.findall(r'href="(/signal/metrics/records/[^"?]*)', main))
            assert links <= {address}, "no figure stands there as if it had been asked for"
            assert "S26-" not in main
            assert 'aria-current="true"' not in main.split('class="period"')[1].split("<details")[0], "no period is the chosen one"


def test_X3_nothing_is_exported_of_a_period_that_there_is_not(site: SignalAccount, client: Client) -> None:
    site.signs_in(client)
    for query in ("days=0", "from=2026-10-05&to=2026-10-01", "since=x&until=9"):
        answer = client.post(f"/signal/metrics/records/triggered/export/?{query}", {"form": "exact"})
        assert answer.status_code == 422, query
    ((jobs,),) = site.store.all("SELECT count(*) FROM jobs_job")
    assert jobs == 0


@pytest.mark.parametrize(("query", "sentence"), FEED)
def test_X4_a_day_or_time_that_there_is_not_is_refused_in_the_feed(
    site: SignalAccount, client: Client, query: dict[str, str], sentence: str
) -> None:
    site.signs_in(client)
    for address in ("/signal/metrics/feed/", "/signal/metrics/posts/webhooks/feed/"):
        answer = client.get(address, query)
        page, text = answer.content.decode(), text_of(answer.content)
        assert answer.status_code == 422
        assert sentence in text
        ((name, value),) = query.items()
        assert re.search(rf'name="{name}"[^>]*value="{value}"', page)
        assert not re.search(rf'<input[^>]*type="date[^>]*name="{name}"', page), "a browser would leave its field empty"
        assert "Zoë Marin" not in text
        assert "hx-get" not in page[page.index("<main") :], "it does not go on by itself"
        assert "Nothing matches" not in text
        assert "Nothing has happened" not in text


def test_Y1_a_day_that_there_is_not_is_refused_where_a_link_fills_the_form(site: SignalAccount, client: Client) -> None:
    site.signs_in(client)
    for query in ("from=2026-02-31", "to=abc", "from=2026-10-05&to=2026-10-01"):
        page = client.get(f"/signal/replay/?{query}")
        assert page.status_code == 422, query
        assert re.search("Give a day, such as|The period ends before it begins", text_of(page.content)), query
        (typed,) = {text.split("=")[1] for text in query.split("&")[:1]}
        assert f'value="{typed}"' in page.content.decode()
    assert client.get("/signal/replay/?from=2026-10-01&to=2026-10-05").status_code == 200
