"""Setting up a Connection as the guide describes it, in Chromium, found by roles and labels alone: from the preset of Slack to a passed test."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Route, expect
from tests.browser import sign_in
from tests.conftest import PageErrors
from tests.databases import DatabaseFacts
from tests.processes import Starter, free_port
from tests.receiver import Answer, Receiver
from tests.story import Story

from heliograph.connections.services.networks import allow_networks

HOOK = "/services/T000/B000/XXXX"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


@pytest.fixture
def story(database: DatabaseFacts, receiver: Receiver) -> Iterator[Story]:
    made = Story(database, receiver)
    yield made
    made.close()


@pytest.fixture
def site(story: Story, heliograph: Starter) -> str:
    """The address of the pages; Ada is an Administrator, and her account may reach this machine."""
    story.person(name="Ada", email="ada@example.org")
    with story.saving() as transaction:
        allow_networks(transaction, ["127.0.0.0/8"])
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    pages = heliograph("process", "pages", HELIOGRAPH_BIND=f"127.0.0.1:{port}", HELIOGRAPH_BASE_URL=url)
    pages.until_answers(f"{url}/accounts/sign-in/")
    return url


def test_B3_C3_from_the_preset_of_slack_to_a_passed_test(site: str, receiver: Receiver, page: Page, page_errors: PageErrors) -> None:
    page_errors.expect("the server responded with a status of 422")
    sign_in(page, f"{site}/signal/")

    page.get_by_role("link", name="Connections", exact=True).click()
    expect(page.get_by_role("heading", name="No connections yet")).to_be_visible()
    page.get_by_role("link", name="Add A Connection").click()
    page.get_by_role("link", name="Slack message").click()
    expect(page.get_by_role("heading", name="Ask the administrator")).to_be_visible()

    # A slip of the pen, then a channel that nobody has: what is wrong is said both times, and nothing is lost.
    page.get_by_label("Connection Name").fill("Slack #door")
    page.get_by_label("Webhook URL").fill("https://hooks.slack.example/services/x")
    page.get_by_role("button", name="Save & Test").click()
    expect(page.get_by_role("heading", name="1 field was refused; nothing was saved")).to_be_visible()
    expect(page.get_by_label("Connection Name")).to_have_value("Slack #door")
    page.get_by_label("Webhook URL").fill(f"https://nobody.hooks.slack.com{HOOK}")
    page.get_by_role("button", name="Save & Test").click()
    expect(page.get_by_role("heading", name="Connection Setup", level=1)).to_be_visible()
    expect(page.get_by_label("Connection Name")).to_have_value("Slack #door")
    expect(page.get_by_text("Slack did not take the message")).to_be_visible()  # the preset’s rule

    # The target that answers: this machine, as the operator allowed. Without a test URL nothing is posted.
    page.get_by_label("URL", exact=True).fill(receiver.url(HOOK))
    page.get_by_role("button", name="Save & Test").click()
    expect(page.get_by_role("heading", name="Reached:")).to_be_visible()
    assert not receiver.requests

    # A sample is really sent, and the preset's own rule judges the answer.
    receiver.answer(HOOK, Answer(200, "invalid_token"), Answer(200, "ok"))
    page.get_by_role("button", name="Send a sample").click()
    expect(page.get_by_role("heading", name="The test failed at “Read the answer”")).to_be_visible()
    expect(page.get_by_role("heading", name="What to do")).to_be_visible()
    page.get_by_role("button", name="Send a sample").click()
    expect(page.get_by_role("heading", name="took the sample")).to_be_visible()
    (_first, second) = receiver.wait_for(2, path=HOOK)
    assert second.json()["text"]
    page.get_by_role("link", name="Close").click()
    expect(page.get_by_role("heading", name="Connection List")).to_be_visible()
    row = page.get_by_role("row").filter(has_text="Slack #door")
    expect(row.get_by_text("Answers", exact=True)).to_be_visible()
    expect(row.get_by_text("No flow yet")).to_be_visible()


def test_C1_the_form_shows_what_the_type_needs_and_a_connection_is_paused_and_released(site: str, receiver: Receiver, page: Page) -> None:
    receiver.answer("/me", lambda request: Answer(200 if request.header("x-api-key") == "k3y" else 401, "{}"))
    sign_in(page, f"{site}/signal/connections/new/webhook/")
    page.get_by_label("Connection Name").fill("Sales CRM")
    page.get_by_label("Authentication Type").select_option("API Key / Token")
    expect(page.get_by_label("User Name")).to_be_hidden()
    page.get_by_label("URL", exact=True).fill(receiver.url("/events//leads"))
    page.get_by_label("URL", exact=True).press("End")
    for _step in range(len("/leads")):
        page.get_by_label("URL", exact=True).press("ArrowLeft")
    page.get_by_text("Insert a field: URL").click()
    page.get_by_label("Field: URL", exact=True).select_option(label="Event Code")
    page.get_by_role("button", name=re.compile("^Insert ?: URL$")).click()
    expect(page.get_by_label("URL", exact=True)).to_have_value(receiver.url("/events/"))
    after = page.get_by_label("URL after Event Code", exact=True)
    expect(after).to_have_value("/leads")
    expect(after).to_be_focused()
    url = page.locator("input[name=url]")  # what is posted is the text with fields in braces, as without script
    expect(url).to_have_value(receiver.url("/events/{event.code}/leads"))
    after.press("Backspace")
    expect(url).to_have_value(receiver.url("/events//leads"))
    expect(page.get_by_label("URL", exact=True)).to_be_focused()
    page.keyboard.type("{event.code}")
    expect(page.get_by_role("button", name="Remove Event Code")).to_be_visible()
    page.keyboard.type("/{nobody}")
    expect(url).to_have_value(receiver.url("/events/{event.code}/{nobody}/leads"))
    page.get_by_role("button", name="Remove Event Code").click()
    page.get_by_label("URL", exact=True).fill(receiver.url("/events/{event.code}/leads"))
    expect(after).to_have_value("/leads")
    expect(url).to_have_value(receiver.url("/events/{event.code}/leads"))
    page.get_by_label("API Key / Token", exact=True).fill("wrong")
    page.get_by_label("Custom header").check()
    page.get_by_label("Name of the header or parameter").fill("X-Api-Key")
    page.get_by_role("textbox", name=re.compile("^Test Connection URL ?optional$")).fill(receiver.url("/me"))
    page.get_by_text("Insert a field: Test Connection URL").click()
    page.get_by_label("Field: Test Connection URL").select_option(label="Event Code")
    page.get_by_role("button", name=re.compile("^Insert ?: Test Connection URL$")).press("Enter")
    expect(page.get_by_label("Test Connection URL after Event Code")).to_be_focused()
    expect(page.locator("input[name=test_url]")).to_have_value(receiver.url("/me{event.code}"))
    page.keyboard.press("Backspace")
    expect(page.locator("input[name=test_url]")).to_have_value(receiver.url("/me"))
    page.get_by_role("button", name="Save & Test").click()
    expect(page.get_by_role("heading", name="“Sign in”")).to_be_visible()
    page.get_by_label("API Key / Token", exact=True).fill("k3y")
    page.get_by_role("button", name="Save & Test").click()
    expect(page.get_by_role("heading", name="answered as it should")).to_be_visible()

    page.get_by_label("More for this connection").click()
    page.get_by_role("link", name="Pause").click()
    page.get_by_label("Why").fill("They move house")
    page.get_by_role("button", name="Pause it").click()
    expect(page.get_by_role("heading", name="Paused")).to_be_visible()
    page.get_by_role("link", name="Release it").click()
    page.get_by_role("button", name="Release at once").click()
    expect(page.get_by_role("heading", name="Connection Setup", level=1)).to_be_visible()
    expect(page.get_by_role("heading", name="Paused")).to_be_hidden()


def test_C1_who_types_before_the_script_is_there_keeps_the_place_in_the_url(site: str, page: Page) -> None:
    sign_in(page, f"{site}/signal/", heading="Set Signal up in four steps")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(re.compile(r"/url\.[^/]*js$"), hold)
    page.goto(f"{site}/signal/connections/new/webhook/", wait_until="commit")
    url = page.get_by_label("URL", exact=True)
    url.fill("https://crm.example.com/events//leads")
    url.press("End")
    for step in range(len("/leads")):
        if step == 3:
            held[0].continue_()
            expect(url).not_to_have_attribute("name", "url")  # the script has made it one part of several
        page.keyboard.press("ArrowLeft")
    page.get_by_text("Insert a field: URL").click()
    page.get_by_label("Field: URL", exact=True).select_option(label="Event Code")
    page.get_by_role("button", name=re.compile("^Insert ?: URL$")).click()
    expect(page.locator("input[name=url]")).to_have_value("https://crm.example.com/events/{event.code}/leads")
