"""The error for invalid settings of a connection."""

from __future__ import annotations

from heliograph.domain.errors import HeliographError


class ConnectionSetupError(HeliographError):
    """The connection's settings are invalid. field: its name in the body; reason: what is wrong."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}." if field else f"{reason}.")
        self.field = field
        self.reason = reason
