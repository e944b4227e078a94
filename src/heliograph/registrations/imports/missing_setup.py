"""Finds the set-up that a file needs and the account lacks, and marks likely typing errors as doubtful (I4).

A status in three of five thousand rows, beside others with hundreds, is more often misspelt than new. Doubtful things are listed, but created
only if a person names them.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.natural_order import natural_order
from heliograph.domain.sentence_template import Sentence, gettext_noop, joined, stored_sentence
from heliograph.domain.setup.compiled_setup import EventConfig, Field, Named, Session, Status
from heliograph.domain.setup.name_index import code_of
from heliograph.domain.setup.statuses import StatusClass
from heliograph.domain.setup.tag_kinds import STANDARD_PROPERTY_NAMES
from heliograph.registrations.imports.answer_types import is_yes_and_no, kind_of
from heliograph.registrations.imports.census import PROPERTY, SESSION, STATUS, TYPE, Census, EventCensus, Uses
from heliograph.registrations.imports.columns import Known
from heliograph.registrations.imports.likeness import Likeness
from heliograph.registrations.imports.values import flag

EVENTS, STATUSES, TYPES, SESSIONS, PROPERTIES, QUESTIONS, OPTIONS, FIELDS = (
    "events",
    "statuses",
    "types",
    "sessions",
    "properties",
    "questions",
    "options",
    "fields",
)
KINDS: Final = (EVENTS, STATUSES, TYPES, SESSIONS, PROPERTIES, QUESTIONS, OPTIONS, FIELDS)
WORDS: Final[Mapping[str, str]] = {
    EVENTS: gettext_noop("event"),
    STATUSES: gettext_noop("custom status"),
    TYPES: gettext_noop("attendee type"),
    SESSIONS: gettext_noop("session"),
    PROPERTIES: gettext_noop("registration property"),
    QUESTIONS: gettext_noop("question"),
    OPTIONS: gettext_noop("option"),
    FIELDS: gettext_noop("custom profile field"),
}
_RARE: Final = 100  # a name is doubtful if it is rarer than one in this many rows ...
_RARER: Final = 10  # ... and than a tenth of the median of the other names
_FEW: Final = 20  # in fewer rows than this, a name like an existing one is taken for a misspelling of it
_CLASSES: Final = (
    (StatusClass.CANCELLED, ("cancel", "storn", "annul", "withdr", "abgesagt")),
    (StatusClass.DENIED, ("declin", "denied", "reject", "refus", "abgelehn")),
    (StatusClass.PENDING, ("wait", "hold", "invit", "pending", "request", "tentativ", "warte", "prospect")),
)


@dataclass(frozen=True, slots=True)
class Lack:
    """One thing that the file needs and the account does not have."""

    kind: str
    """One of KINDS."""
    event: str
    """The code of its event; "" for custom profile fields and their options."""
    name: str
    rows: int
    """How many rows need it."""
    parent: str = ""
    """The question or custom field of an option."""
    doubt: str = ""
    """Why it should not be created unasked, such as a likely typing error; "" if it may be."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """The facts that it would be created with, such as the class of a status."""
    tags: tuple[str, ...] = ()
    """Names of the tags that it would carry."""
    meant: str = ""
    """The name that was most likely meant; "" if none is alike. Of an event: its code."""

    @property
    def words(self) -> str:
        """The kind of thing that would be created, in words that pages translate."""
        return Sentence("option of %(parent)s", parent=self.parent) if self.kind == OPTIONS else WORDS[self.kind]

    @property
    def full_words(self) -> Sentence:
        """The thing that would be created, with its kind and its event."""
        kind = Sentence(self.words)
        if self.event and self.kind != EVENTS:
            return Sentence("%(kind)s %(name)s (%(event)s)", kind=kind, name=self.name, event=self.event)
        return Sentence("%(kind)s %(name)s", kind=kind, name=self.name)

    def as_json(self) -> dict[str, Any]:
        """For the job's result and for a plan file."""
        return {**asdict(self), "facts": dict(self.facts), "tags": list(self.tags)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any], doubt: object = None) -> Lack:
        """Reads what `as_json` returned.

        doubt: what `body_of` returned for the doubt, if pages shall translate it
        """
        texts = {"doubt": stored_sentence(str(stored.get("doubt", "")), doubt)}
        return cls(**{**stored, **texts, "tags": tuple(stored.get("tags", ()))})


def lacking(census: Census, known: Known) -> list[Lack]:
    """The missing things, without those within a doubtful event.

    Sorted by kind; within a kind, doubtful ones last, then by event, then by the number of rows, highest first.
    """
    by_code = {e.code: e for e in known.events}
    likeness = Likeness()
    lacks: list[Lack] = []
    doubtful_events = set()
    for code, event in census.events.items():
        if code not in by_code:
            facts, doubt = event.usual_facts, _event_doubt(code, event, census, by_code, likeness)
            lack = Lack(EVENTS, code, facts.get("name", code), event.rows, doubt=doubt.words, meant=doubt.meant, facts=facts)
            lacks.append(lack)
            if lack.doubt:
                doubtful_events.add(code)
    sound = {code: event for code, event in census.events.items() if code not in doubtful_events}
    for kind, part in ((STATUSES, STATUS), (TYPES, TYPE), (SESSIONS, SESSION), (PROPERTIES, PROPERTY)):
        whole = _together(event.lists.get(part, Uses()) for event in sound.values())
        rows_with: Counter[str] = Counter()  # name -> rows of the events in which it occurs
        for event in sound.values():
            for name in event.lists.get(part, Uses()).names:
                rows_with[name] += event.rows
        for code, event in sound.items():
            have = _names(kind, known.account, by_code.get(code))
            lacks += _missing(kind, code, event.lists.get(part, Uses()), have, event.rows, whole, rows_with, likeness)
    lacks += _questions(sound, by_code, likeness)
    lacks += _fields(census.custom, known.account, likeness)
    order = {kind: i for i, kind in enumerate(KINDS)}
    return sorted(lacks, key=lambda lack: (order[lack.kind], bool(lack.doubt), lack.event, -lack.rows, natural_order(lack.name), lack.name))


def _names(kind: str, account: AccountConfig, event: EventConfig | None) -> dict[str, str]:
    """The codes and names in the account or event, by their folded form."""
    rows: list[Status | Named | Session] = []
    if kind == STATUSES:
        rows += account.statuses.values()
    if kind == PROPERTIES:
        standard = {label.casefold(): label for label in STANDARD_PROPERTY_NAMES.values()}
        return standard | (_folded(event.properties.values()) if event else {})
    if event is not None:
        own: dict[str, Iterable[Status | Named | Session]] = {
            STATUSES: event.statuses.values(),
            TYPES: event.types.values(),
            SESSIONS: event.sessions.values(),
        }
        rows += own[kind]
    return _folded(rows)


def _folded(rows: Iterable[Status | Named | Session]) -> dict[str, str]:
    return {code_of(text).casefold(): text for row in rows for text in (row.code, row.name) if text}


def _missing(
    kind: str, event: str, uses: Uses, have: Mapping[str, str], rows: int, whole: Uses, rows_with: Mapping[str, int], likeness: Likeness
) -> list[Lack]:
    """The names that are not in `have`. Doubts about each come from the rows of its event, else from those of the whole file.

    uses: the names in the event's rows
    have: the names that the account or event has, by their folded form
    rows: how many rows the event has
    whole: the names in the rows of all events
    rows_with: name -> how many rows the events have that use it
    """
    lacks = []
    for name, count in uses.names.items():
        if name.casefold() in have:
            continue
        doubt = _doubt(name, count, uses.names, rows, have, likeness)
        doubt = doubt if doubt.words else _doubt(name, whole.names[name], whole.names, rows_with.get(name, 0), have, likeness)
        facts = {"class": status_class(name).value} if kind == STATUSES else {}
        lacks.append(Lack(kind, event, name, count, doubt=doubt.words, meant=doubt.meant, facts=facts))
    return lacks


def _together(lists: Iterable[Uses]) -> Uses:
    whole = Uses()
    for uses in lists:
        whole.names.update(uses.names)
        whole.full |= uses.full
    return whole


# --- doubt


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why a name looks like a typing error."""

    words: str = ""
    """ "" if it does not."""
    meant: str = ""
    """The name that was most likely meant; "" if none is alike."""


NO_DOUBT: Final = Doubt()
_LOOKS_LIKE: Final = gettext_noop("%(count)s of %(rows)s rows; it looks like %(name)s")


def _doubt(name: str, own_count: int, all_names: Mapping[str, int], rows: int, have: Mapping[str, str], likeness: Likeness) -> Doubt:
    """Whether a name looks like a typing error.

    own_count: rows with this name.
    all_names: the names of its list in the file, with their rows.
    rows: all rows that could have such a name.
    have: the names that the account has, by their folded form.
    """
    others = [count for other, count in all_names.items() if other != name]
    usual = statistics.median(others) if others else 0
    alike = likeness.most_alike(name, [o for o, count in all_names.items() if o != name and count >= 5 * own_count])
    if alike and 3 * own_count < usual:
        return Doubt(Sentence(_LOOKS_LIKE, count=own_count, rows=rows, name=alike), alike)
    if own_count < _FEW and name.casefold() not in have and (known := have.get(likeness.most_alike(name, have), "")):
        return Doubt(Sentence(_LOOKS_LIKE, count=own_count, rows=rows, name=known), known)
    if not others or (own_count * _RARE >= rows) or (own_count * _RARER >= usual):
        return NO_DOUBT
    close = have.get(likeness.most_alike(name, have), "")
    if not close:
        return Doubt(Sentence("only %(count)s of %(rows)s rows", count=own_count, rows=rows))
    return Doubt(Sentence("only %(count)s of %(rows)s rows; it looks like %(name)s", count=own_count, rows=rows, name=close), close)


_FACTS: Final[Mapping[str, str]] = {
    "name": gettext_noop("name"),
    "status": gettext_noop("status"),
    "start": gettext_noop("start date"),
    "end": gettext_noop("end date"),
    "timezone": gettext_noop("time zone"),
    "location": gettext_noop("location"),
}
"""Fact of an event -> its name in sentences."""
_VALUES_NAMED: Final = 3
_DISAGREE: Final = gettext_noop("its %(rows)s rows disagree about the %(fact)s of the event: %(counts)s")
_SAME_NAME: Final = gettext_noop("%(rows)s rows; %(other)s has the same name and %(more)s rows")


def _event_doubt(code: str, event: EventCensus, census: Census, known: Mapping[str, EventConfig], likeness: Likeness) -> Doubt:
    for part in event.facts:
        values = event.values_of_fact(part)
        if len(values) > 1:
            usual_values = values.most_common(_VALUES_NAMED)
            counts = joined(", ", (Sentence("“%(value)s” in %(rows)s", value=value, rows=rows) for value, rows in usual_values))
            if more := len(values) - len(usual_values):
                counts = Sentence("%(names)s and %(n)s more", names=counts, n=more)
            # A typing error in the code of an event is in rows of several events, which therefore disagree.
            meant = _like_another(code, event, census, known, likeness).meant
            return Doubt(Sentence(_DISAGREE, rows=event.rows, fact=Sentence(_FACTS[part]), counts=counts), meant)
    return _like_another(code, event, census, known, likeness)


def _like_another(code: str, event: EventCensus, census: Census, known: Mapping[str, EventConfig], likeness: Likeness) -> Doubt:
    """Whether the code of an event looks like a typing error for another event of the file or of the account."""
    name = event.facts.get("name", "").casefold()
    for other, its in census.events.items():
        if other == code or event.rows * 20 >= its.rows:
            continue
        if name and its.facts.get("name", "").casefold() == name:
            return Doubt(Sentence(_SAME_NAME, rows=event.rows, other=other, more=its.rows), other)
        if likeness.most_alike(code, [other]):
            return Doubt(Sentence(_LOOKS_LIKE, count=event.rows, rows=census.rows, name=other), other)
    for other in known:
        beside = census.events[other].rows if other in census.events else 0
        if (event.rows * _RARE < census.rows or event.rows < min(_FEW, beside)) and likeness.most_alike(code, [other]):
            return Doubt(Sentence(_LOOKS_LIKE, count=event.rows, rows=census.rows, name=other), other)
    return NO_DOUBT


# --- questions and fields


def _questions(events: Mapping[str, EventCensus], known: Mapping[str, EventConfig], likeness: Likeness) -> list[Lack]:
    lacks = []
    events_by_question: dict[str, dict[str, EventCensus]] = {}
    for code, event in events.items():
        for question in event.answers:
            events_by_question.setdefault(question, {})[code] = event
    for question, asking_events in events_by_question.items():
        uses = _together(e.answers[question] for e in asking_events.values())
        answered = sum(e.answered[question] for e in asking_events.values())
        several = any(question in e.several for e in asking_events.values())
        option_lists = [has.options for code in asking_events if (has := _question(known.get(code), question))]
        have = {code_of(option).casefold(): option for options in option_lists for option in options}
        doubts = _option_doubts(uses.names, answered, have, likeness)
        type_, options = kind_of(uses, [n for n in uses.names if not doubts[n].words], answered, several=several)
        for code, event in asking_events.items():
            if not event.answered[question]:
                continue
            has = _question(known.get(code), question)
            if has is None:
                facts = {"type": type_, "options": options}
                lacks.append(Lack(QUESTIONS, code, question, event.answered[question], facts=facts))
            own_options = options if has is None else has.options
            if not own_options:  # the question takes any answer
                continue
            known_options = {code_of(option).casefold() for option in own_options}
            lacks += [
                Lack(OPTIONS, code, name, count, parent=question, doubt=doubts[name].words, meant=doubts[name].meant)
                for name, count in event.answers[question].names.items()
                if name.casefold() not in known_options
            ]
    return lacks


def _option_doubts(names: Mapping[str, int], answered: int, have: Mapping[str, str], likeness: Likeness) -> dict[str, Doubt]:
    """Answer -> whether it is doubtful as an option."""
    contradictions = {name for name in names if is_yes_and_no(name)}
    others = names.keys() - contradictions
    is_yes_or_no = bool(contradictions) and bool(others) and all(isinstance(flag(name), bool) for name in others)
    return {
        name: Doubt(Sentence("%(count)s of %(rows)s rows; it holds both Yes and No", count=count, rows=answered))
        if is_yes_or_no and name in contradictions
        else _doubt(name, count, names, answered, have, likeness)
        for name, count in names.items()
    }


def _question(event: EventConfig | None, name: str) -> Field | None:
    return _field(event.questions.values() if event else (), name)


def _field(rows: Iterable[Field], name: str) -> Field | None:
    folded = name.casefold()
    return next((f for f in rows if f.code == name or f.label.casefold() == folded), None)


def _fields(census: EventCensus, account: AccountConfig, likeness: Likeness) -> list[Lack]:
    lacks = []
    for name, uses in census.answers.items():
        has = _field(account.profile_fields.values(), name)
        have = {code_of(option).casefold(): option for option in has.options} if has else {}
        doubts = _option_doubts(uses.names, census.answered[name], have, likeness)
        if has is None:
            type_, options = kind_of(
                uses, [n for n in uses.names if not doubts[n].words], census.answered[name], several=name in census.several
            )
            lacks.append(Lack(FIELDS, "", name, census.answered[name], facts={"type": type_, "options": options}))
            if not options:
                continue
        elif not has.options:
            continue
        else:
            options = list(has.options)
        known_options = {code_of(o).casefold() for o in options}
        lacks += [
            Lack(OPTIONS, "", option, count, parent=name, doubt=doubts[option].words, meant=doubts[option].meant)
            for option, count in uses.names.items()
            if option.casefold() not in known_options
        ]
    return lacks


def status_class(name: str) -> StatusClass:
    """The likeliest class of a custom status with this name (P3)."""
    folded = name.casefold()
    return next((cls for cls, stems in _CLASSES if any(stem in folded for stem in stems)), StatusClass.ACCEPTED)
