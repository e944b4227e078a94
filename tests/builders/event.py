"""Events."""

from __future__ import annotations

from typing import Any

from heliograph.domain.setup.compiled_setup import EventState
from heliograph.setup.services.events import save_event
from heliograph.setup.services.transaction import SetupTransaction


def event(transaction: SetupTransaction, code: str, status: int, name: str = "", **fields: Any) -> int:
    """A new event; its id. status: the id of an event status."""
    return save_event(transaction, EventState(code, name or code.capitalize(), status, **({"timezone": "Europe/Berlin"} | fields)))
