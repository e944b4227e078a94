"""What all endpoints of the REST API share: tokens, problems, pages of lists, ETags, keys, quotas. Shown with tags."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.test import Client
from django_scopes import scope
from tests.api_client import ApiClient
from tests.api_routes import ROUTES
from tests.builders.people import team

from heliograph.accounts.api_tokens import create_token, revoke_token
from heliograph.accounts.models import Account, ApiToken, AuditEntry, Role, TokenScope
from heliograph.setup.models import Tag
from heliograph.setup.services.account_creation import AccountFacts, create_account
from heliograph.store.models import Idempotency

PROBLEM = "urn:heliograph:problem:"


@pytest.fixture
def account(db: None) -> int:
    return create_account(AccountFacts("API", "API"), by="test").pk


@pytest.fixture
def api(account: int) -> ApiClient:
    return ApiClient.for_account(account)


def test_a_tag_is_created_read_changed_merged_and_deleted(account: int, api: ApiClient) -> None:
    vip = api.post("tags", {"name": "VIP", "kinds": ["attendee_type"]})
    assert vip == {"id": vip["id"], "name": "VIP", "label": "VIP", "kinds": ["attendee_type"]}
    assert api.get(f"tags/{vip['id']}") == vip
    changed = api.patch(f"tags/{vip['id']}", {"label": "Very important"})
    assert changed == vip | {"label": "Very important"}
    guest = api.post("tags", {"name": "Guest", "kinds": ["event"]})
    merged = api.post(f"tags/{guest['id']}/merge", {"into": vip["id"]}, status=200)
    assert merged["kinds"] == ["attendee_type", "event"]
    api.get(f"tags/{guest['id']}", status=404)
    api.delete(f"tags/{vip['id']}")
    assert api.get("tags")["items"] == []
    with scope(account=account):
        entries = AuditEntry.objects.filter(kind="tag").order_by("id").values_list("what", "by")
        token = ApiToken.objects.get().pk
    assert {by for _what, by in entries} == {f"token:{token}"}
    assert [what for what, _by in entries] == ["created", "changed", "created", "merged", "deleted"]


def test_what_is_unknown_or_wrong_is_refused_by_name(api: ApiClient) -> None:
    for body, field in (
        ({"name": "A", "kinds": ["event"], "colour": "red"}, "colour"),
        ({"kinds": ["event"]}, "name"),
        ({"name": 3, "kinds": ["event"]}, "name"),
        ({"name": "A", "kinds": ["events"]}, "kinds[0]"),
        ({"name": "A", "kinds": []}, "kinds"),
        ({"name": "", "kinds": ["event"]}, "name"),
        ([], "body"),
    ):
        problem = api.ask("POST", "tags", body, status=400)
        assert problem["errors"][0]["field"] == field, problem
        assert problem["errors"][0]["reason"]
    for query, field in (
        ("limit=0", "limit"),
        ("limit=many", "limit"),
        ("page=2", "page"),
        ("cursor=x", "cursor"),
        ("object=events", "object"),
    ):
        assert api.get(f"tags?{query}", status=400)["errors"][0]["field"] == field
    response = Client().post("/api/v1/tags", b'{"nam', content_type="application/json", headers={"authorization": f"Bearer {api.token}"})
    assert response.status_code == 400
    assert response.json()["type"] == PROBLEM + "request"
    assert api.get("tags")["items"] == []


def test_a_body_that_no_database_or_reader_takes_is_refused(api: ApiClient) -> None:
    for name in ("a\0b", "\\\0"):
        assert api.post("tags", {"name": name, "kinds": ["event"]}, status=400)["errors"][0]["field"] == "name"
        api.post("users", {"name": "X", "email": f"{name}@example.org", "role": "Viewer"}, status=400)
    made = api.post("tags", {"name": "\\u0000", "kinds": ["event"]})  # a backslash, and the letters u0000
    assert api.get(f"tags/{made['id']}")["name"] == "\\u0000"
    header = {"authorization": f"Bearer {api.token}"}
    for depth in (900, 200_000):
        deep = b"[" * depth + b'"\\u0000"' + b"]" * depth
        response = Client().post("/api/v1/tags", deep, content_type="application/json", headers=header)
        assert response.status_code == 400, response.content


def test_no_text_of_any_request_holds_nul(api: ApiClient) -> None:
    """ARCHITECTURE.md, rule 2: SQLite stores NUL where no service looks, such as the `why` of a pause; PostgreSQL refuses it. No endpoint takes it."""
    for method, path in ROUTES:
        address = re.sub(r"\{\w+\}", "1", path)
        requests: list[tuple[str, Any, str]] = [(f"{address}?q=a%00b", None, "q"), (f"{address}?a%00b=q", None, "a\ufffdb")]
        if method in ("POST", "PUT", "PATCH") and not path.endswith(".ndjson"):
            requests += [(address, {"why": "\0"}, "why"), (address, {"a": {"list": ["b", {"c": "\\\0"}]}}, "a.list[1].c")]
            requests += [(address, {"a": {"\0": 1}}, "a"), (address, "\0", "body")]
        for url, body, field in requests:
            problem = api.ask(method, url, body, status=400)
            assert problem["type"] == PROBLEM + "request"
            assert [each["field"] for each in problem["errors"]] == [field], (method, url, body)
            assert body is None or "NUL" in problem["errors"][0]["reason"]
        if "{" in path:
            api.ask(method, re.sub(r"\{\w+\}", "a%00b", path), status=404)


def test_no_number_of_any_body_is_out_of_range(api: ApiClient) -> None:
    """What no program computes with (1e999, an integer of 5,000 digits) is refused by its place, and a number that no column holds by its field."""
    header = {"authorization": f"Bearer {api.token}"}
    document = Client().get("/api/v1/openapi.json").json()
    bodies = [
        (method, path, operation["requestBody"]["content"]["application/json"]["schema"])
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if method in ("post", "put", "patch") and "application/json" in operation.get("requestBody", {}).get("content", {})
    ]
    assert len(bodies) > 100

    def sent(method: str, path: str, body: str) -> Any:
        address = re.sub(r"\{\w+\}", "1", path)
        return Client().generic(method.upper(), address, body.encode(), content_type="application/json", headers=header)

    for method, path, schema in bodies:
        for body, place in (
            ('{"name": 1e999}', "name"),
            ('{"a": [{"b": -1e400}]}', "a[0].b"),
            ("1e999", "body"),
            (f'{{"a": {"9" * 5000}}}', "body"),
        ):
            response = sent(method, path, body)
            assert (response.status_code, response.json()["type"]) == (400, PROBLEM + "request"), (method, path, body)
            if "registrations" not in path:  # a registration's document names it in words of its own (I5)
                assert [each["field"] for each in response.json()["errors"]] == [place], (method, path, body)
        members = document["components"]["schemas"].get(schema.get("$ref", "").rpartition("/")[2], schema).get("properties", {})
        for name in members:
            for number in ("1" + "0" * 30, "-1e308"):
                assert sent(method, path, f'{{"{name}": {number}}}').status_code < 500, (method, path, name, number)


def test_no_address_takes_a_parameter_that_it_does_not_know(api: ApiClient) -> None:
    """A parameter that is misspelt would be left out, and a write would do more than was asked for."""
    for method, path in ROUTES:
        address = re.sub(r"\{\w+\}", lambda match: "triggered" if match[0] == "{kind}" else "1", path)
        if path.endswith(".ndjson"):
            continue
        problem = api.ask(method, f"{address}?foo=1", {} if method in ("POST", "PUT", "PATCH") else None, status=400)
        assert {"field": "foo", "reason": "is not known here."} in problem["errors"], (method, path, problem)


def test_lists_and_days_of_requests_have_limits(api: ApiClient) -> None:
    """What is unbounded would keep the account's lock, and days at the ends of the calendar have no moments."""
    row = {"field": "profile.email", "op": "is any of", "values": ["x"]}
    for filters in ([row] * 51, [row | {"values": ["x"] * 501}]):
        assert api.post("flows", {"name": "F", "filters": filters}, status=400)["errors"][0]["field"].startswith("filters")
    flow = api.post("flows", {"name": "F", "filters": [row]})["id"]
    for day in ("0001-01-01", "9999-12-31"):
        assert api.get(f"feed?date={day}", status=400)["errors"][0]["field"] == "date"
        assert api.post("replays", {"flow": flow, "from": day}, status=400)["errors"][0]["field"] == "from"


def test_what_stands_there_now_is_only_for_those_who_may_read(account: int, api: ApiClient) -> None:
    address = f"tags/{api.post('tags', {'name': 'A', 'kinds': ['event']})['id']}"
    writer = ApiClient.for_account(account, [TokenScope.SET_UP])
    assert "current" not in writer.patch(address, {"label": "B"}, status=412, if_match='"other"')
    assert "current" in api.patch(address, {"label": "B"}, status=412, if_match='"other"')


def test_every_error_is_a_problem_document(account: int, api: ApiClient) -> None:
    header = {"authorization": f"Bearer {api.token}"}
    for response, status, name in (
        (Client().get("/api/v1/tags"), 401, "token"),
        (Client().get("/api/v1/tags", headers={"authorization": "Bearer hg_000000000000_" + "A" * 43}), 401, "token"),
        (Client().get("/api/v1/nothing", headers=header), 404, "not-found"),
        (Client().get("/api/v2/tags", headers=header), 404, "not-found"),
        (Client().get("/api/v1/tags/99999", headers=header), 404, "not-found"),
        (Client().get("/api/v1/tags/abc", headers=header), 404, "not-found"),
        (Client().put("/api/v1/tags", headers=header), 405, "method"),
        (Client().get("/api/v1/tags", headers=header | {"accept": "text/html"}), 406, "accept"),
        (Client().post("/api/v1/tags", "a=b", content_type="text/plain", headers=header), 415, "content-type"),
        (Client().get("/api/v1/%252e/", headers=header), 400, "request"),
    ):
        assert response.status_code == status, response.content
        assert response["Content-Type"] == "application/problem+json"
        document = json.loads(response.content)
        assert (document["type"], document["status"]) == (PROBLEM + name, status)
        assert document["title"]
        assert document["detail"]
    assert Client().get("/api/v1/tags")["WWW-Authenticate"] == 'Bearer realm="heliograph"'
    assert Client().put("/api/v1/tags", headers=header)["Allow"] == "GET, POST"


def test_a_token_needs_the_scope_and_the_role(account: int) -> None:
    tag = {"name": "A", "kinds": ["event"]}
    assert ApiClient.for_account(account, [TokenScope.INGEST]).get("tags", status=403)["type"] == PROBLEM + "scope"
    reader = ApiClient.for_account(account, [TokenScope.READ], Role.VIEWER)
    assert reader.get("tags")["items"] == []
    assert reader.post("tags", tag, status=403)["type"] == PROBLEM + "scope"
    planner = ApiClient.for_account(account, [TokenScope.READ, TokenScope.SET_UP], Role.PLANNER)
    assert planner.post("tags", tag, status=403)["type"] == PROBLEM + "role"
    assert planner.get("tags")["items"] == []


def test_one_request_is_one_account(account: int, api: ApiClient) -> None:
    mine = api.post("tags", {"name": "Mine", "kinds": ["event"]})
    other = ApiClient.for_account(create_account(AccountFacts("OTHER", "Other"), by="test").pk)
    assert other.get("tags")["items"] == []
    for method in ("GET", "DELETE"):
        other.ask(method, f"tags/{mine['id']}", status=404)
    other.patch(f"tags/{mine['id']}", {"name": "Theirs"}, status=404)
    own = other.post("tags", {"name": "Own", "kinds": ["event"]})
    other.post(f"tags/{own['id']}/merge", {"into": mine["id"]}, status=404)
    assert api.get(f"tags/{mine['id']}") == mine


def test_a_revoked_token_is_refused_at_once(account: int) -> None:
    made = create_token(account, "gone", by="test", scopes=[TokenScope.READ])
    client = ApiClient(made.secret)
    client.get("tags")
    revoke_token(account, made.row.pk, by="test")
    client.get("tags", status=401)


def test_the_cookie_of_the_pages_gives_no_right(account: int) -> None:
    client = Client()
    client.force_login(team(Account.objects.get(pk=account))[Role.ADMINISTRATOR])
    assert client.get("/settings/tags/").status_code == 200
    assert client.get("/api/v1/tags").status_code == 401


def test_a_list_is_read_page_by_page(api: ApiClient) -> None:
    for number in range(7):
        api.post("tags", {"name": f"T{number}", "kinds": ["event"]})
    first = api.get("tags?limit=3&object=event")
    assert [tag["name"] for tag in first["items"]] == ["T0", "T1", "T2"]
    assert first["next"].startswith("/api/v1/tags?limit=3&object=event&cursor=")
    assert [tag["name"] for tag in api.every("tags?limit=3&object=event")] == [f"T{number}" for number in range(7)]
    assert api.get("tags?object=question") == {"items": [], "next": None}


def test_if_match_overwrites_nothing_that_was_not_seen(api: ApiClient) -> None:
    tag = api.post("tags", {"name": "A", "kinds": ["event"]})
    address = f"tags/{tag['id']}"
    seen = api.send("GET", address)["ETag"]
    assert api.send("GET", address, if_none_match=seen).status_code == 304
    changed = api.send("PATCH", address, {"label": "B"}, if_match=seen)
    assert changed.status_code == 200
    assert changed["ETag"] == api.send("GET", address)["ETag"] != seen
    problem = api.patch(address, {"label": "C"}, status=412, if_match=seen)
    assert problem["type"] == PROBLEM + "changed"
    assert problem["current"] == tag | {"label": "B"}
    api.delete(address, status=412, if_match=seen)
    api.patch(address, {"label": "D"}, if_match="*")
    api.delete(address, if_match=api.send("GET", address)["ETag"])


def test_a_key_makes_a_post_happen_once(account: int, api: ApiClient) -> None:
    tag = {"name": "A", "kinds": ["event"]}
    first = api.send("POST", "tags", tag, idempotency_key="one")
    again = api.send("POST", "tags", tag, idempotency_key="one")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again["Idempotency-Replayed"] == "true"
    assert api.post("tags", tag | {"name": "B"}, status=422, idempotency_key="one")["type"] == PROBLEM + "key-reused"
    api.post("tags", tag, status=400, idempotency_key="two")  # the name is taken
    with scope(account=account):
        assert list(Idempotency.objects.values_list("key", flat=True)) == ["one"]  # a refusal is not remembered
        assert Tag.objects.count() == 1
    api.post("tags", tag | {"name": "C"}, idempotency_key="two")
    api.post("tags", tag | {"name": "D"}, status=400, idempotency_key="k" * 301)


def test_keys_of_two_accounts_and_two_addresses_are_apart(account: int, api: ApiClient) -> None:
    other = ApiClient.for_account(create_account(AccountFacts("OTHER", "Other"), by="test").pk)
    tag = {"name": "A", "kinds": ["event"]}
    first, second = (client.post("tags", tag, idempotency_key="same") for client in (api, other))
    assert first["id"] != second["id"]
    into = api.post("tags", tag | {"name": "B"})
    api.post(f"tags/{first['id']}/merge", {"into": into["id"]}, status=200, idempotency_key="same")


def test_an_account_has_a_quota(api: ApiClient, settings: Any) -> None:
    settings.HELIOGRAPH = settings.HELIOGRAPH.model_copy(update={"api_requests": 1_200})
    response = api.send("GET", "tags")
    assert response["RateLimit-Policy"] == '"account";q=1200;w=60'
    assert response["RateLimit"].startswith('"account";r=')
    settings.HELIOGRAPH = settings.HELIOGRAPH.model_copy(update={"api_requests": 2})
    limited = ApiClient.for_account(create_account(AccountFacts("BUSY", "Busy"), by="test").pk)
    assert [limited.send("GET", "tags").status_code for _ in range(3)] == [200, 200, 429]
    refused = limited.send("GET", "tags")
    assert json.loads(refused.content)["type"] == PROBLEM + "rate"
    assert int(refused["Retry-After"]) > 0


def test_head_is_get_without_its_body(api: ApiClient) -> None:
    response = api.send("HEAD", "tags")
    assert response.status_code == 200
    assert response.content == b""


def test_the_use_of_a_token_is_noted(account: int, api: ApiClient) -> None:
    api.get("tags")
    with scope(account=account):
        assert ApiToken.objects.get().last_used is not None
