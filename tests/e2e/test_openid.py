"""Signing in by OpenID Connect against a provider that none of us wrote (P1), through its own pages."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from tests import accessibility
from tests.canaille import USER, Canaille
from tests.databases import DatabaseFacts
from tests.processes import Starter, free_port
from tests.waiting import until

from heliograph.accounts.models import Role, User
from heliograph.accounts.people import PersonFacts, invite
from heliograph.setup.services.account_creation import AccountFacts, create_account

pytestmark = pytest.mark.once


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def canaille(tmp_path: Path, port: int) -> Iterator[Canaille]:
    with Canaille(tmp_path, f"http://127.0.0.1:{port}/accounts/openid/oidc/return/") as started:
        yield started


def test_P1_only_who_is_invited_comes_in_by_openid_connect(
    database: DatabaseFacts, heliograph: Starter, canaille: Canaille, page: Page, port: int, page_errors: Any
) -> None:
    base = f"http://127.0.0.1:{port}"
    account = create_account(AccountFacts("ACME", "Acme"), by="test")
    pages = heliograph(
        "process",
        "pages",
        HELIOGRAPH_BIND=f"127.0.0.1:{port}",
        HELIOGRAPH_BASE_URL=base,
        HELIOGRAPH_OIDC_ISSUER=canaille.url(""),
        HELIOGRAPH_OIDC_CLIENT_ID=canaille.code["client_id"],
        HELIOGRAPH_OIDC_CLIENT_SECRET=canaille.code["client_secret"],
        HELIOGRAPH_OIDC_NAME="Brightfield ID",
        HELIOGRAPH_OIDC_TRUST_EMAIL="yes",
    )
    pages.until_answers(f"{base}/accounts/sign-in/")
    page.set_default_timeout(60_000)
    page_errors.expect(canaille.url("/"))  # what canaille's own pages write to the console is not ours to mend

    page.goto(f"{base}/registrations/?q=zo")
    page.get_by_role("link", name="Sign in with Brightfield ID").click()
    page.locator("input[name=login]").fill(USER["user_name"])
    page.locator("input[name=login]").press("Enter")
    page.locator("input[name=password]").fill(USER["password"])
    page.locator("input[name=password]").press("Enter")
    page_errors.expect("the server responded with a status of 403")
    page.locator("button[name=answer][value=accept]").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You are not invited yet")
    expect(page.get_by_text("ada@example.org")).to_be_visible()
    accessibility.sweep(page)
    assert not User.objects.exists()

    second = int(time.time())
    until(lambda: int(time.time()) > second)  # canaille gives one user the same token twice in a second, and cannot store it twice
    user, _link = invite(PersonFacts("ada@example.org", "Ada Lindqvist", Role.PLANNER, account), by="test")
    page.goto(f"{base}/registrations/?q=zo")
    page.get_by_role("link", name="Sign in with Brightfield ID").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Registrations")
    assert page.url == f"{base}/registrations/?q=zo"
    user.refresh_from_db()
    assert (user.invited, user.has_usable_password(), user.role) == (False, False, Role.PLANNER)
    page.goto(f"{base}/settings/users/")
    expect(page.get_by_role("row", name="Ada Lindqvist")).to_contain_text("Brightfield ID")

    # A return that nobody asked for.
    page_errors.expect("the server responded with a status of 502")
    refused = page.goto(f"{base}/accounts/openid/oidc/return/?code=x&state=made-up")
    assert refused
    assert refused.status == 502
    accessibility.sweep(page)
