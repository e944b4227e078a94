"""An import in Chromium: nothing is chosen for anybody, the bar says what each choice would do, and that is what is done (I4)."""

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

ROWS = (("I-1", "Attended"), ("I-2", "Cancelled"), ("I-3", "Attended"), ("I-4", "Attended"))


@pytest.fixture
def story(database: DatabaseFacts) -> Iterator[Story]:
    with Receiver() as receiver:
        made = Story(database, receiver)
        yield made
        made.close()


def tried(page: Page, file: Path) -> None:
    """From the file to its dry run."""
    page.get_by_role("link", name="Import", exact=True).first.click()
    page.get_by_label("File").set_input_files(file)
    page.get_by_label("Event").select_option("SUMMIT")
    page.get_by_role("button", name="Next: match columns").click()
    page.get_by_role("button", name="Next: dry run").click()
    expect(page.get_by_role("button", name=f"Import {len(ROWS)} rows")).to_be_visible()


def test_I4_what_is_sent_is_chosen_in_the_bar_and_kept_to(story: Story, heliograph: Starter, page: Page, tmp_path: Path) -> None:
    story.record("S-1", status="Cancelled")
    story.flow("Attendees", to=[story.to(story.connection("Sales CRM", "/crm"))], statuses=["Attended"])
    story.adds_ada()
    sign_in(page, heliograph.serves())
    page.get_by_role("link", name="Registrations", exact=True).first.click()
    files = []
    for name in ("loud", "quiet"):
        files.append(tmp_path / f"{name}.csv")
        lines = ["Confirmation Number,Registration Status,First Name", *(f"{name}-{code},{status},Zoë" for code, status in ROWS)]
        files[-1].write_text("\n".join(lines), "utf-8")

    tried(page, files[0])
    loud, quiet = page.get_by_role("radio", name=re.compile("3 times")), page.get_by_role("radio", name="Record without sending")
    expect(loud).not_to_be_checked()
    expect(quiet).not_to_be_checked()
    page.get_by_role("button", name=f"Import {len(ROWS)} rows").click()
    expect(loud).to_be_visible()  # the browser asks for the choice; the page is still there
    assert not story.bodies("/crm")
    loud.press("Space")
    page.get_by_role("button", name=f"Import {len(ROWS)} rows").click()
    sent = story.arrived("/crm", 3)
    assert sorted(request.json()["code"] for request in sent) == ["loud-I-1", "loud-I-3", "loud-I-4"]
    expect(page.get_by_role("heading", name="What happened")).to_be_visible()  # else the next click may hit the page before

    page.get_by_role("link", name="Registrations", exact=True).first.click()
    tried(page, files[1])
    page.get_by_role("radio", name="Record without sending").press("Space")
    page.get_by_role("button", name=f"Import {len(ROWS)} rows").click()
    expect(page.get_by_role("heading", name="What happened")).to_be_visible()
    expect(page.get_by_role("row", name="New registrations 4")).to_be_visible()
    page.get_by_role("link", name="Registrations", exact=True).first.click()
    expect(page.get_by_role("link", name="quiet-I-4", exact=True)).to_be_visible()
    assert len(story.bodies("/crm")) == 3
