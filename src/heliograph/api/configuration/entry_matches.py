"""Which thing of the account each entry of a configuration file is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from heliograph.api.configuration.section import Entry, EntryRefused, StoredEntry
from heliograph.domain.sentence_template import Sentence, at_place


class EntryMatches:
    """The things of a section that the entries of a file are about, each of one entry at most."""

    def __init__(self, stored: Sequence[StoredEntry], entries: Sequence[Entry], ids_then: Mapping[tuple[str, ...], int]) -> None:
        """ids_then: by key, when the newest file was applied (`AppliedFile.ids`): a thing that was renamed by hand since is still known by it."""
        self._by_key = {each.key: each for each in stored}
        self._by_id = {each.id: each for each in stored}
        self._ids_then = ids_then
        self._file_keys = {entry.key for entry in entries}
        self.taken: set[int] = set()
        """The ids of the things that entries are about."""

    def take(self, entry: Entry) -> StoredEntry | None:
        """The thing that the entry is about; None if the account does not have it yet.

        It is known by its key, or else by its name from before, or else it had the key when the newest file was applied.

        Raises EntryRefused if the thing of the name from before is there, and another entry is about it.
        """
        stored = self._by_key.get(entry.key)
        if stored is None and entry.was:
            named_so = [each for key, each in self._by_key.items() if key[0] == entry.was[0]]
            stored = next((each for each in named_so if self._is_free(each)), None)
            if named_so and stored is None:
                reason = Sentence("Another entry is about “%(name)s”, so this one cannot rename it.", name=named_so[0].name)
                raise EntryRefused(entry.where, at_place("was", reason))
        if stored is None:
            renamed = self._by_id.get(self._ids_then.get(entry.key, 0))
            stored = renamed if renamed is not None and self._is_free(renamed) else None
        if stored is not None:
            self.taken.add(stored.id)
        return stored

    def _is_free(self, stored: StoredEntry) -> bool:
        """Whether no entry of the file is about the thing."""
        return stored.key not in self._file_keys and stored.id not in self.taken
