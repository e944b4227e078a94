"""What an account asks of all its users, and how a session ends: a second factor, use, sign-out, cookies (P1)."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from django.conf import settings
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from django_scopes import scope
from tests.builders import signal_account
from tests.builders.signal_account import SignalAccount
from tests.databases import DatabaseFacts
from tests.forms import posted
from tests.page_text import text_of

from heliograph.accounts import login_sessions
from heliograph.accounts.login_sessions import POLLED, sends_files
from heliograph.accounts.models import Account, AuditEntry, User
from heliograph.accounts.people import SignInRules, remove_second_factor_of, save_sign_in_rules

SECRET, RULES, PAGE = "JBSWY3DPEHPK3PXP", "/settings/sign-in/", "/registrations/"
SETS_UP = "/accounts/me/second-factor/"


@pytest.fixture
def site(database: DatabaseFacts) -> Iterator[SignalAccount]:
    cache.clear()
    with signal_account.site(database) as made:
        yield made


@pytest.mark.parametrize("tick", ["1", "on"])
def test_P1_a_second_factor_required_of_everybody_is_set_up_first(site: SignalAccount, client: Client, tick: str) -> None:
    site.signs_in(client)
    form = posted(client.get(RULES).content.decode(), "form") | {"second": [tick], "idle": ["60"]}
    assert client.post(RULES, form)["Location"] == RULES
    row = Account.objects.get(pk=site.account.pk)
    assert (row.second_factor_required, row.session_idle_minutes) == (True, 60)
    for user in (site.administrator, site.planner, site.viewer):
        browser = Client()
        browser.force_login(user)
        assert browser.get(PAGE)["Location"] == SETS_UP
        assert browser.get("/accounts/sign-out/").status_code == 200, "the way out stays open"
    TOTP.activate(site.planner, SECRET)
    browser = Client()
    browser.force_login(site.planner)
    assert browser.get(PAGE).status_code == 200
    (factor,) = Authenticator.objects.filter(user=site.planner)
    browser.post("/accounts/me/second-factor/remove/")
    assert Authenticator.objects.filter(pk=factor.pk).exists(), "it cannot be removed while it is required"


def test_P1_only_an_administrator_sets_the_rules_and_the_audit_says_so(site: SignalAccount, client: Client) -> None:
    for user in (site.planner, site.viewer):
        client.force_login(user)
        assert client.post(RULES, {"second": "1"}).status_code == 403
        assert "minutes without use" in text_of(client.get(RULES).content)
    site.signs_in(client)
    for idle in ("4", "x", "1e3", str(settings.HELIOGRAPH.session_idle + 1), "99999999999"):
        assert client.post(RULES, {"idle": idle}).status_code == 422
    assert Account.objects.get(pk=site.account.pk).session_idle_minutes is None
    save_sign_in_rules(site.account, SignInRules(second_factor=True, idle_minutes=30), by="user:1")
    with scope(account=site.account.pk):
        entry = AuditEntry.objects.filter(kind="account").latest("id")
    assert entry.after == {"second_factor_required": True, "session_idle_minutes": 30}


def test_P1_the_operator_removes_the_last_administrators_lost_factor(site: SignalAccount, database: DatabaseFacts) -> None:
    TOTP.activate(site.administrator, SECRET)
    remove_second_factor_of(site.administrator.email.upper(), by="command")
    assert not Authenticator.objects.exists()
    command = [sys.executable, "-m", "heliograph", "removesecondfactor", "nobody@example.org"]
    ended = subprocess.run(command, env=database.env(), capture_output=True, text=True, check=False)
    assert ended.returncode != 0
    assert "There is no user nobody@example.org." in ended.stderr


def later(monkeypatch: pytest.MonkeyPatch, minutes: float) -> None:
    at = int((timezone.now() + timedelta(minutes=minutes)).timestamp())
    monkeypatch.setattr(login_sessions, "_now", lambda: at)


@pytest.mark.parametrize("own", [None, 30])
def test_P1_a_session_ends_without_use(site: SignalAccount, client: Client, own: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    save_sign_in_rules(site.account, SignInRules(idle_minutes=own), by="user:1")
    limit = own or settings.HELIOGRAPH.session_idle
    site.signs_in(client)
    for used in range(1, 4):
        later(monkeypatch, used * (limit - 1))
        assert client.get(PAGE).status_code == 200, "use keeps it"
    cookies = f"{settings.SESSION_COOKIE_NAME}={client.session.session_key}"
    assert sends_files(cookies)
    later(monkeypatch, 3 * (limit - 1) + limit + 1)
    assert not sends_files(cookies)
    assert client.get(PAGE)["Location"].startswith("/accounts/sign-in/")
    assert client.get(PAGE).status_code == 302


def test_P1_what_a_page_fetches_by_itself_is_no_use(site: SignalAccount, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = settings.HELIOGRAPH.session_idle
    site.signs_in(client)
    for used in (0.5, 0.9):
        later(monkeypatch, used * limit)
        assert client.get(PAGE, headers={POLLED: "1", "HX-Request": "true"}).status_code == 200
    later(monkeypatch, limit + 1)
    assert client.get(PAGE, headers={POLLED: "1", "HX-Request": "true"})["HX-Refresh"] == "true"


def test_P1_a_session_ends_two_weeks_after_the_sign_in(site: SignalAccount, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    site.signs_in(client)
    step, day = settings.HELIOGRAPH.session_idle - 1, 24 * 60
    minutes = step
    while minutes < 14 * day:
        later(monkeypatch, minutes)
        assert client.get(PAGE).status_code == 200
        minutes += step
    later(monkeypatch, 14 * day + 1)
    assert client.get(PAGE).status_code == 302


def test_P1_a_sign_out_clears_what_the_browser_has_stored(site: SignalAccount, client: Client) -> None:
    site.signs_in(client)
    assert "Clear-Site-Data" not in client.get("/accounts/sign-out/")
    assert client.post("/accounts/sign-out/")["Clear-Site-Data"] == '"cache", "storage"'
    assert "Clear-Site-Data" not in client.get("/accounts/sign-in/")


COOKIES = """
import django
django.setup()
from django.conf import settings
from heliograph.accounts import kept_form
from heliograph.web.message_storage import HostCookieStorage
names = [settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME, settings.MFA_TRUST_COOKIE_NAME]
names += [kept_form.WHO_COOKIE, kept_form.FORM_COOKIE, HostCookieStorage.cookie_name]
assert settings.SESSION_COOKIE_PATH == settings.CSRF_COOKIE_PATH == "/"
assert settings.SESSION_COOKIE_DOMAIN is settings.CSRF_COOKIE_DOMAIN is None
print(*names, settings.SESSION_COOKIE_SECURE, settings.CSRF_COOKIE_SECURE)
"""


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_P1_over_tls_every_cookie_belongs_to_this_host_alone(empty_database: DatabaseFacts, scheme: str) -> None:
    env = empty_database.env(HELIOGRAPH_BASE_URL=f"{scheme}://127.0.0.1:8700", DJANGO_SETTINGS_MODULE="heliograph.settings")
    ended = subprocess.run([sys.executable, "-c", COOKIES], env=env, capture_output=True, text=True, check=True)
    *names, session, csrf = ended.stdout.split()
    assert len(names) == 6
    assert {name.startswith("__Host-") for name in names} == {scheme == "https"}
    assert session == csrf == str(scheme == "https")


def test_P1_users_say_who_has_to_set_one_up(site: SignalAccount, client: Client) -> None:
    save_sign_in_rules(site.account, SignInRules(second_factor=True), by="user:1")
    TOTP.activate(site.administrator, SECRET)
    site.signs_in(client)
    shown = text_of(client.get("/settings/users/").content)
    assert "On, required" in shown
    assert shown.count("To be set up") == User.objects.filter(account=site.account).count() - 1
