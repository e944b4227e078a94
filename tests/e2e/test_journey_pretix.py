"""From an empty account to pretix registrations in Slack, in Chromium: by roles and labels only, in under 45 clicks and fields (S4)."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from tests.builders.pretix_order import place
from tests.databases import DatabaseFacts
from tests.e2e.hand import Hand
from tests.pretix_shop import TOKEN, PretixShop
from tests.processes import PASSWORD, Starter
from tests.receiver import Receiver

MOST = 45
HOOK = "/services/T000/B000/XXXX"
LONG = 60_000
"""Milliseconds for what happens in the background."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


@pytest.fixture
def shop() -> Iterator[PretixShop]:
    """A pretix that has sold two tickets before anybody thought of Slack."""
    with PretixShop() as shop:
        shop.sell("AAAAA", place(1, attendee_name_parts={"full_name": "Grace Hopper"}))
        shop.sell("BBBBB", place(2, attendee_name_parts={"full_name": "Mary Jackson"}), status="n")
        yield shop


@pytest.fixture
def url(fresh_database: DatabaseFacts, heliograph: Starter) -> str:
    """A running Heliograph with an account that has nothing but its Administrator."""
    made = heliograph.run("createaccount", "ACME", "--name", "Acme", "--timezone", "Europe/Vienna")
    assert made.returncode == 0, made.output
    heliograph.adds_ada("administrator")
    return heliograph.serves()


def test_S4_from_an_empty_account_to_pretix_registrations_in_slack(page: Page, url: str, shop: PretixShop, receiver: Receiver) -> None:
    done: list[str] = []
    platform = Hand(page, done)
    page.goto(url)
    platform.fill("E-mail", "ada@example.org")
    platform.fill("Password", PASSWORD)
    platform.click("button", "Sign in")

    # The source, whose proposals nobody has to change
    platform.click("link", "Account Settings")
    platform.click("link", "Sources")
    platform.is_at("Sources")
    platform.click("link", "Add a source")
    platform.click("link", "pretix", within=page.get_by_role("main"))
    platform.is_at("pretix: connect")
    platform.fill("Address of your pretix", shop.origin)
    platform.fill("Token", TOKEN)
    platform.click("button", "Connect")
    platform.is_at("pretix: choose events")
    platform.click("button", "Next: match", within=page.locator(".savebar"))
    platform.is_at("pretix: match")
    platform.click("button", "Next: first read", within=page.locator(".savebar"))
    platform.is_at("pretix: first read")
    expect(page.get_by_role("cell", name="Grace Hopper")).to_be_visible()
    platform.tick("Show me the address for its webhook")  # this shop is no pretix that would set it up
    platform.click("button", "Start reading")
    expect(page.get_by_role("heading", name="Existing orders are read")).to_be_visible(timeout=LONG)
    expect(page.get_by_text("2 registrations")).to_be_visible()

    # What a person does in pretix
    target = page.get_by_label("Target URL").input_value()
    done += ["button Copy", "pretix: link Create webhook", "pretix: field Target URL", *["pretix: tick"] * 3, "pretix: button Save"]

    # Slack
    with page.expect_popup() as popup:
        page.get_by_role("link", name=re.compile("^Signal ?, opens in its own window$")).click()
    done.append("link Signal")
    signal = Hand(popup.value, done)
    panel = popup.value.get_by_role("navigation", name="Signal")
    signal.click("link", "Connections", within=panel)
    signal.click("link", "Add A Connection")
    signal.click("link", "Slack message")
    signal.fill("Webhook URL", f"https://nobody.hooks.slack.com{HOOK}")
    signal.click("button", "Save & Test")
    signal.is_at("Connection Setup")
    signal.fill("URL", receiver.url(HOOK))  # our Slack is on this machine, which the preset takes for a slip of the pen
    signal.click("button", "Save & Test")
    expect(popup.value.get_by_role("heading", name="Reached:")).to_be_visible()

    # The flow
    signal.click("link", "Flows", within=panel)
    popup.value.get_by_role("link", name="ADD A FLOW").first.click()
    done.append("link ADD A FLOW")
    signal.fill("Name", "Who registers")
    signal.tick("Registration Status Change")
    expect(popup.value.get_by_label("Registration Statuses", exact=True)).to_have_attribute("autocomplete", "off")
    signal.fill("Registration Statuses", "Registered", press="Enter")
    signal.click("button", "Add a destination")
    signal.fill("Destination name", "Slack")
    signal.choose("Connection", "Slack message")
    signal.choose("Action", "Webhook")
    signal.choose("Payload mapping", "Slack message mapping")
    signal.click("button", "Save")
    expect(popup.value.get_by_text("Complete", exact=True)).to_be_visible()
    assert not receiver.requests, "what was there before was recorded quietly"

    # Somebody registers in pretix, and somebody else pays
    shop.sell("CCCCC", place(3))
    assert shop.ring(target, "CCCCC") == 200
    page.bring_to_front()
    expect(page.get_by_text("pretix called")).to_be_visible(timeout=LONG)
    (message,) = receiver.wait_for(1, path=HOOK)
    assert message.json()["text"] == "Ada Lovelace: Registered, Summit 2026"
    shop.sell("BBBBB", place(2, attendee_name_parts={"full_name": "Mary Jackson"}))
    assert shop.ring(target, "BBBBB", "pretix.event.order.paid") == 200
    (_first, second) = receiver.wait_for(2, path=HOOK)
    assert second.json()["text"].startswith("Mary Jackson")
    assert len(done) < MOST, (len(done), done)
