"""The error for invalid settings of a connection."""

from __future__ import annotations

from heliograph.domain.errors import HeliographError
from heliograph.domain.sentence_template import Sentence, SentenceValue, at_place, with_stop


class ConnectionSetupError(HeliographError):
    """The connection's settings are invalid. field: its name in the body; reason: what is wrong."""

    def __init__(self, field: str, reason: str, /, **values: SentenceValue) -> None:
        """values: those of the reason, if it is a template."""
        self.field = field
        self.reason = Sentence(reason, **values)
        super().__init__(with_stop(at_place(field, self.reason)))
