"""Objects without a tag by REST, and tagging them in bulk; the same as by the page Tag coverage (P11)."""

from __future__ import annotations

from typing import Any

from tests.api_client import ApiClient
from tests.builders import platform_account
from tests.builders.platform_account import EVENT, PlatformAccount, planned
from tests.databases import DatabaseFacts
from tests.list_filters import filter_names, query_names

from heliograph.accounts.models import Role, TokenScope
from heliograph.api.endpoints.coverage_endpoints import CoverageQuery
from heliograph.setup.coverage import coverage
from heliograph.setup.views.coverage_page import CoverageFilters


def listed(api: ApiClient, query: str = "") -> dict[str, dict[str, Any]]:
    """The objects without a tag, by kind and name."""
    return {f"{row['object']} {row['name']}": row for row in api.every(f"tag-coverage?limit=1{query}")}


def chosen(*rows: dict[str, Any]) -> list[dict[str, str]]:
    return [{"object": row["object"], "id": row["id"]} for row in rows]


def test_the_list_filters_as_its_page_does() -> None:
    assert query_names(CoverageQuery) == filter_names(CoverageFilters)


def test_P11_the_list_has_what_the_page_has(database: DatabaseFacts) -> None:
    with planned(database) as site:
        api = ApiClient.for_account(site.pk, [TokenScope.READ], Role.VIEWER)
        rows = listed(api)
        with site.acme.setting_up() as transaction:
            gaps = [gap for each in coverage(transaction.db, site.pk).gaps.values() for gap in each]
        assert sorted(rows) == sorted(f"{gap.kind.value} {gap.name}" for gap in gaps)
        partner = rows["registration_status Invited by partner"]
        assert partner["event"] == EVENT
        assert {row["event"] for row in listed(api, "&event=account").values()} == {None}
        assert {row["event"] for row in listed(api, f"&event={EVENT}").values()} == {EVENT}
        assert {row["object"] for row in listed(api, "&object=registration_property").values()} == {"registration_property"}
        assert listed(api, "&event=NONE") == {}
        assert api.get("tag-coverage?object=events", status=400)["errors"][0]["field"] == "object"


def test_P1_a_planner_tags_nothing_of_the_account(database: DatabaseFacts) -> None:
    with planned(database) as site:
        tag = str(site.acme.tags["Registered"].pk)
        planner, administrator = (ApiClient.for_account(site.pk, tuple(TokenScope), role) for role in (Role.PLANNER, Role.ADMINISTRATOR))
        attended = listed(planner)["registration_status Attended"]
        answer = planner.post("tag-coverage/apply", {"objects": chosen(attended), "tag": tag}, status=200)
        assert answer == {"tagged": 0, "left": [attended]}
        assert administrator.post("tag-coverage/apply", {"objects": chosen(attended), "tag": tag}, status=200)["tagged"] == 1


def test_what_the_account_does_not_have_is_refused(database: DatabaseFacts) -> None:
    with planned(database) as site:
        other: PlatformAccount = platform_account.made(site.store)
        api = ApiClient.for_account(site.pk)
        own = listed(api)["registration_status Invited by partner"]
        theirs_api = ApiClient.for_account(other.pk)
        theirs = listed(theirs_api)["registration_status Invited by partner"]
        tag, their_tag = (str(each.acme.tags["Registered"].pk) for each in (site, other))
        for objects, wanted, member in (
            (chosen(own, theirs), tag, "objects[1]"),
            (chosen(own), their_tag, "tag"),
            (chosen(own), "999999", "tag"),
            (chosen(own), "x", "tag"),
            ([{"object": "registration_status", "id": "x"}], tag, "objects"),
            ([{"object": "nothing", "id": own["id"]}], tag, "objects[0].object"),
            ([], tag, "objects"),
        ):
            problem = api.post("tag-coverage/apply", {"objects": objects, "tag": wanted}, status=400)
            assert [error["field"] for error in problem["errors"]] == [member]
        assert listed(api)["registration_status Invited by partner"] == own
        assert listed(theirs_api)["registration_status Invited by partner"] == theirs
