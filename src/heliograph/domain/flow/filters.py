"""Flow filters: rows that restrict which changes a flow accepts (guide: Flow Filters; F6).

Rows are ANDed, the values of a row ORed. Text compares without regard to case and outer spaces; a multi-select matches if any
of its values does. Instants are those of the event's own time, which pages and mappings show; days and numbers compare as what they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import assert_never
from zoneinfo import ZoneInfo

from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.flow import FilterRow, Op
from heliograph.domain.registration.change import Change
from heliograph.domain.setup.compiled_setup import EventConfig, Field, QuestionType, Values
from heliograph.domain.setup.fields import FieldGroup
from heliograph.domain.setup.filter_fields import ATTENDEE_TYPE_TAGS, EVENT_TAGS, parse_filter
from heliograph.domain.setup.name_index import code_of

type Bounds = tuple[date, date] | tuple[Decimal, Decimal]
type Compared = tuple[Values, Values]
"""The values of a record's field: as pages show them, and in every spelling that a row may use."""
type Reader = Callable[[Change, AccountConfig, EventConfig], Compared]

NOTHING: Compared = ((), ())


def plain(text: str) -> str:
    """Text in the form in which filters compare it: "é" equals "é", however it was typed."""
    return code_of(text).casefold()


def plain_values(actual: Iterable[str]) -> Values:
    """A record's values in the form in which filters compare them, without empty ones."""
    return tuple(v for v in map(plain, actual) if v)


def matches(row: FilterRow, actual: Values) -> bool:
    """True if a record's values satisfy the row. A row without values to compare with never matches: it is incomplete (F2)."""
    return matches_plain(row, plain_values(actual))


def matches_plain(row: FilterRow, values: Values) -> bool:
    """Like `matches`, for values that `plain_values` has prepared, because many rows compare the same field of a change."""
    accepted = _accepted_values(row.values)
    match row.op:
        case Op.IS_EMPTY:
            return not values
        case Op.IS_NOT_EMPTY:
            return bool(values)
        case Op.IS_ANY_OF:
            return any(v in accepted for v in values)
        case Op.IS_NONE_OF:
            return bool(accepted) and not any(v in accepted for v in values)
        case Op.CONTAINS:
            return any(w in v for w in accepted for v in values)
        case Op.STARTS_WITH:
            return any(v.startswith(w) for w in accepted for v in values)
        case Op.IS_BEFORE | Op.IS_AFTER | Op.IS_LESS | Op.IS_MORE | Op.IS_AT_MOST | Op.IS_AT_LEAST | Op.IS_BETWEEN:
            bounds = bounds_of(row.op, row.values)
            return bounds is not None and any(_is_within(row.op, bounds, v) for v in values)
    assert_never(row.op)


@lru_cache(maxsize=1024)
def bounds_of(op: Op, values: tuple[str, ...]) -> Bounds | None:
    """The bounds of a comparison: the smaller and the larger value, or one value twice. None if a value is missing, or is neither a day nor a
    number."""
    if op in (Op.IS_BEFORE, Op.IS_AFTER):
        return _bounds(op, values, _dashed_day)
    days = _bounds(op, values, _dashed_day) if op is Op.IS_BETWEEN else None
    return days or _bounds(op, values, number_of)


def _bounds[T: (date, Decimal)](op: Op, values: tuple[str, ...], read: Callable[[str], T | None]) -> tuple[T, T] | None:
    bounds = [bound for bound in map(read, values) if bound is not None]
    return (min(bounds), max(bounds)) if len(bounds) == op.bounds == len(values) else None


def _is_within(op: Op, bounds: Bounds, value: str) -> bool:
    first, last = bounds
    if isinstance(first, date) and isinstance(last, date):
        day = day_of(value)
        return day is not None and _compares(op, day, first, last)
    assert isinstance(first, Decimal)
    assert isinstance(last, Decimal)
    number = number_of(value)
    return number is not None and _compares(op, number, first, last)


def _compares[T: (date, Decimal)](op: Op, actual: T, first: T, last: T) -> bool:
    match op:
        case Op.IS_BETWEEN:
            return first <= actual <= last
        case Op.IS_BEFORE | Op.IS_LESS:
            return actual < first
        case Op.IS_AFTER | Op.IS_MORE:
            return actual > first
        case Op.IS_AT_MOST:
            return actual <= first
        case _:
            return actual >= first


@lru_cache(maxsize=4096)
def day_of(text: str) -> date | None:
    """The day of a date, or of an instant as `_instant` writes it; None for anything else."""
    text = text.strip()
    try:
        return date.fromisoformat(text[:10] if text[10:11] in ("t", "T", " ") else text)
    except ValueError:
        return None


def _dashed_day(text: str) -> date | None:
    """A day as rows hold it; 20270131 is a number."""
    return day_of(text) if text.strip()[4:5] == "-" else None


def number_of(text: str) -> Decimal | None:
    """A number as registrations hold it; None for anything else."""
    if len(text) > _LONGEST_NUMBER or not text.isascii() or "_" in text:
        return None
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


_LONGEST_NUMBER = 400


class ChangeComparison:
    """The values of one change for filters. Each field is read and folded once for all flows that compare it (I5)."""

    __slots__ = ("_account", "_change", "_event", "_values")

    def __init__(self, change: Change, account: AccountConfig, event: EventConfig) -> None:
        self._change, self._account, self._event = change, account, event
        self._values: dict[str, Values] = {}

    def passes(self, rows: Iterable[FilterRow]) -> bool:
        """True if all rows match."""
        for row in rows:
            values = self._values.get(row.field)
            if values is None:
                values = self._values[row.field] = plain_values(_reader(row.field)(self._change, self._account, self._event)[1])
            if not matches_plain(row, values):
                return False
        return True


@lru_cache(maxsize=8192)
def _accepted_values(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(w for w in map(plain, values) if w)


def is_of_event(field: str) -> bool:
    """True if the field belongs to the event, so that all changes of its registrations have the same value."""
    return field.startswith("event.")


def actual_values(field: str, change: Change, account: AccountConfig, event: EventConfig) -> Values:
    """A record's values in a filter's field, as pages show them; tags as their ids."""
    return _reader(field)(change, account, event)[0]


@lru_cache(maxsize=4096)  # filters ask for the same few fields for every change
def _reader(field: str) -> Reader:
    """The reader of a filter's field. Raises FieldError for a field that no flow can filter by."""
    if field == EVENT_TAGS:
        return lambda change, _a, event: _texts(tuple(str(t) for t in (change.event_state or event.state).tags))
    if field == ATTENDEE_TYPE_TAGS:
        return lambda change, _a, event: _attendee_type_tags(change, event)
    key = parse_filter(field)
    assert not isinstance(key, str)
    name, id = key.name, key.id or 0
    readers: dict[FieldGroup, Reader] = {
        FieldGroup.PROFILE: lambda change, _a, _e: _one(change.registration.profile.get(name) if change.registration else None),
        FieldGroup.PROFILE_CUSTOM: lambda change, account, _e: (
            _answered(account.profile_fields.get(id), change.registration.custom.get(id, ())) if change.registration else NOTHING
        ),
        FieldGroup.EVENT_CUSTOM: lambda change, account, event: _answered(
            account.event_fields.get(id), (change.event_state or event.state).custom.get(id, ())
        ),
        FieldGroup.EVENT: lambda change, account, event: _of_event(name, change, account, event),
        FieldGroup.REGISTRATION: lambda change, account, event: _of_registration(name, change, account, event),
        FieldGroup.QUESTION_TAGS: lambda change, account, event: _answers(id, change, account, event),
        FieldGroup.SESSION: lambda change, account, event: _of_session(name, change, account, event),
    }
    return readers[key.group]


def _attendee_type_tags(change: Change, event: EventConfig) -> Compared:
    state = change.registration
    attendee_type = event.types.get(state.attendee_type) if state and state.attendee_type else None
    return _texts(tuple(str(t) for t in sorted(attendee_type.tags))) if attendee_type else NOTHING


def _of_event(name: str, change: Change, account: AccountConfig, event: EventConfig) -> Compared:
    state = change.event_state or event.state
    if name == "status":
        status = account.event_statuses.get(state.status)
        return _one(status.name if status else None)
    if name in ("start", "end"):
        return _instant(getattr(state, name), change, account, event)
    return _one(getattr(state, name))


def _of_registration(name: str, change: Change, account: AccountConfig, event: EventConfig) -> Compared:
    state = change.registration
    if state is None:
        return NOTHING
    return _instant(state.created, change, account, event) if name == "created" else _one(getattr(state, name))


def _of_session(name: str, change: Change, account: AccountConfig, event: EventConfig) -> Compared:
    session = event.sessions.get(change.session.session) if change.session else None
    if session is None:
        return NOTHING
    value = getattr(session, name)
    return _instant(value, change, account, event) if name in ("start", "end") else _one(value)


def _answers(tag: int, change: Change, account: AccountConfig, event: EventConfig) -> Compared:
    """The answers to all of the event's questions with the tag. The questions are looked up once for each version of the event."""
    if change.registration is None:
        return NOTHING
    cache = event.beside(account)
    questions: tuple[Field, ...] | None = cache.get((_answers, tag))
    if questions is None:
        questions = cache[_answers, tag] = tuple(q for q in event.questions.values() if q.tag == tag)
    answers = [_answered(q, change.registration.answers.get(q.id, ())) for q in questions]
    return answers[0] if len(answers) == 1 else (sum((texts for texts, _ in answers), ()), sum((compared for _, compared in answers), ()))


def _answered(field: Field | None, values: Values) -> Compared:
    """The values of a custom field or an answer. Numbers and dates also match in their usual spelling: 3.0 as 3, 20270131 as 2027-01-31."""
    if values and field is not None and field.type in (QuestionType.NUMBER, QuestionType.DATE):
        usual = usual_number if field.type == QuestionType.NUMBER else usual_day
        return values, tuple(dict.fromkeys((*values, *map(usual, values))))
    return values, values


def usual_number(text: str) -> str:
    """A number as everybody writes it; any other text as it is."""
    number = number_of(text)
    return text if number is None or abs(number.adjusted()) > _LONGEST_NUMBER else format(number.normalize() + 0, "f")


def usual_day(text: str) -> str:
    """A day as 2027-01-31; any other text as it is."""
    day = day_of(text)
    return text if day is None else day.isoformat()


def _instant(at: datetime | None, change: Change, account: AccountConfig, event: EventConfig) -> Compared:
    """An instant in the event's time zone: 2027-01-01 00:30. It also matches as a day alone, and as mappings send it."""
    if at is None:
        return NOTHING
    with suppress(OverflowError):  # in the first and the last hours of the calendar
        at = at.astimezone(ZoneInfo((change.event_state or event.state).timezone or account.timezone))
    local = at.isoformat(timespec="seconds")
    text = f"{local[:10]} {local[11:16]}"
    return (text,), (text, local, local[:10])


def _one(value: object) -> Compared:
    return _texts((str(value),)) if value else NOTHING


def _texts(values: Values) -> Compared:
    return values, values
