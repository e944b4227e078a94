"""Which thing of the account each entry of a configuration file is about."""

from __future__ import annotations

from collections.abc import Sequence

from heliograph.api.configuration.section import Entry, EntryRefused, StoredEntry


class EntryMatches:
    """The things of a section that the entries of a file are about, each of one entry at most."""

    def __init__(self, stored: Sequence[StoredEntry], entries: Sequence[Entry]) -> None:
        self._by_key = {each.key: each for each in stored}
        self._file_keys = {entry.key for entry in entries}
        self.taken: set[int] = set()
        """The ids of the things that entries are about."""

    def take(self, entry: Entry) -> StoredEntry | None:
        """The thing of the entry's key, or else the first one that has its name from before and is not in the file by that name.

        Raises EntryRefused if the thing of the name from before is there, and another entry is about it.
        """
        stored = self._by_key.get(entry.key)
        if stored is None and entry.was:
            named_so = [each for key, each in self._by_key.items() if key[0] == entry.was[0]]
            stored = next((each for each in named_so if each.key not in self._file_keys and each.id not in self.taken), None)
            if named_so and stored is None:
                raise EntryRefused(entry.where, f"was: Another entry is about “{named_so[0].name}”, so this one cannot rename it.")
        if stored is not None:
            self.taken.add(stored.id)
        return stored
