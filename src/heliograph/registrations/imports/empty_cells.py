"""Which answers and properties an empty cell clears: only those that the row's event has, since columns may be for other events."""

from __future__ import annotations

from typing import Any, Final

from heliograph.domain.setup.compiled_setup import EventConfig
from heliograph.domain.setup.name_index import code_of
from heliograph.domain.setup.tag_kinds import STANDARD_PROPERTY_NAMES

_STANDARD: Final = frozenset(label.casefold() for label in STANDARD_PROPERTY_NAMES.values())


def prune(document: dict[str, Any], event: EventConfig) -> None:
    """Leaves out of a row's document the empty answers and properties that its event does not have."""
    answers = document.get("answers")
    if answers:
        known = {q.code for q in event.questions.values()} | {q.label.casefold() for q in event.questions.values()}
        document["answers"] = {k: v for k, v in answers.items() if v is not None or code_of(k) in known or code_of(k).casefold() in known}
    properties = document.get("properties")
    if properties:
        document["properties"] = {k: v for k, v in properties.items() if v is not None or _has_property(event, k)}


def _has_property(event: EventConfig, name: str) -> bool:
    folded = name.casefold()
    return folded in _STANDARD or any(folded in (p.code.casefold(), p.name.casefold()) for p in event.properties.values())
