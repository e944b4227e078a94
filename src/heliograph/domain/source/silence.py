"""Whether a source is silent, and whether its webhook is broken (S9).

Silence is a guess: fewer calls came than usually come at this time of the week. That a webhook is broken is certain: reading found changes, and no
call announced them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from heliograph.domain.source.source_times import DAY, SECOND

HOUR: Final = 3_600 * SECOND
WEEK: Final = 7 * DAY
WEEKS: Final = 4
"""Weeks before that say what is usual."""
LEAST_WEEKS: Final = 2
"""Of a younger source nothing is guessed."""
LEAST_EXPECTED: Final = 7.0
"""Calls that usually come in so long a silence. If calls come independently, none does by chance once in a thousand times (e^-7)."""


@dataclass(frozen=True, slots=True)
class Silence:
    """No call came for longer than usual. It is a guess."""

    since: int
    """When the last call came (microseconds)."""
    usual: int
    """Calls that usually come in that time."""


def usual_spans(last_call: int | None, created: int, now: int) -> list[tuple[int, int]]:
    """The spans [begin, end) of the weeks before whose calls say how many usually come since the last one; none if nothing can be guessed.

    last_call, created, now: when the last call came and the source was added, and now, in microseconds
    Only whole hours of silence count, at most a week of them.
    """
    if last_call is None:
        return []
    begin, end = (last_call // HOUR + 1) * HOUR, now // HOUR * HOUR
    weeks = min(WEEKS, (begin - created) // WEEK)
    if begin >= end or end - begin > WEEK or weeks < LEAST_WEEKS:
        return []
    return [(begin - week * WEEK, end - week * WEEK) for week in range(1, weeks + 1)]


def silence_of(last_call: int, counts: Sequence[int]) -> Silence | None:
    """The silence since the last call; None if as few calls may be chance.

    counts: the calls in each of `usual_spans`
    """
    usual = sum(counts) / len(counts) if counts else 0.0
    return Silence(last_call, round(usual)) if usual >= LEAST_EXPECTED else None


@dataclass(frozen=True, slots=True)
class HourOfChanges:
    """The changes that a source that is read and rings a doorbell brought in an hour."""

    hour: int
    """Its beginning (microseconds)."""
    announced: int = 0
    """Changes that a call announced."""
    unannounced: int = 0
    """Changes that reading alone found."""
    first_unannounced: int | None = None
    last_unannounced: int | None = None


@dataclass(frozen=True, slots=True)
class Doorbell:
    """What calls announced, and whether they are broken."""

    announced: int
    unannounced: int
    broken_since: int | None = None
    """When the first change was found that nothing announced, and after which no call came; None if calls work."""


def doorbell_of(hours: Sequence[HourOfChanges], last_call: int | None, settled: int) -> Doorbell:
    """What a doorbell announced.

    hours: in their order
    last_call: when the last call came
    settled: changes that were found later than this may still be announced
    """
    announced, unannounced = (sum(getattr(hour, name) for hour in hours) for name in ("announced", "unannounced"))
    broken_since: int | None = None
    for hour in hours:
        if not hour.unannounced or hour.first_unannounced is None or hour.last_unannounced is None:
            continue
        if last_call is not None and hour.last_unannounced <= last_call:
            continue  # a call came after it: what it did not announce is missed, and the webhook works
        since = hour.first_unannounced if last_call is None or hour.first_unannounced > last_call else hour.last_unannounced
        if broken_since is None and since <= settled:
            broken_since = since
    return Doorbell(announced, unannounced, broken_since)
