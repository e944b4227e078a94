"""Sessions of signed-in users, and the right to send files.

The row of a session is written when the session begins, is used or ends (allauth's signals).
"""

from __future__ import annotations

import contextlib
from typing import Any, Final

from allauth.account import signals as account
from allauth.mfa import signals as mfa
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.signals import user_logged_in
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.backends.db import SessionStore
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
"""Seconds between two updates of a session's last use, or a fifth of its idle time if that is shorter. Most requests write nothing."""
USED: Final = "used"
"""The session's key for its last use, in seconds since 1970."""
BEGAN: Final = "began"
"""The session's key for its beginning, in seconds since 1970."""
POLLED: Final = "X-Polled"
"""The header of a request that a page makes by itself (ui.js)."""


def listen() -> None:
    """Connects the functions below to allauth's signals."""
    account.user_logged_in.connect(_signed_in, dispatch_uid="heliograph")
    account.password_changed.connect(_password_changed, dispatch_uid="heliograph")
    mfa.authenticator_added.connect(_second_factor_on, dispatch_uid="heliograph")
    mfa.authentication_failed.connect(_wrong_code, dispatch_uid="heliograph")
    mfa.authenticator_removed.connect(_second_factor_off, dispatch_uid="heliograph")
    user_logged_in.connect(_session_started, dispatch_uid="heliograph")


def seen(request: HttpRequest) -> None:
    """Ends a session that was not used for too long; stores from time to time that it is in use. If storing fails, the request continues.

    Requests that a page makes by itself do not count as use, such as a list that is fetched every 2 s: otherwise a browser that is left open
    would stay signed in.
    """
    key = request.session.session_key
    if not key or not isinstance(request.user, User):
        return
    now, used = _now(), request.session.get(USED)
    if is_over(request.session, request.user):
        request.session.flush()
        request.user = AnonymousUser()
        return
    if POLLED in request.headers or (used is not None and now - used < min(SEEN_EVERY, idle_seconds(request.user) / 5)):
        return
    request.session[USED] = now
    with contextlib.suppress(DatabaseError):
        UserSession.objects.filter(session_key=key).update(last_seen_at=timezone.now())


def is_over(session: SessionBase, user: User) -> bool:
    """True if a session has not been used for too long, or began too long ago."""
    now = _now()
    used, began = session.get(USED), session.get(BEGAN)
    return (used is not None and now - used > idle_seconds(user)) or (began is not None and now - began > settings.SESSION_COOKIE_AGE)


def idle_seconds(user: User) -> int:
    """Seconds without use after which a session of this user ends: the operator's limit, or the account's if that is shorter."""
    minutes: int = settings.HELIOGRAPH.session_idle
    own = user.account.session_idle_minutes if user.account else None
    return 60 * (minutes if own is None else min(minutes, own))


def sends_files(cookies: str) -> bool:
    """True if these cookies belong to a signed-in user who may import.

    The server calls it before it reads a file, so that strangers cannot send any. The page checks again, and says what is wrong.
    """
    request = HttpRequest()
    request.session = SessionStore(parse_cookie(cookies).get(settings.SESSION_COOKIE_NAME, ""))
    if not request.session.session_key:
        return False
    close_old_connections()
    try:
        user = get_user(request)
        if not isinstance(user, User) or is_over(request.session, user):
            return False
        return user.account_id is not None and not user.second_factor_due and may(user, Role.PLANNER)
    except DatabaseError:
        return False
    finally:
        close_old_connections()


def _now() -> int:
    return int(timezone.now().timestamp())


def _session_started(request: HttpRequest, **_more: Any) -> None:
    request.session[BEGAN] = request.session[USED] = _now()
    request.session.set_expiry(None)  # the usual lifetime, instead of the minutes for signing in at the OpenID Connect provider


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
