"""Secrets typed into a form that was refused: nobody has to type them again, and no page ever contains one (C5).

They are kept in the session, encrypted for the account, the user and the form, for a quarter of an hour or until the form is saved. The
page contains only a random name for them. Signing out ends the session and deletes them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from secrets import token_urlsafe
from typing import Any, Final

from django.utils import timezone

from heliograph.accounts.roles import AccountRequest
from heliograph.connections.vault import vault
from heliograph.store.secrets import SecretError, SecretPlace
from heliograph.web.form_fields import Hidden
from heliograph.web.forms import Form

MINUTES: Final = 15
MOST: Final = 4
"""Forms per session whose secrets are kept: one for each tab. The oldest are dropped first."""
_KEY: Final = "typed-secrets"


class WaitingForm(Form):
    """typed: the hidden field with the name."""

    typed = Hidden()


def keep(request: AccountRequest, form: str, secrets: Mapping[str, str]) -> str:
    """Keeps what was typed. Returns the name to send back with the form, "" if nothing was typed. form: which form, with the id of what it
    edits."""
    forget(request)
    typed = {name: text for name, text in secrets.items() if text}
    if not typed:
        return ""
    name = token_urlsafe(16)
    sealed = vault().seal(_place(request, form), json.dumps(typed)).decode("ascii")
    others = _alive(request)
    kept = dict(list(others.items())[-(MOST - 1) :]) | {name: {"until": _now() + 60 * MINUTES, "sealed": sealed}}
    request.session[_KEY] = kept
    return name


def recall(request: AccountRequest, form: str) -> dict[str, str]:
    """What was typed into this form before, by field; empty if it belongs to another form, is too old, or is encrypted with a key that no
    longer exists."""
    found = _alive(request).get(_posted(request))
    if found is None:
        return {}
    try:
        return dict(json.loads(vault().open(_place(request, form), found["sealed"].encode("ascii"))))
    except SecretError:
        return {}


def forget(request: AccountRequest, name: str = "") -> None:
    """Deletes kept secrets once the form is saved, or they are kept under another name. name: if it is not the posted one."""
    if _KEY not in request.session:
        return
    gone = {_posted(request), name}
    kept = {each: found for each, found in _alive(request).items() if each not in gone}
    if kept:
        request.session[_KEY] = kept
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
