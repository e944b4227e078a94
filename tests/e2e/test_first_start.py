"""From an empty folder to the four set-up steps, as whoever installs Heliograph does it (O6, N3)."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from tests import accessibility
from tests.conftest import PageErrors
from tests.databases import DatabaseFacts
from tests.processes import Starter, free_port


@pytest.fixture
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    """A browser far from here."""
    return {**browser_context_args, "timezone_id": "America/Argentina/Ushuaia"}


@pytest.mark.once
def test_O6_the_first_start_by_its_link(fresh_database: DatabaseFacts, heliograph: Starter, page: Page, page_errors: PageErrors) -> None:
    port = free_port()
    serve = heliograph(
        "serve",
        HELIOGRAPH_DATABASE_URL="",
        HELIOGRAPH_BIND=f"127.0.0.1:{port}",
        HELIOGRAPH_OPERATIONS_BIND=f"127.0.0.1:{free_port()}",
    )
    serve.until_printed("There is no user yet")
    serve.until_printed("/first-start/")
    assert len(serve.output.splitlines()) <= 10, serve.output
    assert "/first-start/" in serve.output.splitlines()[-1], "it ends with the link"
    found = re.search(r"http://\S+/first-start/\S+/", serve.output)
    assert found
    page.goto(found.group())
    expect(page.get_by_role("heading", level=1)).to_have_text("Set up Heliograph")
    accessibility.sweep(page)

    account = page.get_by_role("heading", name="Account").locator("xpath=../..")
    account.get_by_label("Name").fill("Brightfield Events")
    account.get_by_label("Code").fill("BRIGHTFIELD")
    expect(account.get_by_label("Timezone")).to_have_value("America/Argentina/Ushuaia")  # the browser's own
    account.get_by_label("Timezone").select_option("Europe/Vienna")
    you = page.get_by_role("heading", name="Administrator").locator("xpath=../..")
    you.get_by_label("Name").fill("Ada Lindqvist")
    you.get_by_label("E-mail").fill("ada@brightfield.example")
    expect(page.get_by_role("checkbox", name="Set one up right away")).not_to_be_checked()
    page.get_by_label("Password", exact=True).fill("a sentence to remember")
    page.get_by_label("Password again").fill("another sentence")
    page_errors.expect("the server responded with a status of 422")
    page.get_by_role("button", name="Create the account and sign in").click()
    expect(page.get_by_role("heading", name="Not created: 1 field is refused")).to_be_visible()
    accessibility.sweep(page)

    for label in ("Password", "Password again"):
        page.get_by_label(label, exact=True).fill("a sentence to remember")
    page.get_by_role("button", name="Create the account and sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Set Signal up in four steps")
    page.get_by_role("link", name="Back to the platform").click()
    expect(page.get_by_role("link", name="Set Signal up in four steps")).to_have_attribute("href", "/signal/first/")
    expect(page.get_by_role("banner").get_by_role("link", name=re.compile("^Signal"))).to_be_visible()
    page.goto(f"http://127.0.0.1:{port}/signal/flows/")
    page.get_by_role("link", name="Set Signal up in four steps").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Set Signal up in four steps")
    page_errors.expect("the server responded with a status of 410")
    gone = page.goto(found.group())
    assert gone
    assert gone.status == 410
