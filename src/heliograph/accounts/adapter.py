"""How people sign in: our settings for django-allauth."""

from __future__ import annotations

import datetime
from typing import Any

from allauth.account import app_settings
from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from allauth.core.internal import ratelimit
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from heliograph.accounts.models import User
from heliograph.accounts.refused_access import note_refusal, note_wrong_password
from heliograph.accounts.return_address import leads_to_us
from heliograph.accounts.vault import opened, sealed
from heliograph.domain.http_request import COUNTED_SENDER
from heliograph.store.access_refusals import Reason


class AccountAdapter(DefaultAccountAdapter):
    """An administrator or the command line adds users; there is no sign-up."""

    error_messages = {  # noqa: RUF012 - allauth's own table, with our words
        **DefaultAccountAdapter.error_messages,
        "email_password_mismatch": _("That e-mail or password isn’t right."),
    }

    def get_login_stages(self) -> list[str]:
        """The stages of allauth's sign-in, without its page about trusting a browser.

        Our page that asks for the code has that question, too (`administration.views.second_factor`).
        """
        return [stage for stage in super().get_login_stages() if not stage.endswith(".TrustStage")]

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("me")

    def is_safe_url(self, url: str) -> bool:
        """True for our own pages: allauth leads to no other `next` (accounts/return_address.py)."""
        return bool(url) and leads_to_us(context.request, url)

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def add_message(self, *_args: Any, **_kwargs: Any) -> None:
        """Adds no message: each page shows who is signed in."""

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Runs before a password is checked.

        Raises ValidationError after too many wrong passwords. The page says until when no more are checked (`paused_until`).
        """
        try:
            super().pre_authenticate(request, **credentials)
        except ValidationError:
            request.paused_until = self._paused_until(request, **credentials)  # type: ignore[attr-defined]
            note_wrong_password(request, str(credentials.get("email", "")), Reason.TOO_MANY_TRIES)
            raise

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Counts a wrong password, or an e-mail address that no user has."""
        note_wrong_password(request, str(credentials.get("email", "")), Reason.PASSWORD)

    def respond_user_inactive(self, request: HttpRequest, user: AbstractBaseUser) -> HttpResponse:
        """Counts a sign-in with the right password by a user who is switched off."""
        assert isinstance(user, User)
        note_refusal(request, Reason.SWITCHED_OFF, user)
        response: HttpResponse = super().respond_user_inactive(request, user)
        return response

    def get_client_ip(self, request: HttpRequest) -> str:
        """While nobody is signed in, the sender for whom allauth counts tries, as the pages' server says (`heliograph.domain.client_address`).

        If that is a proxy on this machine that names nobody, tries are counted for it and the typed user name: one client must not lock out all.
        Of somebody who is signed in allauth stores the network address with the session.
        """
        sender = request.META.get(COUNTED_SENDER)
        if sender is None or request.user.is_authenticated:
            return str(super().get_client_ip(request))
        return sender or f"{request.META['REMOTE_ADDR']} {request.POST.get('login', '').strip().lower()[:254]}"

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """The key for counting wrong passwords: the user alone. allauth adds the request's Host, which an attacker can vary."""
        return str(credentials.get("email", "")).strip().lower()

    def _paused_until(self, request: HttpRequest, **credentials: Any) -> datetime.datetime | None:
        """When the next password may be tried for this e-mail address; None if the sender's address is blocked instead."""
        key = self._get_login_attempts_cache_key(request, **credentials)
        for rate in ratelimit.parse_rates(app_settings.RATE_LIMITS["login_failed"]):
            if rate.per == "key":
                tries = cache.get(ratelimit.get_cache_key(request, app="allauth.account", action="login_failed", rate=rate, key=key), [])
                if len(tries) >= rate.amount:
                    return datetime.datetime.fromtimestamp(tries[-1] + rate.duration, datetime.UTC)
        return None


class SecondFactorAdapter(DefaultMFAAdapter):
    """Our settings for allauth's second factor: the texts, the encryption, and which second factor must stay."""

    error_messages = {  # noqa: RUF012
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": _("That code isn’t right. Codes change every 30 seconds; use the one shown now."),
        "cannot_delete_authenticator": _("An Administrator requires it. You can replace it with another one."),
    }

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        """False for the app of a user of whom an Administrator requires a second factor, as the database says now (A6)."""
        is_app = authenticator.type == Authenticator.Type.TOTP
        return not (is_app and User.objects.select_related("account").get(pk=authenticator.user_id).needs_second_factor)

    def encrypt(self, text: str) -> str:
        return sealed(text)

    def decrypt(self, encrypted_text: str) -> str:
        return opened(encrypted_text)
