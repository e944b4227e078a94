"""Builds the mapping of a source, and the call of a ticket shop that it maps."""

from __future__ import annotations

from heliograph.domain.mapping.row import FixedText, MappingRow, Otherwise, RowPart, SourceValue, ValueMap
from heliograph.domain.mapping.transform import Case
from heliograph.domain.source.call_mapping import CallMapping, CallRow, Clock, Piece, WhenEmpty

ORDER = {
    "type": "order.changed",
    "order": {
        "number": "F-3318",
        "status": "paid",
        "updated": "2026-10-14T12:11:38Z",
        "show": "autumn-forum",
        "test": False,
        "company": "Northlight",
        "tickets": [
            {
                "id": 90117,
                "holder": {"given": " mira", "family": "OKAFOR", "mail": "Mira.Okafor@example.org"},
                "diet": ["Vegan", "Nut-free"],
                "workshops": ["WS-2"],
                "newsletter": "yes",
            },
            {"id": 90118, "holder": {"given": "Jonas", "family": "Weber", "mail": ""}},
        ],
    },
}


def call_row(
    target: str,
    *parts: str | RowPart,
    piece: Piece | None = None,
    when_empty: WhenEmpty = WhenEmpty.AS_SENT,
    clock: Clock = Clock.ISO,
    trim: bool = False,
    case: Case | None = None,
) -> CallRow:
    """A row; a text among the parts is a field's path."""
    all_parts = tuple(SourceValue(part) if isinstance(part, str) else part for part in parts)
    return CallRow(MappingRow(target, all_parts, trim=trim, case=case), piece, when_empty, clock)


def order_mapping() -> CallMapping:
    """One registration for each ticket of ORDER."""
    show = SourceValue("order.show", ValueMap((("autumn-forum", "FORUM-26"),), Otherwise.ERROR))
    statuses = (("paid", "Registered"), ("pending", "Pre-Registered"), ("cancelled", "Cancelled"))
    status = SourceValue("order.status", ValueMap(statuses, Otherwise.ERROR))
    newsletter = SourceValue("order.tickets.newsletter", ValueMap((("yes", "Yes"), ("no", "No"))))
    return CallMapping(
        each="order.tickets",
        only_field="type",
        only_values=("order.changed", "order.created"),
        rows=(
            call_row("event", show),
            call_row("code", "order.number", FixedText("-"), "order.tickets.id"),
            call_row("modified", "order.updated"),
            call_row("status", status),
            call_row("properties.Test", "order.test"),
            call_row("profile.first_name", "order.tickets.holder.given", trim=True, case=Case.PROPER),
            call_row("profile.last_name", "order.tickets.holder.family", trim=True, case=Case.PROPER),
            call_row("profile.email", "order.tickets.holder.mail", trim=True, case=Case.LOWER),
            call_row("profile.organization", "order.company"),
            call_row("answers.dietary", "order.tickets.diet"),
            call_row("answers.consent", newsletter),
            call_row("sessions", "order.tickets.workshops"),
        ),
    )
