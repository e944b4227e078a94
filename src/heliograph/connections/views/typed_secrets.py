"""Stores the secrets that were typed into a refused form, so that nobody has to type them again and no page ever contains one (C5).

The session stores them for 15 minutes or until the form is saved, encrypted for the account, the user and the form. The page contains only a
random name for them. Signing out ends the session and deletes them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from secrets import token_urlsafe
from typing import Any, Final

from django.utils import timezone

from heliograph.accounts.roles import AccountRequest
from heliograph.accounts.vault import vault
from heliograph.store.secrets import SecretError, SecretPlace
from heliograph.web.form_fields import Hidden
from heliograph.web.forms import Form

MINUTES: Final = 15
MOST: Final = 4
"""Most forms of a session whose secrets are stored; each tab of the browser can have one. The oldest are dropped first."""
_KEY: Final = "typed-secrets"


class WaitingForm(Form):
    """The hidden field of a refused form."""

    typed = Hidden()
    """The name under which the session stores the typed secrets."""


def keep(request: AccountRequest, form: str, secrets: Mapping[str, str]) -> str:
    """Stores the typed secrets. Returns their name for the form's hidden field; "" if nothing was typed.

    form: the kind of form, with the id of the connection that it edits
    secrets: the typed texts, by field
    """
    forget(request)
    typed = {name: text for name, text in secrets.items() if text}
    if not typed:
        return ""
    name = token_urlsafe(16)
    sealed = vault().seal(_place(request, form), json.dumps(typed)).decode("ascii")
    others = _alive(request)
    entries = dict(list(others.items())[-(MOST - 1) :]) | {name: {"until": _now() + 60 * MINUTES, "sealed": sealed}}
    request.session[_KEY] = entries
    return name


def recall(request: AccountRequest, form: str) -> dict[str, str]:
    """The secrets that were typed into this form before, by field.

    Empty if they belong to another form, are too old, or are encrypted with a key that no longer exists.
    """
    entry = _alive(request).get(_posted(request))
    if entry is None:
        return {}
    try:
        return dict(json.loads(vault().open(_place(request, form), entry["sealed"].encode("ascii"))))
    except SecretError:
        return {}


def forget(request: AccountRequest, name: str = "") -> None:
    """Deletes the stored secrets of the posted form, because it is saved or they get another name.

    name: the secrets that are stored under this name are deleted, too
    """
    if _KEY not in request.session:
        return
    gone = {_posted(request), name}
    entries = {each: entry for each, entry in _alive(request).items() if each not in gone}
    if entries:
        request.session[_KEY] = entries
    else:
        del request.session[_KEY]


def _posted(request: AccountRequest) -> str:
    """The name posted with the form, "" if there was none."""
    return str(WaitingForm(request.POST).posted["typed"])


def _alive(request: AccountRequest) -> dict[str, Any]:
    return {name: each for name, each in request.session.get(_KEY, {}).items() if each["until"] > _now()}


def _now() -> int:
    return int(timezone.now().timestamp())


def _place(request: AccountRequest, form: str) -> SecretPlace:
    return SecretPlace(request.account.pk, "typed", request.user.pk, form)
