"""The account by REST: itself, its retry intervals, how long it keeps what; the same as by its pages (P1, D5, O4)."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from tests.aging import age
from tests.api_client import ApiClient
from tests.audit_entries import audit_entries
from tests.builders.account import Acme, acme
from tests.confirming import confirms
from tests.story import Story

from heliograph.accounts.models import Account, Role, TokenScope
from heliograph.domain.delivery.retry_policy import MINUTE, STANDARD
from heliograph.domain.retention import Terms
from heliograph.setup.services.retry_intervals import FIELDS
from heliograph.store import config_cache, retention_record

PROBLEM = "urn:heliograph:problem:"
USUAL = {name: [wait / MINUTE for wait in STANDARD[category]] for category, name in FIELDS.items()}


@pytest.fixture(autouse=True)
def _nothing_compiled() -> None:
    """Rolled-back versions of configuration return with other content."""
    config_cache.PROCESS.forget()


@pytest.fixture
def account(db: None) -> Acme:
    return acme()


def changes(account: int) -> list[tuple[Any, ...]]:
    """What the audit says of changes of the account."""
    return [entry[1:] for entry in audit_entries(account, "account") if entry[1] == "changed"]


# --- itself


def test_the_account_is_read_and_changed(account: Acme) -> None:
    api = ApiClient.for_account(account.pk)
    stored = api.get("account")
    assert stored == {
        "code": account.account.code,
        "name": "Acme",
        "timezone": "Europe/Berlin",
        "signal_enabled": True,
        "start_page": "overview",
    }
    seen = api.send("GET", "account")["ETag"]
    changed = api.patch("account", {"name": "Acme Events"}, if_match=seen)
    assert changed == stored | {"name": "Acme Events"} == api.get("account")
    assert api.patch("account", {"name": "Else"}, status=412, if_match=seen)["current"] == changed
    assert api.patch("account", {}) == changed


def test_what_is_refused_of_the_account_names_the_field(account: Acme) -> None:
    other = acme()
    api = ApiClient.for_account(account.pk)
    before = api.get("account")
    for body, member in (
        ({"code": other.account.code}, "code"),
        ({"code": other.account.code.lower()}, "code"),
        ({"code": "a b"}, "code"),
        ({"code": ""}, "code"),
        ({"name": ""}, "name"),
        ({"name": "a\u0000"}, "name"),
        ({"timezone": "Mars/Base"}, "timezone"),
        ({"signal_enabled": False}, "signal_enabled"),
        ({"id": "1"}, "id"),
    ):
        assert member in {error["field"] for error in api.patch("account", body, status=400)["errors"]}, body
    assert api.get("account") == before
    planner = ApiClient.for_account(account.pk, tuple(TokenScope), Role.PLANNER)
    for path in ("account", "retry-intervals", "retention"):
        assert planner.patch(path, {}, status=403)["type"] == PROBLEM + "role"


# --- retry intervals


def test_retry_intervals_are_read_and_changed(account: Acme) -> None:
    api = ApiClient.for_account(account.pk)
    assert api.get("retry-intervals") == USUAL
    changed = api.patch("retry-intervals", {"system": [0.5, 1 / 3 * 2, 5], "config": [60, 120, 2880]})
    assert changed == USUAL | {"system": [0.5, pytest.approx(2 / 3), 5], "config": [60, 120, 2880]} == api.get("retry-intervals")
    assert api.patch("retry-intervals", {"general": [15, 60, 120]}) == changed | {"general": [15, 60, 120]}
    assert api.patch("retry-intervals", dict.fromkeys(USUAL)) == USUAL
    assert Account.objects.get(pk=account.pk).retry_intervals is None


def test_refused_retry_intervals_name_the_category(account: Acme) -> None:
    api = ApiClient.for_account(account.pk)
    for body, member in (
        ({"system": [1, 2]}, "system"),
        ({"system": [0, 2, 3]}, "system"),
        ({"system": [-1, 2, 3]}, "system"),
        ({"system": [1, 2, 1e308]}, "system"),
        ({"system": [1, 2, 60 * 24 * 31]}, "system"),
        ({"config": [1, 2, 3]}, "config"),
        ({"config": "1, 2, 3"}, "config"),
        ({"validation": [1, 2, 3]}, "validation"),
    ):
        assert member in {error["field"] for error in api.patch("retry-intervals", body, status=400)["errors"]}, body
    assert api.get("retry-intervals") == USUAL


# --- retention


def test_terms_are_read_and_changed(account: Acme) -> None:
    api = ApiClient.for_account(account.pk)
    most = django_settings.HELIOGRAPH.retention
    installation = {"content": most.content, "rows": most.rows}
    assert api.get("retention") == {"content": None, "rows": None, "in_force": installation, "installation": installation}
    shorter = {"content": 10, "rows": 20}
    assert api.patch("retention", shorter) == shorter | {"in_force": shorter, "installation": installation} == api.get("retention")
    assert api.patch("retention", {"content": 20})["in_force"] == {"content": 20, "rows": 20}
    assert api.patch("retention", {"content": None, "rows": most.rows})["in_force"] == installation
    assert (Account.objects.get(pk=account.pk).content_days, Account.objects.get(pk=account.pk).row_days) == (None, None)
    for body, member in (
        ({"content": 0}, "content"),
        ({"content": -1}, "content"),
        ({"rows": most.rows + 1}, "rows"),
        ({"rows": 10**30}, "rows"),
        ({"content": 20, "rows": 10}, "content"),
        ({"content": "many"}, "content"),
        ({"in_force": {}}, "in_force"),
    ):
        assert member in {error["field"] for error in api.patch("retention", body, status=400)["errors"]}, body
    assert api.get("retention")["in_force"] == installation


def outdated(story: Story) -> ApiClient:
    """A client of an account with changes that are 210 days old."""
    for first in ("Eva", "Ewa"):
        story.record("R1", first=first)
    age(story.db, story.account, 210)
    return ApiClient.for_account(story.account)


SHORTER = {"content": 30, "rows": 60}
"""Terms by which something of it goes."""


def test_O4_terms_that_remove_something_are_saved_only_when_confirmed(forgetful_story: Story) -> None:
    story = forgetful_story
    api = outdated(story)
    assert api.get("retention/removal")["removed"]["changes"] == 0
    problem = api.patch("retention", SHORTER, status=409)
    assert problem["type"] == PROBLEM + "confirm"
    assert "cannot be undone" in problem["detail"]
    assert api.get("retention")["rows"] is None
    assert api.patch("retention?confirmed=true", SHORTER)["in_force"] == SHORTER
    removal = api.get("retention/removal")
    assert removal["removed"]["changes"] > 0
    assert removal["begins"] is not None
    notice = retention_record.announcement(story.db, story.account)
    assert notice is not None
    assert notice.agreed is not None
    assert notice.terms == Terms(30, 60)


def test_O4_terms_are_changed_like_by_their_page(forgetful_story: Story, client: Client) -> None:
    story = forgetful_story
    api = outdated(story)
    assert confirms(story.signs_in(client), "/settings/retention/", {"content": "30", "rows": "60"}).status_code == 302
    notice = retention_record.announcement(story.db, story.account)
    api.patch("retention", {"content": None, "rows": None})
    api.patch("retention?confirmed=true", SHORTER)
    by_page, _back, by_program = changes(story.account)
    assert by_page == by_program
    again = retention_record.announcement(story.db, story.account)
    assert notice is not None
    assert again is not None
    assert again.terms == notice.terms


def test_O4_a_removal_is_started_only_when_confirmed(forgetful_story: Story, client: Client) -> None:
    story = forgetful_story
    ada, api = story.signs_in(client), ApiClient.for_account(story.account)
    assert api.post("retention/removal/start?confirmed=true", status=409)["type"] == PROBLEM + "conflict"
    api.patch("retention", SHORTER)
    outdated(story)
    assert api.get("retention/removal")["begins"] is None
    assert api.post("retention/removal/start", status=409)["type"] == PROBLEM + "confirm"
    assert api.get("retention/removal")["begins"] is None
    refused = api.post("retention/removal/start?confirmed=true", status=400, idempotency_key="k")
    assert refused["errors"][0]["field"] == "Idempotency-Key"
    assert api.post("retention/removal/start?confirmed=true", status=200)["begins"] is not None
    by_program = changes(story.account)[-1]
    with story.db.transaction():
        story.db.run("DELETE FROM retention WHERE account_id = :account", {"account": story.account})
    assert confirms(ada, "/settings/retention/", {"begin": "1"}).status_code == 302
    assert changes(story.account)[-1] == by_program
