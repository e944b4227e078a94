"""One-time links: an invitation, a new password, the first start (O6; P1).

A link is 256 random bits, stored as a digest, so someone who reads the database cannot use it. A user has at most one; a new link ends the
earlier ones. Its URL begins with the operator's base URL, never with the Host of a request.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import connection, transaction
from django.urls import reverse

from heliograph.accounts.models import EntryLink, Purpose, User
from heliograph.domain.errors import HeliographError
from heliograph.store.django_database import of_django
from heliograph.store.instants import from_micros, to_micros

GOOD_FOR: Final = {Purpose.INVITATION: timedelta(days=7), Purpose.RESET: timedelta(days=1), Purpose.FIRST_START: timedelta(minutes=30)}
_NAMES: Final = {Purpose.INVITATION: "invitation", Purpose.RESET: "new-password", Purpose.FIRST_START: "first-start"}


class LinkOver(HeliographError):
    """This link has expired, was used, or does not exist."""


@dataclass(frozen=True, slots=True)
class NewLink:
    """A new link."""

    row: EntryLink
    token: str
    expires: datetime

    @property
    def address(self) -> str:
        """Its whole URL, to be shown once.

        Made when it is asked for, after the transaction: in a command, the first URL imports all pages, on a slow machine for longer than
        PostgreSQL lets a transaction be idle.
        """
        return f"{settings.HELIOGRAPH.base_url}{reverse(_NAMES[Purpose(self.row.purpose)], args=(self.token,))}"


def make_link(purpose: Purpose, user: User | None, *, by: str) -> NewLink:
    """Makes a link, which replaces the user's earlier ones, in the caller's transaction.

    user: None only for the first start.
    """
    EntryLink.objects.filter(user=user).delete()
    token = secrets.token_urlsafe(32)
    now = from_micros(of_django(connection).now())
    expires = now + GOOD_FOR[purpose]
    row = EntryLink.objects.create(
        user=user, purpose=purpose, digest=_digest(token), created=to_micros(now), created_by=by[:60], expires=to_micros(expires)
    )
    return NewLink(row, token, expires)


def look(purpose: Purpose, token: str) -> EntryLink:
    """The link of a token, if it is still valid. Raises LinkOver."""
    return _valid(EntryLink.objects.filter(purpose=purpose, digest=_digest(token)).first())


def take(purpose: Purpose, token: str) -> EntryLink:
    """Uses up the link, in the caller's transaction: if two requests take it at once, only one gets it. Raises LinkOver."""
    assert transaction.get_connection().in_atomic_block
    row = _valid(EntryLink.objects.select_for_update().filter(purpose=purpose, digest=_digest(token)).first())
    row.used = from_micros(of_django(connection).now())
    row.save(update_fields=["used"])
    return row


def _valid(row: EntryLink | None) -> EntryLink:
    if row is None or row.used is not None or row.expires <= from_micros(of_django(connection).now()):
        raise LinkOver
    if row.user is not None and not row.user.is_active:
        raise LinkOver
    return row


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
