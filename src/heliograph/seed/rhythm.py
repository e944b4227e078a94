"""When changes happen: a working day's rhythm, quieter nights and weekends (pure)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from heliograph.domain.delivery.retry_policy import MINUTE, SECOND

_HOURS: Final = (1, 1, 1, 1, 1, 2, 5, 12, 26, 34, 30, 24, 18, 24, 30, 28, 22, 16, 10, 8, 7, 5, 3, 2)
"""How much happens in each hour of a working day."""
_WEEKEND: Final = 0.3
_SUMMED_UP: Final = 60
"""Minutes that share one weight, which is that of the first of them."""


def minutes(changes: int, since: int, until: int, zone: ZoneInfo) -> Iterator[tuple[int, int]]:
    """(beginning of a minute in microseconds, number of changes in it) for each minute; the numbers add up to `changes`."""
    weights = [_weight(at, zone) for at in range(since, until, _SUMMED_UP * MINUTE)]
    whole = sum(weights) * _SUMMED_UP
    done, passed = 0, 0.0
    for number, at in enumerate(range(since, until, MINUTE)):
        passed += weights[number // _SUMMED_UP]
        due = changes if at + MINUTE >= until else round(changes * passed / whole)
        yield at, due - done
        done = due


def _weight(at: int, zone: ZoneInfo) -> float:
    local_time = datetime.fromtimestamp(at / SECOND, UTC).astimezone(zone)
    return _HOURS[local_time.hour] * (_WEEKEND if local_time.weekday() >= 5 else 1.0)
