"""Members that a release adds to the documents of the set-up: what an applied file left before the upgrade does not name them (B5)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from heliograph.api.configuration.account_names import AccountNames
from heliograph.api.configuration.configuration_file import SECTIONS, FileRefused, place_of, read_file
from heliograph.api.configuration.section import StoredEntry
from heliograph.setup.models import AppliedFile


class LaterMembers:
    """Gives the things that a file left the members that they lack, as this release reads the file."""

    def __init__(self, applied: AppliedFile, names: AccountNames) -> None:
        self._applied, self._names = applied, names

    def completed(self, place: str, then: StoredEntry, now: StoredEntry) -> dict[str, Any]:
        """The document of a thing then, with the members that the thing has now and then lacked. Their values are

        what the file says, by itself or by a default     if the file has the thing
        what the thing has now                            if the file has not, may have a secret there, or names what is gone, and cannot be read
        """
        present = {**now.document, **now.facts}
        if not _lacks(then.document, present):
            return then.document
        completed: dict[str, Any] = _completed(then.document, self._entries.get((place, then.key), {}), present)
        return completed

    @cached_property
    def _entries(self) -> dict[tuple[str, tuple[str, ...]], Mapping[str, Any]]:
        """The documents of the file's entries without what is stored encrypted, by their section's place and their key."""
        if self._applied.content is None:
            return {}
        try:
            file = read_file(self._applied.content, self._names)
        except FileRefused:
            return {}
        return {
            (place_of(section), entry.key): {
                name: value for name, value in entry.document.items() if not section.can_refer((name,), entry.document)
            }
            for section in SECTIONS
            for entry in file.entries.get(place_of(section), ())
        }


def _lacks(then: Any, now: Any) -> bool:
    """True if a member is only in the document of now, at any depth."""
    if isinstance(then, Mapping) and isinstance(now, Mapping):
        return not now.keys() <= then.keys() or any(_lacks(then[name], value) for name, value in now.items())
    return isinstance(then, list) and isinstance(now, list) and any(map(_lacks, then, now))


def _completed(then: Any, file: Any, now: Any) -> Any:
    """`then` with the members that only `now` has, at any depth, as `file` has them, or else as `now` has. Entries of lists are matched by their
    places."""
    if isinstance(then, Mapping) and isinstance(now, Mapping):
        known = file if isinstance(file, Mapping) else {}
        common = {name: _completed(value, known.get(name), now.get(name)) for name, value in then.items()}
        return {**common, **{name: known.get(name, value) for name, value in now.items() if name not in then}}
    if isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        return list(map(_completed, then, file if isinstance(file, list) and len(file) == len(now) else [None] * len(now), now))
    return then
