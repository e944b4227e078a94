"""Counts refused requests of the pages, for the log and the audit (`store.access_refusals`)."""

from __future__ import annotations

import re

from django.http import HttpRequest

from heliograph.accounts.models import User
from heliograph.store.access_refusals import PROCESS, AccessRefusal, Reason

_ARGUMENT = re.compile("<[^>]*>")


def note_refusal(request: HttpRequest, reason: Reason, user: User | None = None) -> None:
    """Counts a refusal.

    user: whose name a visitor gave without being signed in; None for the signed-in user, if there is one.
    """
    signed_in = request.user if user is None and isinstance(request.user, User) else None
    known = user or signed_in
    match = request.resolver_match
    # The pattern of the URL, because the URL itself may contain a registration's code or a link's token.
    page = "/" + _ARGUMENT.sub("…", match.route) if match and reason in (Reason.NOT_PERMITTED, Reason.STALE_FORM) else ""
    request.refusal_is_noted = True  # type: ignore[attr-defined]  # so that the middleware does not count the 403 again
    address = str(request.META.get("REMOTE_ADDR", ""))
    PROCESS.note(AccessRefusal(reason, address, user=known.pk if known else None, is_signed_in=signed_in is not None, page=page))


def note_wrong_password(request: HttpRequest, email: str, reason: Reason) -> None:
    """Counts a refused password.

    email: as it was typed. An address that no user has counts as an unknown user, and is not stored.
    """
    if isinstance(request.user, User):
        note_refusal(request, reason)  # a signed-in user who confirms the password before a change
        return
    user = User.objects.filter(email=email.strip().lower()[:254]).first()
    note_refusal(request, Reason.UNKNOWN_USER if user is None and reason is Reason.PASSWORD else reason, user)
