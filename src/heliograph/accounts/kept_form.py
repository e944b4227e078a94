"""Keeps a form that was posted after its session had ended, until its author has signed in again.

It waits in the browser's new session, sealed, for a quarter of an hour, for the same person alone: a signed cookie, which outlives the session,
says who wrote. Signing out takes that cookie away. No page holds what waits: it is put into the request that its own button makes. A view that
`shows_again` then shows the form with what was typed, and saves nothing; any other view, a button's, is sent it as it was.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Callable
from typing import Any, Final

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.http import HttpRequest, QueryDict
from django.http.response import HttpResponseBase
from django.utils import timezone

COOKIE: Final = "heliograph_who"
MINUTES: Final = 15
MOST: Final = 500_000
"""Characters of a form that is kept."""
NAME: Final = "kept"
"""The field in which the button posts the kept form's name."""
AGAIN: Final = "shown-again"
"""The field that a form has when it is only to be shown with what was typed."""
_KEY: Final = "kept_form"
_SALT: Final = "heliograph.accounts.kept_form"
_DAYS: Final = 30


def remember(request: HttpRequest, response: HttpResponseBase, *, leaves: bool) -> None:
    """Sets the cookie that names the user of this browser; leaves: they have just signed out, so it is deleted."""
    if leaves:
        if COOKIE in request.COOKIES:
            response.delete_cookie(COOKIE, samesite="Lax")
    elif request.user.is_authenticated and _who(request) != request.user.pk:
        response.set_signed_cookie(
            COOKIE,
            str(request.user.pk),
            salt=_SALT,
            max_age=_DAYS * 24 * 3600,
            secure=bool(settings.SESSION_COOKIE_SECURE),
            httponly=True,
            samesite="Lax",
        )


def keep(request: HttpRequest) -> None:
    """Keeps a posted form, unless its author is unknown or it holds a file."""
    who = _who(request)
    fields = [(name, texts) for name, texts in request.POST.lists() if name != "csrfmiddlewaretoken"]
    if who is None or request.FILES or not fields or sum(len(text) for _, texts in fields for text in texts) > MOST:
        return
    sealed = _fernet().encrypt(json.dumps({"who": who, "fields": fields}).encode()).decode("ascii")
    until = _now() + 60 * MINUTES
    request.session[_KEY] = {"name": secrets.token_urlsafe(16), "path": request.get_full_path(), "until": until, "sealed": sealed}


def waiting(request: HttpRequest) -> str:
    """The name of the form kept for this user at this address; "" if there is none."""
    found = request.session.get(_KEY)
    return str(found["name"]) if found and found["path"] == request.get_full_path() and _opened(request, found) is not None else ""


def shows_again[View: Callable[..., Any]](view: View) -> View:
    """Marks a view that only shows the posted form where AGAIN is posted. Every `web.forms.Form` is then refused with a sentence that says so."""
    view.shows_again = True  # type: ignore[attr-defined]  # the middleware reads it, as it does login_required
    return view


def take(request: HttpRequest, name: str, *, again: bool = False) -> QueryDict | None:
    """Takes out the form kept under this name; a second call finds none. again: it is only to be shown."""
    found: dict[str, Any] | None = request.session.get(_KEY)
    if not found or found["name"] != name or found["path"] != request.get_full_path():
        return None
    fields = _opened(request, found)
    del request.session[_KEY]
    if fields is None:
        return None
    taken = QueryDict(mutable=True)
    for field, texts in fields:
        taken.setlist(field, texts)
    if again:
        taken[AGAIN] = "1"
    taken._mutable = False  # noqa: SLF001 -- as a request's own
    return taken


def _opened(request: HttpRequest, found: dict[str, Any]) -> list[tuple[str, list[str]]] | None:
    if found["until"] < _now():
        return None
    try:
        kept = json.loads(_fernet().decrypt(found["sealed"].encode("ascii")))
    except InvalidToken:
        return None
    return kept["fields"] if kept["who"] == request.user.pk else None


def _who(request: HttpRequest) -> int | None:
    said = request.get_signed_cookie(COOKIE, default="", salt=_SALT, max_age=_DAYS * 24 * 3600) or ""
    return int(said) if said.isdecimal() else None


def _now() -> int:
    return int(timezone.now().timestamp())


def _fernet() -> Fernet:
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(f"heliograph kept form {settings.SECRET_KEY}".encode()).digest()))
