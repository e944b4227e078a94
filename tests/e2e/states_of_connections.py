"""The states of Connections. Their account is that of tests/builders/platform_account.py, with the connections of tests/e2e/showcase.py."""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.e2e.longest import LONG
from tests.e2e.showcase import Showcase
from tests.e2e.visiting import State, Visit

LIST, START, PRESET = "connections/list.html", "connections/start.html", "presets/preset.html"
SETUP, READ, DIALOG = "connections/setup.html", "connections/read.html", "confirmation.html"
RELEASE, SIGNING, RULE = "connections/release.html", "connections/signing.html", "connections/response_rule.html"
VERSIONS, PAGE = "setup/versions.html", "connections/overview.html"
HEADING = "Connection Setup"


def _at(name: str, deed: str = "") -> Callable[[Showcase], str]:
    return lambda of: f"/signal/connections/{of.ids[name]}/{deed}"


def _type(name: str, grant: str = "") -> Callable[[Visit], None]:
    """Chooses an Authentication Type; what it needs is there at once, what others need is not."""

    def then(visit: Visit) -> None:
        visit.page.get_by_label("Authentication Type").select_option(name)
        if grant:
            visit.page.get_by_label(grant).check()
        shown = {
            "User Name": name.startswith("Basic"),
            "API Key / Token": name.startswith("API"),
            "Client Id": name == "OAuth2",
            "Authorization URL": grant == "Authorization Code",
            "Redirect URL": grant == "Authorization Code",
        }
        for label, there in shown.items():
            assert visit.page.get_by_label(label, exact=True).locator("visible=true").count() == (1 if there else 0), label

    return then


def _refused(visit: Visit) -> None:
    visit.page.get_by_label("Connection Name").fill("CRM")
    visit.page.get_by_label("URL", exact=True).fill("ftp://crm.example.com/")
    visit.page.get_by_text("Limits, certificates and headers").click()
    visit.page.get_by_label("At most per minute").fill("many")
    visit.press("Save & Test")
    assert visit.page.locator("[aria-invalid=true]").count() == 1
    assert visit.page.get_by_role("heading", name="1 field was refused; nothing was saved").is_visible()


def _unfold(visit: Visit) -> None:
    for summary in visit.page.locator("main summary").all():
        summary.click()


def _blank(visit: Visit) -> None:
    visit.page.get_by_label("Webhook URL").fill("https://example.com/services/x")
    visit.press("Save & Test")
    assert visit.page.locator("[aria-invalid=true]").count() == 1


def _tested(visit: Visit) -> None:
    visit.press("Save & Test")
    assert visit.page.get_by_role("heading", name=re.compile("The test failed at")).is_visible()


def _watched(visit: Visit) -> None:
    """A test that goes on is fetched again every second; what is typed meanwhile stays."""
    visit.page.get_by_label("Connection Name").fill("Typed meanwhile")
    with visit.page.expect_response(lambda answer: answer.request.headers.get("hx-request") == "true"):
        pass
    assert visit.page.get_by_role("heading", name="Testing…").is_visible()
    assert visit.page.get_by_label("Connection Name").input_value() == "Typed meanwhile"


def _new_secret(visit: Visit) -> None:
    visit.press(re.compile("Sign requests|Make a new secret"))
    if visit.page.get_by_role("button", name="Make another secret").is_visible():  # one that is not finished is there from another visit
        visit.press("Make another secret")
    assert visit.page.get_by_label("Signing secret").input_value().startswith("whsec_")


def _asked_before_stopping(visit: Visit) -> None:
    visit.press("Stop signing")
    assert visit.page.get_by_role("heading", name="Stop signing?").is_visible()


def _clauses(visit: Visit) -> None:
    visit.press("Add a clause")
    visit.press("Add a clause")
    visit.press("Save")
    assert visit.page.locator("[aria-invalid=true]").count()


def _blocked(visit: Visit) -> None:
    visit.page.get_by_label("Connection Name").fill("CRM")
    visit.page.get_by_label("URL", exact=True).fill("https://10.9.8.7/hook")
    visit.page.get_by_text("Limits, certificates and headers").click()
    visit.page.get_by_label("At most per minute").fill("many")
    visit.press("Save & Test")
    assert visit.page.get_by_text("10.9.8.7 is blocked").is_visible()


def _nowhere(visit: Visit) -> None:
    visit.press("Add a clause")
    visit.page.get_by_label(re.compile("condition 1 looks at")).last.select_option(label="JSON, at")
    visit.page.get_by_label(re.compile("path or header")).last.fill("$.succes")
    visit.page.get_by_label(re.compile("any of")).last.fill("false")
    visit.press("Save")
    assert visit.page.get_by_role("heading", name=re.compile("Not saved yet")).is_visible()


STATES = (
    State("connections", LIST, "Connection List", "/signal/connections/", "setting-up", ("connection-list",)),
    State("connections, as a Planner", LIST, "Connection List", "/signal/connections/", "planning"),
    State("connections, nothing matches", LIST, "Connection List", "/signal/connections/?q=nowhere", "setting-up"),
    State("connections, none", LIST, "Connection List", "/signal/connections/", "nothing"),
    State("connection, how it is", PAGE, "Sales CRM", _at("Sales CRM", "overview/"), "setting-up", ("connection-overview",)),
    State("connection, how it is, as a Viewer", PAGE, "Sales CRM", _at("Sales CRM", "overview/"), "reading"),
    State("connection, nothing was sent yet", PAGE, "Door display", _at("Door display", "overview/"), "setting-up"),
    State("connection, how it is, the longest names", PAGE, re.compile(".+"), _at("Longest connection", "overview/"), "setting-up"),
    State("connection, a start", START, "Add A Connection", "/signal/connections/new/", "setting-up", ("connection-new",)),
    State("connection, a start that is searched", START, "Add A Connection", "/signal/connections/new/?q=chat", "setting-up"),
    State("connection, a start without a match", START, "Add A Connection", "/signal/connections/new/?q=nowhere", "setting-up"),
    State("connection, of Slack", PRESET, "Slack message", "/signal/connections/new/slack_text/", "setting-up", ("connection-add",)),
    State(
        "connection, of Slack and refused",
        PRESET,
        "Slack message",
        "/signal/connections/new/slack_text/",
        "setting-up",
        then=_blank,
        after=422,
    ),
    State("connection, of Salesforce", PRESET, "Salesforce upsert", "/signal/connections/new/salesforce_upsert/", "setting-up"),
    State("connection, new", SETUP, HEADING, "/signal/connections/new/webhook/", "setting-up", then=_type("API Key / Token")),
    State(
        "connection, new and Basic", SETUP, HEADING, "/signal/connections/new/webhook/", "setting-up", then=_type("Basic Authentication")
    ),
    State("connection, new and Open", SETUP, HEADING, "/signal/connections/new/webhook/", "setting-up", then=_type("Open / No Auth")),
    State(
        "connection, new and to a blocked address",
        SETUP,
        HEADING,
        "/signal/connections/new/webhook/",
        "setting-up",
        then=_blocked,
        after=422,
    ),
    State(
        "connection, new and by Client Credentials",
        SETUP,
        HEADING,
        "/signal/connections/new/webhook/",
        "setting-up",
        then=_type("OAuth2", "Client Credentials"),
    ),
    State(
        "connection, new and by Authorization Code",
        SETUP,
        HEADING,
        "/signal/connections/new/webhook/",
        "setting-up",
        then=_type("OAuth2", "Authorization Code"),
    ),
    State("connection, new and refused", SETUP, HEADING, "/signal/connections/new/webhook/", "setting-up", then=_refused, after=422),
    State("connection", SETUP, HEADING, _at("Sales CRM"), "setting-up", ("connection",)),
    State("connection, unfolded", SETUP, HEADING, _at("Sales CRM"), "setting-up", then=_unfold),
    State("connection, its test failed", SETUP, HEADING, _at("Nowhere"), "setting-up", then=_tested),
    State("connection, being tested", SETUP, HEADING, _at("Door display"), "setting-up", then=_watched),
    State("connection, not connected", SETUP, HEADING, _at("OAuth2"), "setting-up"),
    State("connection, paused, the longest names", SETUP, HEADING, _at("Longest connection"), "setting-up"),
    State("connection, as a Viewer", READ, HEADING, _at("Sales CRM"), "reading"),
    State(
        "connection, asked before it is paused", DIALOG, "Pause Sales CRM?", _at("Sales CRM", "pause/"), "setting-up", ("connection-pause",)
    ),
    State(
        "connection, released", RELEASE, "Release Concierge desk", _at("Concierge desk", "release/"), "setting-up", ("connection-release",)
    ),
    State("connection, being released", RELEASE, "Release Door display", _at("Door display", "release/"), "setting-up"),
    State("connection, waiting to be released", RELEASE, "Release Cloakroom screen", _at("Cloakroom screen", "release/"), "setting-up"),
    State("connection, copied", DIALOG, "Copy Sales CRM", _at("Sales CRM", "copy/"), "setting-up", ("connection-copy",)),
    State("connection, deleted", DIALOG, "Delete Nowhere?", _at("Nowhere", "delete/"), "setting-up", ("connection-delete",)),
    State("connection, in use", DIALOG, f"“{LONG}” is in use", _at("Longest connection", "delete/"), "setting-up"),
    State("connection, signed", SIGNING, "Signing of Sales CRM", _at("Sales CRM", "signing/"), "setting-up", ("connection-signing",)),
    State(
        "connection, asked before it is signed no more",
        SIGNING,
        "Signing of Sales CRM",
        _at("Sales CRM", "signing/"),
        "setting-up",
        then=_asked_before_stopping,
    ),
    State(
        "connection, its new secret",
        SIGNING,
        "Signing of Concierge desk",
        _at("Concierge desk", "signing/"),
        "setting-up",
        then=_new_secret,
    ),
    State(
        "versions of a connection", VERSIONS, "Versions of Sales CRM", _at("Sales CRM", "versions/"), "setting-up", ("connection-versions",)
    ),
    State(
        "a version of a connection is restored",
        VERSIONS,
        "Versions of Sales CRM",
        _at("Sales CRM", "versions/?version=1&restore=1"),
        "setting-up",
    ),
    State("response rule", RULE, "Response rule of Sales CRM", _at("Sales CRM", "rule/"), "setting-up", ("connection-rule",)),
    State("response rule, none", RULE, "Response rule of Nowhere", _at("Nowhere", "rule/"), "setting-up"),
    State("response rule, refused", RULE, "Response rule of Nowhere", _at("Nowhere", "rule/"), "setting-up", then=_clauses, after=422),
    State(
        "response rule, asked about a path that no answer has",
        RULE,
        re.compile("Response rule of .+"),
        lambda of: f"/signal/connections/{of.ids['answered']}/rule/",
        then=_nowhere,
        after=409,
    ),
    State(
        "response rule, tried on an answer",
        RULE,
        re.compile("Response rule of .+"),
        lambda of: f"/signal/connections/{of.ids['answered']}/rule/?answer={of.ids['answer']}.1",
    ),
)
