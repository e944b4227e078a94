"""The states of a source and of a call as their rows store them (S1, S2)."""

from __future__ import annotations

from enum import IntEnum


class SourceStanding(IntEnum):
    """Whether a source records what it brings."""

    DRAFT = 0
    ON = 1
    PAUSED = 2


class CallStanding(IntEnum):
    """What became of a call or page."""

    STORED = 0
    RECORDED = 1
    WAITING = 2
    """For a corrected mapping or set-up."""
    NOTHING = 3
    """There was nothing to record in it."""
