"""The error of a trial that cannot run."""

from __future__ import annotations

from heliograph.domain.errors import HeliographError


class GroundError(HeliographError):
    """A trial cannot run here."""
