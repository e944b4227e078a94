"""Orders as pretix's REST API answers them, shortened to what is read of them, and settings for them."""

from __future__ import annotations

from typing import Any

from heliograph.domain.source.pretix import ItemUse, PretixEvent, PretixItem, PretixQuestion, PretixSettings
from heliograph.domain.source.pretix_orders import PretixState

TICKET, SPEAKER, WORKSHOP, SHIRT = 11, 12, 13, 14
STATUSES = {
    PretixState.APPROVAL: "Requested Invitation",
    PretixState.PENDING: "Pre-Registered",
    PretixState.VALID: "Invited",
    PretixState.PAID: "New",
    PretixState.ATTENDED: "Attended",
    PretixState.EXPIRED: "No-show",
    PretixState.CANCELLED: "Cancelled",
    PretixState.DENIED: "Request Denied",
}


def pretix_settings(**fields: Any) -> PretixSettings:
    """Settings for the orders of this module. fields: others than here"""
    return PretixSettings(
        **{
            "server": "https://tickets.example",
            "organizer": "acme",
            "connection": None,
            "events": (PretixEvent("summit26", "SUMMIT-26"),),
            "statuses": tuple(STATUSES.items()),
            "items": (
                PretixItem(f"{TICKET}", ItemUse.TYPE, "Attendee"),
                PretixItem(f"{SPEAKER}", ItemUse.TYPE, "Speaker"),
                PretixItem(f"{WORKSHOP}/1", ItemUse.SESSION, "WS-1"),
                PretixItem(f"{WORKSHOP}/2", ItemUse.SESSION, "WS-2"),
                PretixItem(f"{SHIRT}", ItemUse.LEFT_OUT),
            ),
            "questions": (
                PretixQuestion("DIET", "answers.Diet", (("VEGAN", "Vegan"), ("HALAL", "Halal"))),
                PretixQuestion("job.title", "profile.position"),
            ),
        }
        | fields
    )


def place(id: int, number: int = 1, item: int = TICKET, **fields: Any) -> dict[str, Any]:
    """A position of an order."""
    return {
        "id": id,
        "positionid": number,
        "item": item,
        "variation": None,
        "addon_to": None,
        "subevent": None,
        "canceled": False,
        "attendee_name": "Ada Lovelace",
        "attendee_name_parts": {"_scheme": "given_family", "given_name": "Ada", "family_name": "Lovelace"},
        "attendee_email": "ada@example.org",
        "company": None,
        "street": None,
        "zipcode": None,
        "city": None,
        "state": None,
        "country": None,
        "answers": [],
        "checkins": [],
        "print_logs": [],
    } | fields


def order(*places: dict[str, Any], code: str = "A2B3C", **fields: Any) -> dict[str, Any]:
    """An order."""
    return {
        "code": code,
        "event": "summit26",
        "status": "p",
        "testmode": False,
        "email": "orders@example.org",
        "phone": "+49 30 1234",
        "require_approval": False,
        "valid_if_pending": False,
        "checkin_attention": False,
        "custom_followup_at": None,
        "invoice_address": None,
        "last_modified": "2026-10-14T12:30:00.123456Z",
        "positions": list(places),
    } | fields
