"""Users, invitations, sign-in rules, tokens and the audit by REST (P1, O6, C5)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from django.core import mail
from django.test import Client
from django_scopes import scope
from tests.api_client import ApiClient
from tests.builders.people import team

from heliograph.accounts.models import Account, AuditEntry, Role, TokenScope, User
from heliograph.administration.audit_list import KINDS, REFUSALS, SIGN_INS
from heliograph.administration.views.audit_page import AuditFilters
from heliograph.api.documents.people_documents import AuditKind, RoleText, ScopeText
from heliograph.api.endpoints.audit_endpoints import AuditQuery
from heliograph.api.list_answers import ListQuery
from heliograph.setup.services.account_creation import AccountFacts, create_account
from heliograph.store.models import Idempotency


@pytest.fixture
def account(db: None) -> int:
    return create_account(AccountFacts("API", "API"), by="test").pk


@pytest.fixture
def people(account: int) -> dict[Role, User]:
    return team(Account.objects.get(pk=account))


@pytest.fixture
def api(account: int) -> ApiClient:
    return ApiClient.for_account(account)


def test_the_words_of_documents_are_those_of_the_models() -> None:
    assert set(get_args(RoleText.__value__)) == set(Role.values)
    assert set(get_args(ScopeText.__value__)) == set(TokenScope.values)
    assert set(get_args(AuditKind.__value__)) == {*KINDS, SIGN_INS, REFUSALS}


def test_the_lists_filters_are_named_as_on_the_page() -> None:
    own = set(AuditQuery.__struct_fields__) - set(ListQuery.__struct_fields__)
    assert own == {field.param or name for name, field in AuditFilters.base_fields.items()}  # type: ignore[attr-defined]


def test_P1_a_user_is_invited_changed_switched_off_and_removed(account: int, people: dict[Role, User], api: ApiClient) -> None:
    made = api.post("users", {"name": "Zoë", "email": "Zoe@Example.org", "role": "Planner", "second_factor_required": True})
    zoe = made["user"]
    assert zoe == {
        "id": zoe["id"],
        "name": "Zoë",
        "email": "zoe@example.org",
        "role": "Planner",
        "active": True,
        "invited": True,
        "second_factor_required": True,
    }
    assert "/accounts/invitation/" in made["link"]
    assert made["mailed"] is None
    assert Client().get(made["link"].partition("://")[2].partition("/")[2].join(["/", ""])).status_code == 200
    again = api.post(f"users/{zoe['id']}/links")
    assert again["link"] != made["link"]
    address = f"users/{zoe['id']}"
    assert api.patch(address, {"role": "Viewer", "active": False}) == zoe | {"role": "Viewer", "active": False}
    assert api.get(address)["active"] is False
    api.post(f"{address}/links", status=404)  # nobody who is switched off gets one
    api.delete(f"{address}/sessions")
    api.delete(f"{address}/second-factor")
    api.delete(address)
    api.get(address, status=404)
    assert {each["email"] for each in api.every("users?limit=2")} == {user.email for user in people.values()}
    with scope(account=account):
        assert list(AuditEntry.objects.filter(kind="user", object_id=zoe["id"]).order_by("id").values_list("what", flat=True)) == [
            "invited",
            "made a link for",
            "changed",
            "switched off",
            "signed out everywhere",
            "deleted",
        ]


def test_the_last_administrator_stays_one(people: dict[Role, User], api: ApiClient) -> None:
    address = f"users/{people[Role.ADMINISTRATOR].pk}"
    for refused in (
        api.patch(address, {"role": "Viewer"}, status=409),
        api.patch(address, {"active": False}, status=409),
        api.delete(address, status=409),
    ):
        assert "only Administrator" in refused["detail"]
    assert api.get(address)["role"] == "Administrator"


def test_a_refused_change_of_a_user_changes_nothing(people: dict[Role, User], api: ApiClient) -> None:
    """The role is saved before the access is switched; both or none."""
    address = f"users/{people[Role.ADMINISTRATOR].pk}"
    before = api.get(address)
    api.patch(address, {"name": "Another", "active": False}, status=409)
    assert api.get(address) == before


def test_an_address_of_another_account_is_not_told(people: dict[Role, User], api: ApiClient) -> None:
    other = team(create_account(AccountFacts("OTHER", "Other"), by="test"))[Role.PLANNER]
    own = people[Role.PLANNER]
    for email, sentence in (
        (other.email, "This address cannot be used. Use another one."),
        (own.email, f"{own.name} already has this address. Use another one."),
    ):
        problem = api.post("users", {"name": "X", "email": email, "role": "Viewer"}, status=400)
        assert problem["errors"] == [{"field": "email", "reason": sentence}]
        assert api.patch(f"users/{people[Role.VIEWER].pk}", {"email": email}, status=400)["errors"][0]["reason"] == sentence
    for method, path, body in (
        ("GET", f"users/{other.pk}", None),
        ("PATCH", f"users/{other.pk}", {"name": "Ours"}),
        ("POST", f"users/{other.pk}/links", {}),
        ("DELETE", f"users/{other.pk}/sessions", None),
        ("DELETE", f"users/{other.pk}/second-factor", None),
        ("DELETE", f"users/{other.pk}", None),
    ):
        api.ask(method, path, body, status=404)


def test_an_invitation_is_mailed_if_mail_is_set_up(api: ApiClient, settings: Any) -> None:
    settings.HELIOGRAPH = settings.HELIOGRAPH.model_copy(update={"smtp_url": type(settings.HELIOGRAPH.smtp_url)("smtp://127.0.0.1:1")})
    made = api.post("users", {"name": "Zoë", "email": "zoe@example.org", "role": "Planner"})
    assert made["mailed"] is True
    assert made["link"] in mail.outbox[0].body
    assert "test invites you to API" in mail.outbox[0].body


def test_sign_in_rules_are_read_and_changed(api: ApiClient) -> None:
    assert api.get("sign-in-rules") == {"second_factor_required": False, "idle_minutes": None}
    assert api.patch("sign-in-rules", {"idle_minutes": 30}) == {"second_factor_required": False, "idle_minutes": 30}
    assert api.patch("sign-in-rules", {"second_factor_required": True}) == {"second_factor_required": True, "idle_minutes": 30}
    for minutes in (0, 4, 10**9):
        assert api.patch("sign-in-rules", {"idle_minutes": minutes}, status=400)["errors"][0]["field"] == "idle_minutes"
    assert api.patch("sign-in-rules", {"idle_minutes": None})["idle_minutes"] is None


def test_O6_a_token_makes_another_that_may_no_more_than_itself(account: int, api: ApiClient) -> None:
    made = api.post("tokens", {"name": "Desk", "scopes": ["ingest"]})
    assert made["token"]["role"] == "Viewer"
    assert made["secret"].startswith(f"hg_{made['token']['begins']}_")
    assert {each["name"] for each in api.every("tokens")} == {"test", "Desk"}
    assert made["secret"] not in api.send("GET", f"tokens/{made['token']['id']}").content.decode()
    narrow = ApiClient.for_account(account, [TokenScope.PEOPLE, TokenScope.READ])
    narrow.post("tokens", {"name": "More", "scopes": ["people", "operate"]}, status=400)
    narrow.post("tokens", {"name": "None", "scopes": []}, status=400)
    local = api.post("tokens", {"name": "Local", "scopes": ["read"], "expires": "2099-01-01T00:00:00"}, status=400)
    assert local["errors"][0]["field"] == "expires"  # of which time zone?
    soon = datetime.now(UTC) + timedelta(days=1)
    ended = api.post("tokens", {"name": "Day", "scopes": ["people"], "role": "Administrator", "expires": soon.isoformat()})
    brief = ApiClient(ended["secret"])
    brief.post("tokens", {"name": "For ever", "scopes": ["people"]}, status=400)
    brief.post("tokens", {"name": "Longer", "scopes": ["people"], "expires": (soon + timedelta(days=1)).isoformat()}, status=400)
    brief.post("tokens", {"name": "As long", "scopes": ["people"], "expires": soon.isoformat()})
    api.delete(f"tokens/{made['token']['id']}")
    ApiClient(made["secret"]).get("tags", status=401)
    other = ApiClient.for_account(create_account(AccountFacts("OTHER", "Other"), by="test").pk)
    other.get(f"tokens/{ended['token']['id']}", status=404)
    other.delete(f"tokens/{ended['token']['id']}", status=404)


def test_O6_a_secret_that_is_answered_once_is_stored_sealed_and_for_its_token(account: int, api: ApiClient) -> None:
    body = {"name": "Desk", "scopes": ["ingest"]}
    first = api.post("tokens", body, idempotency_key="k")
    assert api.post("tokens", body, idempotency_key="k") == first
    with scope(account=account):
        assert first["secret"] not in "".join(Idempotency.objects.values_list("answer", flat=True))
    other = ApiClient.for_account(account, [TokenScope.PEOPLE, TokenScope.INGEST])
    assert other.post("tokens", body, idempotency_key="k")["secret"] != first["secret"]


def test_what_mails_takes_no_key(people: dict[Role, User], api: ApiClient) -> None:
    """No transaction waits for a mail server."""
    for path, body in (("users", {"name": "X", "email": "x@example.org", "role": "Viewer"}), (f"users/{people[Role.VIEWER].pk}/links", {})):
        assert api.post(path, body, status=400, idempotency_key="k")["errors"][0]["field"] == "Idempotency-Key"


def test_a_token_does_not_outlast_the_calendar(api: ApiClient) -> None:
    for expires in ("9999-12-31T23:59:59-12:00", "2999-01-01T00:00:00Z"):
        api.post("tokens", {"name": "Far", "scopes": ["read"], "expires": expires}, status=400)
    assert [each["name"] for each in api.every("tokens")] == ["test"]


def test_C5_the_audit_is_listed_and_searched_as_on_its_page(api: ApiClient) -> None:
    tag = api.post("tags", {"name": "Speaker", "kinds": ["event"]})
    api.patch(f"tags/{tag['id']}", {"label": "Speakers"})
    newest = api.get("audit?limit=1&kind=tags")
    assert newest["next"]
    entry = newest["items"][0]
    assert (entry["what"], entry["kind"], entry["object"], entry["by_name"]) == ("changed", "tag", tag["id"], "test")
    assert (entry["before"], entry["after"]) == ({"label": "Speaker"}, {"label": "Speakers"})
    assert len(api.every("audit?limit=1&kind=tags")) == 2
    assert [each["what"] for each in api.every(f"audit?q=Speakers&who={entry['by']}")] == ["changed"]
    assert api.get("audit?kind=colours", status=400)["errors"][0]["field"] == "kind"
