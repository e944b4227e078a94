"""Makes the registration documents of a received call by its source's mapping (S2).

Whatever a sender sends, the result is documents and problems, never an exception: a problem makes the call an item of its source, which a
corrected mapping cures.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from typing import Final

from heliograph.domain.mapping.paths import ABSENT, Json, Path
from heliograph.domain.mapping.row import MappingRow, SourceValue, ValueType
from heliograph.domain.mapping.source_readers import LEFT_OUT, Marker, ReadRow, compile_row
from heliograph.domain.mapping.transform import Unfit, number_of, text_of, texts_of, trim
from heliograph.domain.registration.document import MAX_SESSIONS
from heliograph.domain.registration.document_values import clean
from heliograph.domain.sentence_template import Sentence, body_of, gettext_noop, stored_sentence, with_stop
from heliograph.domain.setup.fields import Value
from heliograph.domain.source.call_mapping import (
    ACTIVE,
    ANSWERS,
    CODE,
    CUSTOM,
    EVENT,
    MODIFIED,
    PROFILE,
    PROPERTIES,
    REQUIRED,
    SESSION,
    SESSION_STATUS,
    SESSIONS,
    CallMapping,
    CallRow,
    Clock,
    Piece,
    WhenEmpty,
)
from heliograph.domain.source.json_fields import Entry, entries_of, parse_field, plain_value, value_at
from heliograph.domain.source.source_times import read_time

MAX_REGISTRATIONS: Final = 5_000
"""Of one call, or of one page of a list."""
MOST_LOOKED_AT: Final = 500
"""Entries of one call whose values are counted for a value map."""
MOST_PROBLEMS: Final = 100
"""Of one call: reading goes on, but no more are kept."""
_SHOWN: Final = 200
_ERASED: Final = parse_field("erased")
"""Where a shape says that the platform has erased the person."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class CallProblem:
    """Why a registration of a call, or the call, cannot be recorded as it is mapped."""

    reason: str
    """The end of a sentence that begins with the field."""
    target: str = ""
    """The field of the document; "" for the call itself."""
    path: str = ""
    """Where the value stands in the call."""
    value: str = ""
    cure: str = ""
    """What to do: a whole sentence."""
    number: int = 0
    """Which registration of the call, from 1; 0: the call itself."""

    def to_body(self) -> dict[str, object]:
        """Its JSON, without what is empty; `from_body` reads it back."""
        body = {name: value for name in _PROBLEM if (value := getattr(self, name))}
        return body | {f"{name}_sentence": sentence for name in _SENTENCES if (sentence := body_of(getattr(self, name)))}

    @classmethod
    def from_body(cls, body: Mapping[str, object]) -> CallProblem:
        """The problem of a JSON; what is not there is empty."""
        number = body.get("number")
        texts = {name: str(body.get(name, "")) for name in _PROBLEM if name != "number"}
        texts |= {name: stored_sentence(texts[name], body.get(f"{name}_sentence")) for name in _SENTENCES}
        return cls(**texts, number=number if isinstance(number, int) else 0)


_SENTENCES: Final = ("reason", "cure")
_PROBLEM: Final = ("reason", "target", "path", "value", "cure", "number")


@dataclass(frozen=True, slots=True)
class MappedRegistration:
    """One registration of a call."""

    number: int
    """From 1, in the order of the call; entries that do not count have none."""
    document: dict[str, object]
    """As far as it could be made."""
    problems: tuple[CallProblem, ...] = ()
    is_erased: bool = False
    """The platform has erased the person; what names them is not in the document."""


@dataclass(frozen=True, slots=True)
class MappedCall:
    """What a mapping makes of a call."""

    registrations: tuple[MappedRegistration, ...] = ()
    call_problems: tuple[CallProblem, ...] = ()
    """Those of no single registration."""

    @property
    def documents(self) -> list[dict[str, object]]:
        """The documents without a problem, for record()."""
        return [each.document for each in self.registrations if not each.problems]

    @property
    def problems(self) -> list[CallProblem]:
        """All problems, at most MOST_PROBLEMS of registrations."""
        every = (problem for each in self.registrations for problem in each.problems)
        return [*self.call_problems, *islice(every, MOST_PROBLEMS)]


def documents_of(mapping: CallMapping, value: object, *, first: int = MAX_REGISTRATIONS + 1) -> MappedCall:
    """The documents of a call.

    value: the call as decoded JSON
    first: so many registrations suffice, such as for a name
    """
    readers = _readers(mapping)
    value = shaped(mapping, value)
    only = {text.strip().casefold() for text in mapping.only_values}
    registrations: list[MappedRegistration] = []
    problems: list[CallProblem] = []
    problem_count = 0
    values: dict[tuple[Path, int], Value | Unfit] = {}
    for entry in entries_of(value, mapping.each_path):
        if len(registrations) == first:
            break
        reader = _EntryReader(entry, values)
        if mapping.only_path is not None and not reader.is_one_of(mapping.only_path, only):
            continue
        if not entry.is_there:
            problems.append(CallProblem("is not in this call.", path=mapping.each, cure=_LIST_CURE))
        elif len(registrations) == MAX_REGISTRATIONS:
            problems.append(
                CallProblem(Sentence("has more than %(most)s entries.", most=MAX_REGISTRATIONS), path=mapping.each, cure=_MANY_CURE)
            )
        else:
            registration = _registration(readers, reader, len(registrations) + 1)
            if mapping.shape is not None and reader.holds(_ERASED):
                registration = replace(registration, is_erased=True)
            problem_count += len(registration.problems)
            if problem_count > MOST_PROBLEMS:
                registration = replace(registration, problems=registration.problems[:1])
            registrations.append(registration)
            continue
        if len(problems) == MOST_PROBLEMS or entry.is_there:
            break
    return MappedCall(tuple(registrations), tuple(problems))


def shaped(mapping: CallMapping, value: object) -> object:
    """The JSON that the rows read: the call, or what the mapping's shape makes of it."""
    return value if mapping.shape is None else mapping.shape.registrations(value)


def sent_modified(document: Mapping[str, object]) -> int | None:
    """The `modified` of a document that a mapping made, in microseconds since 1970; None if there is none, or it is no time."""
    text = document.get(MODIFIED)
    return read_time(text) if isinstance(text, str) else None


_LIST_CURE: Final = gettext_noop("Choose another list, or let only the calls count that have it.")
_MANY_CURE: Final = gettext_noop("Let the sender send fewer at a time.")
_MAP_CURE: Final = gettext_noop("Add the value to the value map.")
_EMPTY_CURE: Final = gettext_noop("Choose another field, or give a text if it is empty.")
_ROW_CURE: Final = gettext_noop("Choose the field of the call that holds it.")
_VALUE_CURE: Final = gettext_noop("Choose another field, or change how it is read.")


# --- reading one registration


class _EntryReader:
    """Reads fields for one registration. values: those of the whole call that were read before, by path and where it starts."""

    def __init__(self, entry: Entry, values: dict[tuple[Path, int], Value | Unfit]) -> None:
        self._entry = entry
        self._values = values
        self.last_read = ""
        """The path that was read last: a value that does not fit stood there."""

    def value(self, path: Path) -> Value:
        """The value at the path. Raises Unfit."""
        start, rest = self._entry.look_up(path)
        key = (rest, id(start))
        if key not in self._values:
            try:
                self._values[key] = plain_value(value_at(start, rest))
            except Unfit as unfit:
                self._values[key] = unfit
        value = self._values[key]
        if isinstance(value, Unfit):
            raise value
        return value

    def holds(self, path: Path) -> bool:
        """Whether the call has the field, if only with null."""
        start, rest = self._entry.look_up(path)
        return value_at(start, rest) is not ABSENT

    def is_one_of(self, path: Path, folded: set[str]) -> bool:
        """Whether the field has one of the texts."""
        try:
            return any(text.strip().casefold() in folded for text in texts_of(self.value(path), UTC))
        except Unfit:
            return False


@dataclass(frozen=True, slots=True)
class _RowReader:
    row: CallRow
    paths: dict[str, Path]
    read: ReadRow

    def value_of(self, reader: _EntryReader, key: str) -> Value:
        reader.last_read = key
        return piece_of(reader.value(self.paths[key]), self.row.piece)


def piece_of(value: Value, piece: Piece | None) -> Value:
    """The value, or the part of its text that a row takes."""
    if piece is None or value is None:
        return value
    text = text_of(value, UTC)
    if piece is Piece.COMMAS:
        return tuple(part for each in text.split(",") if (part := each.strip()))
    words = text.split()
    return " ".join(words[:1] if piece is Piece.FIRST_WORD else words[1:])


def _readers(mapping: CallMapping) -> list[_RowReader]:
    """Compiled once per mapping."""
    if not mapping.compiled and mapping.rows:
        mapping.compiled.extend(_RowReader(row, dict(row.paths), compile_row(_typed(row))) for row in mapping.rows)
    return mapping.compiled


def _typed(row: CallRow) -> MappingRow:
    """The row with the type that its field of the document takes."""
    target = row.target
    is_field = len(row.row.parts) == 1 and isinstance(row.row.parts[0], SourceValue)
    takes_list = target.startswith((ANSWERS, CUSTOM)) and (is_field or row.piece is Piece.COMMAS)
    if target in (SESSIONS, SESSION_STATUS) or takes_list:
        return replace(row.row, type=ValueType.LIST)
    is_flag = target == ACTIVE or target.startswith(PROPERTIES)
    return replace(row.row, type=ValueType.BOOLEAN if is_flag else ValueType.TEXT)


def _registration(readers: Iterable[_RowReader], reader: _EntryReader, number: int) -> MappedRegistration:
    document: dict[str, object] = {}
    problems: list[CallProblem] = []
    values: dict[str, Json] = {}
    for each in readers:
        target = each.row.target
        reader.last_read = ""
        try:
            value = _row_value(each, reader)
            if not isinstance(value, Marker):
                values[target] = _instant(value, each.row.clock) if target == MODIFIED and value is not None else value
        except Unfit as unfit:
            cure = _MAP_CURE if "value map" in unfit.reason else _VALUE_CURE
            problems.append(CallProblem(with_stop(unfit.reason), target, reader.last_read, clean(unfit.value, _SHOWN), cure, number))
    failed_targets = {problem.target for problem in problems}
    for target in REQUIRED:
        if not values.get(target) and target not in failed_targets:
            row = next((each.row for each in readers if each.row.target == target), None)
            path = next((key for key, _ in row.paths), "") if row else ""
            problems.append(
                CallProblem(
                    gettext_noop("is empty.") if row else gettext_noop("has no row."),
                    target,
                    path,
                    "",
                    _EMPTY_CURE if row else _ROW_CURE,
                    number,
                )
            )
    _place(values, document)
    if reason := _place_sessions(values, document):
        problems.append(CallProblem(reason, SESSION_STATUS, "", "", _VALUE_CURE, number))
    return MappedRegistration(number, document, tuple(problems))


def _row_value(each: _RowReader, reader: _EntryReader) -> Json | Marker:
    """The row's value; None clears the field, and a marker leaves it out."""
    value = each.read(partial(each.value_of, reader), UTC)
    if not isinstance(value, Marker):
        return value
    target, when_empty = each.row.target, each.row.when_empty
    if target in (EVENT, CODE, MODIFIED, ACTIVE, SESSIONS, SESSION_STATUS) or target.startswith(SESSION) or when_empty is WhenEmpty.KEEP:
        return LEFT_OUT
    if when_empty is WhenEmpty.CLEAR or any(reader.holds(path) for path in each.paths.values()):
        return None
    return LEFT_OUT


def _instant(value: Json, clock: Clock) -> str:
    """The text of an instant as the document has it. Raises Unfit."""
    text = str(value).strip()
    try:
        if clock in (Clock.SECONDS, Clock.MILLISECONDS):
            number = number_of(text)
            return (_EPOCH + timedelta(**{"seconds" if clock is Clock.SECONDS else "milliseconds": number})).isoformat()
        at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            if clock is Clock.ISO:
                raise Unfit("is a time without an offset", text)
            at = at.replace(tzinfo=UTC)
        return at.astimezone(UTC).isoformat()
    except (OverflowError, ValueError):
        raise Unfit("is not a time as it is read", text) from None


# --- placing the values in the document


def _place(values: dict[str, Json], document: dict[str, object]) -> None:
    groups: tuple[tuple[str, Callable[[], dict[str, object]]], ...] = (
        (CUSTOM, lambda: _inner(_inner(document, "profile"), "custom")),
        (PROFILE, lambda: _inner(document, "profile")),
        (ANSWERS, lambda: _inner(document, "answers")),
        (PROPERTIES, lambda: _inner(document, "properties")),
    )
    for target, value in values.items():
        if target in (SESSIONS, SESSION_STATUS) or target.startswith(SESSION):
            continue
        group, holder = next(((prefix, inner) for prefix, inner in groups if target.startswith(prefix)), ("", lambda: document))
        holder()[target.removeprefix(group)] = value


def _inner(document: dict[str, object], name: str) -> dict[str, object]:
    inner = document.setdefault(name, {})
    assert isinstance(inner, dict)
    return inner


def _place_sessions(values: dict[str, Json], document: dict[str, object]) -> str:
    """Sets the document's sessions. Returns why it cannot."""
    codes, statuses = values.get(SESSIONS), values.get(SESSION_STATUS)
    sessions: dict[str, object] = {}
    if isinstance(codes, list):
        given = statuses if isinstance(statuses, list) else []
        if len(given) > 1 and len(given) != len(codes):
            return Sentence("has %(values)s values for %(sessions)s sessions.", values=len(given), sessions=len(codes))
        if len(given) == 1:
            given = given * len(codes)
        for place, code in enumerate(codes):
            sessions[str(code)] = given[place] if given else None
    for target, status in values.items():
        if target.startswith(SESSION):
            sessions[target.removeprefix(SESSION)] = status
    if len(sessions) > MAX_SESSIONS:
        return Sentence("has %(count)s sessions, at most %(most)s in one registration.", count=len(sessions), most=MAX_SESSIONS)
    if sessions:
        document["sessions"] = [{"code": code} | ({"status": status} if status else {}) for code, status in sessions.items()]
    return ""


# --- values for a value map


def seen_values(mapping: CallMapping, row: CallRow, key: str, calls: Iterable[object]) -> Counter[str]:
    """The texts that a source field of a row has, as its value map gets them, each with the number of calls that hold it.

    calls: decoded JSON, as of the last 20 calls
    """
    path = dict(row.paths)[key]
    only = {text.strip().casefold() for text in mapping.only_values}
    seen: Counter[str] = Counter()
    for value in calls:
        texts: set[str] = set()
        values: dict[tuple[Path, int], Value | Unfit] = {}
        for entry in islice(entries_of(shaped(mapping, value), mapping.each_path), MOST_LOOKED_AT):
            reader = _EntryReader(entry, values)
            if mapping.only_path is not None and not reader.is_one_of(mapping.only_path, only):
                continue
            try:
                texts.update(texts_of(piece_of(reader.value(path), row.piece), UTC))
            except Unfit:
                continue
        seen.update({trim(text) if row.row.trim else text for text in texts if text.strip()})
    return seen
