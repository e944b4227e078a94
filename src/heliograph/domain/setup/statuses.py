"""Standard statuses of registrations, sessions and events (P2, P3, P5; guide: Registration Statuses)."""

from __future__ import annotations

from enum import StrEnum


class StatusClass(StrEnum):
    """The meaning of a registration status, independent of its name (P3)."""

    ACCEPTED = "Accepted"
    PENDING = "Pending"
    DENIED = "Denied"
    CANCELLED = "Cancelled"


NEW = "New"  # P3: a registration saved without a status is New

REGISTRATION_STATUSES: dict[str, StatusClass] = {
    NEW: StatusClass.ACCEPTED,
    "Pre-Registered": StatusClass.ACCEPTED,
    "No-show": StatusClass.ACCEPTED,
    "Attended": StatusClass.ACCEPTED,
    "Requested Invitation": StatusClass.PENDING,
    "Waitlist Hold": StatusClass.PENDING,
    "Invited": StatusClass.PENDING,
    "Invitation Sent": StatusClass.PENDING,
    "Declined Invitation": StatusClass.DENIED,
    "Request Denied": StatusClass.DENIED,
    "Cancelled": StatusClass.CANCELLED,
}
SESSION_STATUSES = ("Registered", "Waitlisted", "Attended", "Cancelled", "No-show")
EVENT_STATUSES = ("Planning", "Testing", "Live", "On-Site", "Completed", "Postponed", "Cancelled")
DEFAULT_EVENT_STATUS = "Testing"
TEST_EVENT_STATUSES = frozenset({"Planning", "Testing"})  # F3, P9: everything in such an event is Test
