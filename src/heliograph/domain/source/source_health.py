"""How a source is, in one word, from what its row and its counts say (S1)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

WAVE: Final = 5
"""Calls refused within an hour that are said as a wave."""
WAVE_LASTS: Final = timedelta(hours=1)


class SourceHealth(StrEnum):
    """How a source is; a page says the first that holds."""

    PAUSED = "paused"
    DRAFT = "not switched on"
    FAILING = "cannot be read"
    ASKS = "asks about missing registrations"
    REFUSING = "refuses calls"
    BROKEN = "webhook is broken"
    OPEN = "takes calls without verification"
    FILE_FAILED = "did not import its last file"
    WELL = "works"


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """What is known of a source."""

    is_on: bool
    is_paused: bool
    is_open: bool
    """Whether its calls need no proof."""
    failing_since: datetime | None
    """The first of the failed readings in a row."""
    asks: bool
    """Whether a sweep missed more than a tenth of its registrations, and nobody has decided about them."""
    refused: int
    """Calls refused within the last hour."""
    refused_at: datetime | None
    """When the last call was refused."""
    taken_at: datetime | None
    """When the last call was taken."""
    broken_since: datetime | None = None
    """Since when reading finds changes that no call announces."""
    file_failed: bool = False
    """Whether the newest file of its folder was not imported."""


def health_of(facts: SourceFacts, now: datetime) -> SourceHealth:
    """How the source is.

    A wave of refused calls is over as soon as a call is taken: then the sender proves itself again.
    """
    if facts.is_paused:
        return SourceHealth.PAUSED
    if not facts.is_on:
        return SourceHealth.DRAFT
    if facts.failing_since is not None:
        return SourceHealth.FAILING
    if facts.asks:
        return SourceHealth.ASKS
    at = facts.refused_at
    if facts.refused >= WAVE and at is not None and now - at <= WAVE_LASTS and (facts.taken_at is None or facts.taken_at < at):
        return SourceHealth.REFUSING
    if facts.broken_since is not None:
        return SourceHealth.BROKEN
    if facts.file_failed:
        return SourceHealth.FILE_FAILED
    return SourceHealth.OPEN if facts.is_open else SourceHealth.WELL
