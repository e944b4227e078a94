"""Registrations by the REST API: list, read, record, change, Is Active, one status for many (I1-I3, P8, P10)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from django.test import Client
from tests.api_client import ApiClient
from tests.builders import platform_account
from tests.builders.platform_account import EVENT, PlatformAccount, registration_state
from tests.databases import DatabaseFacts

from heliograph.accounts.models import Role, TokenScope
from heliograph.api.documents.registration_documents import RegistrationFilters as ApiFilters
from heliograph.api.endpoints.registration_endpoints import RegistrationQuery
from heliograph.registrations.read_places import READ_PLACES
from heliograph.registrations.views.registration_list_page import RegistrationFilters

PERSON = {
    "event": EVENT,
    "code": "R1",
    "status": "Paid",
    "attendee_type": "Speaker",
    "profile": {"first_name": "Zoë", "last_name": "Marin", "email": "zoe@example.org", "custom": {"shirt": "M"}},
    "answers": {"diet": ["Vegan", "Halal"], "arrival": "2026-03-01"},
    "properties": {"VIP guest": True, "Complete": True},
    "sessions": [{"code": "KEYNOTE", "status": "Registered"}],
}


@pytest.fixture
def site(database: DatabaseFacts) -> Iterator[PlatformAccount]:
    with platform_account.planned(database) as site:
        yield site


@pytest.fixture
def api(site: PlatformAccount) -> ApiClient:
    return ApiClient.for_account(site.pk)


def changes(site: PlatformAccount, code: str) -> list[tuple[Any, ...]]:
    """The changes of a registration without their ids and times."""
    return site.store.all(
        "SELECT c.version, c.facets, c.quiet, x.before FROM change c JOIN registration r ON r.id = c.registration_id"
        " JOIN change_content x ON x.change_id = c.id WHERE r.account_id = :account AND r.code = :code ORDER BY c.id",
        {"account": site.pk, "code": code},
    )


def test_I2_a_registration_is_recorded_read_changed_and_deleted(site: PlatformAccount, api: ApiClient) -> None:
    made = api.post("registrations", PERSON)
    assert made == {"outcome": "created", "registration": made["registration"], "version": 1, "changes": made["changes"]}
    assert len(made["changes"]) == 2  # its own, and that of its session
    address = f"registrations/{made['registration']}"
    read = api.get(address)
    times = {name: read[name] for name in ("created", "modified", "status_modified")}
    assert all(time.endswith("Z") for time in times.values())
    assert read == {
        **PERSON,
        "id": made["registration"],
        "event_id": str(site.acme.event),
        "version": 1,
        "active": True,
        "is_test": False,
        "order_code": "",
        "profile": PERSON["profile"] | {"custom": {"shirt": ["M"]}},  # type: ignore[operator]
        "answers": {"diet": ["Vegan", "Halal"], "arrival": ["2026-03-01"]},
        **times,
    }
    assert api.get(f"registrations/lookup?event_code={EVENT}&code=R1") == read
    api.get(f"registrations/lookup?event_code={EVENT}&code=R2", status=404)

    again = {name: read[name] for name in PERSON}  # what was read can be sent again
    assert api.post("registrations", again, status=200)["outcome"] == "unchanged"
    updated = api.post("registrations", {"event": EVENT, "code": "R1", "profile": {"city": "Wien"}}, status=200)
    assert (updated["outcome"], updated["version"]) == ("updated", 2)
    changed = api.patch(address, {"order_code": "O-7", "status": "Invited by partner"})
    assert (changed["order_code"], changed["status"], changed["version"]) == ("O-7", "Invited by partner", 3)

    assert api.get(f"{address}/is-active") == {"active": True, "flows": []}
    assert api.post(f"{address}/is-active", {"active": False}, status=200)["active"] is False
    assert api.post(f"{address}/is-active", {"active": False}, status=200)["version"] == 4  # it was so already
    assert api.get(f"{address}/is-active") == {"active": False, "flows": []}
    assert not registration_state(site, "R1").active


def test_I2_what_is_refused_names_its_field(site: PlatformAccount, api: ApiClient) -> None:
    for document, field in (
        ({"event": "NOWHERE", "code": "R1"}, "event"),
        ({"event": EVENT}, "code"),
        (PERSON | {"status": "Gone"}, "status"),
        (PERSON | {"colour": "red"}, "colour"),
        (PERSON | {"answers": {"diet": "Meat"}}, "answers.diet"),
        (PERSON | {"profile": {"first_name": ["a"]}}, "profile.first_name"),
        (PERSON | {"profile": {"first_name": "\ud800"}}, "profile.first_name"),  # half of a pair, at which other readers of JSON stop
    ):
        problem = api.post("registrations", document, status=400)
        assert problem["type"].endswith(":refused")
        assert problem["errors"][0]["field"] == field
        assert problem["errors"][0]["reason"]
    assert "Paid" in api.post("registrations", PERSON | {"status": "Gone"}, status=400)["errors"][0]["allowed"]
    assert api.get("registrations") == {"items": [], "next": None}
    id = api.post("registrations", PERSON)["registration"]
    assert api.patch(f"registrations/{id}", {"code": "R2"}, status=400)["errors"][0]["field"] == "code"
    assert api.patch(f"registrations/{id}", {"status": "Gone"}, status=400)["errors"][0]["field"] == "status"
    twice = Client().post(
        "/api/v1/registrations",
        b'{"event": "SUMMIT-26", "code": "R1", "code": "R2"}',
        content_type="application/json",
        headers={"authorization": f"Bearer {api.token}"},
    )
    assert twice.json()["errors"][0]["field"] == "code"
    for body in ([], "text"):
        assert api.ask("POST", "registrations", body, status=400)["errors"][0]["field"] == "body"


def test_P14_if_match_overwrites_nothing_that_was_not_seen(site: PlatformAccount, api: ApiClient) -> None:
    address = f"registrations/{api.post('registrations', PERSON)['registration']}"
    seen = api.send("GET", address)["ETag"]
    assert api.send("GET", address, if_none_match=seen).status_code == 304
    api.patch(address, {"order_code": "1"}, if_match=seen)
    assert api.patch(address, {"order_code": "2"}, status=412, if_match=seen)["current"]["order_code"] == "1"
    api.patch(address, {"order_code": "3"}, if_match=api.send("GET", address)["ETag"])


def test_I3_a_key_records_a_document_once(site: PlatformAccount, api: ApiClient) -> None:
    first = api.send("POST", "registrations", PERSON, idempotency_key="k")
    again = api.send("POST", "registrations", PERSON, idempotency_key="k")
    assert again.content == first.content
    assert again["Idempotency-Replayed"] == "true"
    assert api.post("registrations", PERSON | {"code": "R2"}, status=422, idempotency_key="k")["type"].endswith(":key-reused")
    id = json.loads(first.content)["registration"]
    for _again in range(2):
        api.post(f"registrations/{id}/is-active", {"active": False}, status=200, idempotency_key="off")
    assert len(changes(site, "R1")) == 3


def test_the_list_is_filtered_and_sorted_as_its_page(site: PlatformAccount, api: ApiClient) -> None:
    platform_account.event_in_testing(site)
    api.post("registrations", PERSON)
    api.post("registrations", {"event": EVENT, "code": "R2", "status": "New", "profile": {"first_name": "Ann", "last_name": "Onym"}})
    api.post("registrations", {"event": EVENT, "code": "R3", "active": False})
    api.post("registrations", {"event": "GALA-26", "code": "R4"})

    def codes(query: str) -> list[str]:
        return [item["code"] for item in api.every(f"registrations?{query}")]

    assert codes("limit=1") == ["R4", "R3", "R2", "R1"]
    assert codes("limit=3&sort=code") == ["R1", "R2", "R3", "R4"]
    assert codes("sort=name&limit=2&is=live") == ["R3", "R2", "R1"]
    assert codes("q=zoe+marin") == ["R1"]
    assert codes(f"event={site.acme.event}&is=inactive") == ["R3"]
    assert codes("is=test") == ["R4"]
    assert codes("status=Paid&type=Speaker") == ["R1"]
    (item,) = api.get("registrations?q=R1")["items"]
    assert item == api.get(f"registrations/{item['id']}")
    for query, field in (("event=x", "event"), ("is=gone", "is"), ("sort=age", "sort"), ("cursor=x", "cursor"), ("scope=live", "scope")):
        assert api.get(f"registrations?{query}", status=400)["errors"][0]["field"] == field


def test_the_parameters_are_named_as_in_the_address_of_the_page() -> None:
    declared = RegistrationFilters.base_fields
    page = {getattr(field, "param", "") or name for name, field in declared.items()}
    page -= {"column"}  # how the page shows rows: an answer has all members
    assert {field.encode_name for field in msgspec.structs.fields(RegistrationQuery)} - {"limit", "cursor"} == page
    assert {field.encode_name for field in msgspec.structs.fields(ApiFilters)} == page - {"sort"}


def lines(content: bytes) -> list[Any]:
    return [json.loads(line) for line in content.splitlines()]


def send_lines(api: ApiClient, body: bytes, **headers: str) -> Any:
    sent = {"authorization": f"Bearer {api.token}"} | {name.replace("_", "-"): value for name, value in headers.items()}
    return Client().post("/api/v1/registrations.ndjson", body, content_type="application/x-ndjson", headers=sent)


def test_I3_many_documents_have_an_answer_a_line_and_a_key_each(site: PlatformAccount, api: ApiClient) -> None:
    documents = [{"event": EVENT, "code": f"R{number}"} for number in range(450)]
    body = b"\n".join(json.dumps(document).encode() for document in documents) + b'\n\n{"event": \n{"event": "SUMMIT-26"}\n'
    first = send_lines(api, body, idempotency_key="file")
    assert first.status_code == 200
    assert first["Content-Type"] == "application/x-ndjson"
    answers = lines(first.content)
    assert [answer["line"] for answer in answers] == [*range(1, 451), 452, 453]
    assert {answer["status"] for answer in answers[:450]} == {201}
    assert answers[0].keys() == {"line", "status", "outcome", "registration", "version", "changes"}
    assert api.get(f"registrations/{answers[0]['registration']}")["code"] == "R0"
    assert [(answer["status"], answer["type"].rpartition(":")[2]) for answer in answers[450:]] == [(400, "json"), (400, "refused")]
    again = lines(send_lines(api, body, idempotency_key="file").content)
    assert again[:450] == answers[:450]
    assert len(changes(site, "R7")) == 1
    other = b'{"event": "SUMMIT-26", "code": "X"}'
    assert lines(send_lines(api, other, idempotency_key="file").content)[0]["status"] == 422


def test_many_documents_are_refused_as_a_whole_if_they_are_none_or_too_many(api: ApiClient) -> None:
    for body, status, name in ((b"", 400, "request"), (b"\n \n", 400, "request"), (b"{}\n" * 10_001, 413, "size")):
        answer = send_lines(api, body)
        assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (status, name)
    assert api.ask("POST", "registrations.ndjson", {}, status=415)["type"].endswith(":content-type")
    large = api.send("POST", "registrations", PERSON | {"profile": {"notes": "x" * 4_200_000}})
    assert (large.status_code, json.loads(large.content)["type"].rpartition(":")[2]) == (413, "size")
    below = api.send("POST", "registrations", PERSON | {"profile": {"notes": "x" * 3_000_000}})
    assert (below.status_code, json.loads(below.content)["errors"][0]["field"]) == (400, "profile.notes")


def test_a_full_read_has_all_that_match_and_goes_on_where_it_was_cut(site: PlatformAccount, api: ApiClient) -> None:
    documents = [{"event": EVENT, "code": f"R{n:04}", "status": "Paid" if n % 2 else "New"} for n in range(700)]
    send_lines(api, b"\n".join(json.dumps(document).encode() for document in documents))

    def read(query: str = "") -> list[Any]:
        response = api.send("GET", f"registrations.ndjson{query}")
        assert response.status_code == 200
        assert response["Content-Type"] == "application/x-ndjson"
        return lines(b"".join(response.streaming_content))  # type: ignore[attr-defined]

    *items, end = read()
    assert [item["code"] for item in items] == [document["code"] for document in documents]
    assert end == {"complete": True, "count": 700, "last": items[-1]["id"]}
    assert items[5] == api.get(f"registrations/{items[5]['id']}")
    *rest, end = read(f"?after={items[599]['id']}&status=Paid")
    assert [item["code"] for item in rest] == [f"R{n:04}" for n in range(601, 700, 2)]
    assert read(f"?after={items[-1]['id']}") == [{"complete": True, "count": 0, "last": None}]
    assert read("?q=R0123")[0]["code"] == "R0123"
    assert api.send("HEAD", "registrations.ndjson").status_code == 200


def test_an_account_has_one_full_read_at_a_time(site: PlatformAccount, api: ApiClient) -> None:
    api.post("registrations", PERSON)
    first = api.send("GET", "registrations.ndjson")
    assert api.ask("GET", "registrations.ndjson", status=429)["type"].endswith(":too-much-work")
    first.close()
    second = api.send("GET", "registrations.ndjson")
    assert len(b"".join(second.streaming_content).splitlines()) == 2  # type: ignore[attr-defined]


def test_O9_accounts_take_turns_at_full_reads(site: PlatformAccount, api: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two accounts read; a third one is refused, and has the place of who has read for a turn, who goes on afterwards."""
    monkeypatch.setattr(READ_PLACES, "turn", 0.0)
    send_lines(api, b"\n".join(json.dumps({"event": EVENT, "code": f"R{n:04}"}).encode() for n in range(700)))
    second, third = (ApiClient.for_account(platform_account.made(site.store).pk) for _account in range(2))
    for client in (second, third):
        client.post("registrations", PERSON)
    first_read, second_read = (client.send("GET", "registrations.ndjson") for client in (api, second))
    refused = third.send("GET", "registrations.ndjson")
    assert (refused.status_code, refused["Retry-After"], refused.json()["type"].rpartition(":")[2]) == (429, "10", "too-much-work")  # type: ignore[attr-defined]
    assert refused["RateLimit"].startswith('"account";r=')
    cut_off = lines(b"".join(first_read.streaming_content))  # type: ignore[attr-defined]
    assert [item["code"] for item in cut_off] == [f"R{n:04}" for n in range(250)]  # its chunk, and no last line
    following = f"registrations.ndjson?after={cut_off[-1]['id']}"
    assert api.send("GET", following).status_code == 429
    third_read = third.send("GET", "registrations.ndjson")
    for read in (second_read, third_read):
        assert lines(b"".join(read.streaming_content))[-1]["complete"] is True  # type: ignore[attr-defined]
    *rest, end = lines(b"".join(api.send("GET", following).streaming_content))  # type: ignore[attr-defined]
    assert ([item["code"] for item in rest], end["complete"]) == ([f"R{n:04}" for n in range(250, 700)], True)


def test_P1_who_reads_all_registrations_stands_in_the_audit(site: PlatformAccount, api: ApiClient, client: Client) -> None:
    """As who exports a list by its page: Planners, and an entry with the filter, which quotes nothing that was searched for."""
    id = api.post("registrations", PERSON)["registration"]
    viewer = ApiClient.for_account(site.pk, tuple(TokenScope), Role.VIEWER)
    assert viewer.get("registrations.ndjson", status=403)["type"].endswith(":role")
    planner = ApiClient.for_account(site.pk, [TokenScope.READ], Role.PLANNER)
    for query in ("", f"?event={site.acme.event}&status=Paid&type=Speaker&is=live&q=zoe", f"?status=Marin&after={id}"):
        planner.send("GET", f"registrations.ndjson{query}").close()
    assert planner.send("HEAD", "registrations.ndjson").status_code == 200
    planner.get("registrations.ndjson?event=x", status=400)
    whole, narrowed, rest = reversed(api.get("audit?kind=exports")["items"])
    assert (whole["what"], whole["kind"], whole["name"]) == ("exported", "registrations", "Registrations")
    assert whole["after"] == {"filter": ["all registrations"]}
    words = ["event SUMMIT-26", "status Paid", "type Speaker", "Live", "words in code, name, e-mail or organization"]
    assert narrowed["after"] == {"filter": words}
    assert rest["after"] == {"filter": ["all registrations"], "part": "continues where an earlier read was cut off"}
    site.signs_in(client, Role.PLANNER)
    page = client.get("/settings/audit/?kind=exports").content.decode()
    assert page.count("Exported the list") == 3


def test_P10_one_status_for_many_is_previewed_and_is_a_job(site: PlatformAccount, api: ApiClient) -> None:
    for code in ("R1", "R2", "R3"):
        api.post("registrations", {"event": EVENT, "code": code, "status": "Paid" if code == "R3" else "New"})
    wish = {"status": "Paid", "filters": {"event": str(site.acme.event)}}
    assert api.post("registrations/set-status/preview", wish, status=200) == {
        "total": 3,
        "already": 1,
        "changes": 2,
        "lacking": [],
        "flows": [{"id": str(site.acme.flow_facts().id), "name": "Leads"}],
    }
    started = api.post("registrations/set-status", wish, status=202)
    (job,) = site.run_jobs()
    assert (started["id"], started["kind"], started["state"]) == (str(job.pk), "set-status", "queued")
    assert job.counts == {"changed": 2, "already": 1}
    assert {item["status"] for item in api.get("registrations")["items"]} == {"Paid"}
    named = {"status": "New", "registrations": [{"event": EVENT, "code": "R1"}, {"event": EVENT, "code": "gone"}]}
    api.post("registrations/set-status", named, status=202)
    site.run_jobs()
    assert [item["code"] for item in api.get("registrations?status=New")["items"]] == ["R1"]
    assert api.post("registrations/set-status", wish | {"status": "Gone"}, status=409)["type"].endswith(":conflict")
    for body, field in (
        ({"status": "Paid"}, "registrations"),
        ({"status": "Paid", "filters": {}, "registrations": named["registrations"]}, "registrations"),
        ({"status": "", "filters": {}}, "status"),
        ({"status": "Paid", "filters": {"event": "999999"}}, "filters.event"),
        ({"status": "Paid", "filters": {"event": "x"}}, "filters.event"),
        ({"status": "Paid", "registrations": []}, "registrations"),
        ({"status": "Paid", "registrations": [{"event": EVENT, "code": "\0"}]}, "registrations[0].code"),
        ({"status": "Paid", "filters": {"q": "\0"}}, "filters.q"),
    ):
        for path in ("registrations/set-status", "registrations/set-status/preview"):
            assert api.post(path, body, status=400)["errors"][0]["field"] == field, body


def test_one_request_is_one_account(site: PlatformAccount, api: ApiClient) -> None:
    id = api.post("registrations", PERSON)["registration"]
    before = api.get(f"registrations/{id}")
    other = ApiClient.for_account(platform_account.made(site.store).pk)
    for method, path, body in (
        ("GET", f"registrations/{id}", None),
        ("PATCH", f"registrations/{id}", {"order_code": "theirs"}),
        ("GET", f"registrations/{id}/is-active", None),
        ("POST", f"registrations/{id}/is-active", {"active": False}),
        ("GET", f"registrations/lookup?event_code={EVENT}&code=R1", None),
        ("GET", f"registrations.ndjson?after={id}", None),
    ):
        other.ask(method, path, body, status=404)
    assert other.get(f"registrations?event={site.acme.event}")["items"] == []
    assert other.get("registrations")["items"] == []
    read = other.send("GET", "registrations.ndjson")
    assert lines(b"".join(read.streaming_content)) == [{"complete": True, "count": 0, "last": None}]  # type: ignore[attr-defined]
    named = {"status": "New", "registrations": [{"event": EVENT, "code": "R1"}]}
    assert other.post("registrations/set-status/preview", named, status=200)["total"] == 0
    other.post("registrations/set-status", named, status=409)
    wish = {"status": "New", "filters": {"event": str(site.acme.event)}}
    assert other.post("registrations/set-status", wish, status=400)["errors"][0]["field"] == "filters.event"
    assert other.post("registrations", PERSON)["registration"] != id  # its own event of that code
    assert api.get(f"registrations/{id}") == before
