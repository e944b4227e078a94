"""The states of pages about who gets in: users, tokens, audit, one-time links, one's own profile."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from tests.e2e.showcase import Showcase
from tests.e2e.visiting import State, Visit

USERS, FORM, DIALOG, ONCE = "administration/users.html", "setup/form.html", "confirmation.html", "administration/shown_once.html"
TOKENS, AUDIT, ME = "administration/tokens.html", "administration/audit.html", "administration/me.html"
JOINING, OVER = "administration/one_time_link.html", "administration/link_over.html"


def _user(who: str, act: str = "") -> Callable[[Showcase], str]:
    return lambda of: f"/settings/users/{of.ids[who]}/{act}"


def _link(name: str) -> Callable[[Showcase], str]:
    return lambda of: of.links[name]


def _taken(visit: Visit) -> None:
    visit.page.get_by_label("Name", exact=True).fill("Somebody")
    visit.page.get_by_label("E-mail").fill(visit.of.people["viewer"])
    visit.press("Make the invitation")
    assert visit.page.get_by_text("Viewer already has this address. Use another one.").is_visible()


def _invite(visit: Visit) -> None:
    visit.page.get_by_label("Name", exact=True).fill("Aiko Mori")
    visit.page.get_by_label("E-mail").fill(f"aiko{time.monotonic_ns()}@example.org")
    visit.press("Make the invitation")
    assert visit.page.get_by_text("no mail server is set up").is_visible()


def _demote(visit: Visit) -> None:
    visit.page.get_by_role("radio", name="Viewer").check()
    visit.press("Save")
    assert visit.page.get_by_text("this is the only Administrator").is_visible()


def _confirm(visit: Visit) -> None:
    visit.press("Remove")


def _token(visit: Visit) -> None:
    visit.page.get_by_label("Name", exact=True).fill("Check-in app")
    visit.press("Make the token")


def _nameless_token(visit: Visit) -> None:
    visit.page.get_by_label("Name", exact=True).fill(" ")
    visit.press("Make the token")


def _differs(visit: Visit) -> None:
    visit.page.get_by_label("Password", exact=True).fill("a sentence to remember")
    visit.page.get_by_label("Password again").fill("another sentence")
    visit.press("Save and sign in")
    assert visit.page.get_by_text("The two are not the same. Type the new password twice.").is_visible()


def _no_name(visit: Visit) -> None:
    visit.page.get_by_label("Name", exact=True).fill(" ")
    visit.press("Save")


def _wrong_old(visit: Visit) -> None:
    visit.page.get_by_label("Current password").fill("wrong")
    for label in ("New password", "New password again"):
        visit.page.get_by_label(label, exact=True).fill("another sentence to remember")
    visit.press("Save")
    assert visit.page.locator("[aria-invalid=true]").count()


def _it_is_me(visit: Visit) -> None:
    if "/confirm/" in visit.page.url:  # a state before this one may have said it in the same session
        visit.page.get_by_label("Password").fill(visit.of.password)
        visit.press("Continue")


def _it_is_me_by_code(visit: Visit) -> None:
    visit.follow(visit.page.get_by_role("link", name="Use a code instead"))


def _wrong_key(visit: Visit) -> None:
    _it_is_me(visit)
    visit.page.get_by_label("Type the code").fill("000000")
    if visit.page.locator("[aria-invalid=true]").count() == 0:
        visit.press("Continue")


def _new_codes(visit: Visit) -> None:
    _it_is_me(visit)
    visit.press("Make them")
    assert visit.page.get_by_text("Save these: they are shown only once").is_visible()


def _seen_codes(visit: Visit) -> None:
    _new_codes(visit)
    visit.page.reload()


FIRST = "flows/first_steps.html"


def _never(visit: Visit) -> None:
    visit.page.get_by_label("Sign out after").fill("1")
    visit.press("Save")


STATES = (
    State("four steps", FIRST, "Set Signal up in four steps", "/signal/first/", "setting-up", ("signal-first",)),
    State("four steps, none done", FIRST, "Set Signal up in four steps", "/signal/", "nothing"),
    State("four steps, as a Viewer", FIRST, "Set Signal up in four steps", "/signal/first/", "viewer"),
    State(
        "a first start that is over",
        "administration/first_start_over.html",
        "This link has expired",
        "/first-start/nothing/",
        "",
        status=410,
    ),
    State("users", USERS, "Users", "/settings/users/", names=("users",)),
    State("users, as a Viewer", USERS, "Users", "/settings/users/", "longest-reading"),
    State("a user is invited", FORM, "Invite a user", "/settings/users/invite/", names=("user-invite",)),
    State("a user is invited, refused", FORM, "Invite a user", "/settings/users/invite/", then=_taken, after=422),
    State("an invitation is shown", ONCE, "Invitation for Aiko Mori", "/settings/users/invite/", then=_invite),
    State("a user", FORM, "Planner", _user("planner"), names=("user",)),
    State("a user with a second factor", FORM, "Careful", _user("careful")),
    State("a user, the only Administrator", FORM, "Nothing", _user("nothing"), "nothing", then=_demote, after=422),
    State("a user is removed", DIALOG, "Remove Planner?", _user("planner", "remove/"), names=("user-act",)),
    State("a user is not removed", DIALOG, "Remove Nothing?", _user("nothing", "remove/"), "nothing", then=_confirm, after=409),
    State("a user is switched off", DIALOG, "Switch Planner off?", _user("planner", "off/")),
    State("a user gets a link", DIALOG, "Make Planner a link for a new password?", _user("planner", "link/")),
    State("signing in", FORM, "Signing in", "/settings/sign-in/", names=("sign-in-rules",)),
    State("signing in, as a Viewer", FORM, "Signing in", "/settings/sign-in/", "longest-reading"),
    State("signing in, refused", FORM, "Signing in", "/settings/sign-in/", then=_never, after=422),
    State("tokens", TOKENS, "API tokens", "/settings/tokens/", names=("api-tokens",)),
    State("tokens, as a Viewer", TOKENS, "API tokens", "/settings/tokens/", "longest-reading"),
    State("tokens, none", TOKENS, "API tokens", "/settings/tokens/", "nothing"),
    State("a token", FORM, "Make a token", "/settings/tokens/new/", names=("api-token-new",)),
    State("a token, refused", FORM, "Make a token", "/settings/tokens/new/", then=_nameless_token, after=422),
    State("a token is shown", ONCE, "Token “Check-in app”", "/settings/tokens/new/", then=_token),
    State(
        "a token is revoked",
        DIALOG,
        "Revoke the token “Registration desk”?",
        lambda of: f"/settings/tokens/{of.ids['token']}/revoke/",
        names=("api-token-revoke",),
    ),
    State("audit", AUDIT, "Audit", "/settings/audit/", "setting-up", ("audit",)),
    State("audit, nothing matches", AUDIT, "Audit", "/settings/audit/?q=nowhere", "setting-up"),
    State("audit, as a Viewer", AUDIT, "Audit", "/settings/audit/?kind=people", "longest-reading"),
    State("an invitation", JOINING, "Welcome to Brightfield Events", _link("invitation"), "", ("invitation",)),
    State("an invitation, refused", JOINING, "Welcome to Brightfield Events", _link("invitation"), "", then=_differs, after=422),
    State("a new password", JOINING, "Choose a new password", _link("new-password"), "", ("new-password",)),
    State("a link that has run out", OVER, "This link has expired", "/accounts/invitation/nothing/", "", status=410),
    State("profile", ME, "Administrator", "/accounts/me/", names=("me",)),
    State("profile, refused", ME, re.compile(".*"), "/accounts/me/", then=_no_name, after=422),
    State("profile, with a second factor", ME, "Careful", "/accounts/me/", "careful"),
    State("password", "account/password_change.html", "Change the password", "/accounts/me/password/", names=("account_change_password",)),
    State("password, refused", "account/password_change.html", "Change the password", "/accounts/me/password/", then=_wrong_old),
    State("is it you", "account/reauthenticate.html", "Is it you?", "/accounts/me/second-factor/", "planner", ("account_reauthenticate",)),
    State(
        "is it you, by a code",
        "mfa/reauthenticate.html",
        "Is it you?",
        "/accounts/me/second-factor/remove/",
        "careful",
        ("mfa_reauthenticate",),
        then=_it_is_me_by_code,
    ),
    State(
        "a second factor is set up",
        "mfa/totp/activate_form.html",
        "Second factor",
        "/accounts/me/second-factor/",
        "planner",
        ("mfa_activate_totp",),
        then=_it_is_me,
    ),
    State(
        "a second factor is set up, refused",
        "mfa/totp/activate_form.html",
        "Second factor",
        "/accounts/me/second-factor/",
        "viewer",
        then=_wrong_key,
    ),
    State(
        "a second factor is removed",
        "mfa/totp/deactivate_form.html",
        "Remove the second factor?",
        "/accounts/me/second-factor/remove/",
        "careful",
        ("mfa_deactivate_totp",),
        then=_it_is_me,
    ),
    State(
        "a second factor is replaced",
        "mfa/totp/activate_form.html",
        "Second factor",
        "/accounts/me/second-factor/replace/",
        "careful",
        ("second-factor-replace",),
        then=_it_is_me,
    ),
    State("a user loses the second factor", DIALOG, "Remove the second factor of Careful?", _user("careful", "second-factor/")),
    State(
        "new recovery codes",
        "mfa/recovery_codes/generate.html",
        "Make new recovery codes?",
        "/accounts/me/recovery-codes/new/",
        "careful",
        ("mfa_generate_recovery_codes",),
        then=_it_is_me,
    ),
    State(
        "recovery codes",
        "mfa/recovery_codes/index.html",
        "Recovery codes",
        "/accounts/me/recovery-codes/new/",
        "careful",
        ("mfa_view_recovery_codes",),
        then=_new_codes,
    ),
    State(
        "recovery codes, seen",
        "mfa/recovery_codes/index.html",
        "Recovery codes",
        "/accounts/me/recovery-codes/new/",
        "careful",
        then=_seen_codes,
    ),
)

ACTIONS = {
    "appearance",
    "own-language",
    "language",
    "view-save",
    "view-rename",
    "view-delete",
    "end-session",
    "first-start",
    "openid_connect_login",
    "openid_connect_callback",
}
"""Addresses that only take a form; the first start needs an installation without users: tests/e2e/test_first_start.py, and OpenID Connect a provider: test_openid.py."""
