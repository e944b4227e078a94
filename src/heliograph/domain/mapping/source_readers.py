"""Reads one row of a mapping from the facts of a change: compiled once, to closures (M4-M6, M9)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import tzinfo
from functools import partial
from typing import Final

from heliograph.domain.mapping.mapping import FixedText, MappingRow, Otherwise, SourceValue, ValueMap, ValueType
from heliograph.domain.mapping.paths import Json
from heliograph.domain.mapping.transform import CASES, ESCAPES, Unfit, boolean_of, formatted, number_of, one_line, text_of, texts_of, trim
from heliograph.domain.sentence_template import gettext_noop
from heliograph.domain.setup.fields import Value

NOT_MAPPED: Final = gettext_noop("is not in the value map")


class Marker:
    """A special result that is not a value."""


EMPTY: Final = Marker()  # all source parts of the row are empty
LEFT_OUT: Final = Marker()  # the row is not sent

type ValueOf = Callable[[str], Value]
type ReadRow = Callable[[ValueOf, tzinfo], Json | Marker]
type _Read = Callable[[Value, tzinfo], str]
type _Change = Callable[[str], str]


# --- one source


def _value_map(value_map: ValueMap, unlisted: _Change) -> _Change:
    """unlisted: applied to a value that the map keeps."""
    exact = dict(value_map.entries)
    folded = {old.strip().casefold(): new for old, new in reversed(value_map.entries)}

    def change(text: str) -> str:
        mapped = exact.get(text)
        if mapped is None:
            mapped = folded.get(text.strip().casefold())
        if mapped is not None:
            return mapped
        if value_map.otherwise is Otherwise.KEEP:
            return unlisted(text)
        if value_map.otherwise is Otherwise.TEXT:
            return value_map.text
        raise Unfit(NOT_MAPPED, text)

    return change


def _unchanged(text: str) -> str:
    return text


def _chain(changes: list[_Change]) -> _Change:
    if not changes:
        return _unchanged
    if len(changes) == 1:
        return changes[0]

    def change(text: str) -> str:
        for each in changes:
            text = each(text)
        return text

    return change


def _entry_change(source: SourceValue, row: MappingRow, case: _Change | None) -> _Change:
    """The function that changes each text of a source: trim, value map, case, cut, escape. `case` is set if it has to be applied before an
    escape."""
    escape: list[_Change] = [partial(one_line, longest=source.longest)] if source.longest else []
    escape += [ESCAPES[source.escape]] if source.escape else []
    before = [trim] if row.trim else []
    cased = [case] if case else []
    if source.value_map is None:
        return _chain([*before, *cased, *escape])
    # the result of a map is typed text: case applies to it, escapes do not
    if case is None or not escape:
        return _chain([*before, _value_map(source.value_map, _chain(escape)), *cased])
    plain_case = case
    keep = _chain([plain_case, *escape])
    listed = ValueMap(
        tuple((old, plain_case(new)) for old, new in source.value_map.entries),
        source.value_map.otherwise,
        plain_case(source.value_map.text),
    )
    return _chain([*before, _value_map(listed, keep)])


def _texts_reader(source: SourceValue, row: MappingRow, case: _Change | None) -> Callable[[Value, tzinfo], list[str]]:
    """Reads a source as the entries of a list; no entries = empty."""
    change, date_format = _entry_change(source, row, case), source.date_format
    pattern = source.date_pattern
    if_empty = [case(source.if_empty) if case else source.if_empty] if source.if_empty else []

    def read(value: Value, zone: tzinfo) -> list[str]:
        if date_format and value is not None and value not in ("", ()):
            texts: Iterable[str] = (formatted(value, date_format, zone, pattern),)
        else:
            texts = texts_of(value, zone)
        changed = [text for text in (change(text) for text in texts if not text.isspace()) if text and not text.isspace()]
        return changed or if_empty

    return read


def _reader(source: SourceValue, row: MappingRow, case: _Change | None) -> _Read:
    """Reads a source as one text; "" = empty."""
    if not (source.value_map or source.date_format or source.if_empty or source.escape or source.longest or case):
        if not row.trim:
            return text_of

        def read_trimmed(value: Value, zone: tzinfo) -> str:
            if isinstance(value, tuple):
                return ", ".join(text for text in map(trim, value) if text)
            return trim(value if type(value) is str else text_of(value, zone))

        return read_trimmed
    texts = _texts_reader(source, row, case)

    def read(value: Value, zone: tzinfo) -> str:
        entries = texts(value, zone)
        return entries[0] if len(entries) == 1 else ", ".join(entries)

    return read


# --- one row


def _typed(row: MappingRow) -> Callable[[str], Json]:
    if row.type in (ValueType.NUMBER, ValueType.NUMBERS):
        return number_of
    return boolean_of if row.type is ValueType.BOOLEAN else _unchanged


def compile_row(row: MappingRow) -> ReadRow:
    """The function that reads the row's value; EMPTY if all its source fields are empty. It raises Unfit for a value that does not fit."""
    case = CASES[row.case] if row.case else None
    # An escape adds letters of its own (&amp;), which applying the case later would break: then the case is applied to each part before it.
    early = case if any(source.escape for source in row.sources) else None
    if row.type.is_list:
        return _list_row(row, case)
    if not row.parts:
        return lambda _value_of, _zone: EMPTY
    late = None if early else case
    if len(row.parts) == 1 and isinstance(row.parts[0], SourceValue):
        return _single(row, row.parts[0], early, late)
    return _tidy_line(row, early, late) if row.tidy and row.has_text_between else _line(row, early, late)


def _single(row: MappingRow, source: SourceValue, early: _Change | None, late: _Change | None) -> ReadRow:
    key, read, typed = source.key, _reader(source, row, early), _typed(row)
    ends = row.trim
    if read is text_of and typed is _unchanged and not late and not ends:  # the usual row: a field without changes

        def read_plain(value_of: ValueOf, zone: tzinfo) -> Json | Marker:
            value = value_of(key)
            text = value if type(value) is str else text_of(value, zone)
            return EMPTY if not text or text.isspace() else text

        return read_plain

    def read_row(value_of: ValueOf, zone: tzinfo) -> Json | Marker:
        text = read(value_of(key), zone)
        if not text or text.isspace():
            return EMPTY
        if late:
            text = late(text)
        return typed(text.strip() if ends else text)

    return read_row


def _line(row: MappingRow, early: _Change | None, late: _Change | None) -> ReadRow:
    typed, ends, has_sources = _typed(row), row.trim, any(row.sources)
    pieces: list[tuple[str, _Read | None]] = [  # typed text, or a source key with its reader
        ((early(part.text) if early else part.text), None) if isinstance(part, FixedText) else (part.key, _reader(part, row, early))
        for part in row.parts
    ]

    def read_row(value_of: ValueOf, zone: tzinfo) -> Json | Marker:
        texts, filled = [], not has_sources
        for text, read in pieces:
            piece = text if read is None else read(value_of(text), zone)
            texts.append(piece)
            if read is not None and piece and not piece.isspace():
                filled = True
        if not filled:
            return EMPTY
        whole = "".join(texts)
        if late:
            whole = late(whole)
        return typed(whole.strip() if ends else whole)

    return read_row


_BRACKETS: Final = frozenset({"()", "[]", "{}", "<>", '""', "''", "“”", "«»"})


def _tidy_line(row: MappingRow, early: _Change | None, late: _Change | None) -> ReadRow:
    """Like `_line`, without typed text beside an empty field. Between two filled fields one typed text stays, if all fields between them are
    empty."""
    typed, ends = _typed(row), row.trim
    texts = [""]  # before, between and after the fields: one more than these
    fields: list[tuple[str, _Read]] = []
    for part in row.parts:
        if isinstance(part, FixedText):
            texts[-1] += early(part.text) if early else part.text
        else:
            fields.append((part.key, _reader(part, row, early)))
            texts.append("")

    def read_row(value_of: ValueOf, zone: tzinfo) -> Json | Marker:
        pieces: list[str] = []
        last = -1
        for at, (key, read) in enumerate(fields):
            piece = read(value_of(key), zone)
            if not piece or piece.isspace():
                continue
            if last == at - 1:
                pieces.append(texts[at])
            elif last >= 0:  # empty fields in between: the later text, without a bracket that held an empty field
                after_last, before_this = texts[last + 1], texts[at]
                pieces.append(before_this[1:] if after_last[-1:] + before_this[:1] in _BRACKETS else before_this)
            pieces.append(piece)
            last = at
        if last < 0:
            return EMPTY
        if last == len(fields) - 1:
            pieces.append(texts[-1])
        whole = "".join(pieces)
        if late:
            whole = late(whole)
        return typed(whole.strip() if ends else whole)

    return read_row


def _list_row(row: MappingRow, case: _Change | None) -> ReadRow:
    """Each part adds its entries; trim and case apply to each entry."""
    typed, has_sources = _typed(row), any(row.sources)
    pieces: list[tuple[str, Callable[[Value, tzinfo], list[str]] | None]] = [
        (_chain([*([case] if case else []), *([str.strip] if row.trim else [])])(part.text), None)
        if isinstance(part, FixedText)
        else (part.key, _texts_reader(part, row, case))
        for part in row.parts
    ]

    def read_row(value_of: ValueOf, zone: tzinfo) -> Json | Marker:
        entries: list[Json] = []
        filled = bool(pieces) and not has_sources
        for text, read in pieces:
            if read is None:
                entries.append(typed(text))
                continue
            values = read(value_of(text), zone)
            filled = filled or bool(values)
            entries += [typed(entry) for entry in values]
        return entries if filled else EMPTY

    return read_row
