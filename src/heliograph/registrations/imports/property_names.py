"""Finds properties by the names that files give them: `badge_printed` is Badge Printed, VIP-LUNCH the property with this code (P4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from heliograph.domain.setup.compiled_setup import EventConfig
from heliograph.domain.setup.name_index import code_of
from heliograph.domain.setup.tag_kinds import STANDARD_PROPERTY_NAMES
from heliograph.registrations.imports.column_words import plain
from heliograph.setup.name_fields import NAME_LENGTH

_MOST: Final = 10_000
"""How many names are remembered for one file."""


class PropertyNames:
    """The properties of an account's events by any spelling: case, accents, spaces and punctuation are ignored.

    An unknown name is remembered, so that other spellings of it mean the same property.
    seen: names that the file used before.
    """

    def __init__(self, events: Iterable[EventConfig], seen: Iterable[str] = ()) -> None:
        self._all = {plain(label): label for label in STANDARD_PROPERTY_NAMES.values()}
        self._own: dict[str, dict[str, str]] = {}
        self._exact: dict[str, set[str]] = {}
        for event in events:
            named = [(text, p.name) for p in event.properties.values() for text in (p.code, p.name)]
            self._exact[event.code] = {code_of(text).casefold() for text, _ in named}
            self._own[event.code] = {plain(text): name for text, name in named}
            for text, name in named:
                self._all.setdefault(plain(text), name)
        for name in seen:
            self._all.setdefault(plain(name), name)

    def settle(self, document: dict[str, Any]) -> None:
        """Replaces the names of a document's properties by those of its event, else of another event, else by the file's first spelling.

        A second name of the same property stays as it is, so that no value is lost.
        """
        given = document.get("properties")
        if not isinstance(given, Mapping) or not given:
            return
        event = document.get("event")
        code = code_of(event) if isinstance(event, str) else ""
        properties: dict[str, Any] = {}
        for name, value in given.items():
            settled = self._settled(str(name), code)
            properties[name if settled in properties or (settled != name and settled in given) else settled] = value
        document["properties"] = properties

    def _settled(self, name: str, event: str) -> str:
        word = plain(name) if len(name) <= NAME_LENGTH else ""
        if not word or code_of(name).casefold() in self._exact.get(event, ()):
            return name
        usual_name = self._own.get(event, {}).get(word) or self._all.get(word)
        if usual_name is None and len(self._all) < _MOST:
            self._all[word] = name
        return usual_name or name
