"""The states of a source and of a call as their rows store them (S1, S2)."""

from __future__ import annotations

from enum import IntEnum


class SourceState(IntEnum):
    """Whether a source records what it brings."""

    DRAFT = 0
    """Its calls are kept, and nothing is recorded yet."""
    ON = 1
    PAUSED = 2
    """Its calls are kept; nothing is read or recorded until somebody resumes it."""


class CallState(IntEnum):
    """What became of a call or page."""

    STORED = 0
    RECORDED = 1
    WAITING = 2
    """For a corrected mapping or set-up."""
    NOTHING = 3
    "It contained nothing to record."
