"""Keeps a form that was posted after its session had ended, until its author has signed in again.

Two signed cookies outlive the session; signing out deletes both.

    WHO_COOKIE    names the user of this browser. Only a user who may still sign in has a form kept, and only the newest one, so that
                  strangers cannot fill the database. A new password makes the cookie worthless.
    FORM_COOKIE   names the kept form. The form is offered for 15 minutes, to the same user in the browser that posted it.

No page contains the kept form: the middleware puts it into the request that a button of the page makes. A view with `shows_again` then shows
the form with the typed text and saves nothing. Any other view gets the request as if it had been posted now.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, QueryDict
from django.http.response import HttpResponseBase
from django.utils import timezone

from heliograph.accounts.models import KeptForm, User

WHO_COOKIE: Final = f"{settings.COOKIE_PREFIX}heliograph_who"
"""Names the user of this browser: "7:digest"."""
FORM_COOKIE: Final = f"{settings.COOKIE_PREFIX}heliograph_form"
"""Names the kept form that this browser has posted."""
WAITS: Final = timedelta(minutes=15)
MOST_BYTES: Final = 500_000
"""Most bytes of a kept form, as UTF-8, with its address."""
PER_MINUTE: Final = 6
"""Most forms that are kept for one user in a minute; each replaces the one before."""
NAME: Final = "kept"
"""The field in which the button posts the kept form's name."""
AGAIN: Final = "shown-again"
"""The posted field that asks a view to show the form again with the typed text, and to save nothing."""
_SALT: Final = "heliograph.accounts.kept_form"
_DAYS: Final = 30


def remember(request: HttpRequest, response: HttpResponseBase, *, leaves: bool) -> None:
    """Sets the cookie that names the user of this browser.

    leaves: True if the user has just signed out; both cookies are deleted.
    """
    if leaves:
        for cookie in {WHO_COOKIE, FORM_COOKIE} & request.COOKIES.keys():
            response.delete_cookie(cookie, samesite="Lax")
    elif isinstance(request.user, User) and _read_cookie(request, WHO_COOKIE) != (user_stamp := _user_stamp(request.user)):
        _set_cookie(response, WHO_COOKIE, user_stamp, timedelta(days=_DAYS))


def keep(request: HttpRequest, response: HttpResponseBase) -> None:
    """Keeps a posted form, in place of an earlier one of the same user.

    It keeps no form with a file, none over MOST_BYTES, and none of an unknown or switched-off user. It keeps at most PER_MINUTE of a user.
    """
    fields = [(name, texts) for name, texts in request.POST.lists() if name != "csrfmiddlewaretoken"]
    content, path = json.dumps(fields, ensure_ascii=False).encode(), request.get_full_path()
    if request.FILES or not fields or len(content) + len(path) > MOST_BYTES:
        return
    # The user whom the cookie names, unless they are switched off or have changed their password since.
    user_stamp = _read_cookie(request, WHO_COOKIE)
    id, _colon, _digest = user_stamp.partition(":")
    user = User.objects.filter(pk=int(id), is_active=True).first() if id.isdecimal() and len(id) < 19 else None
    if user is None or not secrets.compare_digest(_user_stamp(user), user_stamp):
        return
    if not any(cache.add(f"kept-form:{user.pk}:{slot}", 1, 60) for slot in range(PER_MINUTE)):
        return
    name = secrets.token_urlsafe(16)
    values = {
        "name": name,
        "path": path,
        "sealed": _fernet().encrypt(content).decode("ascii"),
        "until": timezone.now() + WAITS,
    }
    KeptForm.objects.update_or_create(user=user, defaults=values)
    _set_cookie(response, FORM_COOKIE, name, WAITS)


def is_waiting(request: HttpRequest) -> bool:
    """True if this browser has posted a form that may wait for the sign-in."""
    return bool(_read_cookie(request, FORM_COOKIE))


def waiting(request: HttpRequest) -> str:
    """The name of the form kept for this user at this address; "" if there is none."""
    name = _read_cookie(request, FORM_COOKIE)
    kept_form = _form_of(request, name) if name else None
    return name if kept_form and _opened(kept_form) is not None else ""


def shows_again[View: Callable[..., Any]](view: View) -> View:
    """Marks a view that can show a posted form without saving it.

    If AGAIN is posted, every `web.forms.Form` counts as refused: a sentence says that it has waited for the sign-in.
    """
    view.shows_again = True  # type: ignore[attr-defined]  # the middleware reads it, as it does login_required
    return view


def take(request: HttpRequest, name: str, *, again: bool = False) -> QueryDict | None:
    """Takes the form of this name out of the store; a second call returns None.

    again: adds AGAIN to its fields, so that the view only shows it.
    """
    kept_form = _form_of(request, name)
    if kept_form is None or not KeptForm.objects.filter(pk=kept_form.pk, name=name).delete()[0]:
        return None
    fields = _opened(kept_form)
    if fields is None:
        return None
    taken = QueryDict(mutable=True)
    for field, texts in fields:
        taken.setlist(field, texts)
    if again:
        taken[AGAIN] = "1"
    taken._mutable = False  # noqa: SLF001 -- immutable, like the POST of a request
    return taken


def _form_of(request: HttpRequest, name: str) -> KeptForm | None:
    """The signed-in user's form of this name, if it was posted to this address in this browser and still waits."""
    if name != _read_cookie(request, FORM_COOKIE) or not isinstance(request.user, User):
        return None
    rows = KeptForm.objects.filter(user=request.user, name=name, path=request.get_full_path(), until__gte=timezone.now())
    return rows.first()


def _opened(kept_form: KeptForm) -> list[tuple[str, list[str]]] | None:
    """The fields of a kept form, decrypted; None if they were encrypted with a key that no longer exists."""
    try:
        fields: list[tuple[str, list[str]]] = json.loads(_fernet().decrypt(kept_form.sealed.encode("ascii")))
    except InvalidToken:
        return None
    return fields


def _user_stamp(user: User) -> str:
    """The content of WHO_COOKIE: the user's id, and a digest that changes with the password."""
    return f"{user.pk}:{user.get_session_auth_hash()[:32]}"


def _read_cookie(request: HttpRequest, cookie: str) -> str:
    return request.get_signed_cookie(cookie, default="", salt=_SALT, max_age=timedelta(days=_DAYS)) or ""


def _set_cookie(response: HttpResponseBase, cookie: str, value: str, lasts: timedelta) -> None:
    secure = bool(settings.SESSION_COOKIE_SECURE)
    response.set_signed_cookie(cookie, value, salt=_SALT, max_age=lasts, secure=secure, httponly=True, samesite="Lax")


def _fernet() -> Fernet:
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(f"heliograph kept form {settings.SECRET_KEY}".encode()).digest()))
