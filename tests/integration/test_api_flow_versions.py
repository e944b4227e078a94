"""The versions of a flow by the REST API (F10)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.api_client import ApiClient
from tests.builders import platform_account
from tests.builders.platform_account import PlatformAccount
from tests.databases import DatabaseFacts

from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.setup.services.account_creation import AccountFacts, create_account
from heliograph.setup.services.tags import delete_tag

PROBLEM = "urn:heliograph:problem:"


@pytest.fixture
def plan(database: DatabaseFacts) -> Iterator[PlatformAccount]:
    with platform_account.planned(database) as made:
        yield made


@pytest.fixture
def api(plan: PlatformAccount) -> ApiClient:
    return ApiClient.for_account(plan.pk)


@pytest.fixture
def flow(plan: PlatformAccount, api: ApiClient) -> str:
    """The address of a flow with three versions: the second has another name, the third filters by a tag."""
    assert plan.acme.flow is not None
    tag = plan.tag("Gala", TagKind.EVENT)
    address = f"flows/{plan.acme.flow.pk}"
    api.patch(address, {"name": "Leads of ours"})
    api.patch(address, {"filters": [{"field": "event.tags", "op": "is any of", "values": [str(tag.pk)]}]})
    return address


def test_F10_versions_are_listed_read_and_compared(plan: PlatformAccount, api: ApiClient, flow: str) -> None:
    listed = api.get(f"{flow}/versions")["items"]
    assert [each["version"] for each in listed] == [3, 2, 1]
    assert listed[0]["by"].startswith("token:")
    assert [each["version"] for each in api.every(f"{flow}/versions?limit=1")] == [3, 2, 1]
    second = api.get(f"{flow}/versions/2")
    assert second.items() >= listed[1].items()
    assert (second["settings"]["name"], second["settings"]["filters"]) == ("Leads of ours", [])
    now = api.get(flow)
    assert api.get(f"{flow}/versions/3")["settings"] == {name: now[name] for name in second["settings"]}
    name = {"setting": "Name", "before": "Leads", "after": "Leads of ours"}
    added = {"setting": "Filter 1", "before": "", "after": "Event Tags is any of Gala"}
    assert api.get(f"{flow}/versions/1/differences") == {"older": 1, "newer": 3, "differences": [name, added]}
    assert api.get(f"{flow}/versions/3/differences") == {"older": 2, "newer": 3, "differences": [added]}
    assert api.get(f"{flow}/versions/2/differences?with=1")["differences"] == [name]
    for path in ("versions/9", "versions/x", "versions/9/differences", "versions/1/differences?with=9", "versions/9/restoration"):
        api.get(f"{flow}/{path}", status=404)
    assert api.get(f"{flow}/versions/1/differences?with=x", status=400)["errors"][0]["field"] == "with"


def test_F10_P12_a_version_is_restored_without_what_is_gone(plan: PlatformAccount, api: ApiClient, flow: str) -> None:
    api.patch(f"{flow}?confirmed=true", {"filters": []})
    with plan.acme.setting_up() as transaction:
        delete_tag(transaction, plan.acme.tags["Gala"].pk)
    would = api.get(f"{flow}/versions/3/restoration")
    assert would["left_out"] == ["Filter 1: the tag Gala (deleted)"]
    assert [each["lack"] for each in would["missing"]] == ["filter values"]
    assert would["stops"] is True
    assert api.post(f"{flow}/versions/3/restoration", status=409)["type"] == PROBLEM + "stops-flows"
    restored = api.post(f"{flow}/versions/3/restoration?confirmed=true", status=200)
    assert (restored["complete"], restored["filters"][0]["values"]) == (False, [])
    assert {name: restored[name] for name in would["settings"]} == would["settings"]
    assert api.get(f"{flow}/versions?limit=1")["items"][0]["restored"] == 3


def test_versions_of_another_account_are_not_reached(plan: PlatformAccount, flow: str) -> None:
    other = ApiClient.for_account(create_account(AccountFacts("OTHER", "Other"), by="test").pk)
    for path in ("versions", "versions/1", "versions/1/differences", "versions/1/restoration"):
        other.get(f"{flow}/{path}", status=404)
    other.post(f"{flow}/versions/1/restoration?confirmed=true", status=404)
