"""A recorded change of the account, to be explained (F9)."""

from __future__ import annotations

from django.utils.translation import gettext as _

from heliograph.deliveries.account_reader import AccountReader
from heliograph.deliveries.explanation_pair import RecordedChange, WhyBoth, why_both
from heliograph.deliveries.removed_content import removed_content
from heliograph.domain.errors import NotInAccount


def recorded_change(reader: AccountReader, id: int) -> RecordedChange:
    """The change, if it is the account's and its content is kept. Raises NotInAccount."""
    stored_change = reader.changes([id]).get(id) if id < 1 << 63 else None
    if stored_change is None or stored_change[0] is None:
        raise NotInAccount(f"There is no change {id}.")
    return RecordedChange(stored_change[0], stored_change[1][1], stored_change[1][2], stored_change[1][3])


def why_gone(reader: AccountReader, id: int) -> str:
    """Why a stored change can no longer be explained; "" if it can, or if it is not stored."""
    rows = id < 1 << 63 and reader.db.all(
        "SELECT c.at FROM change c WHERE c.account_id = :account AND c.id = :id"
        " AND NOT EXISTS (SELECT 1 FROM change_content x WHERE x.change_id = c.id)",
        {"account": reader.account, "id": id},
    )
    return (removed_content(reader, rows[0][0]) or _("Its content is no longer stored.")) if rows else ""


def explanation_of(reader: AccountReader, change: int, flow: int) -> tuple[RecordedChange, WhyBoth]:
    """A change and why a flow took it or did not. Raises NotInAccount for a flow that was there neither then nor today."""
    recorded = recorded_change(reader, change)
    pair = why_both(reader, recorded, flow, lambda why: why)
    if pair is None:
        raise NotInAccount(f"There is no flow {flow}.")
    return recorded, pair
