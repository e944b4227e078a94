"""Who may sign in by OpenID Connect, without a provider: tests/e2e/test_openid.py has one (P1)."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.core import context
from allauth.socialaccount.models import SocialAccount, SocialLogin
from django.core.cache import cache
from django.test import Client, RequestFactory
from tests.builders import signal_account
from tests.databases import DatabaseFacts
from tests.processes import free_port

from heliograph.accounts.models import Role, User
from heliograph.accounts.openid import OpenIdAdapter, role_of
from heliograph.accounts.people import LastAdministrator, PersonFacts, change_user, take_role
from heliograph.options import Options, OptionsError


class Settings:
    """The operator's settings with some changes."""

    def __init__(self, had: Any, **changed: Any) -> None:
        self._had = had
        self.__dict__.update(changed)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._had, name)


@pytest.fixture(autouse=True)
def provider(settings: Any) -> None:
    cache.clear()
    settings.HELIOGRAPH = Settings(settings.HELIOGRAPH, oidc_issuer="https://id.example.org", oidc_name="Brightfield ID", oidc_roles=())
    app: dict[str, Any] = {"provider_id": "oidc", "name": "Brightfield ID", "client_id": "x", "secret": "y"}
    app |= {"settings": {"server_url": "https://id.example.org", "email_authentication": True, "verified_email": False}}
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": [app]}}


def found(email: str, *, verified: bool, uid: str = "sub-1") -> User | None:
    """The user whom the adapter finds for this person of the provider."""
    request = RequestFactory().get("/")
    with context.request_context(request):
        login = SocialLogin(
            provider=OpenIdAdapter(request).get_provider(request, "oidc"),
            user=User(email=email),
            account=SocialAccount(provider="oidc", uid=uid),
            email_addresses=[EmailAddress(email=email, verified=verified, primary=True)],
        )
        answer = OpenIdAdapter(request).authenticate_by_email(login)
    return answer[0] if answer else None


def test_P1_only_a_verified_address_is_somebody(database: DatabaseFacts) -> None:
    with signal_account.site(database) as site:
        assert found(site.planner.email, verified=True) == site.planner
        assert found(site.planner.email, verified=False) is None
        assert found("nobody@example.org", verified=True) is None


def test_P1_an_address_that_went_to_somebody_else_opens_nothing(database: DatabaseFacts) -> None:
    with signal_account.site(database) as site:
        SocialAccount.objects.create(user=site.planner, provider="oidc", uid="sub-1")
        assert found(site.planner.email, verified=True, uid="sub-2") is None
        change_user(site.account, site.planner.pk, PersonFacts("new@example.org", "Planner", Role.PLANNER), by="test")
        assert not SocialAccount.objects.filter(user=site.planner).exists()


def test_P1_groups_give_roles(database: DatabaseFacts, settings: Any) -> None:
    settings.HELIOGRAPH = Settings(settings.HELIOGRAPH, oidc_roles=(("it", "Administrator"), ("events", "Planner"), ("all", "Viewer")))
    assert role_of({"userinfo": {"groups": ["all", "events"]}}) == Role.PLANNER
    assert role_of({"id_token": {"groups": "it"}}) == Role.ADMINISTRATOR
    assert role_of({"userinfo": {"groups": ["cooks", 7, None]}}) is None
    assert role_of({"userinfo": {"groups": {"it": 1}}}) is None
    with signal_account.site(database) as site:
        take_role(site.viewer, Role.PLANNER, by="OpenID Connect")
        site.viewer.refresh_from_db()
        assert site.viewer.role == Role.PLANNER
        with pytest.raises(LastAdministrator):
            take_role(site.administrator, Role.VIEWER, by="OpenID Connect")


def test_the_sign_in_page_offers_it_and_keeps_where_one_was_going(database: DatabaseFacts, client: Client) -> None:
    shown = client.get("/accounts/sign-in/?next=/signal/retry/").content.decode()
    assert "Sign in with Brightfield ID" in shown
    assert 'href="/accounts/openid/oidc/?next=%2Fsignal%2Fretry%2F"' in shown


def test_a_return_that_nobody_asked_for_lets_nobody_in(database: DatabaseFacts, client: Client) -> None:
    answer = client.get("/accounts/openid/oidc/return/?code=x&state=made-up")
    assert answer.status_code == 502
    assert "Signing in did not work" in answer.content.decode()


def test_a_provider_out_of_reach_is_told(database: DatabaseFacts, client: Client, settings: Any) -> None:
    (app,) = settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"]
    app["settings"]["server_url"] = f"http://127.0.0.1:{free_port()}"
    answer = client.get("/accounts/openid/oidc/")
    assert answer.status_code == 502
    assert "Signing in did not work" in answer.content.decode()


def test_there_is_no_other_provider(database: DatabaseFacts, client: Client) -> None:
    for provider in ("other", "openid_connect", "google"):
        assert client.get(f"/accounts/openid/{provider}/").status_code == 404


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"OIDC_ISSUER": "http://id.example.org", "OIDC_CLIENT_ID": "a", "OIDC_CLIENT_SECRET": "b"}, "not an https:// address"),
        ({"OIDC_ISSUER": "https://id.example.org"}, "OIDC_CLIENT_ID"),
        ({"OIDC_ROLES": "it=Owner"}, "roles are"),
    ],
)
def test_O1_a_wrong_provider_is_told_at_the_start(given: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in given.items():
        monkeypatch.setenv(f"HELIOGRAPH_{name}", value)
    with pytest.raises(OptionsError, match=said):
        Options.load()
