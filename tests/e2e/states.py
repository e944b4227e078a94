"""Every page of the product, in every state that it can be in.

A new page has its line here, or in the table of its area that stands at the end: the tests of this folder then open it for axe, in both
colour schemes, on a phone, and by keyboard. tests/e2e/test_every_page.py fails for an address or a template that no state shows.
"""

from __future__ import annotations

import re
import uuid

from playwright.sync_api import Route
from tests.e2e import (
    states_of_api,
    states_of_configuration,
    states_of_connections,
    states_of_erasure,
    states_of_flows,
    states_of_insights,
    states_of_mappings,
    states_of_notifications,
    states_of_people,
    states_of_recipes,
    states_of_replay,
    states_of_retention,
    states_of_retry,
    states_of_search,
    states_of_setup,
    states_of_sources,
    states_of_timeline,
)
from tests.e2e.showcase import BROKEN
from tests.e2e.visiting import State, Visit


def _wrong_password(visit: Visit) -> None:
    visit.sign_in("planner", "wrong")
    assert visit.page.get_by_text("isn’t right").is_visible()


def _rests(visit: Visit) -> None:
    for _try in range(5):
        visit.sign_in("resting", "wrong")
    visit.sign_in("resting")


def _wrong_code(visit: Visit) -> None:
    _second_factor(visit)
    visit.page.get_by_label("Code").fill("12345678")
    visit.press("Sign in")
    assert visit.page.get_by_text("That code isn’t right").is_visible()


def _second_factor(visit: Visit) -> None:
    visit.sign_in("careful")


def _stale(visit: Visit) -> None:
    visit.page.context.clear_cookies()
    visit.page.get_by_label("E-mail").fill("somebody@example.org")
    visit.page.get_by_label("Password").fill("whatever it is")
    visit.press("Sign in")


def _too_often(visit: Visit) -> None:
    """Asked again and again as a program asks; what it is told then, a person is told too."""
    form = {"login": visit.of.people["operator"], "password": "wrong"}
    form["csrfmiddlewaretoken"] = visit.page.locator("[name=csrfmiddlewaretoken]").first.input_value()
    address = f"{visit.of.url}/accounts/sign-in/"
    answers = [visit.page.request.post(address, form=form, headers={"Referer": address}).status]
    while answers[-1] == 200 and len(answers) < 40:
        answers.append(visit.page.request.post(address, form=form, headers={"Referer": address}).status)
    assert answers[-1] == 429, answers
    visit.sign_in("operator", "wrong")


def _switch(visit: Visit) -> None:
    visit.follow(visit.page.get_by_role("switch", name="Active: All"))


def _leave(visit: Visit) -> None:
    """The page on the way to an authority's sign-in goes there at once; here it stays."""

    def stays(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, headers={name: text for name, text in answer.headers.items() if name != "refresh"})

    visit.page.route("**/connect/", stays)
    visit.press("Connect")


def _submit_nothing(visit: Visit) -> None:
    visit.press("Submit to Retry Queue")
    assert visit.page.get_by_role("status").get_by_text("Nothing was selected.").is_visible()


def _tick(visit: Visit) -> None:
    visit.page.get_by_role("checkbox", name="Select S26-2").first.check()
    assert visit.page.get_by_text("1 selected").is_visible()


def _menu(visit: Visit) -> None:
    visit.page.get_by_role("banner").locator(".user-menu > summary").click()
    assert visit.page.get_by_role("button", name="Sign out").is_visible()


def _unfold(visit: Visit) -> None:
    for summary in visit.page.locator("main summary").all():
        if summary.locator("xpath=..").get_attribute("open") is None:
            summary.click()


def _refused(visit: Visit) -> None:
    visit.page.get_by_text("More of the profile").click()
    visit.page.get_by_label("Born").fill("31/02/2026")
    visit.press(re.compile("^Save$"))
    assert visit.page.get_by_role("heading", name="Not saved: 1 field is refused").is_visible()


def _saved(visit: Visit) -> None:
    visit.page.get_by_label("Position").fill(f"Nr {uuid.uuid4()}")
    visit.press(re.compile("^Save$"))
    assert visit.page.get_by_role("status").get_by_text("Saved as one change.").is_visible()


def _ended(visit: Visit) -> None:
    """The session runs out while the form is open; signing in leads back to what was typed."""
    visit.page.get_by_label("Code", exact=True).fill("K-1")
    visit.page.context.clear_cookies(name="heliograph_session")
    visit.press(re.compile("^Save$"))
    visit.page.get_by_label("E-mail").fill(visit.of.people["planning"])
    visit.page.get_by_label("Password").fill(visit.of.password)
    visit.press("Sign in")


def _conflict(visit: Visit) -> None:
    """Somebody else saves while the form is open: one field of both, one of each."""
    other = visit.page.context.new_page()
    other.goto(visit.page.url)
    for page, mark in ((other, "theirs"), (visit.page, "mine")):
        page.get_by_label("Position").fill(f"{mark} {uuid.uuid4()}")
        page.get_by_label("Mobile" if page is other else "Organization").fill(str(uuid.uuid4()))
        with page.expect_navigation():
            page.locator(".savebar").get_by_role("button", name="Save").click()
    other.close()


FLOWS, RETRY, LIST = "flows/list.html", "retry/retry.html", "registrations/list.html"
FORM, ITEM = "registrations/registration.html", "retry/item.html"
SIGN_IN = "account/login.html"
HELP = "guide/contents.html"
OVERVIEW = "overview/overview.html"
JOE = "SUMMIT-26/S26-2/"

STATES = (
    State("sign in", SIGN_IN, "Sign in", "/accounts/sign-in/", "", ("account_login",)),
    State("sign in, refused", SIGN_IN, "Sign in", "/accounts/sign-in/", "", then=_wrong_password),
    State("sign in, resting", SIGN_IN, re.compile("Wait 1[0-9].minutes.*"), "/accounts/sign-in/", "", then=_rests),
    State("second factor", "mfa/authenticate.html", "Second factor", "/accounts/sign-in/", "", ("mfa_authenticate",), then=_second_factor),
    State("second factor, refused", "mfa/authenticate.html", "Second factor", "/accounts/sign-in/", "", then=_wrong_code),
    State("access closed", "account/account_inactive.html", "You cannot sign in", "/accounts/sign-in/refused/", "", ("account_inactive",)),
    State("sign out", "account/logout.html", "Sign out?", "/accounts/sign-out/", names=("account_logout",)),
    State(
        "session ended",
        "administration/kept_form.html",
        "What you wrote is still here",
        "/registrations/add/?event=SUMMIT-26",
        "planning",
        then=_ended,
    ),
    State("no account", "administration/no_account.html", "No account", "/registrations/", "operator", status=403),
    State("not allowed", "403.html", "You can’t do this", "/signal/flows/", "quiet", status=403),
    State("stale form", "403_csrf.html", "This form has expired", "/accounts/sign-in/", "", then=_stale, after=403),
    State("not found", "404.html", "Not found", "/nowhere/", status=404),
    State("not readable", "400.html", "We can’t read this request", "/registrations/?q=%01", status=400),
    State("something broke", "500.html", "Something went wrong", f"/registrations/SUMMIT-26/{BROKEN}/", status=500),
    State("overview", OVERVIEW, re.compile(r"\d things? needs? you"), "/signal/", names=("signal", "overview")),
    State("overview, as a Viewer", OVERVIEW, re.compile(r"\d things? needs? you"), "/signal/overview/", "viewer"),
    State("overview, of a new account", OVERVIEW, "Welcome, Nothing", "/signal/overview/", "nothing"),
    State("flows", FLOWS, "Flow List", "/signal/flows/", names=("flow-list",)),
    State("flows, a menu open", FLOWS, "Flow List", "/signal/flows/", then=_menu),
    State("flows, as a Viewer", FLOWS, "Flow List", "/signal/flows/", "viewer"),
    State("flows, nothing matches", FLOWS, "Flow List", "/signal/flows/?q=nowhere"),
    State("flows, none", FLOWS, "Flow List", "/signal/flows/", "nothing"),
    State("a flow is switched off", "confirmation.html", "Switch off All?", "/signal/flows/", then=_switch),
    State(
        "access of a connection",
        "connections/access.html",
        "Marketing list",
        lambda of: f"/signal/connections/{of.ids['OAuth2']}/access/",
        "setting-up",
        ("connection-access",),
    ),
    State(
        "on to an authority",
        "connections/oauth_leave.html",
        "Continue to login.example.com",
        lambda of: f"/signal/connections/{of.ids['OAuth2']}/access/",
        "setting-up",
        ("oauth-connect",),
        then=_leave,
    ),
    State(
        "back from nowhere",
        "connections/oauth_unknown.html",
        "We don’t know this sign-in",
        "/oauth/return?state=x",
        "setting-up",
        ("oauth-return",),
        status=400,
    ),
    State("retry", RETRY, "Retry", "/signal/retry/", names=("retry",)),
    State("retry, ticked", RETRY, "Retry", "/signal/retry/", then=_tick),
    State("retry, submitted", RETRY, "Retry", "/signal/retry/", "planner", then=_submit_nothing),
    State("retry, as a Viewer", RETRY, "Retry", "/signal/retry/", "viewer"),
    State("retry, narrowed", RETRY, "Retry", "/signal/retry/?status=waiting&category=Config"),
    State("retry, waits for a tag", RETRY, "Retry", "/signal/retry/?status=untagged"),
    State("retry, nothing matches", RETRY, "Retry", "/signal/retry/?q=nobody"),
    State("retry, nothing waits", RETRY, "Retry", "/signal/retry/", "beginner"),
    State("item, waiting", ITEM, re.compile("S26-2.*"), lambda of: f"/signal/retry/{of.items['waiting']}/", names=("retry-item",)),
    State("item, failed and unfolded", ITEM, re.compile("S26-5.*"), lambda of: f"/signal/retry/{of.items['failed']}/", then=_unfold),
    State("item, done", ITEM, re.compile("S26-7.*"), lambda of: f"/signal/retry/{of.items['done']}/"),
    State("item, untagged", ITEM, re.compile("S26-4.*"), lambda of: f"/signal/retry/{of.items['untagged']}/"),
    State(
        "item, as a Viewer, the longest names", ITEM, re.compile("S26-XX.*"), lambda of: f"/signal/retry/{of.items['longest']}/", "viewer"
    ),
    State("registrations", LIST, "Registrations", "/", names=("start", "registrations")),
    State("registrations, as a Viewer", LIST, "Registrations", "/registrations/", "longest-reading"),
    State("registrations, nothing matches", LIST, "Registrations", "/registrations/?q=nobody"),
    State("registrations, none", LIST, "Registrations", "/registrations/", "nothing"),
    State("registration", FORM, "Joe Citizen", f"/registrations/{JOE}", names=("registration",)),
    State("registration, unfolded", FORM, "Joe Citizen", f"/registrations/{JOE}", then=_unfold),
    State("registration, refused", FORM, "Joe Citizen", f"/registrations/{JOE}", then=_refused, after=422),
    State("registration, saved", FORM, "Mika Salo", "/registrations/SUMMIT-26/S26-6/", then=_saved),
    State("registration, not active", FORM, "Hana Kovář", "/registrations/SUMMIT-26/S26-8/"),
    State(
        "registration, to be cleared",
        "confirmation.html",
        "Clear Is Active of Joe Citizen?",
        f"/registration-active/{JOE}",
        names=("registration-active",),
    ),
    State("registration, as a Viewer", FORM, "Joe Citizen", f"/registrations/{JOE}", "viewer"),
    State(
        "registration, saved by two",
        "registrations/conflict.html",
        "Mika Salo",
        "/registrations/SUMMIT-26/S26-6/",
        then=_conflict,
        after=409,
    ),
    State("help", HELP, "Help", "/help/", "viewer", ("help",)),
    State("help, searched", HELP, "Help", "/help/?q=tag%20status", "viewer"),
    State("help, nothing found", HELP, "Help", "/help/?q=zeppelin", "viewer"),
    State("help, a chapter", "guide/chapter.html", "Setting up tags", "/help/tags/#attendee-types", "viewer", ("help-chapter",)),
    *states_of_setup.STATES,
    *states_of_connections.STATES,
    *states_of_sources.STATES,
    *states_of_flows.STATES,
    *states_of_insights.STATES,
    *states_of_replay.STATES,
    *states_of_notifications.STATES,
    *states_of_people.STATES,
    *states_of_recipes.STATES,
    *states_of_api.STATES,
    *states_of_configuration.STATES,
    *states_of_mappings.STATES,
    *states_of_retention.STATES,
    *states_of_erasure.STATES,
    *states_of_search.STATES,
    *states_of_timeline.STATES,
    *states_of_retry.STATES,
    # The last one: after it this machine has asked too often to sign in.
    State("too many requests", "429.html", "Too many requests", "/accounts/sign-in/", "", then=_too_often, after=429),
)

ACTIONS = (
    {"flow-toggle", "flow-new-test", "notification-test", "replay-act", "sync-now", "job-refused"}
    | states_of_people.ACTIONS
    | states_of_api.ACTIONS
    | states_of_configuration.ACTIONS
    | states_of_insights.ACTIONS
    | states_of_retry.ACTIONS
    | states_of_sources.ACTIONS
    | states_of_erasure.ACTIONS
)
"""Addresses that only take a form, and lead to a page that stands above, or give a file."""
