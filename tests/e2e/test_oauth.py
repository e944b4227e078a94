"""OAuth2 against a server that none of us wrote (C4): both grants, the code grant in a browser through its own pages."""

from __future__ import annotations

import json
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from tests import accessibility
from tests.browser import sign_in
from tests.canaille import USER, Canaille
from tests.databases import DatabaseFacts
from tests.processes import Starter, free_port
from tests.receiver import Answer, Received, Receiver
from tests.story import Story

from heliograph.accounts.vault import vault
from heliograph.domain.connection.secret import Secret
from heliograph.store import oauth_token_store


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def canaille(tmp_path: Path, port: int) -> Iterator[Canaille]:
    with Canaille(tmp_path, f"http://127.0.0.1:{port}/oauth/return") as started:
        yield started


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


@pytest.fixture
def story(database: DatabaseFacts, receiver: Receiver) -> Iterator[Story]:
    made = Story(database, receiver)
    yield made
    made.close()


def guarded(canaille: Canaille, client: dict[str, str], scope: str) -> Any:
    """A target that asks canaille itself whether a token is good."""

    def answer(request: Received) -> Answer:
        kind, _, token = (request.header("authorization") or "").partition(" ")
        try:
            known = canaille.knows(client, token) if kind == "Bearer" else {}
        except urllib.error.HTTPError:
            known = {}
        if not known.get("active"):
            return Answer(401, {"error": "invalid_token"})
        return Answer(200 if scope in str(known.get("scope", "")).split() else 403, {"error": "insufficient_scope"})

    return answer


def test_C4_client_credentials_of_canaille(story: Story, receiver: Receiver, canaille: Canaille) -> None:
    client = canaille.credentials
    receiver.answer("/crm", guarded(canaille, client, "profile"))
    fields = canaille.fields(client, scope="profile")
    crm = story.connection("CRM", "/crm", secrets={Secret.CLIENT_SECRET: client["client_secret"]}, **fields)
    story.flow("To it", [story.to(crm)])
    with story.worker():
        story.record("R1", status="Attended")
        story.until("R1", "success")

        token = oauth_token_store.read_access(story.db, vault(), story.account, crm).access_token
        canaille.revoke(client, token)
        story.record("R2", status="Attended")
        story.until("R2", "success")
        assert story.action("R2")["tries"] == 1  # a 401, another token, and the same action once more

        story.change_connection(crm, secrets={Secret.CLIENT_SECRET: "wrong"}, client_id="credentials", scope="")
        story.record("R3", status="Attended")
        story.until("R3", "queued")
        refused = story.action("R3")
        assert (refused["category"], refused["cause"]) == ("Config", "oauth")
        assert "invalid_client" in refused["message"]

        # canaille gives a token without the scope that it does not know; the target then refuses it
        story.change_connection(crm, secrets={Secret.CLIENT_SECRET: client["client_secret"]}, scope="nonsense")
        story.record("R4", status="Attended")
        story.until("R4", "queued")
        assert story.attempts(story.action("R4"))[-1] == ("first", "Config", 403)
        story.change_connection(crm, scope="profile")
        story.until("R3", "success")
        story.until("R4", "success")


def test_C4_the_code_grant_in_a_browser_through_canailles_own_pages(
    story: Story, receiver: Receiver, canaille: Canaille, heliograph: Starter, page: Page, port: int, page_errors: Any
) -> None:
    client = canaille.code
    receiver.answer("/crm", guarded(canaille, client, "email"))
    fields = canaille.fields(client, grant="Authorization Code", scope="openid email")
    crm = story.connection("Marketing list", "/crm", secrets={Secret.CLIENT_SECRET: client["client_secret"]}, **fields)
    story.flow("To it", [story.to(crm)])
    story.person(name="Tomás Ferreira", email="tomas@example.org")
    base = f"http://127.0.0.1:{port}"
    env = {
        "HELIOGRAPH_BIND": f"127.0.0.1:{port}",
        "HELIOGRAPH_BASE_URL": base,
        "HELIOGRAPH_ALLOWED_NETWORKS": "127.0.0.0/8",
    }
    pages = heliograph("process", "pages", **env)
    pages.until_answers(f"{base}/accounts/sign-in/")

    sign_in(page, f"{base}/signal/connections/{crm}/access/", "tomas@example.org")
    expect(page.get_by_role("heading", name="Marketing list")).to_be_visible()
    expect(page.get_by_text("Not connected yet").first).to_be_visible()
    accessibility.sweep(page)

    def connects(*, signs_in: bool) -> None:
        page.get_by_role("button", name="Connect").click()
        if signs_in:
            page.wait_for_url(f"{canaille.url('/')}**")
            page.locator("input[name=login]").fill(USER["user_name"])
            page.locator("input[name=login]").press("Enter")
            page.locator("input[name=password]").fill(USER["password"])
            page.locator("input[name=password]").press("Enter")
            page.locator("button[name=answer][value=accept]").click()
        expect(page.get_by_text("Connected as ada@example.org").first).to_be_visible()

    page_errors.expect(canaille.url("/"))  # what canaille's own pages write to the console is not ours to mend
    connects(signs_in=True)
    expect(page.get_by_role("heading", name="Connection Setup")).to_be_visible()
    assert "code=" not in page.url
    page.goto(f"{base}/signal/connections/{crm}/access/")
    expect(page.get_by_text("by Tomás Ferreira")).to_be_visible()
    accessibility.sweep(page)

    with story.worker():
        story.record("R1", status="Attended")
        story.until("R1", "success")
        stored = oauth_token_store.read_access(story.db, vault(), story.account, crm)
        canaille.revoke(client, stored.access_token)
        canaille.revoke(client, stored.refresh_token)
        story.record("R2", status="Attended")
        story.until("R2", "queued")
        lost = story.action("R2")
        assert (lost["category"], lost["cause"], lost["tries"]) == ("Config", "oauth", 0)
        assert "Connect again" in lost["message"]

        page.reload()
        expect(page.get_by_text("No longer connected, since")).to_be_visible()
        accessibility.sweep(page)
        connects(signs_in=False)
        story.until("R2", "success")
    told = pages.output + json.dumps(story.actions())
    for secret in (client["client_secret"], stored.access_token, stored.refresh_token):
        assert secret not in told
