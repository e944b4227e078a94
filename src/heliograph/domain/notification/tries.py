"""When a message that could not be sent is tried again (B4)."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from heliograph.domain.delivery.retry_policy import HOUR, MINUTE

WAITS: Final = (MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR)
"""Microseconds before the second, third … try; the last before each further one."""
MOST_REFUSED: Final = 5
"""Tries of a message that its server refuses for good, such as one to a full mailbox."""
MOST_UNREACHED: Final = 27
"""Tries of a message whose server cannot be reached: about a day."""


class Result(StrEnum):
    """How a try ended."""

    SENT = "sent"
    REFUSED = "refused"
    """The server answered, and does not take it."""
    UNREACHED = "unreached"
    """There was no answer, or one that asks for another try."""
    IMPOSSIBLE = "impossible"
    """No further try makes sense: no mail server is set up, or the connection is gone."""


def next_try(result: Result, tries: int, now: int) -> int | None:
    """When a message is tried again, in microseconds; None for never.

    tries: how often it was tried, with this time
    """
    if result in (Result.SENT, Result.IMPOSSIBLE):
        return None
    if tries >= (MOST_REFUSED if result is Result.REFUSED else MOST_UNREACHED):
        return None
    return now + WAITS[min(max(tries, 1), len(WAITS)) - 1]
