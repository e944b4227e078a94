"""Signing in by OpenID Connect (P1): who may sign in, and how we connect to the provider.

Only users whom an Administrator has invited may sign in. The first time, the provider must vouch for the user's e-mail address
(`email_verified`, or HELIOGRAPH_OIDC_TRUST_EMAIL). From then on the provider's own id of that person counts. So the next owner of the address
cannot sign in with it.
"""

from __future__ import annotations

import contextlib
from typing import Any

import structlog
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialAccount, SocialLogin
from allauth.socialaccount.providers import registry
from allauth.socialaccount.providers.base import AuthProcess
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from heliograph.accounts.models import Role, User
from heliograph.accounts.people import LastAdministrator, take_role
from heliograph.accounts.refused_access import note_refusal
from heliograph.store.access_refusals import Reason

log = structlog.get_logger(__name__)

registry.register(OpenIDConnectProvider)  # not an installed app, because every process would import it, together with an HTTP client


class OpenIdAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """allauth's adapter, for the one provider that the operator configured, and for known users."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return False

    def authenticate_by_email(self, sociallogin: SocialLogin) -> tuple[User, str] | None:
        """The user with the verified address; None if another person of the provider already signs in as that user."""
        user_and_address: tuple[User, str] | None = super().authenticate_by_email(sociallogin)
        if user_and_address and SocialAccount.objects.filter(user=user_and_address[0]).exists():
            return None
        return user_and_address

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Refuses people without a user: nobody can sign up, or connect another identity."""
        known = sociallogin.is_existing and sociallogin.state.get("process") == AuthProcess.LOGIN
        if not known:
            note_refusal(request, Reason.NOT_INVITED)
            email = next((address.email for address in sociallogin.email_addresses), "")
            raise ImmediateHttpResponse(render(request, "administration/not_invited.html", {"email": email}, status=403))
        role = role_of(sociallogin.account.extra_data)
        if role is not None and sociallogin.user.is_active:
            with contextlib.suppress(LastAdministrator):  # the only Administrator keeps the role
                take_role(sociallogin.user, role, by="OpenID Connect")

    def on_authentication_error(
        self, request: HttpRequest, provider: Any, error: Any = None, exception: Any = None, extra_context: Any = None
    ) -> None:
        raise ImmediateHttpResponse(failed(request, exception or error))

    def send_notification_mail(self, *args: Any, **kwargs: Any) -> None:
        """Sends no mail."""

    def get_requests_session(self) -> Any:
        """The session for requests to the provider: it uses the operator's proxy and authorities, and ignores environment variables."""
        session = super().get_requests_session()
        options = settings.HELIOGRAPH
        session.trust_env = False
        if options.authorities_file:
            session.verify = options.authorities_file
        if proxy := options.proxy.get_secret_value():
            session.proxies = {"http": proxy, "https": proxy}
        return session


def failed(request: HttpRequest, reason: object) -> HttpResponse:
    """The page that says that signing in failed; the reason is in the log."""
    log.warning("openid_failed", reason=f"{type(reason).__name__}: {reason}"[:300])
    return render(request, "administration/openid_failed.html", {"name": settings.HELIOGRAPH.oidc_name}, status=502)


def role_of(extra: dict[str, Any]) -> Role | None:
    """The highest role that HELIOGRAPH_OIDC_ROLES gives to one of the provider's groups; None if there is none."""
    given = {**(extra.get("id_token") or {}), **(extra.get("userinfo") or {})}.get("groups", [])
    groups = (
        {given} if isinstance(given, str) else {group for group in given if isinstance(group, str)} if isinstance(given, list) else set()
    )
    roles = {role for group, role in settings.HELIOGRAPH.oidc_roles if group in groups}
    return next((role for role in (Role.ADMINISTRATOR, Role.PLANNER, Role.VIEWER) if role.value in roles), None)
