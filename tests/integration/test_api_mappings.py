"""Mappings by the REST API (M1-M9, P12): the same as by their pages; everything that the editor can say."""

from __future__ import annotations

import json
from typing import Any, get_type_hints

import pytest
from django_scopes import scope
from tests.api_client import ApiClient
from tests.builders import signal_account
from tests.builders.tag import tag
from tests.counted import counting_pages
from tests.story import LEAD, Story

from heliograph.accounts.vault import vault
from heliograph.api.endpoints.mapping_endpoints import MappingQuery
from heliograph.domain.mapping.mapping import Case, DateFormat, EmptyPolicy, Escape, MappingKind, Otherwise, Subject, ValueType
from heliograph.domain.mapping.mapping import Mapping as FieldMapping
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.mappings.models import Mapping as StoredMapping
from heliograph.mappings.services import save_mapping
from heliograph.mappings.views.mappings import MappingListFilters
from heliograph.store.secrets import load_secrets


@pytest.fixture
def api(story: Story) -> ApiClient:
    return ApiClient.for_account(story.account)


def text(value: str) -> dict[str, Any]:
    return {"kind": "text", "text": value}


def source(key: str, **more: Any) -> dict[str, Any]:
    return {"kind": "field", "field": key, **more}


def body_of(story: Story, id: str) -> dict[str, Any]:
    with scope(account=story.account):
        return dict(StoredMapping.objects.get(pk=int(id)).body)


def texts_of(story: Story, id: str) -> dict[str, str]:
    return load_secrets(story.db, vault(), story.account, "mapping", [int(id)]).get(int(id), {})


EVERY_ROW: list[dict[str, Any]] = [
    {"target": "plain"},
    {"target": "a.b", "parts": [source("profile.first_name"), text(" "), source("profile.last_name")], "tidy": True, "trim": True},
    *({"target": f"case {case.value}", "parts": [source("profile.organization")], "case": case.value} for case in Case),
    *({"target": f"type {each.value}", "parts": [source("registration.code")], "type": each.value, "required": True} for each in ValueType),
    *(
        {
            "target": f"date {each.value}",
            "parts": [
                source("registration.created", date_format=each.value, date_pattern="D MMMM YYYY" if each is DateFormat.PATTERN else "")
            ],
        }
        for each in DateFormat
    ),
    *({"target": f"escape {each.value}", "parts": [source("event.name", escape=each.value, longest=80)]} for each in Escape),
    *(
        {
            "target": f"map {each.value}",
            "parts": [
                source(
                    "registration.status",
                    value_map={
                        "pairs": [{"old": "Attended", "new": "yes"}, {"old": "New", "new": ""}],
                        "otherwise": each.value,
                        "text": "no",
                    },
                    if_empty="none",
                )
            ],
        }
        for each in Otherwise
    ),
    {"target": "person.name", "nested": True, "parts": [text("x")]},
    {"target": "list[0].name", "nested": True, "parts": [source("flow.name")]},
    {"target": "list[1].name", "nested": True, "parts": [source("macro.change_id")]},
    {"target": "tags", "type": "list", "parts": [text("one"), text("two"), source("macro.change_type")]},
]


def test_everything_that_the_editor_can_say_is_read_and_written(story: Story, api: ApiClient) -> None:
    with story.saving() as transaction:
        role = tag(transaction, "Role", TagKind.QUESTION).pk
    rows = [*EVERY_ROW, {"target": "role", "parts": [source(f"answer.{role}")]}]
    for empty in EmptyPolicy:
        made = api.post("mappings", {"name": f"All, {empty.value}", "empty": empty.value, "rows": rows})
        stored = FieldMapping.from_body(body_of(story, made["id"]))
        assert len(stored.rows) == len(rows)
        for sent, row in zip(rows, made["rows"], strict=True):  # what was sent is what is answered
            assert {name: row[name] for name in sent if name != "parts"} == {name: sent[name] for name in sent if name != "parts"}
            for part, answered in zip(sent.get("parts", []), row["parts"], strict=True):
                assert part.items() <= answered.items()
        read = api.get(f"mappings/{made['id']}")
        assert read == made
        settings = {name: read[name] for name in ("kind", "subject", "empty", "rows")}
        copy = api.post("mappings", settings | {"name": f"Copy, {empty.value}"})
        assert FieldMapping.from_body(body_of(story, copy["id"]) | {"name": stored.name}) == stored
        assert api.patch(f"mappings/{made['id']}", {"rows": read["rows"]}) == made  # no new version: nothing changed


@pytest.mark.parametrize("subject", list(Subject))
def test_what_any_mapping_holds_is_read_and_written(story: Story, api: ApiClient, subject: Subject) -> None:
    with scope(account=story.account):
        assert MappingKind(StoredMapping.objects.get(pk=story.lead).kind) is MappingKind.PAYLOAD
    for kind in MappingKind:
        made = api.post(
            "mappings",
            {
                "name": f"{kind} {subject}",
                "kind": kind.value,
                "subject": subject.value,
                "rows": [{"target": "X-Event", "parts": [source("event.code")]}],
            },
        )
        assert (made["kind"], made["subject"]) == (kind.value, subject.value)
        listed = api.get(f"mappings?kind={kind.value}&subject={subject.value}&q={kind.value}")["items"]
        assert [each["id"] for each in listed] == [made["id"]]


def test_C5_an_encrypted_text_is_only_written(story: Story, api: ApiClient) -> None:
    rows = [{"target": "X-Api-Key", "parts": [text("s3cr3t-1")]}, {"target": "X-Source", "parts": [text("events")]}]
    made = api.post("mappings", {"name": "Headers", "kind": "header", "rows": rows})
    address = f"mappings/{made['id']}"
    assert made["rows"][0]["parts"] == [{"kind": "secret"}]
    assert made["rows"][1]["parts"] == [text("events")]
    assert texts_of(story, made["id"]) == {"header x-api-key": "s3cr3t-1"}
    assert api.patch(address, {"rows": made["rows"]})["version"] == 1
    assert texts_of(story, made["id"]) == {"header x-api-key": "s3cr3t-1"}
    seen = api.send("GET", address)["ETag"]
    assert api.patch(address, {"rows": [{"target": "X-Api-Key", "parts": [text("s3cr3t-2")]}]}, if_match=seen)["version"] == 2
    assert texts_of(story, made["id"]) == {"header x-api-key": "s3cr3t-2"}
    copy = api.ask("POST", f"{address}/copy", status=201)
    assert texts_of(story, copy["id"]) == {"header x-api-key": "s3cr3t-2"}
    lost = {"name": "Other", "kind": "header", "rows": [{"target": "X-Api-Key", "parts": [{"kind": "secret"}]}]}
    assert api.post("mappings", lost, status=400)["errors"][0]["field"] == "rows"
    for path in ("mappings", address, f"{address}/preview", f"mappings/{copy['id']}"):
        assert "s3cr3t" not in api.send("GET", path).content.decode()
    unsaved = {"mapping": {"name": "Preview", "kind": "header", "rows": rows}}
    assert "s3cr3t" not in json.dumps(api.post("mappings/preview", unsaved, status=200))


def test_what_is_wrong_is_refused_at_its_member(story: Story, api: ApiClient) -> None:
    def row(target: str = "a", *parts: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {"rows": [{"target": "first"}, {"target": target, "parts": list(parts), **more}]}

    pattern = source("registration.created", date_format=DateFormat.PATTERN.value, date_pattern="")
    entry = {"pairs": [{"old": " ", "new": "x"}]}
    for wrong, field in (
        ({"name": ""}, "name"),
        ({"name": "lead"}, "name"),
        ({"name": "x" * 101}, "name"),
        (row("first"), "rows[1].target"),
        (row(""), "rows[1].target"),
        (row("a[", nested=True), "rows[1].target"),
        (row("first.a", nested=True), "rows[1].target"),
        (row("a", source("profile.nothing")), "rows[1].parts"),
        (row("a", source("session.code")), "rows[1].parts"),
        (row("a", source("profile.custom.999999")), "rows"),
        (row("a", source("answer.999999")), "rows"),
        (row("a", pattern), "rows[1].parts"),
        (row("a", source("profile.first_name", value_map=entry)), "rows[1].parts"),
        (row("a", source("profile.first_name", longest=0)), "rows[1].parts[0].longest"),
        (row("a", source("profile.first_name", if_empty="\0")), "rows[1].parts[0].if_empty"),
        (row("a", text("")), "rows[1].parts[0].text"),
        (row("a", {"kind": "fact"}), "rows[1].parts[0].kind"),
        (row("a", type="date"), "rows[1].type"),
        ({"kind": "header", "rows": [{"target": "a b"}]}, "rows[0].target"),
        ({"colour": "red"}, "colour"),
    ):
        problem = api.post("mappings", {"name": "Other"} | wrong, status=400)
        assert problem["errors"][0]["field"] == field, problem
    assert api.patch(f"mappings/{story.lead}", {"kind": "header"}, status=400)["errors"][0]["field"] == "kind"
    assert len(api.get("mappings")["items"]) == 1


def test_P12_a_mapping_is_copied_listed_and_not_deleted_while_it_is_used(story: Story, api: ApiClient) -> None:
    flow = story.flow("Leads", [story.to(story.connection("CRM", "/crm"))])
    (listed,) = api.get("mappings?q=leads")["items"]
    assert listed["flows"] == [{"id": str(flow), "name": "Leads"}]
    assert api.delete(f"mappings/{story.lead}", status=409)["uses"]
    copy = api.ask("POST", f"mappings/{story.lead}/copy", status=201)
    assert copy["name"] == "Copy of Lead"
    assert [row["target"] for row in copy["rows"]] == list(LEAD)
    assert [each["id"] for each in api.every("mappings?limit=1")] == [str(story.lead), copy["id"]]
    api.delete(f"mappings/{copy['id']}")
    api.get(f"mappings/{copy['id']}", status=404)


def test_M7_a_mapping_is_previewed_for_a_registration(story: Story, api: ApiClient) -> None:
    story.record("R1", status="Attended", first="Ada")
    story.record("R2", status="Attended", first="Zoe")
    address = f"mappings/{story.lead}/preview"
    assert api.get(address)["code"] == "R2"  # the newest
    shown = api.get(f"{address}?registration={story.registrations['R1']}")
    assert (shown["code"], shown["is_valid"], shown["warnings"]) == ("R1", True, [])
    assert {row["target"]: row["value"] for row in shown["rows"]}["first"] == "Ada"
    assert json.loads(shown["texts"]["json"])["first"] == "Ada"
    assert "first=Ada" in shown["texts"]["form"]
    assert api.get(f"{address}?made_up=true")["code"] == ""
    for query, field in (("registration=999999", "registration"), ("registration=x", "registration"), ("event=1", "event")):
        assert api.get(f"{address}?{query}", status=400)["errors"][0]["field"] == field
    row = {"target": "mail", "required": True, "parts": [source("profile.email")]}
    unsaved = {"mapping": {"name": "Draft", "rows": [row]}, "registration": str(story.registrations["R1"])}
    problem = api.post("mappings/preview", unsaved, status=200)
    assert (problem["is_valid"], problem["rows"][0]["value"]) == (False, None)
    assert "required" in problem["rows"][0]["problem"]
    assert len(api.get("mappings")["items"]) == 1


def test_M7_what_speaks_against_a_mapping_is_a_warning(story: Story, api: ApiClient) -> None:
    crm = story.connection("CRM", "/crm", method="GET")
    story.flow("Leads", [story.to(crm)])
    (warning,) = api.get(f"mappings/{story.lead}/preview")["warnings"]
    assert "CRM uses GET" in warning
    headers = {
        "mapping": {
            "name": "H",
            "kind": "header",
            "rows": [{"target": "X-Api-Key", "parts": [text("x")]}, {"target": "X-Hall", "parts": [text("Grün")]}],
        }
    }
    credential, doubtful = api.post("mappings/preview", headers, status=200)["warnings"]
    assert "The name X-Api-Key looks like a credential" in credential
    assert "X-Hall" in doubtful


def test_the_source_fields_of_the_account_are_listed(story: Story, api: ApiClient) -> None:
    fields = {each["key"]: each for each in api.get("mappings/fields")["items"]}
    assert fields["profile.first_name"]["group"] == "Profile Standard Fields"
    assert f"answer.{story.tags['Dietary']}" in fields
    assert not any(key.startswith("session.") for key in fields)
    assert "session.code" in {each["key"] for each in api.get("mappings/fields?subject=session")["items"]}


def test_M2_rows_are_made_from_a_sample_and_from_presets(story: Story, api: ApiClient) -> None:
    sample = {"text": '{"email": "a@b.example", "lead": {"first_name": "Ada", "tags": ["x"]}, "n": 1, "nothing": []}'}
    made = api.post("mappings/sample", sample, status=200)
    by_target = {row["target"]: row for row in made["rows"]}
    assert (by_target["lead.first_name"]["nested"], by_target["n"]["type"]) == (True, "number")
    assert made["proposed"]["email"] == "profile.email"
    api.post("mappings", {"name": "From a sample", "rows": made["rows"]})
    values = api.post("mappings/sample", sample | {"values": True}, status=200)
    assert {row["target"]: row["parts"] for row in values["rows"]}["email"] == [text("a@b.example")]
    assert api.post("mappings/sample", {"text": "{"}, status=400)["errors"][0]["field"] == "text"
    starts = {each["preset"]: each for each in api.get("mappings/starts")["items"]}
    slack = starts["slack_text"]
    assert api.post("mappings", {"name": "Slack", "rows": slack["rows"]})["rows"] == slack["rows"]
    assert len(api.get("mappings")["items"]) == 3


def test_nothing_of_another_account_is_reached(story: Story, api: ApiClient) -> None:
    story.record("R1", status="Attended")
    other = ApiClient.for_account(signal_account.made(story.db, name="Another").account.pk)
    for method, path, body in (
        ("GET", "", None),
        ("PATCH", "", {"name": "Theirs"}),
        ("DELETE", "", None),
        ("POST", "/copy", None),
        ("GET", "/preview", None),
    ):
        assert other.ask(method, f"mappings/{story.lead}{path}", body, status=404)["type"].endswith("not-found")
    assert str(story.lead) not in {each["id"] for each in other.every("mappings")}
    unsaved = {"mapping": {"name": "Draft"}, "registration": str(story.registrations["R1"])}
    assert other.post("mappings/preview", unsaved, status=400)["errors"][0]["field"] == "registration"
    rows = [{"target": "diet", "parts": [source(f"answer.{story.tags['Dietary']}")]}]
    assert other.post("mappings", {"name": "Theirs", "rows": rows}, status=400)["errors"][0]["field"] == "rows"
    assert api.get(f"mappings/{story.lead}")["version"] == 1


def test_the_parameters_are_named_as_in_the_addresses_of_the_page() -> None:
    page = {getattr(field, "param", "") or name for name, field in MappingListFilters.base_fields.items()}
    assert set(get_type_hints(MappingQuery)) - {"limit", "cursor"} == page


def test_the_number_of_queries_does_not_grow(story: Story, api: ApiClient) -> None:
    def queries() -> int:
        with counting_pages() as cost:
            api.get("mappings")
        return cost.statements

    api.get("mappings")
    before = queries()
    with story.saving() as transaction:
        for number in range(5):
            save_mapping(transaction, FieldMapping(f"M{number}"))
    api.get("mappings")
    assert queries() <= before
