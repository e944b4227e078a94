"""What a doorbell names: a call of a platform that is read, which only says which item changed (S4). Its content is never trusted."""

from __future__ import annotations

import re
from typing import Final

from heliograph.domain.source.eventbrite import EVENTBRITE, attendee_of
from heliograph.domain.source.pretix import PRETIX
from heliograph.domain.source.source_times import SECOND

COALESCE: Final = 2 * SECOND
"""An item is read so long after its last doorbell: a paid order rings three times."""
MOST_SINGLE: Final = 20
"""Items that are read one by one. More at once are read as a list of what changed."""
MOST_KEPT: Final = 1_000
"""Items whose doorbells are kept. Further ones have the list read as well."""
LATEST: Final = 15 * 60 * SECOND
"""So long after a reading found a change its doorbell still counts as having announced it: it may be tried again by the platform."""
_CODE: Final = re.compile(r"[A-Za-z0-9]{1,16}")


def named_key(platform: str, value: object) -> str:
    """The key of the item that a call names; "" if it is about something else, such as a product or a whole event.

    value: the call as decoded JSON
    """
    if platform == EVENTBRITE:
        return attendee_of(value)
    if platform != PRETIX or not isinstance(value, dict):
        return ""
    code = value.get("code")
    return code.upper() if isinstance(code, str) and _CODE.fullmatch(code) else ""
