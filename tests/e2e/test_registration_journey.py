"""A new registration in Chromium: its fields are those of the event that was chosen, at once and without losing what was typed."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect
from tests.browser import sign_in
from tests.builders.platform_account import EVENT, event_in_testing, planned
from tests.databases import DatabaseFacts
from tests.processes import Starter

from heliograph.accounts.models import Role


def test_the_fields_follow_the_event_and_a_code_is_made(database: DatabaseFacts, heliograph: Starter, page: Page) -> None:
    with planned(database) as site:
        event_in_testing(site)
        sign_in(page, f"{heliograph.serves()}/registrations/add/?event={EVENT}", site.people[Role.PLANNER].email)
        expect(page.get_by_role("heading", name="Answers")).to_be_visible()
        expect(page.get_by_role("button", name="Show this event’s fields")).to_have_count(0)
        page.get_by_label("First Name").fill("Zoë")
        page.get_by_label("Code", exact=True).fill("MINE")
        page.get_by_label("Event", exact=True).select_option("GALA-26")
        expect(page.get_by_role("heading", name="Answers")).to_have_count(0)
        expect(page.get_by_text("Status, types, properties and questions below are those of GALA-26.")).to_be_visible()
        page.get_by_label("Event", exact=True).select_option(EVENT)
        expect(page.get_by_role("heading", name="Answers")).to_be_visible()
        page.get_by_label("Status", exact=True).select_option("Paid")
        expect(page.get_by_label("First Name")).to_have_value("Zoë")
        page.get_by_role("button", name="Make a code").click()
        expect(page.get_by_label("Code", exact=True)).not_to_have_value("MINE")
        code = page.get_by_label("Code", exact=True).input_value()
        expect(page.get_by_label("Status", exact=True)).to_have_value("Paid")
        page.get_by_role("button", name="Save", exact=True).last.click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Zoë")
        expect(page).to_have_url(re.compile(f"/{code}/$"))
        expect(page.get_by_label("First Name")).to_have_value("Zoë")
        expect(page.get_by_label("Status", exact=True).locator("option:checked")).to_have_text("Paid")
