"""The Activity Feed by the REST API: the changes of the page, with what became of them."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from django.test import Client
from tests.api_client import ApiClient
from tests.api_filters import check_filters
from tests.builders import signal_account
from tests.builders.signal_account import SignalAccount
from tests.counted import counting_pages
from tests.databases import DatabaseFacts
from tests.page_text import text_of

from heliograph.accounts.models import Role, TokenScope
from heliograph.api.documents.feed_documents import FeedQuery
from heliograph.insights.views.feed_page import FeedFilters
from heliograph.setup.services.account_creation import AccountFacts, create_account


@pytest.fixture
def site(database: DatabaseFacts) -> Iterator[SignalAccount]:
    with signal_account.site(database) as made:
        signal_account.fill(made)
        yield made


@pytest.fixture
def api(site: SignalAccount) -> ApiClient:
    return ApiClient.for_account(site.account.pk)


def test_the_filters_are_those_of_the_page() -> None:
    check_filters(
        FeedQuery,
        FeedFilters,
        only_page={
            "event-code": "a field for accounts with too many events for a menu; programs have the event's id",
            "hour": "an hour of the chart above the page",
        },
        only_api={},
    )


def test_X4_a_change_has_its_outcome_at_each_destination(site: SignalAccount, api: ApiClient, client: Client) -> None:
    changes = api.get("feed")["items"]
    assert [change["at"] for change in changes] == sorted((change["at"] for change in changes), reverse=True)
    results = {outcome["result"] for change in changes for outcome in change["outcomes"]}
    assert {"success", "queued", "failed", "validation", "untagged"} <= results
    (failed,) = (change for change in changes if any(outcome["result"] == "failed" for outcome in change["outcomes"]))
    (outcome,) = failed["outcomes"]
    key = f"a{site.actions('S26-5')[0]}"
    assert (failed["registration"]["code"], outcome["item"], outcome["next_try"]) == ("S26-5", key, None)
    assert outcome["reason_code"] == "answer"
    assert api.get(f"retry/{outcome['item']}")["change"] == failed["id"]
    site.signs_in(client)
    page = text_of(client.get("/signal/metrics/feed/").content)
    for change in changes:
        assert change["what"] in page
        assert all(outcome["reason"] in page for outcome in change["outcomes"])


def test_the_feed_is_filtered_paused_and_read_page_by_page(site: SignalAccount, api: ApiClient) -> None:
    changes = api.get("feed?limit=200")["items"]
    every = [change["id"] for change in changes]
    assert [change["id"] for change in api.every("feed?limit=2")] == every
    paused = changes[3]["at"]
    assert [change["id"] for change in api.get(f"feed?paused={quote(paused)}")["items"]] == every[3:]
    assert [change["registration"]["code"] for change in api.get("feed?q=s26-5")["items"]] == ["S26-5"]
    failures = api.get("feed?result=failure")["items"]
    assert {outcome["result"] for change in failures for outcome in change["outcomes"]} <= {"queued", "failed", "validation"}
    today = datetime.datetime.now(datetime.UTC).date()
    for query, is_empty in (
        ("mode=test", True),
        ("flow=99999", True),
        ("event=99999", True),
        (f"event={site.setup.event}", False),
        ("connection=99999", True),
        ("replays=only", True),
        (f"date={today - datetime.timedelta(days=3)}", True),
        ("jump=2026-01-01T00:00:00Z", True),
        (f"jump={today + datetime.timedelta(days=3)}T00:00:00Z", False),
        ("result=not-triggered", False),
    ):
        assert (api.get(f"feed?{query}")["items"] == []) is is_empty, query


def test_what_cannot_be_read_is_refused_by_name(api: ApiClient) -> None:
    for query, field in (
        ("date=2026-02-31", "date"),
        ("event=x", "event"),
        ("jump=09:30", "jump"),
        ("paused=now", "paused"),
        ("mode=all", "mode"),
        ("result=lost", "result"),
        ("cursor=x", "cursor"),
        ("at=1", "at"),
    ):
        assert api.get(f"feed?{query}", status=400)["errors"][0]["field"] == field


def test_the_feed_takes_as_many_statements_for_many_changes_as_for_one(api: ApiClient) -> None:
    api.get("feed")
    counts = []
    for limit in (2, 7):
        with counting_pages() as cost:
            assert len(api.get(f"feed?limit={limit}")["items"]) == limit
        counts.append(cost.statements)
    assert counts[1] <= counts[0] + 2  # names of connections and prospects are read only if a page has any


def test_P1_the_feed_is_its_accounts(site: SignalAccount, api: ApiClient) -> None:
    other = ApiClient.for_account(create_account(AccountFacts("OTHER", "Other"), by="test").pk)
    assert other.get("feed")["items"] == []
    flow = api.get("feed")["items"][0]["outcomes"][0]["flow"]["id"]
    for query in (f"flow={flow}", f"event={site.setup.event}", f"connection={site.setup.connection}"):
        assert other.get(f"feed?{query}")["items"] == []
    assert ApiClient.for_account(site.account.pk, [TokenScope.READ], Role.VIEWER).get("feed")["items"]
