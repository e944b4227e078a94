"""What the audit of an account says, without ids, times and actors: what the same operation by a page and by a program must share."""

from __future__ import annotations

from typing import Any

from django_scopes import scope

from heliograph.accounts.models import AuditEntry


def audit_entries(account: int, *kinds: str) -> list[tuple[str, str, str, Any, Any]]:
    """(kind, what, name, before, after) of the entries about these kinds of objects, the oldest first."""
    with scope(account=account):
        rows = AuditEntry.objects.filter(kind__in=kinds).order_by("pk")
        return list(rows.values_list("kind", "what", "name", "before", "after"))
