"""The kinds of notifications (B4, O5)."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """What a notification is about. The values are stored, and are the names in the REST API and in configuration files."""

    REFUSES = "refuses"
    """A connection refuses, does not answer or is paused, or a source cannot be read."""
    WAITS = "waits"
    """Something waits longer than the recipient wants."""
    FAILED = "failed"
    """Something has used up its retries."""
    ENDED = "ended"
    """An import or replay ended: only whoever started it is told."""
    ENDS = "ends"
    """A certificate or secret ends soon."""
    TROUBLE = "trouble"
    """The installation's disk is nearly full, or no worker sends: only operators are told."""
    SUMMARY = "summary"
    """The morning summary: only if something waits or has failed."""


OF_THINGS: Final = (Kind.REFUSES, Kind.WAITS, Kind.FAILED, Kind.ENDS)
"""The kinds that concern a connection or flow, so that a rule of one can name who is told."""
OF_ACCOUNT: Final = (*OF_THINGS, Kind.SUMMARY)
"""The kinds that an account can send to a connection or to an address that belongs to no user."""
