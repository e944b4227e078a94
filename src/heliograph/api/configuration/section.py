"""A section of a configuration file: one kind of things, each of which is an entry."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

import msgspec

from heliograph.api.api_problems import Problem
from heliograph.api.configuration.account_names import AccountNames, Mapped, Named
from heliograph.api.configuration.member_reasons import refused_member
from heliograph.api.configuration.secret_references import SecretReference
from heliograph.domain.errors import HeliographError
from heliograph.domain.sentence_template import Sentence, SentenceValue, at_place
from heliograph.setup.name_fields import folded
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.services.versions import refresh_watch

type Path = tuple[str | int, ...]


class EntryRefused(HeliographError):
    """An entry of the file cannot be saved. where: its place in the file, such as “flows, Cancellations”."""

    def __init__(self, where: str, reason: str, /, **values: SentenceValue) -> None:
        """values: those of the reason, if it is a template."""
        self.where, self.reason = where, Sentence(reason, **values)
        super().__init__(at_place(where, self.reason))


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the file, with every member that has a default, and names as the account spells them."""

    where: str
    """Its place in the file, for people."""
    key: tuple[str, ...]
    """Tells it apart from the others of its section."""
    name: str
    document: dict[str, Any]
    references: Mapping[Path, SecretReference] = field(default_factory=dict)
    was: tuple[str, ...] = ()
    """The key that it had before, if the file renames it."""


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """A thing of the account, as an entry of the file would have it."""

    id: int
    key: tuple[str, ...]
    name: str
    document: dict[str, Any]
    """Without secrets and references."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Further members by which a change is noticed, such as the host of a connection's URL."""
    secrets: Sequence[Path] = ()
    """The places of its secrets, to which an export refers."""


@dataclass(slots=True)
class Saver:
    """The transaction that saves entries, with the names and the secrets to which they refer."""

    transaction: SetupTransaction
    names: AccountNames
    """As of the last `refresh`."""
    value_of: Callable[[SecretReference], str | None]
    without_value: set[str] = field(default_factory=set)
    """The references that had no value."""

    def refresh(self) -> None:
        """Reads the names anew, after things were saved that later entries name."""
        refresh_watch(self.transaction)
        self.names = AccountNames.of_account(self.transaction.account)

    def value(self, reference: SecretReference) -> str | None:
        """The value of a reference; None if it was not brought along."""
        value = self.value_of(reference) or None
        if value is None:
            self.without_value.add(str(reference))
        return value


class Section(ABC):
    """One kind of things in the file.

    name: the member of the file
    label: one of its things in words
    audited: the kind of its audit entries
    entry: the class of an entry
    is_list: False if the section is one entry
    can_delete: False if its things are never deleted
    """

    name: ClassVar[str]
    label: ClassVar[str]
    audited: ClassVar[str]
    entry: ClassVar[type[msgspec.Struct]]
    is_list: ClassVar[bool] = True
    can_delete: ClassVar[bool] = True
    defines: ClassVar[Named | None] = None
    """The kind of names that its entries make known."""

    @abstractmethod
    def stored(self, names: AccountNames) -> list[StoredEntry]:
        """The account's things, in the order of an export."""

    @abstractmethod
    def save(self, saver: Saver, entry: Entry, id: int | None) -> int:
        """Saves an entry. Returns the id of the thing. Raises a HeliographError.

        id: of the thing of this key; None to create it
        """

    def delete(self, transaction: SetupTransaction, stored: StoredEntry) -> None:
        """Deletes a thing. Raises a HeliographError, such as InUse."""
        raise NotImplementedError

    def mapped(self, raw: dict[str, Any], mapped: Mapped) -> dict[str, Any]:
        """The document with other names of the things that it names."""
        return raw

    def can_refer(self, path: Path, document: Mapping[str, Any]) -> bool:
        """Whether a secret is stored encrypted at this place of a document, so that the file may refer to it there."""
        return False

    def completed(self, struct: msgspec.Struct, document: dict[str, Any]) -> dict[str, Any]:
        """The document with what the services would make of absent members, so that it is comparable with a stored one."""
        return document

    def key_of(self, document: Mapping[str, Any]) -> tuple[str, ...]:
        """What tells an entry apart."""
        return (folded(document["name"]),)

    def name_of(self, document: Mapping[str, Any]) -> str:
        """What people call an entry."""
        return str(document["name"])

    def differs(self, entry: Entry, stored: StoredEntry) -> bool:
        """Whether saving the entry might change something."""
        return bool(entry.references) or entry.document != stored.document


def read_struct[Struct: msgspec.Struct](raw: Any, type: type[Struct], where: str) -> Struct:
    """An entry of the file as its class. Raises EntryRefused with the member."""
    try:
        return msgspec.convert(raw, type)
    except msgspec.ValidationError as error:
        raise EntryRefused(where, refused_member(error, type)) from None


@contextmanager
def at_entry(where: str) -> Iterator[None]:
    """Puts errors of the services at an entry of the file."""
    try:
        yield
    except EntryRefused:
        raise
    except msgspec.ValidationError as error:  # a document of the API can be stricter than its entry, in which names stand for ids
        raise EntryRefused(where, refused_member(error)) from None
    except HeliographError as error:
        raise EntryRefused(where, error.sentence) from None
    except Problem as problem:
        raise EntryRefused(where, problem.detail) from None
