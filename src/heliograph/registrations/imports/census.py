"""The census of a file: counts of the names in its rows, made during the first reading (I4).

It counts, for each event, the rows that name each status, attendee type, session, property, and question with its answers. It also counts the rows'
facts about the event itself. Custom profile fields are counted for the account, not per event. `lacking()` compares the census with the account.
All counts are bounded, for any file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from heliograph.domain.setup.name_index import code_of
from heliograph.registrations.imports.values import DateSigns

MOST_EVENTS: Final = 2_000
MOST_NAMES: Final = 300  # distinct names counted per list; a list with more is `full`
MOST_LENGTH: Final = 300
MOST_ALTOGETHER: Final = 100_000  # names of all lists together


class NameBudget:
    """How many more names a census may contain."""

    def __init__(self, left: int = MOST_ALTOGETHER) -> None:
        self.left = left


# The lists of an event, by the part of the document that names their entries. Answers have lists of their own, by question.
STATUS, TYPE, SESSION, PROPERTY = "status", "type", "session", "property"
FACT = "event."
"""Prefix of the lists with the rows' facts about the event itself, such as `event.name`."""


@dataclass(slots=True)
class Uses:
    """How many rows use each name of a list."""

    names: Counter[str] = field(default_factory=Counter)
    full: bool = False
    """True if there are more names than are counted."""

    def add(self, name: str, budget: NameBudget) -> None:
        """Counts one use."""
        if name in self.names:
            self.names[name] += 1
        elif len(self.names) >= MOST_NAMES or len(name) > MOST_LENGTH or budget.left <= 0:
            self.full = True
        else:
            self.names[name] = 1
            budget.left -= 1


@dataclass(slots=True)
class EventCensus:
    """The counts of the rows of one event."""

    rows: int = 0
    """How many rows name the event."""
    facts: dict[str, str] = field(default_factory=dict)
    """Each fact of the event, from the first row that has it."""
    lists: dict[str, Uses] = field(default_factory=dict)
    """Statuses, attendee types, sessions, properties and values of facts, by kind."""
    answers: dict[str, Uses] = field(default_factory=dict)
    """The answers by question; in the census of the account, by custom profile field."""
    answered: Counter[str] = field(default_factory=Counter)
    """How many rows answer each question, or fill each custom profile field."""
    several: set[str] = field(default_factory=set)
    """Questions with several answers in one row."""

    def use(self, kind: str, name: object, budget: NameBudget) -> None:
        """Counts one use of a name in the list of this kind. Names are compared like codes: NFC, trimmed."""
        if isinstance(name, str) and (clean := code_of(name)):
            self.lists.setdefault(kind, Uses()).add(clean, budget)

    def note_facts(self, facts: Mapping[str, str], budget: NameBudget) -> None:
        """Counts a row's facts about the event itself."""
        for name, text in facts.items():
            self.facts.setdefault(name, text[:MOST_LENGTH])
            self.use(FACT + name, text, budget)

    def values_of_fact(self, name: str) -> Counter[str]:
        """Each value of a fact of the event with its number of rows. Spellings that differ only in case count as the most usual one."""
        spellings = self.lists.get(FACT + name, Uses()).names
        usual: dict[str, str] = {}
        values: Counter[str] = Counter()
        for text, rows in spellings.most_common():
            values[usual.setdefault(text.casefold(), text)] += rows
        return values

    @property
    def usual_facts(self) -> dict[str, str]:
        """The event's facts as most rows have them."""
        return {name: next((text for text, _ in self.values_of_fact(name).most_common(1)), first) for name, first in self.facts.items()}

    def answer(self, question: str, value: object, budget: NameBudget) -> None:
        """Counts one row's answers to a question."""
        if not question or (question not in self.answers and (budget.left <= 0 or len(question) > MOST_LENGTH)):
            return
        given = value if isinstance(value, (list, tuple)) else [value]
        texts = [code_of(str(v)) for v in given if v not in (None, "")]
        if not texts:
            return
        self.answered[question] += 1
        if len(texts) > 1:
            self.several.add(question)
        uses = self.answers.setdefault(question, Uses())
        for text in dict.fromkeys(texts):
            uses.add(text, budget)


class Census:
    """All events of a file."""

    def __init__(self) -> None:
        self.events: dict[str, EventCensus] = {}
        self.custom = EventCensus()  # custom profile fields are counted for the account, not per event
        self.rows = 0
        self.more_events = False  # whether the file has events that are not counted, beyond MOST_EVENTS
        self.dates: dict[str, DateSigns] = {}  # by column
        self._budget = NameBudget()

    def add_dates(self, cells: Iterable[tuple[str, str]]) -> None:
        """Counts how a row's dates are written.

        cells: (name of a column, cell) of each column of dates
        """
        for column, cell in cells:
            if cell:
                self.dates.setdefault(column, DateSigns()).add(cell)

    def add(self, document: Mapping[str, Any], facts: Mapping[str, str]) -> None:
        """Counts a row's document."""
        self.rows += 1
        budget = self._budget
        code = code_of(document["event"]) if isinstance(document.get("event"), str) else ""
        if not code:
            return
        event = self.events.get(code)
        if event is None:
            if len(self.events) >= MOST_EVENTS:
                self.more_events = True
                return
            event = self.events[code] = EventCensus()
        event.rows += 1
        event.note_facts(facts, budget)
        event.use(STATUS, document.get("status"), budget)
        event.use(TYPE, document.get("attendee_type"), budget)
        sessions = document.get("sessions")
        for entry in sessions if isinstance(sessions, (list, tuple)) else ():
            if isinstance(entry, Mapping):
                event.use(SESSION, entry.get("code"), budget)
        for name, value in _items(document.get("properties")):
            if value not in (None, ""):
                event.use(PROPERTY, name, budget)
        for name, value in _items(document.get("answers")):
            event.answer(code_of(name), value, budget)
        profile = document.get("profile")
        for name, value in _items(profile.get("custom") if isinstance(profile, Mapping) else None):
            self.custom.answer(code_of(name), value, budget)

    def property_names(self) -> list[str]:
        """Every name of a property that was counted."""
        return [name for event in self.events.values() for name in event.lists.get(PROPERTY, Uses()).names]

    # --- stored between chunks

    def as_json(self) -> dict[str, Any]:
        """For the job's notes."""
        return {
            "rows": self.rows,
            "more_events": self.more_events,
            "dates": {column: asdict(signs) for column, signs in self.dates.items()},
            "custom": _event_json(self.custom),
            "events": {code: _event_json(event) for code, event in self.events.items()},
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Census:
        """Reads what `as_json` returned."""
        census = cls()
        census.rows, census.more_events = stored["rows"], stored["more_events"]
        census.dates = {column: DateSigns(**signs) for column, signs in stored.get("dates", {}).items()}
        census.custom = _event_from(stored["custom"])
        census.events = {code: _event_from(event) for code, event in stored["events"].items()}
        censuses = [census.custom, *census.events.values()]
        census._budget = NameBudget(MOST_ALTOGETHER - sum(len(u.names) for e in censuses for u in (*e.lists.values(), *e.answers.values())))
        return census


def _event_json(event: EventCensus) -> dict[str, Any]:
    return {
        "rows": event.rows,
        "facts": event.facts,
        "lists": {k: [dict(u.names), u.full] for k, u in event.lists.items()},
        "answers": {k: [dict(u.names), u.full] for k, u in event.answers.items()},
        "answered": dict(event.answered),
        "several": sorted(event.several),
    }


def _event_from(stored: Mapping[str, Any]) -> EventCensus:
    return EventCensus(
        stored["rows"],
        dict(stored["facts"]),
        {k: Uses(Counter(names), full) for k, (names, full) in stored["lists"].items()},
        {k: Uses(Counter(names), full) for k, (names, full) in stored["answers"].items()},
        Counter(stored["answered"]),
        set(stored["several"]),
    )


def _items(value: object) -> Iterable[tuple[str, Any]]:
    return [(str(k), v) for k, v in value.items()] if isinstance(value, Mapping) else ()
