"""Registrations whose codes read like addresses, in Chromium: each is opened from lists, and "Sync now" sends that one and does nothing else."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from urllib.parse import quote, unquote, urlsplit

import pytest
from playwright.sync_api import Page, expect
from tests.browser import sign_in
from tests.databases import DatabaseFacts
from tests.processes import Starter
from tests.receiver import Receiver
from tests.story import Story
from tests.waiting import PATIENCE

CODES = ("../../connections/{crm}/pause", "a/b", "..", ".", "a\\b", "?x#y", "%2e%2e", "%2E%2E/..\\{crm}", "//evil.example")


@pytest.fixture
def story(database: DatabaseFacts) -> Iterator[Story]:
    with Receiver() as receiver:
        made = Story(database, receiver)
        yield made
        made.close()


def test_P13_A2_sync_now_of_any_code_sends_that_registration(story: Story, heliograph: Starter, page: Page) -> None:
    crm = story.connection("Sales CRM", "/crm")
    everybody = story.flow("Everybody", to=[story.to(crm)], statuses=["Attended"])
    codes = [code.format(crm=crm) for code in CODES]
    for n, code in enumerate(codes):  # nothing is sent for it yet
        story.record(code, status="Cancelled", profile={"first_name": "Zoë", "last_name": f"Number{n}"})
    story.adds_ada()
    url = heliograph.serves()
    story.change_flow(everybody, statuses=["Cancelled"])
    sign_in(page, url)
    for n, code in enumerate(codes):
        page.get_by_role("link", name="Registrations", exact=True).first.click()
        page.get_by_role("link", name=code, exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_contain_text(f"Zoë Number{n}")
        with page.expect_popup() as opened:
            page.get_by_role("link", name="Timeline").click()
        timeline = opened.value
        timeline.get_by_role("button", name="Sync now").click()
        expect(timeline.get_by_role("status").get_by_text("1 action is being sent")).to_be_visible()
        expect(timeline.get_by_role("heading", level=1)).to_have_text(f"Zoë Number{n}")
        timeline.close()
        sent = story.arrived("/crm", n + 1)[-1].json()
        assert (sent["code"], sent["first"]) == (code, "Zoë")
    assert story.paused(crm) == (False, "")
    cookies = "; ".join(f"{cookie['name']}={cookie['value']}" for cookie in page.context.cookies())
    for code in codes:
        for spelled in {code, quote(code), quote(code, safe=""), code.replace("..", "%2e%2e"), quote(code, safe="").replace(".", "%2E")}:
            for method in ("GET", "POST"):
                answer = asked(url, method, f"/signal/sync/SUMMIT/{spelled}/", cookies)
                dots = not {".", ".."}.isdisjoint(unquote(spelled).replace("\\", "/").partition("?")[0].split("/"))
                assert answer == 400 if dots else answer in (400, 403, 404), (method, spelled, answer)
    assert story.paused(crm) == (False, "")
    story.arrived("/crm", len(codes))


def asked(url: str, method: str, path: str, cookies: str) -> int:
    """The status of the answer to an address that nothing has normalised."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=PATIENCE)
    connection.putrequest(method, path)
    connection.putheader("Cookie", cookies)
    connection.putheader("Content-Length", "0")
    connection.endheaders()
    status = connection.getresponse().status
    connection.close()
    return status
