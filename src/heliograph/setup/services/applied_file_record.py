"""The record of configuration files that were applied (B5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.db.models import Max

from heliograph.accounts.audit import Deed
from heliograph.setup.models import AppliedFile
from heliograph.setup.services.transaction import SetupTransaction

FILE: Final = "configuration file"
"""The kind of the audit entries."""
KEPT: Final = 20
"""Applied files whose content is kept: the newest. Of older ones only the line in the list stays."""


def newest_applied() -> AppliedFile | None:
    """The file that was applied last; None if the account has none."""
    row: AppliedFile | None = AppliedFile.objects.order_by("-number").first()
    return row


def note_applied(
    transaction: SetupTransaction,
    name: str,
    sections: Sequence[str],
    content: Mapping[str, Any],
    state: Mapping[str, Any],
    counts: Mapping[str, int],
) -> AppliedFile:
    """Records a file that the transaction has applied. name: of the file; "" if it has none"""
    last = AppliedFile.objects.aggregate(last=Max("number"))["last"] or 0
    row: AppliedFile = AppliedFile.objects.create(
        account_id=transaction.account,
        number=last + 1,
        at=transaction.db.now(),
        by=transaction.by[:60],
        name=name[:200],
        sections=list(sections),
        content=content,
        state=state,
        counts=counts,
    )
    transaction.note(Deed.APPLIED, FILE, row, None, {"version": row.number, **counts})
    AppliedFile.objects.filter(number__lte=row.number - KEPT).exclude(content__isnull=True).update(content=None, state=None)
    return row


def forget_applied(transaction: SetupTransaction) -> None:
    """Stops managing the account by a file: nothing is compared any more. What was applied stays as it is."""
    transaction.needs_signal()
    newest = newest_applied()
    if newest is not None and newest.state is not None:
        transaction.note(Deed.REVOKED, FILE, newest, {"version": newest.number}, None)
    AppliedFile.objects.exclude(content__isnull=True).update(content=None, state=None)
