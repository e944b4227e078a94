"""The registration document and what it may say (spec I2): everywhere the same, from a form, REST, NDJSON, a file or a source.

Resolving turns the document's codes and names into ids, and refuses with the field and the allowed values. It also refuses here
what a database would refuse later (architecture rule 2): NUL, lone surrogates, what is too long, too deep or too large.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import islice
from math import isfinite

from heliograph.domain.changes import KEEP, Keep, Upsert, Values
from heliograph.domain.errors import HeliographError
from heliograph.domain.fields import PROFILE_FIELDS
from heliograph.domain.snapshot import AccountConfig, EventConfig, Field, Named, QuestionType, Status
from heliograph.domain.tags import StandardProperty

MAX_CODE = 100  # characters of a registration code
MAX_TEXT = 1_000  # characters of a profile field or order code
MAX_LONG_TEXT = 20_000  # characters of notes and of answers
MAX_VALUES = 200  # values of one multi-select
MAX_BITS = 1_000  # of a number that stands where a text is wanted; Python refuses to print numbers of thousands of digits
SHOWN_ALLOWED = 50  # allowed values that a message names
MOST_PROBLEMS = 25  # of one document; reading ends there, or a megabyte of unknown names would be answered by twenty
KNOWN = ("event", "code", "modified", "status", "attendee_type", "active", "order_code", "profile", "answers", "properties", "sessions")
YES, NO = "Yes", "No"


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a document is refused: the field (`answers.dietary`), the reason as a sentence, and what would be accepted."""

    field: str
    reason: str
    allowed: tuple[str, ...] = ()
    value: str = ""


class Refused(HeliographError):
    """The document is refused; nothing of it was recorded."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(" ".join(f"{p.field}: {p.reason}" for p in self.problems))


def code_of(text: str) -> str:
    """A code as it is compared: NFC and trimmed (I2)."""
    return text.strip() if text.isascii() else unicodedata.normalize("NFC", text).strip()


def address(document: Mapping[str, object]) -> tuple[str, str]:
    """(event code, registration code) that a document names. Raises Refused."""
    reader = _Reader()
    event = reader.code(document.get("event"), "event", 25)
    code = reader.code(document.get("code"), "code", MAX_CODE)
    reader.stop()
    return event, code


def resolve(document: Mapping[str, object], account: AccountConfig, event: EventConfig) -> Upsert:
    """A document as an upsert of ids. Absent = unchanged, null = cleared. Raises Refused with every problem that it has, at most MOST_PROBLEMS."""
    read = _Reader()
    for name in document:
        if name not in KNOWN:
            read.problem(str(name), "is not a field of a registration.", KNOWN, name)
    known = _names(account, event)
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
        sessions=_sessions(read, document["sessions"], account, event) if "sessions" in document else {},
        modified=read.instant(document.get("modified"), "modified"),
    )
    read.stop()
    return upsert


@dataclass(frozen=True, slots=True)
class _Fields:
    """Fields that documents name by code or label."""

    by_code: Mapping[str, Field]
    by_label: Mapping[str, Field]

    @classmethod
    def of(cls, fields: Iterable[Field]) -> _Fields:
        rows = list(fields)
        return cls({f.code: f for f in rows if f.code}, {f.label.casefold(): f for f in rows})

    def find(self, name: str) -> Field | None:
        return self.by_code.get(name) or self.by_code.get(code_of(name)) or self.by_label.get(code_of(name).casefold())


@dataclass(frozen=True, slots=True)
class _Names:
    """What documents may name in an event."""

    statuses: Mapping[str, int]
    types: Mapping[str, int]
    properties: Mapping[str, int]
    profile: _Fields
    questions: _Fields


def _names(account: AccountConfig, event: EventConfig) -> _Names:
    """Worked out once per version of both."""
    kept = event.beside(account)
    found: _Names | None = kept.get(_Names)
    if found is None:
        found = kept[_Names] = _Names(
            _by_name([*account.statuses.values(), *event.statuses.values()]),
            _by_name(event.types.values()),
            {p.label: p.value for p in StandardProperty} | _by_name(event.properties.values()),
            _Fields.of(account.profile_fields.values()),
            _Fields.of(event.questions.values()),
        )
    return found


class _Reader:
    """Reads values of a document and gathers what is wrong with them."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def problem(self, field: str, reason: str, allowed: Iterable[str] = (), value: object = "") -> None:
        """Notes it. Raises Refused where there are MOST_PROBLEMS before it."""
        if len(self.problems) == MOST_PROBLEMS:
            raise Refused([*self.problems, Problem("", f"has more problems than these {MOST_PROBLEMS}.")])
        self.problems.append(Problem(_clean(field, 200), reason, tuple(islice(allowed, SHOWN_ALLOWED)), _shown(value)))

    def stop(self) -> None:
        """Raises Refused if anything was wrong."""
        if self.problems:
            raise Refused(self.problems)

    def code(self, value: object, field: str, longest: int) -> str:
        if not isinstance(value, str) or not code_of(value):
            self.problem(field, "is missing: a code is needed.")
            return ""
        text = self.text(code_of(value), field, longest)
        if not text.isprintable() and any(unicodedata.category(c) == "Cc" for c in text):
            self.problem(field, "must not contain control characters.", value=value)
        return text

    def text(self, value: object, field: str, longest: int) -> str:
        """A text as it is, null as empty; numbers and yes/no become text."""
        if type(value) is str and len(value) <= longest and value.isascii() and "\0" not in value:  # almost all of them
            return value
        if value is None:
            return ""
        if isinstance(value, bool):
            return YES if value else NO
        if isinstance(value, (int, float)):
            value = _digits(value)
        if not isinstance(value, str):
            self.problem(field, "must be a text.", value=value)
            return ""
        if len(value) > longest:
            self.problem(field, f"is too long: {len(value):,} characters, at most {longest:,}.", value=value)
        elif "\0" in value:
            self.problem(field, "contains a NUL character.", value=value)
        elif not _is_encodable(value):
            self.problem(field, "contains a half of a surrogate pair, which is no character.", value=value)
        else:
            return value
        return ""

    def flag(self, value: object, field: str) -> bool:
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.strip().casefold() in ("yes", "no"):
            return value.strip().casefold() == "yes"
        self.problem(field, "is neither yes nor no.", (YES, NO), value)
        return False

    def instant(self, value: object, field: str) -> datetime | None:
        if value is None:
            return None
        try:
            at = datetime.fromisoformat(value) if isinstance(value, str) else None
        except ValueError:
            at = None
        if at is None or at.tzinfo is None:
            self.problem(field, "is not a time with an offset.", ("2026-03-01T09:30:00Z",), value)
            return None
        try:
            return at.astimezone(UTC)
        except OverflowError:
            self.problem(field, "is out of range.", value=value)
            return None

    def chosen(self, document: Mapping[str, object], field: str, known: Mapping[str, int]) -> int | Keep:
        """One of the named things; null or empty leaves it alone: a registration always has a status (P3)."""
        found = self.chosen_or_none(document, field, known)
        return KEEP if found is None else found

    def chosen_or_none(self, document: Mapping[str, object], field: str, known: Mapping[str, int]) -> int | Keep | None:
        if field not in document:
            return KEEP
        value = document[field]
        if value is None or value == "":
            return None
        return self.one_of(value, field, known)

    def one_of(self, value: object, field: str, known: Mapping[str, int]) -> int | None:
        found = (known.get(value) or known.get(code_of(value))) if isinstance(value, str) else None
        if found is None and isinstance(value, str):
            folded = code_of(value).casefold()  # exact names first: two custom ones may differ by case alone
            found = next((id for name, id in known.items() if name.casefold() == folded), None)
        if found is None:
            self.problem(field, f"{_shown(value)!r} is not known here.", known, value)
        return found

    def mapping(self, value: object, field: str) -> Mapping[str, object]:
        if type(value) is dict:
            return value
        if value is None:
            return {}
        if isinstance(value, Mapping):
            return value
        self.problem(field, "must be an object.", value=value)
        return {}


def _is_encodable(text: str) -> bool:
    """Whether it holds no half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(value: object) -> str:
    """A value for a message: short, and of characters that every database and encoder takes."""
    if value is None:
        return "null"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _clean(_digits(value) or "a number", 100)
    return _clean(value if isinstance(value, str) else type(value).__name__ if not isinstance(value, bool) else (YES if value else NO), 100)


def _clean(text: str, longest: int) -> str:
    cut = text if len(text) <= longest else text[: longest - 1] + "…"
    return cut.encode("utf-8", "replace").decode().replace("\0", "�")


def _digits(value: float) -> str | None:
    """A number as text; None for what has no digits to store: not a number, infinite, or of thousands of digits."""
    fits = value.bit_length() <= MAX_BITS if isinstance(value, int) else isfinite(value)
    return str(value) if fits else None


def _by_name(things: Iterable[Status | Named]) -> dict[str, int]:
    """Codes and names to ids; names win, since they are what people see."""
    rows = list(things)
    return {row.code: row.id for row in rows if row.code} | {row.name: row.id for row in rows}


def _profile(read: _Reader, value: object, known: _Names) -> tuple[dict[str, str], dict[int, Values]]:
    profile: dict[str, str] = {}
    given = read.mapping(value, "profile")
    for name, text in given.items():
        if name == "custom":
            continue
        if name not in PROFILE_FIELDS:
            read.problem(f"profile.{name}", "is not a profile field.", (*PROFILE_FIELDS, "custom"))
            continue
        profile[name] = read.text(text, f"profile.{name}", MAX_LONG_TEXT if name == "notes" else MAX_TEXT)
    return profile, _answers(read, given.get("custom", {}), "profile.custom", known.profile)


def _answers(read: _Reader, value: object, where: str, fields: _Fields) -> dict[int, Values]:
    out: dict[int, Values] = {}
    for name, given in read.mapping(value, where).items():
        field = fields.find(str(name))
        if field is None:
            what = "question" if where == "answers" else "custom field"
            read.problem(f"{where}.{name}", f"there is no such {what} here.", fields.by_code)
            continue
        out[field.id] = answer(read, given, field, f"{where}.{name}")
    return out


def answer(read: _Reader, value: object, field: Field, where: str) -> Values:
    """The values of one answer, checked by its type (P6); () = cleared."""
    if type(value) is str and field.type == QuestionType.TEXT and not field.options:
        plain = read.text(value, where, MAX_LONG_TEXT)
        return (plain,) if plain else ()
    if value is None or value in ("", []):
        return ()
    items = list(value) if isinstance(value, (list, tuple)) else [value]
    if len(items) > MAX_VALUES:
        read.problem(where, f"has {len(items):,} values, at most {MAX_VALUES}.")
        return ()
    many = field.type in QuestionType.MANY and bool(field.options)
    if len(items) > 1 and not many:
        read.problem(where, "takes one value only.")
        return ()
    if field.type == QuestionType.CHECKBOX and not field.options:
        return (YES if read.flag(items[0], where) else NO,)
    check = _CHECKS.get(field.type)
    texts = [read.text(item, where, MAX_LONG_TEXT) for item in items]
    if field.options:
        return _chosen_options(read, texts, field, where)
    if check and texts[0]:
        said = check(texts[0])
        if said:
            read.problem(where, said[0], (said[1],), texts[0])
    return tuple(t for t in texts if t)


def _chosen_options(read: _Reader, texts: Iterable[str], field: Field, where: str) -> Values:
    """The options that texts name, exactly or but for case."""
    folded: dict[str, str] = {}
    chosen: dict[str, None] = {}
    for text in texts:
        if not text:
            continue
        found: str | None = text
        if text not in field.options:
            folded = folded or {code_of(option).casefold(): option for option in reversed(field.options)}  # the first of equal ones
            found = folded.get(code_of(text).casefold())
        if found is None:
            read.problem(where, f"{_shown(text)!r} is not an option.", field.options, text)
        else:
            chosen[found] = None
    return tuple(chosen)


def _number(text: str) -> tuple[str, str] | None:
    try:
        ok = abs(float(text)) < 1e300 and text.isascii() and "_" not in text  # what Python alone reads as a number is none elsewhere
    except ValueError:
        ok = False
    return None if ok else ("is not a number.", "12.5")


def _date(text: str) -> tuple[str, str] | None:
    try:
        date.fromisoformat(text.strip())
    except ValueError:
        return "is not a date.", "2026-03-01"
    return None


_CHECKS: Mapping[str, Callable[[str], tuple[str, str] | None]] = {QuestionType.NUMBER: _number, QuestionType.DATE: _date}


def _properties(read: _Reader, value: object, known: _Names) -> dict[int, bool]:
    out: dict[int, bool] = {}
    for name, on in read.mapping(value, "properties").items():
        id = read.one_of(name, f"properties.{name}", known.properties)
        if id is not None:
            out[id] = on is not None and on != "" and read.flag(on, f"properties.{name}")
    return out


def _sessions(read: _Reader, value: object, account: AccountConfig, event: EventConfig) -> dict[int, int]:
    if value is None:
        return {}
    if not isinstance(value, (list, tuple)):
        read.problem("sessions", "must be a list of objects with code and status.")
        return {}
    sessions = {s.code: s.id for s in event.sessions.values()} | {s.name: s.id for s in event.sessions.values()}
    statuses = _by_name(account.session_statuses.values())
    default = next(iter(account.session_statuses), None)  # P5: Registered stands first
    out: dict[int, int] = {}
    for i, row in enumerate(value):
        where = f"sessions[{i}]"
        if not isinstance(row, Mapping):
            read.problem(where, "must be an object with code and status.")
            continue
        id = read.one_of(row.get("code"), f"{where}.code", sessions)
        status = default if row.get("status") in (None, "") else read.one_of(row["status"], f"{where}.status", statuses)
        if id is None or status is None:
            continue
        if id in out:
            read.problem(where, "names the same session twice.", value=row.get("code"))
        out[id] = status
    return out


def check_answers(given: Mapping[int, Values], fields: Mapping[int, Field], where: str) -> dict[int, Values]:
    """Answers by field id, as an event's set-up page saves them; empty ones are left out. Raises Refused with every problem."""
    read = _Reader()
    out: dict[int, Values] = {}
    for id, values in given.items():
        if id not in fields:
            read.problem(f"{where}.{id}", "there is no such field.")
            continue
        out[id] = answer(read, values, fields[id], f"{where}.{fields[id].code}")
    read.stop()
    return {id: values for id, values in out.items() if values}
