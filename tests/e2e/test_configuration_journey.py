"""Configuration as code in Chromium: export, plan, a refused widening, apply, drift, put back, stop (B5); with script and without."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from tests.browser import sign_in
from tests.databases import DatabaseFacts
from tests.processes import Starter
from tests.receiver import Receiver
from tests.story import Story

from heliograph.domain.flow.flow import Mode

PAGE = "/settings/configuration/"


@pytest.fixture
def story(database: DatabaseFacts) -> Iterator[Story]:
    with Receiver() as receiver:
        made = Story(database, receiver)
        made.adds_ada()
        yield made
        made.close()


def planned(page: Page, file: Path) -> None:
    """From the page to the plan of a file."""
    page.get_by_role("link", name="Plan a file").click()
    page.get_by_label("File").set_input_files(file)
    page.get_by_role("button", name="Plan it").click()


@pytest.mark.parametrize(
    "_script",
    [
        pytest.param(True, id="with script"),
        pytest.param(False, id="without script", marks=pytest.mark.browser_context_args(java_script_enabled=False)),
    ],
)
def test_B5_a_file_manages_an_account(story: Story, heliograph: Starter, page: Page, tmp_path: Path, _script: bool) -> None:
    flow = story.flow("Leads", [story.to(story.connection("CRM", "/crm"))], statuses=["Registered"], mode=Mode.TEST)
    sign_in(page, f"{heliograph.serves()}{PAGE}", heading="Configuration File")
    expect(page.get_by_role("heading", name="These pages manage the account")).to_be_visible()

    # export
    with page.expect_download() as download:
        page.get_by_role("link", name="Export as YAML").click()
    text = download.value.path().read_text("utf-8")
    assert "mode: Live" not in text
    file = tmp_path / "account.yaml"

    # a plan that would widen a rule is not applied before that is allowed
    changed = re.sub(r"(- name: Leads\n)", r"\1  mode: Live\n", text).replace(
        "tags:\n", "tags:\n- {name: Exhibitor, kinds: [attendee_type]}\n", 1
    )
    file.write_text(changed, "utf-8")
    planned(page, file)
    expect(page.get_by_role("heading", name="Plan: 2 changes")).to_be_visible()
    expect(page.get_by_text("1 change would widen a rule, or stop a flow")).to_be_visible()
    expect(page.get_by_text("Widens a rule")).to_be_visible()
    page.get_by_role("button", name="Apply 2 changes").click()
    expect(page.get_by_role("heading", name="Plan: 2 changes")).to_be_visible()  # the browser asks for the box
    assert story.flow_facts(flow).mode is Mode.TEST
    page.get_by_role("checkbox", name=re.compile("Allow this flow to act on more")).press("Space")
    page.get_by_role("button", name="Apply 2 changes").click()
    expect(page.get_by_text("No drift: everything is as the file says.")).to_be_visible()
    expect(page.get_by_role("row", name=re.compile(r"1\b.* Ada .*1 added, 1 changed account.yaml"))).to_be_visible()
    assert story.flow_facts(flow).mode is Mode.LIVE

    # drift, with both sides in words; put back
    story.change_flow(flow, statuses=["Registered", "Cancelled"])
    page.reload()
    expect(page.get_by_text("Drift: 1 change was made by hand, and is not in the file.")).to_be_visible()
    line = page.locator(".plan > li")
    expect(line).to_contain_text(
        re.compile(r"In the file.*status is\s+Registered\s*, send.*Here now.*Registered\s+or\s+Cancelled", re.DOTALL)
    )
    line.get_by_text("Show as YAML, for the file").click()
    expect(line.locator("pre")).to_contain_text("statuses: [Registered, Cancelled]")
    page.get_by_role("button", name="Put back").click()
    expect(page.get_by_text("No drift: everything is as the file says.")).to_be_visible()
    assert len(story.flow_facts(flow).statuses) == 1

    # stop
    page.get_by_role("link", name="Stop managing by a file").click()
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("heading", name="These pages manage the account")).to_be_visible()
