"""Erasing a person (B7): what an emptied registration keeps, and which texts quote the person.

Pure. A text is searched by the person's own words. Some identify by themselves, such as an e-mail address; a first name does not: it also names
flows, months and other people.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from heliograph.domain.registration.change import RegistrationState

IDENTIFYING: Final = ("email", "phone", "mobile", "fax", "external_key", "pin", "badge_name", "website", "address_1")
"""The profile fields whose values name a person without a name beside them."""
SHORTEST: Final = 5
"""Characters of a text that identifies by itself wherever it stands; a shorter one has to be the whole text."""

SHORTEST_PART: Final = 3
"""Characters of a typed text that may be a part of one of the person's words."""


class ErasureReason(StrEnum):
    """Why a person is erased."""

    ASKED = "asked"
    SOURCE = "source"
    OTHER = "other"


class ErasedPart(StrEnum):
    """What an erasure counts."""

    REGISTRATIONS = "registrations"
    SESSIONS = "sessions"
    TIMELINE = "timeline"
    EXCHANGES = "exchanges"
    UNDELIVERED = "undelivered"
    DRY_RUNS = "dry_runs"
    CALLS = "calls"
    ANSWERS = "answers"
    TEXTS = "texts"
    FILES = "files"


def emptied(state: RegistrationState, code: str) -> RegistrationState:
    """What is left of a registration: its status, type, times and standard flags, so that it counts as before. It is inactive.

    code: what stands in place of its code
    """
    flags = tuple(id for id in state.properties if id < 0)
    return replace(state, code=code, active=False, order_code="", profile={}, custom={}, answers={}, properties=flags)


def code_of_emptied(registration: int) -> str:
    """The code of an emptied registration. No sender can use it: its row takes no change."""
    return f"erased-{registration}"


@dataclass(frozen=True)
class PersonWords:
    """The words by which texts are searched for a person. All are case-folded."""

    identifying: frozenset[str]
    """Codes, addresses, numbers and full names."""
    names: frozenset[str]
    """Single names, which identify only together or in a filter."""

    @classmethod
    def of_states(cls, states: Iterable[RegistrationState], more: Iterable[Mapping[str, object]] = ()) -> PersonWords:
        """The words of a person's registrations, as they are and as they were.

        more: old values by field, as changes store them
        """
        identifying: set[str] = set()
        names: set[str] = set()
        profiles: list[Mapping[str, object]] = []
        for state in states:
            identifying |= {state.code, state.order_code}
            profiles.append(state.profile)
        for before in more:
            profiles.append({key.removeprefix("profile."): value for key, value in before.items()})
            identifying |= {str(before.get(key) or "") for key in ("code", "order_code")}
        for profile in profiles:
            first, last = (str(profile.get(key) or "").strip() for key in ("first_name", "last_name"))
            names |= {first, last, str(profile.get("middle_name") or "").strip()}
            if first and last:
                identifying |= {f"{first} {last}", f"{last} {first}"}
            identifying |= {str(profile.get(key) or "").strip() for key in IDENTIFYING}
        return cls(_folded(identifying), _folded(names))

    @classmethod
    def from_json(cls, stored: Mapping[str, list[str]]) -> PersonWords:
        """Reads what `as_json` returned."""
        return cls(frozenset(stored["identifying"]), frozenset(stored["names"]))

    def __or__(self, other: PersonWords) -> PersonWords:
        return PersonWords(self.identifying | other.identifying, self.names | other.names)

    def as_json(self) -> dict[str, list[str]]:
        return {"identifying": sorted(self.identifying), "names": sorted(self.names)}

    def are_in(self, text: str) -> bool:
        """Whether a text quotes the person."""
        return text.casefold().strip() in self.identifying or any(word in _words_of(text) for word in self._long)

    def are_asked_for_by(self, text: str) -> bool:
        """Whether a text that a list was filtered by looks for the person: it has one of the words, or is a part of one."""
        folded = text.casefold().strip()
        words = self.identifying | self.names
        has_word = self.are_in(text) or not words.isdisjoint(folded.split())
        return has_word or (len(folded) >= SHORTEST_PART and any(folded in word for word in words))

    def have_name_in(self, text: str) -> bool:
        """Whether one of the person's names stands in a text, alone."""
        words = _words_of(text)
        return any(_words_of(name) in words for name in self.names if name)

    @cached_property
    def _long(self) -> frozenset[str]:
        """The identifying words that are looked for inside texts, also as JSON spells them."""
        long = (word for word in self.identifying if len(word) >= SHORTEST)
        return frozenset(_words_of(spelling) for word in long for spelling in (word, json.dumps(word)[1:-1]))


_WORD: Final = re.compile(r"\w+")


def _words_of(text: str) -> str:
    """The words of a text with one space around each: between the parts of a name stands what stands between cells and members, too."""
    return f" {' '.join(_WORD.findall(text.casefold()))} "


def _folded(words: Iterable[str]) -> frozenset[str]:
    return frozenset(folded for word in words if (folded := word.casefold().strip()))


ASKS: Final = frozenset({"q", "text", "search"})
"""The members of a job's parameters that are what somebody typed to find registrations."""
NOBODY: Final = "(erased)"
"""Stands in place of what somebody typed. It finds nobody, where an empty text would find everybody."""
ADDRESSES: Final = frozenset({"back"})
"""The members that are the address of a list, with what somebody typed in its query."""


def without_person(value: object, words: PersonWords, *, quotes: bool = False, member: str = "") -> object:
    """A JSON value without the texts that quote the person: each becomes "", and what a list was filtered by becomes NOBODY. The same object
    if there are none.

    quotes: True if the texts are quoted from registrations, so that a first name alone is theirs, too
    member: the name under which the value stands
    """
    if isinstance(value, str):
        if member in ADDRESSES:
            return value.partition("?")[0] if _address_asks(value, words) else value
        if member in ASKS:
            return NOBODY if words.are_asked_for_by(value) else value
        return "" if words.are_in(value) or (quotes and words.have_name_in(value)) else value
    if isinstance(value, Mapping):
        members = {
            str(without_person(str(key), words, quotes=quotes)): without_person(each, words, quotes=quotes, member=str(key))
            for key, each in value.items()
        }
        return members if any(members.get(str(key), members) is not each for key, each in value.items()) else value
    if isinstance(value, list):
        entries = [without_person(each, words, quotes=quotes, member=member) for each in value]
        return entries if any(entry is not each for entry, each in zip(entries, value, strict=True)) else value
    return value


def _address_asks(address: str, words: PersonWords) -> bool:
    fields = parse_qsl(urlsplit(address).query)
    return any(words.are_asked_for_by(value) if name in ASKS else words.are_in(value) for name, value in fields)
