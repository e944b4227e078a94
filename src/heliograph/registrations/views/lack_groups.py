"""The rows of a dry run's page: a missing name, or a corrected one, with all the events that it is about (I4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from heliograph.domain.sentence_template import Sentence, gettext_noop
from heliograph.registrations.imports.missing_setup import EVENTS, OPTIONS, Lack
from heliograph.registrations.imports.name_corrections import NameCorrection


@dataclass(frozen=True, slots=True)
class LackGroup:
    """One missing name: it is created in all its events or in none, with the same tags and class."""

    numbers: tuple[int, ...]
    """Of its lacks in the result of the dry run; the form names it by the first."""
    lacks: tuple[Lack, ...]
    """One for each event; more than one only if they differ in nothing but the event and its rows."""

    @classmethod
    def from_lacks(cls, lacks: Sequence[Lack]) -> list[Self]:
        """The names in the order of the lacks. A name that is doubtful in one event and beyond doubt in another is two."""
        numbers: dict[tuple[object, ...], list[int]] = {}
        for number, lack in enumerate(lacks):
            of_account = lack.event if lack.kind == EVENTS else not lack.event
            key = lack.kind, of_account, lack.parent, lack.name, bool(lack.doubt), lack.meant, str(dict(lack.facts))
            numbers.setdefault(key, []).append(number)
        return [cls(tuple(group), tuple(lacks[number] for number in group)) for group in numbers.values()]

    @property
    def number(self) -> int:
        """By which the form names it."""
        return self.numbers[0]

    @property
    def first(self) -> Lack:
        """The lack that stands for all of them."""
        return self.lacks[0]

    @property
    def rows(self) -> int:
        """How many rows of the file use the name."""
        return sum(lack.rows for lack in self.lacks)

    @property
    def doubt(self) -> str:
        """Why it should not be created unasked; "" if it may be. The doubt about an option counts the rows of all events already."""
        first = self.first
        if not first.doubt or len(self.lacks) == 1 or first.kind == OPTIONS:
            return first.doubt
        if first.meant:
            return Sentence(gettext_noop("%(count)s rows; it looks like %(name)s"), count=self.rows, name=first.meant)
        return Sentence(gettext_noop("only %(count)s rows"), count=self.rows)


@dataclass(frozen=True, slots=True)
class CorrectionGroup:
    """One name of the file and the one that is used in its place, in all the events where it was corrected."""

    numbers: tuple[int, ...]
    """Of its corrections in the choice of the dry run; the form names it by the first."""
    corrections: tuple[NameCorrection, ...]

    @classmethod
    def from_corrections(cls, corrections: Sequence[NameCorrection]) -> list[Self]:
        """The corrected names in the order of their first corrections."""
        numbers: dict[tuple[str, ...], list[int]] = {}
        for number, each in enumerate(corrections):
            numbers.setdefault((each.kind, each.parent, each.name, each.use), []).append(number)
        return [cls(tuple(group), tuple(corrections[number] for number in group)) for group in numbers.values()]

    @property
    def events(self) -> str:
        """The codes of its events, with commas; "" for what belongs to no event."""
        return ", ".join(each.event for each in self.corrections if each.event)
