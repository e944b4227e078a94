"""What keeps a trial from running."""

from __future__ import annotations

from heliograph.domain.errors import HeliographError


class GroundError(HeliographError):
    """A trial cannot run here."""
