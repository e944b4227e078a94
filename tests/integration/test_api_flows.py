"""Flows by the REST API: their whole life, every field, every filter, refusals, versions, and what another account must not reach (F1-F10)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django_scopes import scope
from tests.api_client import ApiClient
from tests.builders import platform_account
from tests.builders.platform_account import PlatformAccount
from tests.counted import counting_pages
from tests.databases import DatabaseFacts

from heliograph.accounts.models import AuditEntry
from heliograph.api.documents.flow_documents import FlowChange, FlowDocument, NewFlow
from heliograph.api.endpoints.flow_endpoints import FlowQuery
from heliograph.domain.flow.flow import Op, Watch
from heliograph.domain.setup.fields import Subject
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.flows.filter_values import FilterValues
from heliograph.flows.views.flow_list_page import FlowListFilters
from heliograph.setup.services.account_creation import AccountFacts, create_account
from heliograph.setup.services.custom_fields import FieldFacts, save_field

PROBLEM = "urn:heliograph:problem:"
SETTINGS = set(NewFlow.__struct_fields__)


@pytest.fixture
def plan(database: DatabaseFacts) -> Iterator[PlatformAccount]:
    with platform_account.planned(database) as made:
        yield made


@pytest.fixture
def api(plan: PlatformAccount) -> ApiClient:
    return ApiClient.for_account(plan.pk)


@pytest.fixture
def other(plan: PlatformAccount) -> ApiClient:
    return ApiClient.for_account(create_account(AccountFacts("OTHER", "Other"), by="test").pk)


def leads(plan: PlatformAccount) -> int:
    """The flow of tests/builders/account.py."""
    assert plan.acme.flow is not None
    return int(plan.acme.flow.pk)


def copy_of(document: dict[str, Any]) -> dict[str, Any]:
    """The body that creates an equal flow: its settings, with destinations that are new."""
    settings = {name: value for name, value in document.items() if name in SETTINGS}
    return settings | {"destinations": [{k: v for k, v in each.items() if k != "id"} for each in document["destinations"]]}


def equal(one: dict[str, Any], two: dict[str, Any]) -> bool:
    """Whether two flows are set up equally."""
    return copy_of(one) == copy_of(two)


def complete(plan: PlatformAccount, **members: Any) -> dict[str, Any]:
    """The body of a complete flow."""
    assert plan.acme.connection is not None
    assert plan.acme.mapping is not None
    to = {"name": "CRM", "connection": str(plan.acme.connection.pk), "payload_mapping": str(plan.acme.mapping.pk)}
    return {"name": "New one", "watch": Watch.REGISTRATION.value, "destinations": [to], **members}


def test_a_flow_is_created_read_changed_copied_and_deleted(plan: PlatformAccount, api: ApiClient) -> None:
    made = api.post("flows", complete(plan, statuses=[str(plan.acme.tags["Registered"].pk)]))
    assert (made["mode"], made["active"], made["complete"], made["missing"], made["version"]) == ("Test", True, True, [], 1)
    assert made["sentence"].startswith("Test: when a registration is created or updated")
    address = f"flows/{made['id']}"
    assert api.get(address) == made
    live = api.patch(address, {"mode": "Live"}, status=409)
    assert live["type"] == PROBLEM + "widens-flow"
    assert api.get(address) == made
    assert api.patch(f"{address}?confirmed=true", {"mode": "Live"})["mode"] == "Live"
    assert api.get(f"{address}/effects") == {"undelivered": 0, "untagged": 0, "waiting_for_flow": 0, "running": True}
    assert api.patch(address, {"active": False})["active"] is False
    assert api.get(f"{address}/effects")["running"] is False
    copied = api.post(f"{address}/copy", {"name": "Another"})
    assert (copied["name"], copied["mode"], copied["active"]) == ("Another", "Test", False)
    assert copied["destinations"][0]["id"] != made["destinations"][0]["id"]
    api.delete(address)
    api.get(address, status=404)
    with scope(account=plan.pk):
        entries = AuditEntry.objects.filter(kind="flow", object_id=made["id"]).order_by("id").values_list("what", flat=True)
        assert list(entries) == ["created", "changed", "switched off", "deleted"]


def test_F2_an_empty_flow_says_what_it_lacks(api: ApiClient) -> None:
    made = api.post("flows", {})
    assert made["complete"] is False
    assert [(each["lack"], each["place"]) for each in made["missing"]] == [("name", ""), ("watch", ""), ("destination", "")]
    assert made["missing"][0]["text"] == "A name"
    to = api.patch(f"flows/{made['id']}", {"destinations": [{}]})
    place = to["destinations"][0]["id"]
    assert {(each["lack"], each["place"]) for each in to["missing"]} == {
        ("name", ""),
        ("watch", ""),
        ("destination name", place),
        ("connection", place),
        ("payload mapping", place),
    }


def test_F2_a_running_flow_does_not_stop_unasked(plan: PlatformAccount, api: ApiClient) -> None:
    problem = api.patch(f"flows/{leads(plan)}", {"statuses": []}, status=409)
    assert (problem["type"], problem["flows"]) == (PROBLEM + "stops-flows", ["Leads"])
    assert api.get(f"flows/{leads(plan)}")["complete"] is True
    stopped = api.patch(f"flows/{leads(plan)}?confirmed=true", {"statuses": []})
    assert [each["lack"] for each in stopped["missing"]] == ["list"]


def filter_rows(plan: PlatformAccount) -> list[dict[str, Any]]:
    """A filter with each field and each comparison that the account offers."""
    with plan.acme.setting_up() as transaction:
        for kind, label, question, options in (
            ("profile", "Guests", "number", ()),
            ("profile", "Born", "date", ()),
            ("profile", "Diet", "multi-select", ("Vegan; all", "Kosher")),
            ("event", "Hall", "select", ("A", "B")),
        ):
            save_field(transaction, FieldFacts(kind, label.lower(), label, question, options))
    tags = {"event.tags": TagKind.EVENT, "attendee_type.tags": TagKind.ATTENDEE_TYPE}
    rows = []
    with scope(account=plan.pk):
        config = plan.acme.config()
        values = FilterValues(plan.store, plan.pk, config)
        for field in values.fields(Subject.SESSION):
            for op in values.ops(field.key):
                offered = [*values.offered(field.key, op).labels][:2] or ["One; two", "three"]
                if field.key in tags:
                    offered = [str(tag.id) for tag in config.tags.values() if tags[field.key] in tag.kinds][:2]
                bound = "12.5" if op in (Op.IS_LESS, Op.IS_MORE, Op.IS_AT_MOST, Op.IS_AT_LEAST) else "2027-01-31"
                chosen = [bound] * op.bounds if op.bounds != 2 else ["2027-01-31", "2027-02-28"]
                if op is Op.IS_BETWEEN and field.shape is not None and field.shape.value == "number":
                    chosen = ["1", "12.5"]
                rows.append({"field": field.key, "op": op.value, "values": (chosen if op.bounds else offered) if op.takes_values else []})
    return rows


def test_F6_a_flow_that_is_read_creates_an_equal_one_with_every_filter(plan: PlatformAccount, api: ApiClient) -> None:
    rows = filter_rows(plan)
    assert {row["op"] for row in rows} == {op.value for op in Op}
    assert {"event.tags", "attendee_type.tags", "registration.created", "session.start"} <= {row["field"] for row in rows}
    for at in range(0, len(rows), 50):
        some = rows[at : at + 50]
        made = api.post("flows", complete(plan, watch=Watch.SESSION_STATUS.value, filters=some))
        assert made["filters"] == some
        again = api.post("flows", copy_of(api.get(f"flows/{made['id']}")))
        assert equal(made, again)
        unchanged = api.patch(f"flows/{made['id']}", {name: made[name] for name in SETTINGS})
        assert equal(unchanged, made)
        assert unchanged["destinations"] == made["destinations"]


def test_F6_the_fields_of_filters_are_listed_with_what_they_offer(plan: PlatformAccount, api: ApiClient, other: ApiClient) -> None:
    fields = {each["field"]: each for each in api.get("flows/filter-fields")["items"]}
    diet = f"answer.{plan.acme.tags['Diet'].pk}"
    assert fields[diet] == {"field": diet, "label": "Dietary needs (answer)", "group": "Answers", "ops": [op.value for op in Op]}
    assert "is before" in fields["event.start"]["ops"]
    assert "is before" not in fields["event.code"]["ops"]
    assert "session.code" not in fields
    assert "session.code" in {each["field"] for each in api.get(f"flows/filter-fields?watch={Watch.SESSION_STATUS.value}")["items"]}
    codes = api.get("flows/filter-values?field=event.code")
    assert ({"value": "SUMMIT-26", "label": "SUMMIT-26"} in codes["values"], codes["closed"], codes["whole"]) == (True, True, True)
    assert api.get("flows/filter-values?field=event.code&op=contains")["closed"] is False
    assert api.get("flows/filter-values?field=nothing")["values"] == []
    api.get("flows/filter-values", status=400)
    assert other.get("flows/filter-values?field=event.code")["values"] == []
    assert diet not in {each["field"] for each in other.get("flows/filter-fields")["items"]}


def test_F4_F8_every_field_of_the_editor_is_read_and_written(plan: PlatformAccount, api: ApiClient) -> None:
    present = str(plan.tag("Present", TagKind.SESSION_STATUS).pk)
    registered, vip = (str(plan.acme.tags[name].pk) for name in ("Registered", "VIP"))
    body = complete(
        plan,
        name="Check-ins",
        mode="Live",
        active=False,
        watch=Watch.SESSION_STATUS.value,
        session_statuses=[present],
        statuses=[registered],
        properties=["-1", vip],
        event_statuses=[],
        emptied=[],
        filters=[{"field": "event.code", "op": "is any of", "values": ["summit-26"]}],
    )
    body["destinations"][0] |= {"integration": "Webhooks", "action": "Webhook", "header_mapping": None, "does": "adds"}
    made = api.post("flows", body)
    assert made["filters"][0]["values"] == ["SUMMIT-26"]
    body["filters"][0]["values"] = ["SUMMIT-26"]
    assert copy_of(made) == body
    changed = api.patch(f"flows/{made['id']}", {"session_statuses": [], "emptied": ["session_statuses"], "properties": ["-5"]})
    assert (changed["emptied"], changed["properties"]) == (["session_statuses"], ["-5"])
    to = [*changed["destinations"], complete(plan)["destinations"][0] | {"header_mapping": "0"}]
    two = api.patch(f"flows/{made['id']}", {"destinations": to, "watch": None})
    assert two["watch"] is None
    assert two["destinations"][0] == changed["destinations"][0]
    assert two["destinations"][1]["header_mapping"] == "0"
    assert "header mapping" in [each["lack"] for each in two["missing"]]
    assert api.patch(f"flows/{made['id']}", {"destinations": two["destinations"][1:]})["destinations"] == two["destinations"][1:]


@pytest.mark.parametrize(
    ("members", "field", "reason"),
    [
        ({"name": "x" * 201}, "name", "200"),
        ({"statuses": ["99999"]}, "statuses", "There is no tag 99999."),
        ({"statuses": ["-9"]}, "statuses", "no id"),
        ({"statuses": ["-1"]}, "statuses", "is not made for"),
        ({"filters": [{"field": "event.colour", "op": "is any of", "values": ["x"]}]}, "filters[0]", "event.colour"),
        ({"filters": [{"field": "event.code", "op": "is any of", "values": ["NONE"]}]}, "filters[0]", "“NONE” can’t be chosen here."),
        ({"filters": [{"field": "event.tags", "op": "is any of", "values": ["99999"]}]}, "filters[0]", "“99999” can’t be chosen here."),
        ({"filters": [{"field": "event.code", "op": "is before", "values": ["2027-01-01"]}]}, "filters[0]", "“is before” does not fit"),
        ({"filters": [{"field": "event.start", "op": "is before", "values": ["soon"]}]}, "filters[0]", "“soon” cannot be compared"),
        (
            {"filters": [{"field": "event.code", "op": "equals", "values": []}]},
            "filters[0].op",
            "'equals' is not possible here. Possible are: is any of, ",
        ),
        ({"destinations": [{"connection": "99999"}]}, "destinations[0]", "There is no connection 99999."),
        ({"destinations": [{"payload_mapping": "x"}]}, "destinations[0].payload_mapping", "no id"),
        ({"destinations": [{"id": "99999"}]}, "destinations", "There is no destination 99999 in this flow."),
        ({"colour": "red"}, "colour", "is not known here."),
        ({"id": "7"}, "id", "is not known here."),
    ],
)
def test_what_is_wrong_is_refused_by_its_field(
    plan: PlatformAccount, api: ApiClient, members: dict[str, Any], field: str, reason: str
) -> None:
    for method, path in (("POST", "flows"), ("PATCH", f"flows/{leads(plan)}")):
        (error,) = api.ask(method, path, members, status=400)["errors"]
        assert error["field"] == field
        assert reason in error["reason"]
    assert len(api.get("flows")["items"]) == 1


def test_nothing_of_another_account_is_reached(plan: PlatformAccount, api: ApiClient, other: ApiClient) -> None:
    assert plan.acme.connection is not None
    before = api.get(f"flows/{leads(plan)}")
    mapping, destination = before["destinations"][0]["payload_mapping"], before["destinations"][0]["id"]
    assert other.get("flows") == {"items": [], "next": None}
    assert other.get(f"flows?connection={plan.acme.connection.pk}")["items"] == []
    own = other.post("flows", {})
    for method, path, body in (
        ("GET", "", None),
        ("PATCH", "", {"name": "Theirs"}),
        ("DELETE", "", None),
        ("POST", "/copy", {"name": "Theirs"}),
        ("GET", "/effects", None),
    ):
        other.ask(method, f"flows/{leads(plan)}{path}", body, status=404)
    for members, field in (
        ({"statuses": [str(plan.acme.tags["Registered"].pk)]}, "statuses"),
        ({"filters": [{"field": "event.tags", "op": "is any of", "values": [str(plan.acme.tags["Registered"].pk)]}]}, "filters[0]"),
        ({"filters": [{"field": f"answer.{plan.acme.tags['Diet'].pk}", "op": "is empty"}]}, "filters[0]"),
        ({"destinations": [{"connection": str(plan.acme.connection.pk)}]}, "destinations[0]"),
        ({"destinations": [{"payload_mapping": mapping}]}, "destinations[0]"),
        ({"destinations": [{"header_mapping": mapping}]}, "destinations[0]"),
        ({"destinations": [{"id": destination}]}, "destinations"),
    ):
        for method, path in (("POST", "flows"), ("PATCH", f"flows/{own['id']}")):
            problem = other.ask(method, path, members, status=400)
            assert (problem["type"], problem["errors"][0]["field"]) == (PROBLEM + "refused", field)
    assert api.get(f"flows/{leads(plan)}") == before
    assert other.get(f"flows/{own['id']}") == own


def test_F1_the_list_filters_and_sorts_as_its_page_does(plan: PlatformAccount, api: ApiClient) -> None:
    for name in ("Prop 10", "prop 2", "Émile"):
        api.post("flows", complete(plan, name=name, mode="Live"))
    api.post("flows", {"name": "Empty"})
    names = ["Empty", "Leads", "prop 2", "Prop 10", "Émile"]
    assert [each["name"] for each in api.get("flows")["items"]] == names
    assert [each["name"] for each in api.every("flows?limit=2")] == names
    assert plan.acme.connection is not None
    for query, expected in (
        ("q=prop", ["prop 2", "Prop 10"]),
        ("q=dietary", []),
        (f"connection={plan.acme.connection.pk}", names[1:]),
        ("mode=Test", ["Empty"]),
        ("status=incomplete", ["Empty"]),
        ("status=complete&q=emile", ["Émile"]),
        ("connection=99999", []),
    ):
        assert [each["name"] for each in api.get(f"flows?{query}")["items"]] == expected, query
    for query, field in (("connection=x", "connection"), ("mode=live", "mode"), ("status=broken", "status"), ("page=2", "page")):
        assert api.get(f"flows?{query}", status=400)["errors"][0]["field"] == field
    (listed,) = api.get("flows?q=leads")["items"]
    figures = listed.pop("figures")
    assert listed == api.get(f"flows/{leads(plan)}")
    assert (figures["queued"], figures["failed"], figures["validation"], figures["untagged"]) == (0, 0, 0, 0)


def test_the_parameters_of_the_list_are_those_of_its_page() -> None:
    page = {getattr(field, "param", "") or name for name, field in FlowListFilters.base_fields.items()}
    assert set(FlowQuery.__struct_fields__) - {"limit", "cursor"} == page


def test_the_documents_of_a_flow_have_the_same_members() -> None:
    assert set(FlowChange.__struct_fields__) == SETTINGS
    assert set(FlowDocument.__struct_fields__) == SETTINGS | {"id", "version", "complete", "missing", "sentence"}


def test_a_list_of_flows_needs_few_queries(plan: PlatformAccount, api: ApiClient) -> None:
    def queries() -> int:
        with counting_pages() as cost:
            api.get("flows?limit=200")
        return cost.statements

    few = queries()
    for number in range(12):
        api.post("flows", complete(plan, name=f"F{number}"))
    assert queries() <= few


def test_P14_a_flow_that_was_saved_since_is_not_overwritten(plan: PlatformAccount, api: ApiClient) -> None:
    address = f"flows/{leads(plan)}"
    seen = api.send("GET", address)["ETag"]
    api.patch(address, {"name": "Leads of ours"}, if_match=seen)
    problem = api.patch(address, {"name": "Mine"}, status=412, if_match=seen)
    assert problem["current"] == api.get(address)
    assert problem["current"]["name"] == "Leads of ours"


def test_without_signal_there_are_no_flows(plan: PlatformAccount, api: ApiClient) -> None:
    plan.acme.account.signal_enabled = False
    plan.acme.account.save()
    assert api.get("flows", status=403)["type"] == PROBLEM + "signal-off"
