"""Times as platforms write them: reads them, and writes those that a list is asked for. All instants are microseconds since 1970 in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

SECOND: Final = 1_000_000
DAY: Final = 86_400 * SECOND
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
LATEST: Final = 253_402_300_799 * SECOND
"""The last second of the year 9999."""
_LEAST_MILLISECONDS: Final = 100_000_000_000  # as seconds that would be the year 5138
_LEAST_MICROSECONDS: Final = 100_000_000_000_000
_AMERICAN: Final = ("%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%m/%d/%Y")


class SinceFormat(StrEnum):
    """How a list expects the time from which on it is asked."""

    ISO = "2026-10-14T12:30:00Z"
    ISO_MICROSECONDS = "2026-10-14T12:30:00.000000Z"
    LOCAL = "2026-10-14 14:30:00"
    """In the time zone of the platform."""
    LOCAL_T = "2026-10-14T14:30:00"
    """In the time zone of the platform."""
    SECONDS = "1791981000"
    MILLISECONDS = "1791981000000"
    DATE = "2026-10-14"
    """In the time zone of the platform."""

    @property
    def unit(self) -> int:
        """Microseconds between two times that are written differently."""
        match self:
            case SinceFormat.ISO_MICROSECONDS:
                return 1
            case SinceFormat.MILLISECONDS:
                return 1_000
            case SinceFormat.DATE:
                return DAY
            case _:
                return SECOND


def write_since(at: int, since_format: SinceFormat, zone: str = "UTC") -> str:
    """The time as text. What is finer than the format's unit is left out, so the text never says a later time."""
    moment = EPOCH + timedelta(microseconds=min(max(at, 0), LATEST))
    local = moment.astimezone(ZoneInfo(zone))
    match since_format:
        case SinceFormat.ISO:
            return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
        case SinceFormat.ISO_MICROSECONDS:
            return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        case SinceFormat.LOCAL:
            return local.strftime("%Y-%m-%d %H:%M:%S")
        case SinceFormat.LOCAL_T:
            return local.strftime("%Y-%m-%dT%H:%M:%S")
        case SinceFormat.SECONDS:
            return str(at // SECOND)
        case SinceFormat.MILLISECONDS:
            return str(at // 1_000)
        case SinceFormat.DATE:
            return local.strftime("%Y-%m-%d")


def read_time(value: object, zone: str = "UTC") -> int | None:
    """The instant of a member of an answer; None if it is no time.

    It reads ISO 8601, an e-mail's date, MM/DD/YYYY HH:MM:SS, and seconds, milliseconds or microseconds since 1970 as number or digits.

    zone: the time zone of times that name none. Of an hour that occurs twice it is the first, so that nothing is asked too late.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit() and 9 <= len(value) <= 16:
        value = int(value)
    if isinstance(value, (int, float)):
        return _of_number(value)
    if not isinstance(value, str) or not 8 <= len(value) <= 64:
        return None
    moment = _of_text(value.strip())
    if moment is None:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(zone))
    try:
        return (moment - EPOCH) // timedelta(microseconds=1)
    except OverflowError:
        return None


def _of_number(number: float) -> int | None:
    if not 0 < number < LATEST:  # also false for NaN
        return None
    if number >= _LEAST_MICROSECONDS:
        return int(number)
    at = int(number * 1_000) if number >= _LEAST_MILLISECONDS else int(number * SECOND)
    return at if at <= LATEST else None


def _of_text(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    for pattern in _AMERICAN:
        try:
            return datetime.strptime(text, pattern)  # noqa: DTZ007 -- the zone is added by the caller
        except ValueError:
            continue
    try:
        return parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
