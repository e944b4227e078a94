"""Figures, their reasons and the records behind them by the REST API: the same numbers and lists as on the pages, for one account only."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

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
from heliograph.api.documents.figure_documents import FACETS
from heliograph.api.documents.record_documents import STATES, RecordQuery
from heliograph.domain.delivery.action import ActionState
from heliograph.domain.registration.change import Facet
from heliograph.insights.integrations import INTEGRATIONS
from heliograph.insights.record_kinds import RecordKind
from heliograph.insights.views.records_page import RecordFilters
from heliograph.setup.services.account_creation import AccountFacts, create_account

OF_BOTH = (
    "changes registrations triggered success superseded queued failed validation pending failures not_triggered untagged undecided flows"
)


@pytest.fixture
def site(database: DatabaseFacts) -> Iterator[SignalAccount]:
    with signal_account.site(database) as made:
        signal_account.fill(made)
        yield made


@pytest.fixture
def api(site: SignalAccount) -> ApiClient:
    return ApiClient.for_account(site.account.pk)


def stranger() -> ApiClient:
    return ApiClient.for_account(create_account(AccountFacts("OTHER", "Other"), by="test").pk)


def test_the_parameters_are_those_of_the_page() -> None:
    check_filters(
        RecordQuery,
        RecordFilters,
        only_page={
            "event-code": "a field for accounts with too many events for a menu; programs have the event's id",
            "n": "the number that the link showed, for the sentence on how many have moved since",
        },
        only_api={},
    )


def test_every_kind_of_change_state_and_integration_has_its_name() -> None:
    assert list(FACETS.values()) == list(Facet)
    assert set(STATES) == set(ActionState)
    assert [integration.segment for integration in INTEGRATIONS] == ["webhooks"]


def numbers(document: dict[str, Any]) -> Iterator[tuple[int, str]]:
    """The value and the address of every figure that has a list."""
    for part in document.values():
        for each in part if isinstance(part, list) else [part]:
            if isinstance(each, dict) and each.get("records"):
                yield each["value"], each["records"]


def test_X2_X3_each_number_is_that_of_its_list(api: ApiClient) -> None:
    document = api.get("figures?period=1h")
    assert document["triggered"]["value"] == sum(
        document[name]["value"] for name in ("success", "superseded", "queued", "failed", "validation", "pending")
    )
    assert {name: document[name]["value"] for name in ("success", "queued", "failed", "validation", "untagged")} == {
        "success": 1,
        "queued": 2,
        "failed": 1,
        "validation": 1,
        "untagged": 1,
    }
    listed = list(numbers(document))
    assert len(listed) >= 25
    for value, address in listed:
        records = api.get(address)
        assert (records["number"], records["is_more"]) == (value, False), address
        assert len(records["items"]) == value, address
    assert len(document["columns"]) == len(document["retries_by_column"]) == len(document["activity"][0]["columns"])
    assert document["leads_created"] == {"value": None, "records": None}
    (connection,) = document["connections"]
    assert (sum(connection["delivered"]), sum(connection["failed"]), connection["validation_errors"]) == (1, 6, 1)


def test_X2_the_figures_are_those_of_the_page(site: SignalAccount, api: ApiClient, client: Client) -> None:
    document = api.get("figures?period=1h&integration=webhooks")
    site.signs_in(client)
    page = text_of(client.get("/signal/metrics/posts/webhooks/?period=1h").content)
    for name, words in (("changes", "Changes Processed"), ("registrations", "Unique Registrations"), ("triggered", "Actions Triggered")):
        assert f"{words} {document[name]['value']}" in page
    assert document["integration"] == "webhooks"


def test_the_reasons_of_failures_have_their_cure_and_their_list(api: ApiClient) -> None:
    reasons = api.get("figures/reasons?period=1h")
    assert reasons["are_all"] is True
    assert sum(reason["number"] for reason in reasons["items"]) == 4
    assert {reason["state"] for reason in reasons["items"]} == {"queued", "failed", "validation"}
    for reason in reasons["items"]:
        records = api.get(reason["records"])
        assert records["number"] == reason["number"]
        assert reason["reason"]
        assert reason["cure"]
        # the value may be empty, of the wrong kind, or one that no header takes: the advice fits each
        assert reason["state"] != "validation" or "Correct it on the registration; that change is then sent" in reason["cure"]


def test_X3_a_record_says_what_its_row_says(site: SignalAccount, api: ApiClient, client: Client) -> None:
    (record,) = api.get("records/failed?period=1h")["items"]
    assert (record["state"], record["registration"], record["flow"]["name"]) == (
        "failed",
        {"code": "S26-5", "name": "Noor <b>Haddad</b>"},
        record["flow"]["name"],
    )
    site.signs_in(client)
    page = text_of(client.get("/signal/metrics/records/failed/?period=1h").content)
    assert record["reason"] in page
    assert record["what"] in page
    assert record["action"] == str(site.actions("S26-5")[0])
    assert record["integration"] == "webhooks"
    assert record["is_replay"] is False


def test_a_list_is_filtered_sorted_and_read_page_by_page(site: SignalAccount, api: ApiClient) -> None:
    whole = api.get("records/triggered?period=1h")
    assert len(api.every("records/triggered?period=1h&limit=2")) == whole["number"] == whole["figure"]
    newest = [record["id"] for record in whole["items"]]
    assert [record["id"] for record in api.get("records/triggered?period=1h&sort=oldest")["items"]] == newest[::-1]
    narrowed = api.get("records/triggered?period=1h&q=s26-5")
    assert (len(narrowed["items"]), narrowed["figure"]) == (1, whole["number"])
    assert api.get("records/triggered?period=1h&outcome=failed")["number"] == 1
    for query in ("flow=99999", "event=99999", "connection=99999", "replays=only", "mode=test"):
        assert api.get(f"records/triggered?period=1h&{query}")["items"] == []
    assert api.get("records/registrations?period=1h&sort=changes")["items"][0]["changes"] >= 1


def test_what_a_list_or_a_period_cannot_have_is_refused_by_name(api: ApiClient) -> None:
    for query, field in (
        ("triggered?sort=changes", "sort"),
        ("triggered?facet=created", "facet"),
        ("triggered?category=General", "category"),
        ("flows?connection=1", "connection"),
        ("changes?replays=only", "replays"),
        ("retries?outcome=pending", "outcome"),
        ("triggered?was=flows", "was"),
        ("registrations?was=success", "was"),
        ("triggered?n=3", "n"),
        ("triggered?event=x", "event"),
        ("triggered?connection=CRM", "connection"),
        ("triggered?days=0", "days"),
        ("triggered?days=3&period=1h", "days"),
        ("triggered?from=2026-02-02&to=2026-02-01", "to"),
        ("triggered?from=2026-02-31", "from"),
        ("triggered?since=2026-02-01T00:00:00Z", "since"),
        ("triggered?since=2026-02-01T00:00:30Z&until=2026-02-02T00:00:00Z", "since"),
        ("triggered?since=2026-02-01T00:00:00&until=2026-02-02T00:00:00Z", "since"),
        ("triggered?integration=faxes", "integration"),
        ("triggered?cursor=x", "cursor"),
        ("everything", "kind"),
    ):
        problem = api.get(f"records/{query}", status=400)
        assert problem["errors"][0]["field"] == field, (query, problem)
    assert api.get("figures?days=401", status=400)["errors"][0]["field"] == "days"


@pytest.mark.parametrize("kind", list(RecordKind))
def test_every_kind_of_list_is_answered(api: ApiClient, kind: RecordKind) -> None:
    today = datetime.datetime.now(datetime.UTC).date()
    records = api.get(f"records/{kind.value}?from={today - datetime.timedelta(days=1)}&to={today + datetime.timedelta(days=1)}")
    assert len(records["items"]) == records["number"]


def test_a_list_takes_as_many_statements_for_many_records_as_for_one(api: ApiClient) -> None:
    api.get("records/triggered?limit=1")
    counts = []
    for limit in (1, 6):
        with counting_pages() as cost:
            assert len(api.get(f"records/triggered?limit={limit}")["items"]) == limit
        counts.append(cost.statements)
    assert abs(counts[0] - counts[1]) <= 1  # the failures of a page are read only if it has any


def test_P1_figures_and_records_are_their_accounts(site: SignalAccount, api: ApiClient) -> None:
    other = stranger()
    assert all(value == 0 for value, _address in numbers(other.get("figures")))
    flow = api.get("records/failed")["items"][0]["flow"]["id"]
    event = site.setup.event
    for query in (f"flow={flow}", f"event={event}", f"connection={site.setup.connection}", f"alike={site.actions('S26-5')[0]}"):
        assert other.get(f"records/triggered?{query}")["items"] == []
    assert other.get("figures/reasons")["items"] == []
    assert other.get("integrations")["items"] == []
    assert [each["name"] for each in api.get("integrations")["items"]] == ["webhooks"]
    viewer = ApiClient.for_account(site.account.pk, [TokenScope.READ], Role.VIEWER)
    assert viewer.get("figures")["success"]["value"] == 1
