"""The states of Notifications: settings, rules, what was sent, and stopping e-mails."""

from __future__ import annotations

import re

from playwright.sync_api import expect
from tests.e2e.visiting import State, Visit


def _tested(visit: Visit) -> None:
    visit.press("Send me a test")
    expect(visit.page.get_by_role("heading", name="Test", exact=True)).to_be_visible()


def _no_time(visit: Visit) -> None:
    visit.page.get_by_label("From").fill("late")
    visit.press("Save")
    expect(visit.page.get_by_text("Give a time, such as 22:00.")).to_be_visible()


def _read(visit: Visit) -> None:
    visit.page.get_by_role("link", name=re.compile("^Read")).nth(1).click()
    expect(visit.page.get_by_text("You can read it.")).to_be_visible()


def _rule(visit: Visit) -> None:
    visit.page.get_by_role("link", name=re.compile("^Change")).nth(1).click()
    visit.press("Save")
    expect(visit.page.get_by_text("Choose who is told: at least one person, connection or address.")).to_be_visible()


STATES = (
    State("notifications", "notifications/mine.html", "Notifications", "/signal/notifications/", names=("notifications",)),
    State("notifications, as a Viewer", "notifications/mine.html", "Notifications", "/signal/notifications/", "viewer"),
    State(
        "notifications, refused", "notifications/mine.html", "Notifications", "/signal/notifications/", "planner", then=_no_time, after=422
    ),
    State("notifications, tested", "notifications/mine.html", "Notifications", "/signal/notifications/", then=_tested),
    State("account rules", "notifications/rules.html", "Notifications", "/signal/notifications/rules/", names=("notification-rules",)),
    State(
        "everything",
        "notifications/everything.html",
        "Everything",
        "/signal/notifications/rules/everything/",
        names=("notification-everything",),
    ),
    State("everything, as a Viewer", "notifications/everything.html", "Everything", "/signal/notifications/rules/everything/", "viewer"),
    State(
        "a rule, refused",
        "notifications/rule.html",
        re.compile("Who is told about .*"),
        "/signal/notifications/rules/",
        names=("notification-rule",),
        then=_rule,
        after=422,
    ),
    State(
        "a rule, as a Viewer",
        "notifications/rule.html",
        re.compile("Who is told about .*"),
        "/signal/notifications/rules/",
        "viewer",
        then=_read,
    ),
    State("what was sent", "notifications/log.html", "Notifications", "/signal/notifications/sent/", names=("notification-log",)),
    State("what was sent, filtered", "notifications/log.html", "Notifications", "/signal/notifications/sent/?state=not-sent"),
    State(
        "unsubscribe, a broken link",
        "notifications/unsubscribe.html",
        "This link doesn’t work",
        "/unsubscribe/x/",
        "",
        names=("notifications-unsubscribe",),
        status=404,
    ),
)
