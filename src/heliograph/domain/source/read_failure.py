"""When a source is asked again after a failure, and from which failure on people see it (S3, D4). All durations are microseconds."""

from __future__ import annotations

from typing import Final

from heliograph.domain.source.source_times import SECOND

FIRST_WAIT: Final = 30 * SECOND
LONGEST_WAIT: Final = 3_600 * SECOND
LONGEST_RETRY_AFTER: Final = 86_400 * SECOND
VISIBLE_FROM: Final = 3
"""Failures in a row from which on the Retry Queue has an item for the source."""
_MOST_DOUBLINGS: Final = 10
_JITTER: Final = 0.1
_BACKFILL_SHARE: Final = 2


def wait_after(failures: int, *, retry_after: int = 0, jitter: float = 0.0) -> int:
    """The wait after a failure: 30 s, 1, 2, 4 … minutes up to an hour; a longer Retry-After wins, up to a day.

    failures: failures in a row, this one included
    jitter: -1 to 1, a share of 10 % of the wait
    """
    wait = min(FIRST_WAIT << min(failures - 1, _MOST_DOUBLINGS), LONGEST_WAIT)
    spread = 1 + max(-1.0, min(1.0, jitter)) * _JITTER
    return max(int(wait * spread), min(retry_after, LONGEST_RETRY_AFTER))


def is_visible(failures: int) -> bool:
    """Whether people see that the source cannot be read."""
    return failures >= VISIBLE_FROM


def request_interval(rate: int, *, is_backfill: bool) -> int:
    """Microseconds between the beginnings of two requests. A backfill takes half of the rate: people and other programs use the platform too.

    rate: requests a minute
    """
    return 60 * SECOND * (_BACKFILL_SHARE if is_backfill else 1) // rate
