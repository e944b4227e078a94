"""The secrets to which a configuration file refers and of which the account has no value: without them it cannot be applied (B5, C5)."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from django_scopes import scope

from heliograph.api.configuration.account_names import AccountNames
from heliograph.api.configuration.configuration_file import SECTIONS, FileRefused, place_of, read_file
from heliograph.api.configuration.configuration_text import read_text
from heliograph.api.configuration.entry_matches import EntryMatches
from heliograph.api.configuration.secret_references import SecretReference
from heliograph.api.configuration.section import EntryRefused, Path, StoredEntry
from heliograph.domain.connection.secret import Secret
from heliograph.setup.services.applied_file_record import newest_applied


@dataclass(frozen=True, slots=True)
class MissingSecret:
    """A secret whose value must be brought along."""

    reference: SecretReference
    where: str
    """The first entry that refers to it: “connections, Chat”."""
    is_certificate: bool
    """Whether its value has several lines."""


def missing_secrets(account: int, text: str) -> list[MissingSecret]:
    """The secrets of the file that are not stored, in its order, each once. Raises BadText, FileRefused."""
    with scope(account=account):
        names = AccountNames.of_account(account)
        file = read_file(read_text(text), names)
        applied = newest_applied()
        missing: dict[SecretReference, MissingSecret] = {}
        for section in SECTIONS:
            place = place_of(section)
            entries = file.entries.get(place, ())
            if not any(entry.references for entry in entries):
                continue
            matches = EntryMatches(section.stored(names), entries, applied.ids(place) if applied else {})
            for entry in entries:
                try:
                    known = _stored_secrets(matches.take(entry))
                except EntryRefused as error:
                    raise FileRefused([error]) from None
                for path, reference in entry.references.items():
                    if _secret(entry.document, path) not in known and reference not in missing:
                        missing[reference] = MissingSecret(reference, entry.where, path == (Secret.CLIENT_CERTIFICATE,))
    return list(missing.values())


def _stored_secrets(stored: StoredEntry | None) -> set[Hashable]:
    """What is stored of a thing, as `_secret` names it. A URL without a path, and what is no secret at its place now, count as well."""
    if stored is None:
        return set()
    known: set[Hashable] = {_secret(stored.document, path) for path in stored.secrets}
    known |= {name for name, value in stored.document.items() if value}
    known |= {member for member, host in (("url", "host"), ("test_url", "test_host")) if stored.facts.get(host)}
    return known


def _secret(document: Mapping[str, Any], path: Path) -> Hashable:
    """A secret of a thing: its member, or the header or the row of a mapping in which it stands."""
    if len(path) == 1:
        return path[0]
    list_name, index = path[:2]
    entry = document[str(list_name)][index]
    return (list_name, str(entry.get("name") or entry.get("target")).casefold())
