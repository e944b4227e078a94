"""Sessions of people who are signed in: what is stored when one begins, is used, or ends (allauth's signals), and what one may send."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import Any, Final

from allauth.account import signals as account
from allauth.mfa import signals as mfa
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.auth.signals import user_logged_in
from django.contrib.sessions.backends.db import SessionStore
from django.core.cache import caches
from django.db import DatabaseError, close_old_connections
from django.http import HttpRequest, parse_cookie
from django.utils import timezone

from heliograph.accounts.audit import Deed
from heliograph.accounts.models import EntryLink, Role, User
from heliograph.accounts.people import note_own
from heliograph.accounts.refused_access import note_refusal
from heliograph.accounts.roles import may
from heliograph.store.access_refusals import Reason

SEEN_EVERY: Final = 300
"""Seconds between two updates of a session's last use: merely reading a page writes nothing."""


def listen() -> None:
    """Connects the functions below to allauth's signals."""
    account.user_logged_in.connect(_signed_in, dispatch_uid="heliograph")
    account.password_changed.connect(_password_changed, dispatch_uid="heliograph")
    mfa.authenticator_added.connect(_second_factor_on, dispatch_uid="heliograph")
    mfa.authentication_failed.connect(_wrong_code, dispatch_uid="heliograph")
    mfa.authenticator_removed.connect(_second_factor_off, dispatch_uid="heliograph")
    user_logged_in.connect(_session_started, dispatch_uid="heliograph")


def seen(request: HttpRequest) -> None:
    """Stores from time to time that a session is in use, unless another process has just done so. If it fails, the request continues."""
    key = request.session.session_key
    if key and request.user.is_authenticated and caches["memory"].add(f"seen:{key}", 1, SEEN_EVERY):
        now = timezone.now()
        with contextlib.suppress(DatabaseError):
            stale = UserSession.objects.filter(session_key=key, last_seen_at__lt=now - timedelta(seconds=SEEN_EVERY))
            if stale.exists():
                stale.update(last_seen_at=now)


def sends_files(cookies: str) -> bool:
    """True if these cookies belong to a signed-in user who may import. Checked before a file is read; its page checks again and says more."""
    request = HttpRequest()
    request.session = SessionStore(parse_cookie(cookies).get(settings.SESSION_COOKIE_NAME, ""))
    if not request.session.session_key:
        return False
    close_old_connections()
    try:
        user = get_user(request)
        return isinstance(user, User) and user.account_id is not None and not user.second_factor_due and may(user, Role.PLANNER)
    except DatabaseError:
        return False
    finally:
        close_old_connections()


def _session_started(request: HttpRequest, **_more: Any) -> None:
    caches["memory"].set(f"seen:{request.session.session_key}", 1, SEEN_EVERY)
    request.session.set_expiry(None)  # no longer that of a visit to the OpenID Connect provider


def _signed_in(user: User, **_more: Any) -> None:
    if user.invited:  # by OpenID Connect: the link is no longer needed
        user.invited = False
        user.save(update_fields=["invited"])
        EntryLink.objects.filter(user=user).delete()
        note_own(user, Deed.JOINED)
    note_own(user, Deed.SIGNED_IN)


def _password_changed(user: User, **_more: Any) -> None:
    note_own(user, Deed.PASSWORD_CHANGED)


def _wrong_code(request: HttpRequest, user: User, **_more: Any) -> None:
    note_refusal(request, Reason.CODE, None if request.user.is_authenticated else user)


def _second_factor_on(user: User, authenticator: Authenticator, **_more: Any) -> None:
    if authenticator.type == Authenticator.Type.TOTP:
        note_own(user, Deed.SECOND_FACTOR_ON)


def _second_factor_off(user: User, authenticator: Authenticator, **_more: Any) -> None:
    if authenticator.type == Authenticator.Type.TOTP:
        note_own(user, Deed.SECOND_FACTOR_OFF)
