"""Times as people type them in a form: without an offset, in the event's time zone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from heliograph.setup.setup_errors import Invalid

YEARS: Final = (2, 9998)
"""The first and last year of a stored time: in every time zone such a moment can be written."""


def in_utc(at: datetime | None, field: str) -> datetime | None:
    """The instant in UTC. Raises Invalid for a time without a time zone, and for a year outside YEARS.

    field: the form's field, for the error.
    """
    if at is None:
        return None
    if at.tzinfo is None:
        raise Invalid({field: [_("The time has no time zone.")]})
    if not YEARS[0] <= at.year <= YEARS[1]:
        raise Invalid({field: [_("The year is to be from %(first)s to %(last)s.") % {"first": YEARS[0], "last": YEARS[1]}]})
    return at.astimezone(UTC)


def written_local(at: datetime | None, zone: str) -> str:
    """The local time as <input type="datetime-local"> has it, such as 2026-12-11T18:00; "" for None. It has seconds only if they are not zero."""
    if at is None:
        return ""
    return at.astimezone(ZoneInfo(zone)).replace(tzinfo=None).isoformat(timespec="minutes" if not at.second else "seconds")


def parse_local(text: str, zone: str, field: str, stored: datetime | None = None) -> datetime | None:
    """The instant in UTC; None for "". Raises Invalid.

    zone: the name of the event's time zone.
    field: the form's field, for the error.
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
        raise Invalid({field: [_("This is not a time. Write it as 2026-12-11 18:00.")]}) from None
    if at.astimezone(ZoneInfo(zone)).replace(tzinfo=None) != local:
        raise Invalid({field: [_("The clocks of %(zone)s leave out this time on that day.") % {"zone": zone}]})
    return at
