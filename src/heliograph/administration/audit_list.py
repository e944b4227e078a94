"""The list of audit entries, for the page and the API.

Secrets are masked when entries are written (accounts/audit.py). Some fields of a connection are for Administrators only: nobody else sees them in
entries, or finds entries by them (C5).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from django.db.models import CharField, Q, QuerySet
from django.db.models.functions import Cast
from django.utils.translation import gettext_noop

from heliograph.accounts.audit import Deed
from heliograph.accounts.models import AuditEntry
from heliograph.domain.connection.shown_connection import shown_body

KINDS: Final[dict[str, tuple[str, ...]]] = {
    "signal": (gettext_noop("flow"), gettext_noop("connection"), gettext_noop("mapping")),
    "tags": (
        gettext_noop("tag"),
        gettext_noop("registration status"),
        gettext_noop("session status"),
        gettext_noop("event status"),
        gettext_noop("session registration status"),
    ),
    "events": (
        gettext_noop("event"),
        gettext_noop("attendee type"),
        gettext_noop("question"),
        gettext_noop("session"),
        gettext_noop("registration property"),
        gettext_noop("custom property"),
        gettext_noop("custom field"),
    ),
    "people": (gettext_noop("user"), gettext_noop("token"), gettext_noop("person")),
    "account": (gettext_noop("account"), gettext_noop("configuration file"), gettext_noop("source")),
    "exports": (gettext_noop("record list"), gettext_noop("failed rows"), gettext_noop("registrations")),
}
"""The kinds of objects by group. Pages translate them."""
SIGN_INS: Final = "sign-ins"
REFUSALS: Final = "refusals"


def matching_entries(words: str, who: str, kind: str, *, whole: bool) -> QuerySet[AuditEntry]:
    """The entries of the account that match.

    words: each must occur in the object's name or in a value.
    who: the actor; "" = everybody.
    kind: one of KINDS, SIGN_INS or REFUSALS; any other text = everything.
    whole: True for an Administrator. The search reads all fields of connections, not only names. Refused access is included: it names network
        addresses.
    """
    entries: QuerySet[AuditEntry] = AuditEntry.objects.all() if whole else AuditEntry.objects.exclude(what=Deed.REFUSED)
    if who:
        entries = entries.filter(by=who[:60])
    if kind in KINDS:
        entries = entries.filter(kind__in=KINDS[kind]).exclude(what__in=(Deed.SIGNED_IN, Deed.REFUSED))
    elif kind == SIGN_INS:
        entries = entries.filter(what=Deed.SIGNED_IN)
    elif kind == REFUSALS:
        entries = entries.filter(what=Deed.REFUSED)
    for word in words.split()[:8]:
        entries = entries.annotate(was=Cast("before", CharField()), became=Cast("after", CharField()))
        # For non-ASCII letters, JSON on PostgreSQL contains the letters themselves, and on SQLite \u.... escapes.
        escaped = json.dumps(word)[1:-1]
        within = Q(was__icontains=word) | Q(became__icontains=word) | Q(was__icontains=escaped) | Q(became__icontains=escaped)
        entries = entries.filter(Q(name__icontains=word) | (within if whole else within & ~Q(kind="connection")))
    return entries


def readable_values(row: AuditEntry, *, whole: bool) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The values before and after, as the reader may see them.

    whole: True for an Administrator, who sees every field.
    """
    before, after = row.before or {}, row.after or {}
    return (shown_body(before, whole=whole), shown_body(after, whole=whole)) if row.kind == "connection" else (before, after)
