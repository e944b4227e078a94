"""Times as people type them in a form: without an offset, in the event's time zone."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from heliograph.setup.setup_errors import Invalid


def written_local(at: datetime | None, zone: str) -> str:
    """2026-12-11T18:00, as in <input type="datetime-local">; "" for None. Seconds only if they are not zero."""
    if at is None:
        return ""
    return at.astimezone(ZoneInfo(zone)).replace(tzinfo=None).isoformat(timespec="minutes" if not at.second else "seconds")


def parse_local(text: str, zone: str, field: str, stored: datetime | None = None) -> datetime | None:
    """The instant in UTC; None for "". field: for the error. Raises Invalid.

    stored: the instant that the form showed. An unchanged text means the same instant, even in the hour that a clock shows twice.
    """
    text = text.strip()
    if not text:
        return None
    if stored is not None and text == written_local(stored, zone):
        return stored
    try:
        local = datetime.fromisoformat(text.replace(" ", "T", 1))
        if local.tzinfo is not None:
            raise ValueError
        at = local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid({field: ["This is not a time. Write it as 2026-12-11 18:00."]}) from None
    if at.astimezone(ZoneInfo(zone)).replace(tzinfo=None) != local:
        raise Invalid({field: [f"The clocks of {zone} leave out this time on that day."]})
    return at
