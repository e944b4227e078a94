"""A REST list in Chromium: from its address to a mapping, by keys and by clicks into an answer (S3)."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from tests import accessibility
from tests.browser import sign_in
from tests.databases import DatabaseFacts
from tests.processes import Starter, free_port
from tests.receiver import Receiver
from tests.rest_platform import MINUTE, Manners, Platform
from tests.rest_stub import RestStub
from tests.story import Story

pytestmark = pytest.mark.once


@pytest.fixture
def story(database: DatabaseFacts) -> Iterator[Story]:
    with Receiver() as receiver:
        made = Story(database, receiver)
        yield made
        made.close()


@pytest.fixture
def stub() -> Iterator[RestStub]:
    platform = Platform(Manners(paging="cursor"), random.Random(5))
    for number in range(25):
        platform.write(f"k{number:02}", {"state": "paid", "number": number}, platform.clock - (25 - number) * MINUTE)
    with RestStub(platform) as serving:
        yield serving


def test_S3_from_an_address_to_a_mapping(story: Story, stub: RestStub, heliograph: Starter, page: Page) -> None:
    story.person(name="Tomás Ferreira", email="tomas@example.org")
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    pages = heliograph(
        "process", "pages", HELIOGRAPH_BIND=f"127.0.0.1:{port}", HELIOGRAPH_BASE_URL=base, HELIOGRAPH_ALLOWED_NETWORKS="127.0.0.0/8"
    )
    pages.until_answers(f"{base}/accounts/sign-in/")
    sign_in(page, f"{base}/settings/sources/new/rest/", "tomas@example.org")
    page.get_by_label("Name").fill("Partner portal")
    page.get_by_role("button", name="Add it").click()

    page.get_by_label("Address of the list").fill(f"{stub.origin}/items?size=10")
    page.get_by_role("button", name="Fetch a sample answer").press("Enter")
    expect(page.get_by_text("Just fetched: 10 items")).to_be_visible()
    expect(page.get_by_role("textbox", name="Key")).to_have_value("id")
    expect(page.get_by_role("textbox", name="Modified")).to_have_value("changed")
    accessibility.sweep(page)

    # The answers of the stub have a link and a cursor: the cursor is chosen, and clicked in the sample.
    page.get_by_label("By a cursor in the answer").check()
    page.get_by_role("button", name="Choose Cursor or link").click()
    expect(page.get_by_text("Click a field to use it for: Cursor or link.")).to_be_visible()
    page.get_by_role("list", name="Fields of the sample answer").get_by_role("button", name='"after":').press("Enter")
    expect(page.get_by_role("textbox", name="Cursor or link")).to_have_value("after")
    page.locator("#page_parameter").fill("after")

    # A parameter that the platform does not know is found out, and the right one passes.
    page.get_by_role("textbox", name="Parameter of the time").fill("updated_since")
    page.get_by_role("button", name="Test read").click()
    expect(page.get_by_role("heading", name="Test read: Only what changed does not fit")).to_be_visible()
    accessibility.sweep(page)
    page.get_by_role("textbox", name="Parameter of the time").fill("since")
    page.get_by_role("button", name="Test read").press("Enter")
    expect(page.get_by_role("heading", name="Test read: everything fits")).to_be_visible()
    accessibility.sweep(page)
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("button", name="Next: mapping").click()
    expect(page.get_by_role("heading", name="Partner portal: mapping")).to_be_visible()
    expect(page.get_by_role("list", name="Fields of this call").get_by_role("button", name="changed")).to_be_visible()
