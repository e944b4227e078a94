"""The registration document and its rules (I2), the same for forms, `/ingest` and files.

Resolving turns the document's codes and names into ids, or refuses it with the field and the allowed values; `document_values` reads single
values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from heliograph.domain.registration.change import KEEP, Upsert
from heliograph.domain.registration.document_values import NO, YES, DocumentReader, excerpt, is_plain_text
from heliograph.domain.sentence_template import Sentence, gettext_noop
from heliograph.domain.setup.compiled_setup import AccountSetup, EventConfig, Field, Named, QuestionType, Session, Status, Values
from heliograph.domain.setup.fields import PROFILE_FIELDS
from heliograph.domain.setup.name_index import NameIndex
from heliograph.domain.setup.tag_kinds import StandardProperty

MAX_EVENT_CODE = 25  # characters of an event code
MAX_CODE = 100  # characters of a registration code
MAX_TEXT = 1_000  # characters of a profile field or order code
MAX_LONG_TEXT = 20_000  # characters of notes and of answers
MAX_VALUES = 200  # values of one multi-select
MAX_SESSIONS = 100  # per document: each is a separate change, with runs and deliveries
KNOWN = ("event", "code", "modified", "status", "attendee_type", "active", "order_code", "profile", "answers", "properties", "sessions")
_QUESTION: Final = gettext_noop("question")
_CUSTOM_FIELD: Final = gettext_noop("custom field")
_PROPERTY: Final = gettext_noop("property")
_SESSION: Final = gettext_noop("session")


def address(document: Mapping[str, object]) -> tuple[str, str]:
    """(event code, registration code) in the document. Raises DocumentRefused."""
    reader = DocumentReader()
    event = reader.code(document.get("event"), "event", MAX_EVENT_CODE)
    code = reader.code(document.get("code"), "code", MAX_CODE)
    reader.stop()
    return event, code


def resolve(document: Mapping[str, object], account: AccountSetup, event: EventConfig) -> Upsert:
    """Resolves a document to an upsert of ids. Absent = unchanged, null = cleared. Raises DocumentRefused with all its problems, at most
    MOST_PROBLEMS."""
    read = DocumentReader()
    for name in document:
        if name not in KNOWN:
            read.problem(str(name), "is not a field of a registration.", KNOWN, name)
    known = names_of(account, event)
    profile, custom = _profile(read, document.get("profile", {}), known)
    upsert = Upsert(
        status=read.chosen(document, "status", known.statuses),
        attendee_type=read.chosen_or_none(document, "attendee_type", known.types),
        active=read.flag(document["active"], "active") if "active" in document else KEEP,
        order_code=read.text(document["order_code"], "order_code", MAX_TEXT) if "order_code" in document else KEEP,
        profile=profile,
        custom=custom,
        answers=_answers(read, document.get("answers", {}), "answers", known.questions),
        properties=_properties(read, document.get("properties", {}), known),
        sessions=_sessions(read, document["sessions"], known) if "sessions" in document else {},
        modified=read.instant(document.get("modified"), "modified"),
    )
    read.stop()
    return upsert


@dataclass(frozen=True, slots=True)
class SetupNames:
    """The names that documents can use in an event."""

    statuses: NameIndex[int]
    types: NameIndex[int]
    properties: NameIndex[int]
    sessions: NameIndex[int]
    session_statuses: NameIndex[int]
    default_session_status: int | None
    profile: NameIndex[Field]
    questions: NameIndex[Field]


def names_of(account: AccountSetup, event: EventConfig) -> SetupNames:
    """Folded once per version of both."""
    cache = event.beside(account)
    names: SetupNames | None = cache.get(SetupNames)
    if names is None:
        names = cache[SetupNames] = SetupNames(
            _by_name([*account.statuses.values(), *event.statuses.values()]),
            _by_name(event.types.values()),
            NameIndex({p.label: p.value for p in StandardProperty} | _codes_and_names(event.properties.values())),
            _by_name(event.sessions.values()),
            _by_name(account.session_statuses.values()),
            next(iter(account.session_statuses), None),  # P5: Registered comes first
            _by_label(account.profile_fields.values()),
            _by_label(event.questions.values()),
        )
    return names


def _codes_and_names(things: Iterable[Status | Named | Session]) -> dict[str, int]:
    """Codes and names to ids; on a conflict the name wins, because people see names."""
    rows = list(things)
    return {row.code: row.id for row in rows if row.code} | {row.name: row.id for row in rows}


def _by_name(things: Iterable[Status | Named | Session]) -> NameIndex[int]:
    return NameIndex(_codes_and_names(things))


def _by_label(fields: Iterable[Field]) -> NameIndex[Field]:
    """Fields by exact code, and by label in any case; if two have the same label, the last wins."""
    rows = list(fields)
    return NameIndex({f.code: f for f in rows if f.code}, [(f.label, f) for f in reversed(rows)])


def _profile(read: DocumentReader, value: object, known: SetupNames) -> tuple[dict[str, str], dict[int, Values]]:
    profile: dict[str, str] = {}
    given = read.mapping(value, "profile")
    for name, text in given.items():
        if name == "custom":
            continue
        if name not in PROFILE_FIELDS:
            read.problem(f"profile.{name}", "is not a profile field.", (*PROFILE_FIELDS, "custom"))
            continue
        if is_plain_text(text, MAX_TEXT):
            profile[name] = text
        else:
            profile[name] = read.text(text, f"profile.{name}", MAX_LONG_TEXT if name == "notes" else MAX_TEXT)
    return profile, _answers(read, given.get("custom", {}), "profile.custom", known.profile)


def _answers(read: DocumentReader, value: object, where: str, fields: NameIndex[Field]) -> dict[int, Values]:
    answers: dict[int, Values] = {}
    names: dict[int, str] = {}
    what = _QUESTION if where == "answers" else _CUSTOM_FIELD
    exact = fields.exact
    for name, given in read.mapping(value, where).items():
        field = exact.get(name) or fields.find(name)
        if field is None:
            read.problem(f"{where}.{name}", Sentence("there is no such %(what)s here.", what=Sentence(what)), fields.exact)
        elif field.id in names:
            read.second(f"{where}.{name}", name, names[field.id], what)
        else:
            names[field.id] = name
            if given and field.takes_any_text and is_plain_text(given, MAX_LONG_TEXT):
                answers[field.id] = (given,)
            else:
                answers[field.id] = answer(read, given, field, f"{where}.{name}")
    return answers


def answer(read: DocumentReader, value: object, field: Field, where: str) -> Values:
    """The values of one answer, checked according to its type (P6); () = cleared."""
    if type(value) is str and field.takes_any_text:
        plain = read.text(value, where, MAX_LONG_TEXT)
        return (plain,) if plain else ()
    items = list(value) if isinstance(value, (list, tuple)) else [value]
    if all(item is None or item == "" for item in items):  # none at all, too: an emptied form gives ()
        return ()
    if len(items) > MAX_VALUES:
        read.problem(where, Sentence("has %(count)s values, at most %(most)s.", count=len(items), most=MAX_VALUES))
        return ()
    many = field.type in QuestionType.MANY and bool(field.options)
    if len(items) > 1 and not many:
        read.problem(where, "takes one value only.")
        return ()
    if field.type == QuestionType.CHECKBOX and not field.options:
        return (YES if read.flag(items[0], where) else NO,)
    if field.options:
        return _chosen_options(read, items, field, where)
    check = _CHECKS.get(field.type)
    texts = [read.text(item, where, MAX_LONG_TEXT) for item in items]
    if check and texts[0]:
        flaw = check(texts[0])
        if flaw:
            read.problem(where, flaw[0], (flaw[1],), texts[0])
    return tuple(t for t in texts if t)


def _chosen_options(read: DocumentReader, items: Iterable[object], field: Field, where: str) -> Values:
    """The options that were named, matched exactly or ignoring case. A matching name needs no further check."""
    chosen: dict[str, None] = {}
    find = field.choices.find
    for item in items:
        if item is None or item == "":
            continue
        option = find(item) if type(item) is str else None
        if option is None:
            text = read.text(item, where, MAX_LONG_TEXT)
            if not text:  # it was already refused
                continue
            option = find(text)
            if option is None:
                read.problem(where, Sentence("“%(value)s” is not an option.", value=excerpt(text)), field.options, text)
                continue
        chosen[option] = None
    return tuple(chosen)


def _number(text: str) -> tuple[str, str] | None:
    try:
        ok = abs(float(text)) < 1e300 and text.isascii() and "_" not in text  # excludes numbers that only Python can parse
    except ValueError:
        ok = False
    return None if ok else (gettext_noop("is not a number."), "12.5")


def _date(text: str) -> tuple[str, str] | None:
    try:
        date.fromisoformat(text.strip())
    except ValueError:
        return gettext_noop("is not a date."), "2026-03-01"
    return None


_CHECKS: Mapping[str, Callable[[str], tuple[str, str] | None]] = {QuestionType.NUMBER: _number, QuestionType.DATE: _date}


def _properties(read: DocumentReader, value: object, known: SetupNames) -> dict[int, bool]:
    properties: dict[int, bool] = {}
    names: dict[int, str] = {}
    for name, on in read.mapping(value, "properties").items():
        id = read.one_of(name, f"properties.{name}", known.properties)
        if id is None:
            continue
        if id in names:
            read.second(f"properties.{name}", name, names[id], _PROPERTY)
            continue
        names[id] = name
        properties[id] = on is not None and on != "" and read.flag(on, f"properties.{name}")
    return properties


def _sessions(read: DocumentReader, value: object, known: SetupNames) -> dict[int, int]:
    if value is None:
        return {}
    if not isinstance(value, (list, tuple)):
        read.problem("sessions", "must be a list of objects with code and status.")
        return {}
    if len(value) > MAX_SESSIONS:
        read.problem(
            "sessions",
            Sentence(
                "has %(count)s sessions, at most %(most)s in one document. Send the rest in another.", count=len(value), most=MAX_SESSIONS
            ),
        )
        return {}
    default = known.default_session_status
    sessions: dict[int, int] = {}
    names: dict[int, object] = {}
    for index, row in enumerate(value):
        where = f"sessions[{index}]"
        if not isinstance(row, Mapping):
            read.problem(where, "must be an object with code and status.")
            continue
        name = row.get("code")
        id = read.one_of(name, f"{where}.code", known.sessions)
        status = default if row.get("status") in (None, "") else read.one_of(row["status"], f"{where}.status", known.session_statuses)
        if id is None or status is None:
            continue
        if id in names:
            read.second(where, name, names[id], _SESSION)
            continue
        names[id] = name
        sessions[id] = status
    return sessions


def named_answers(given: Mapping[str, object], fields: Iterable[Field], where: str) -> dict[int, Values]:
    """Answers by field id, from a document that names the fields by code or label; () = cleared. Raises DocumentRefused with every problem."""
    read = DocumentReader()
    answers = _answers(read, given, where, _by_label(fields))
    read.stop()
    return answers


def check_answers(given: Mapping[int, Values], fields: Mapping[int, Field], where: str) -> dict[int, Values]:
    """Answers from an event's set-up page by field id, without empty ones. Raises DocumentRefused with every problem."""
    read = DocumentReader()
    answers: dict[int, Values] = {}
    for id, values in given.items():
        if id not in fields:
            read.problem(f"{where}.{id}", "there is no such field.")
            continue
        answers[id] = answer(read, values, fields[id], f"{where}.{fields[id].code}")
    read.stop()
    return {id: values for id, values in answers.items() if values}
