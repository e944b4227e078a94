"""A second factor required by an Administrator: it stays, and without it nothing else opens (A6, P1)."""

from __future__ import annotations

import hashlib
import importlib
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.core import context
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value, yield_hotp_counters_from_time
from allauth.socialaccount.helpers import complete_social_login
from allauth.socialaccount.models import SocialAccount, SocialLogin
from django.apps import apps
from django.conf import settings as django_settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.messages.storage import default_storage
from django.contrib.sessions.backends.db import SessionStore
from django.core.cache import cache
from django.db import connection
from django.test import Client, RequestFactory
from django_scopes import scope
from structlog.testing import capture_logs
from tests.builders import signal_account
from tests.builders.people import PASSWORD
from tests.builders.signal_account import SignalAccount
from tests.confirming import confirms
from tests.databases import DatabaseFacts
from tests.page_text import text_of
from tests.routes import every_route

from heliograph.accounts import people
from heliograph.accounts.login_sessions import sends_files
from heliograph.accounts.models import AuditEntry, Role, User
from heliograph.accounts.openid import OpenIdAdapter
from heliograph.accounts.people import PersonFacts
from heliograph.accounts.recovery_codes import show_once, use_code

NEW = "another sentence to remember"
SECRET = "JBSWY3DPEHPK3PXP"
SET_UP = "/accounts/me/second-factor/"
REMOVE = "/accounts/me/second-factor/remove/"
REPLACE = "/accounts/me/second-factor/replace/"
WAYS_IN = frozenset(
    {"account_login", "language", "mfa_authenticate", "account_inactive", "account_logout", "openid_connect_login", "openid_connect_callback", "invitation", "new-password", "first-start"}
)  # fmt: skip
"""Open to everyone, without anything of an account."""
FIRST = frozenset({"mfa_activate_totp", "account_reauthenticate"})
"""What is possible before the second factor exists: setting it up."""


@pytest.fixture
def site(database: DatabaseFacts) -> Iterator[SignalAccount]:
    cache.clear()
    with signal_account.site(database) as made:
        yield made


def code_now(secret: str = SECRET) -> str:
    return format_hotp_value(hotp_value(secret, list(yield_hotp_counters_from_time())[1]))


def require(site: SignalAccount, user: User, *, required: bool = True) -> None:
    """Requires it, like an Administrator in Users."""
    client = Client()
    site.signs_in(client)
    given = {"name": user.name, "email": user.email, "role": user.role} | ({"second": "1"} if required else {})
    assert client.post(f"/settings/users/{user.pk}/", given).status_code == 302


def sign_in(client: Client, user: User, password: str = PASSWORD) -> str:
    return str(client.post("/accounts/sign-in/", {"login": user.email, "password": password})["Location"])


def shown(client: Client, path: str) -> str:
    """The page, after confirming one's identity."""
    answer = client.get(path)
    for password in (PASSWORD, NEW):
        if answer.status_code == 302 and answer["Location"].startswith("/accounts/me/confirm/"):
            client.post(answer["Location"], {"password": password, "next": path})
            answer = client.get(path)
    assert answer.status_code == 200, answer["Location"]
    return answer.content.decode()


def has_factor(user: User) -> bool:
    return Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists()


def audited(site: SignalAccount, user: User) -> list[tuple[str, Any]]:
    with scope(account=site.account.pk):
        return list(AuditEntry.objects.filter(kind="user", object_id=user.pk).order_by("id").values_list("what", "after"))


METHODS: tuple[tuple[str, dict[str, str]], ...] = (
    ("get", {}),
    ("post", {}),
    ("get", {"HX-Request": "true"}),
    ("post", {"HX-Request": "true"}),
    ("head", {}),
)
"""With each method, whole and in part."""


def opened(client: Client, way: int, *, thorough: bool) -> list[str]:
    """Every URL of the product that answers with anything except a redirect to the second factor.

    thorough: to each of METHODS. Otherwise to two of them, which are others for each way, so that all ways together ask each address by all.
    """
    found = []
    for n, route in enumerate(every_route()):
        if route.path.startswith("/api/"):
            continue  # no cookie opens anything there (test_api_conventions)
        if route.name in WAYS_IN | FIRST:
            continue
        for method, headers in METHODS if thorough else (METHODS[(n + way) % len(METHODS)], METHODS[(n + way + 2) % len(METHODS)]):
            answer = getattr(client, method)(route.path, headers=headers)
            led = answer.status_code == 302 and answer["Location"] == SET_UP
            reloads = answer.status_code == 200 and answer.get("HX-Refresh") == "true"
            if not led and not reloads:
                found.append(f"{method} {route.path} {answer.status_code}")
    return found


# --- the requirement stays


def test_A6_what_an_administrator_requires_stays_once_it_is_set_up(site: SignalAccount, client: Client) -> None:
    require(site, site.planner)
    assert sign_in(client, site.planner) == "/"
    shown(client, SET_UP)
    assert client.post(SET_UP, {"code": code_now(client.session["mfa.totp.secret"])}).status_code == 302
    user = User.objects.get(pk=site.planner.pk)
    assert user.second_factor_required
    assert not user.second_factor_due
    assert client.get("/registrations/").status_code == 200
    administrator = Client()
    site.signs_in(administrator)
    assert "On, required" in administrator.get("/settings/users/").content.decode()


@pytest.mark.parametrize("role", ["administrator", "planner", "viewer"])
def test_A6_a_required_second_factor_is_not_removed_by_its_user(site: SignalAccount, client: Client, role: str) -> None:
    user = getattr(site, role)
    TOTP.activate(user, SECRET)
    User.objects.filter(pk=user.pk).update(second_factor_required=True)
    sign_in(client, user)
    assert client.post("/accounts/sign-in/code/", {"code": code_now()}).status_code == 302
    page = shown(client, REMOVE)
    assert "An Administrator requires it" in page
    assert "Remove it" not in page
    assert REPLACE in page
    refused = client.post(REMOVE)
    assert (refused.status_code, "An Administrator requires it" in refused.content.decode()) == (409, True)
    client.post("/accounts/me/recovery-codes/new/")
    assert has_factor(user)
    me = client.get("/accounts/me/").content.decode()
    assert REPLACE in me
    assert REMOVE not in me


def test_A6_what_nobody_requires_is_removed(site: SignalAccount, client: Client) -> None:
    TOTP.activate(site.planner, SECRET)
    sign_in(client, site.planner)
    client.post("/accounts/sign-in/code/", {"code": code_now()})
    shown(client, REMOVE)
    assert client.post(REMOVE)["Location"] == "/accounts/me/"
    assert not has_factor(site.planner)
    assert client.get("/registrations/").status_code == 200


def test_A6_it_is_replaced_in_one_step(site: SignalAccount, client: Client) -> None:
    """The old one is valid until the new one has proven its first code; a wrong code changes nothing."""
    TOTP.activate(site.planner, SECRET)
    User.objects.filter(pk=site.planner.pk).update(second_factor_required=True)
    sign_in(client, site.planner)
    client.post("/accounts/sign-in/code/", {"code": code_now()})
    before = Authenticator.objects.get(user=site.planner, type=Authenticator.Type.TOTP).pk
    assert "until the new one has shown its first code" in shown(client, REPLACE)
    assert "That code isn’t right" in client.post(REPLACE, {"code": "000000"}).content.decode()
    assert Authenticator.objects.get(user=site.planner, type=Authenticator.Type.TOTP).pk == before
    assert client.get("/registrations/").status_code == 200
    client.get(REPLACE)
    secret = client.session["mfa.totp.secret"]
    assert client.post(REPLACE, {"code": code_now(secret)}).status_code == 302
    row = Authenticator.objects.get(user=site.planner, type=Authenticator.Type.TOTP)
    assert row.pk != before
    assert client.get("/registrations/").status_code == 200
    again = Client()
    assert sign_in(again, site.planner) == "/accounts/sign-in/code/"
    assert "That code isn’t right" in again.post("/accounts/sign-in/code/", {"code": code_now()}).content.decode()
    assert "removed the second factor of" in [what for what, _after in audited(site, site.planner)]
    assert "set up the second factor of" in [what for what, _after in audited(site, site.planner)]


def test_A6_replacing_asks_for_the_password_again_and_for_a_factor_to_replace(site: SignalAccount, client: Client) -> None:
    site.signs_in(client, site.planner)  # an old session
    assert client.get(REPLACE)["Location"] == SET_UP
    TOTP.activate(site.planner, SECRET)
    assert client.get(REPLACE)["Location"].startswith("/accounts/me/confirm/")
    assert client.post(REPLACE, {"code": "000000"})["Location"].startswith("/accounts/me/confirm/")


# --- permissions


def test_A6_only_an_administrator_sets_and_clears_it_and_the_audit_has_it(site: SignalAccount, client: Client) -> None:
    for user in (site.planner, site.viewer):
        site.signs_in(client, user)
        given = {"name": "X", "email": user.email, "role": user.role, "second": "", "second_factor_required": ""}
        User.objects.filter(pk=user.pk).update(second_factor_required=False)
        assert client.post(f"/settings/users/{user.pk}/", given | {"second": "1"}).status_code == 403
        client.post("/accounts/me/", given | {"second": "1", "second_factor_required": "1"})
        assert not User.objects.get(pk=user.pk).second_factor_required
        TOTP.activate(user, SECRET)
        User.objects.filter(pk=user.pk).update(second_factor_required=True)
        assert client.post(f"/settings/users/{user.pk}/", given).status_code == 403
        assert client.post(f"/settings/users/{user.pk}/second-factor/", given).status_code == 403
        client.post("/accounts/me/", given)
        assert User.objects.get(pk=user.pk).second_factor_required
        assert has_factor(user)
    before = len(audited(site, site.viewer))
    require(site, site.viewer, required=False)
    require(site, site.viewer)
    assert [after.get("second_factor_required") for _what, after in audited(site, site.viewer)[before:]] == [False, True]
    assert has_factor(site.viewer)


def test_A6_nobody_is_said_to_need_what_is_not_required(site: SignalAccount, client: Client) -> None:
    site.signs_in(client)
    page = text_of(client.get(f"/settings/users/{site.planner.pk}/").content)
    assert "Not set up yet. While it is required, they must set it up before they can use anything else." in page


def test_A6_a_lost_one_is_removed_by_an_administrator_and_the_demand_stays(site: SignalAccount, client: Client) -> None:
    TOTP.activate(site.planner, SECRET)
    RecoveryCodes.activate(site.planner)
    require(site, site.planner)
    site.signs_in(client)
    assert f"/settings/users/{site.planner.pk}/second-factor/" in client.get("/settings/users/").content.decode()
    assert "Remove the second factor of Planner?" in client.get(f"/settings/users/{site.planner.pk}/second-factor/").content.decode()
    assert confirms(client, f"/settings/users/{site.planner.pk}/second-factor/").status_code == 302
    assert not Authenticator.objects.filter(user=site.planner).exists()
    assert "removed the second factor of" in [what for what, _after in audited(site, site.planner)]
    theirs = Client()
    sign_in(theirs, site.planner)
    assert theirs.get("/registrations/")["Location"] == SET_UP
    assert f"/settings/users/{site.planner.pk}/second-factor/" not in client.get("/settings/users/").content.decode()


# --- nothing else opens


def by_password(site: SignalAccount, client: Client) -> None:
    assert sign_in(client, site.planner) == "/"


def by_a_new_password(site: SignalAccount, client: Client) -> None:
    _user, link = people.new_link(site.account, site.planner.pk, by="test")
    client.post(re.sub(r"^https?://[^/]+", "", link.address), {"password": NEW, "again": NEW})


def by_the_command_line(site: SignalAccount, client: Client) -> None:
    """By the link that `heliograph resetpassword` prints."""
    client.post(re.sub(r"^https?://[^/]+", "", people.link_for(site.planner.email, by="command").address), {"password": NEW, "again": NEW})


def by_openid(site: SignalAccount, client: Client) -> None:
    """The provider vouches for the address; there is no password to ask for."""
    User.objects.filter(pk=site.planner.pk).update(password="!")
    request = RequestFactory().get("/")
    request.session = SessionStore()
    request.session.create()
    request.user = AnonymousUser()
    request._messages = default_storage(request)  # type: ignore[attr-defined]
    with context.request_context(request):
        login = SocialLogin(
            provider=OpenIdAdapter(request).get_provider(request, "oidc"),
            user=User(email=site.planner.email),
            account=SocialAccount(provider="oidc", uid="sub-1"),
            email_addresses=[EmailAddress(email=site.planner.email, verified=True, primary=True)],
        )
        login.state = {"process": "login"}
        complete_social_login(request, login)
    request.session.save()
    client.cookies[django_settings.SESSION_COOKIE_NAME] = str(request.session.session_key)


def by_a_session_from_before(site: SignalAccount, client: Client) -> None:
    User.objects.filter(pk=site.planner.pk).update(second_factor_required=False)
    sign_in(client, site.planner)
    assert client.get("/registrations/").status_code == 200
    User.objects.filter(pk=site.planner.pk).update(second_factor_required=True)


def by_a_factor_that_is_gone(site: SignalAccount, client: Client) -> None:
    """Signed in by a recovery code, in a browser that is trusted from then on; then the factor is removed."""
    TOTP.activate(site.planner, SECRET)
    codes = RecoveryCodes.activate(site.planner).get_unused_codes()
    sign_in(client, site.planner)
    client.post("/accounts/sign-in/code/", {"code": codes[0], "trust": "1"})
    assert client.get("/registrations/").status_code == 200
    people.remove_second_factor(site.account, site.planner.pk, by="test")
    client.post("/accounts/sign-out/")
    sign_in(client, site.planner)


WAYS = (by_password, by_a_new_password, by_the_command_line, by_openid, by_a_session_from_before, by_a_factor_that_is_gone)


@pytest.mark.parametrize("thorough", [False, pytest.param(True, marks=pytest.mark.trial)])
@pytest.mark.parametrize("way", WAYS)
def test_A6_without_it_nothing_else_opens_however_one_came_in(
    site: SignalAccount, client: Client, settings: Any, way: Callable[[SignalAccount, Client], None], thorough: bool
) -> None:
    app: dict[str, Any] = {"provider_id": "oidc", "name": "ID", "client_id": "x", "secret": "y"}
    app |= {"settings": {"server_url": "https://id.example.org", "email_authentication": True, "verified_email": False}}
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": [app]}}
    User.objects.filter(pk=site.planner.pk).update(second_factor_required=True)
    way(site, client)
    assert client.session["_auth_user_id"] == str(site.planner.pk)
    assert not opened(client, WAYS.index(way), thorough=thorough)
    assert not sends_files("; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items()))
    shown(client, SET_UP)
    assert client.post(SET_UP, {"code": code_now(client.session["mfa.totp.secret"])}).status_code == 302
    assert client.get("/registrations/").status_code == 200


def test_A6_without_it_an_administrators_pages_stay_closed_too(site: SignalAccount, client: Client) -> None:
    """Including the page that removes the requirement."""
    User.objects.filter(pk=site.administrator.pk).update(second_factor_required=True)
    sign_in(client, site.administrator)
    given = {"name": "A", "email": site.administrator.email, "role": Role.ADMINISTRATOR}
    assert client.post(f"/settings/users/{site.administrator.pk}/", given)["Location"] == SET_UP
    assert User.objects.get(pk=site.administrator.pk).second_factor_required


def test_A6_an_invitation_can_require_it(site: SignalAccount, client: Client) -> None:
    user, link = people.invite(PersonFacts("jonas@example.org", "Jonas", Role.PLANNER, site.account, second_factor=True), by="test")
    client.post(re.sub(r"^https?://[^/]+", "", link.address), {"name": "Jonas", "password": NEW, "again": NEW})
    assert client.get("/registrations/")["Location"] == SET_UP
    user.refresh_from_db()
    assert user.second_factor_required


def test_C5_recovery_codes_that_were_shown_are_stored_as_digests(site: SignalAccount, client: Client) -> None:
    TOTP.activate(site.planner, SECRET)
    sign_in(client, site.planner)
    client.post("/accounts/sign-in/code/", {"code": code_now()})
    shown(client, "/accounts/me/recovery-codes/new/")
    assert client.post("/accounts/me/recovery-codes/new/")["Location"] == "/accounts/me/recovery-codes/"
    assert client.head("/accounts/me/recovery-codes/").status_code == 405
    codes = re.findall(r"<li><code>(\d{8})</code>", shown(client, "/accounts/me/recovery-codes/"))
    assert len(codes) == 10
    row = Authenticator.objects.get(user=site.planner, type=Authenticator.Type.RECOVERY_CODES)
    assert set(row.data) == {"salt", "digests", "viewed_at"}
    assert len(set(row.data["digests"])) == 10
    assert not any(code in json.dumps(row.data) for code in codes)
    assert "10 are left" in text_of(shown(client, "/accounts/me/recovery-codes/").encode())
    for code, works in ((codes[0], True), (codes[0], False), (f"{codes[1][:4]} {codes[1][4:]}", True), ("00000000", False)):
        other = Client()
        sign_in(other, site.planner)
        other.post("/accounts/sign-in/code/", {"code": code})
        assert (other.get("/registrations/").status_code == 200) is works, code
    assert "8 are left" in text_of(shown(client, "/accounts/me/recovery-codes/").encode())


def test_C5_digests_are_made_while_others_may_write(site: SignalAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    scrypt, in_transaction = hashlib.scrypt, []

    def observed(*args: Any, **kwargs: Any) -> bytes:
        in_transaction.append(connection.in_atomic_block)
        return scrypt(*args, **kwargs)

    monkeypatch.setattr(hashlib, "scrypt", observed)
    wrapper = RecoveryCodes.activate(site.planner)
    codes, left = show_once(site.planner.pk) or ([], 0)
    assert (len(codes), left) == (10, 10)
    assert show_once(site.planner.pk) == ([], 10)
    assert [use_code(wrapper.instance, code) for code in (codes[0], codes[0], codes[1])] == [True, False, True]
    assert show_once(site.planner.pk) == ([], 8)
    assert in_transaction == 13 * [False]


def test_C5_codes_that_change_while_they_are_digested_are_read_anew(site: SignalAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    RecoveryCodes.activate(site.planner)
    scrypt, replaced = hashlib.scrypt, []

    def replacing(*args: Any, **kwargs: Any) -> bytes:
        if not replaced:
            Authenticator.objects.filter(user=site.planner, type=Authenticator.Type.RECOVERY_CODES).delete()
            replaced.extend(RecoveryCodes.activate(site.planner).get_unused_codes())
        return scrypt(*args, **kwargs)

    monkeypatch.setattr(hashlib, "scrypt", replacing)
    assert show_once(site.planner.pk) == (replaced, 10)


def test_C5_codes_that_the_key_cannot_open_do_not_stop_an_update(site: SignalAccount) -> None:
    for user in (site.viewer, site.planner):
        RecoveryCodes.activate(user).mark_as_viewed()
    row = Authenticator.objects.get(user=site.viewer)
    row.data["seed"] = "sealed by another key"
    row.save()
    with capture_logs() as lines:
        importlib.import_module("heliograph.accounts.migrations.0005_digests_of_recovery_codes").store_digests(apps, None)
    assert [(line["event"], line["user"]) for line in lines] == [("recovery_codes_not_opened", site.viewer.pk)]
    assert Authenticator.objects.get(user=site.viewer).data == row.data
    assert len(Authenticator.objects.get(user=site.planner).data["digests"]) == 10


def test_C5_codes_of_an_earlier_release_become_digests_and_still_work(site: SignalAccount, client: Client) -> None:
    TOTP.activate(site.planner, SECRET)
    wrapper = RecoveryCodes.activate(site.planner)
    first, second, *_more = wrapper.get_unused_codes()
    assert wrapper.validate_code(first)
    wrapper.mark_as_viewed()
    migration = importlib.import_module("heliograph.accounts.migrations.0005_digests_of_recovery_codes")
    migration.store_digests(apps, None)
    row = Authenticator.objects.get(user=site.planner, type=Authenticator.Type.RECOVERY_CODES)
    assert (len(row.data["digests"]), "seed" in row.data) == (9, False)
    for code, works in ((first, False), (second, True)):
        other = Client()
        sign_in(other, site.planner)
        other.post("/accounts/sign-in/code/", {"code": code})
        assert (other.get("/registrations/").status_code == 200) is works
