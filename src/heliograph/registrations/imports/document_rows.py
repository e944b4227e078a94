"""NDJSON, one JSON object a line, in two shapes (docs/reference/import-columns.md, "NDJSON").

A *document* is what `/ingest` takes: `event`, `code`, `profile`, `answers` and so on (I2). A *flat* object is a row of a table: names of columns,
each with a text, a number, yes or no, or a list of these. Some lines can be either; a file is flat if most of the others are. Its columns are
then all names that occur in the whole file, so that columns which only later lines have are not lost. A document among flat lines is read as a
row whose columns are its paths: `profile.email`, `answers.dietary`.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, Final

from heliograph.domain.registration.document import KNOWN
from heliograph.domain.registration.document_values import DocumentRefused
from heliograph.domain.sentence_template import Sentence, gettext_noop, with_capital
from heliograph.recording.json_documents import NoDocument, read_document
from heliograph.registrations.imports.import_errors import ImportFileError
from heliograph.registrations.imports.rows import MAX_CELL, MAX_COLUMNS, FileRow, unusable
from heliograph.registrations.imports.table_rows import ACCEPTED, FLAWS
from heliograph.registrations.imports.text_lines import FileLines, FilePosition

_LOOKED_AT: Final = 2_000
"""Lines that decide which shape a file has."""
_AREAS: Final = ("profile", "answers", "properties")
_ACCEPTED_FLAT: Final = ("a text, a number, true, false, null, or a list of these",)
type Value = str | list[str]


class DocumentRows:
    """The lines of an NDJSON file as rows of one cell, which is the document."""

    def __init__(self, file: BinaryIO, *, encoding: str, mark_length: int, cursor: Mapping[str, int] | None = None) -> None:
        self._file = file
        self.names = ["document"]
        self.head_line = 0
        self.total: int | None = None
        self.blank = 0
        self.line = 0
        self._lines = FileLines(file, encoding, mark_length, FilePosition(cursor["offset"], cursor["line"]) if cursor else None)

    @property
    def cursor(self) -> dict[str, int]:
        """The place from which another reader can continue."""
        return {"offset": self._lines.place.offset, "line": self._lines.place.line}

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def __iter__(self) -> Iterator[FileRow]:
        while (line := self._lines.take()) is not None:
            self.line = line.number
            text = line.text.strip()
            if not text and not line.flaw:
                self.blank += 1
                continue
            if line.flaw:
                yield unusable(line.number, [text], FLAWS[line.flaw], ACCEPTED.get(FLAWS[line.flaw], ()))
            else:
                yield FileRow(line.number, [text])


class FlatRows:
    """The lines of a flat NDJSON file as rows of a table.

    names: its columns, from `columns_of`
    """

    def __init__(self, lines: DocumentRows, names: Sequence[str]) -> None:
        self._rows = lines
        self.names = list(names)
        self.head_line = 0
        self.total: int | None = None
        self.blank, self.line = lines.blank, lines.line
        self._index = {name: i for i, name in enumerate(names)}

    @property
    def cursor(self) -> dict[str, int]:
        """The place from which another reader can continue."""
        return self._rows.cursor

    def close(self) -> None:
        """Closes the file."""
        self._rows.close()

    def __iter__(self) -> Iterator[FileRow]:
        for row in self._rows:
            self.blank, self.line = self._rows.blank, self._rows.line
            yield row if row.problem is not None else self._flat(row)
        self.blank, self.line = self._rows.blank, self._rows.line

    def _flat(self, row: FileRow) -> FileRow:
        try:
            values = flat_values(row.cells[0])
        except NotFlat as error:
            return unusable(row.line, row.cells, error.reason, error.accepted, error.column)
        cells = [""] * len(self.names)
        lists: dict[int, list[str]] = {}
        for name, value in values.items():
            index = self._index[name]
            cells[index] = value if isinstance(value, str) else "\n".join(value)
            if not isinstance(value, str):
                lists[index] = value
            if len(cells[index]) > MAX_CELL:
                return unusable(row.line, row.cells, Sentence("A value is longer than %(most)s characters.", most=MAX_CELL), (), name)
        return FileRow(row.line, cells, absent=frozenset(index for name, index in self._index.items() if name not in values), lists=lists)


class NotFlat(Exception):
    """Raised for a line that cannot be read as a row: the reason as a sentence, the column, and what is accepted."""

    def __init__(self, reason: str, column: str = "", accepted: tuple[str, ...] = _ACCEPTED_FLAT) -> None:
        super().__init__(reason)
        self.reason, self.column, self.accepted = reason, column, accepted


def columns_of(rows: Iterable[FileRow]) -> tuple[str, ...]:
    """The columns of a flat file, in the order in which they occur; none for a file of documents. Raises ImportFileError for too many."""
    lines = (row.cells[0] for row in rows if row.problem is None)
    first = list(itertools.islice(lines, _LOOKED_AT))
    if 2 * sum(flat := [is_flat for text in first if (is_flat := _is_flat(text)) is not None]) <= len(flat):
        return ()
    columns: dict[str, None] = {}
    for text in itertools.chain(first, lines):
        try:
            columns.update(dict.fromkeys(flat_values(text)))
        except NotFlat:
            continue
        if len(columns) > MAX_COLUMNS:
            raise ImportFileError(
                gettext_noop("The lines of this file name more than %(n)s columns altogether; at most so many are possible."), n=MAX_COLUMNS
            )
    return tuple(columns)


def _is_flat(text: str) -> bool | None:
    """True if a line can only be a row, False if it can only be a document; None if it can be either, or is no JSON object."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    if any(isinstance(document.get(area), dict) for area in _AREAS) or isinstance(document.get("sessions"), list):
        return False
    return True if any(name not in KNOWN for name in document) else None


def flat_values(text: str) -> dict[str, Value]:
    """The values of a line by column, as they are written: 12.50 stays "12.50", and null is empty. Raises NotFlat."""
    try:
        read_document(text.encode("utf-8", "surrogatepass"))  # refuses documents beyond its limits, and names that occur twice
        document = json.loads(text, parse_int=str, parse_float=str, parse_constant=_no_constant)
    except NoDocument as error:
        raise NotFlat(error.sentence, accepted=('{"event": "…", "code": "…"}',)) from None
    except DocumentRefused as refused:
        problem = refused.problems[0]
        reason = Sentence("%(field)s %(reason)s", field=problem.field, reason=Sentence(problem.reason)) if problem.field else problem.reason
        raise NotFlat(with_capital(reason), problem.field) from None
    values: dict[str, Value] = {}
    for name, value in _paths(document):
        if name in values:
            raise NotFlat(gettext_noop("This column occurs twice in the line. Remove one of them."), name)
        texts = [_text(name, each) for each in value] if isinstance(value, list) else [_text(name, value)]
        values[name] = texts[0] if len(texts) == 1 else [text for text in texts if text.strip()]
    return values


def _no_constant(text: str) -> str:
    raise NotFlat(Sentence("%(text)s is not a JSON value.", text=text))


def _paths(document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """(column, value) of each member. The column of a member within profile, answers or properties is its path, such as `profile.email`."""
    for name, value in document.items():
        if name in _AREAS and isinstance(value, dict):
            for key, inner in value.items():
                if name == "profile" and key == "custom" and isinstance(inner, dict):
                    yield from ((f"profile.custom.{code}", each) for code, each in inner.items())
                else:
                    yield f"{name}.{key}", inner
        elif name == "sessions" and isinstance(value, list) and all(isinstance(row, dict) for row in value):
            yield from ((f"sessions.{row.get('code', '')}", row.get("status") or True) for row in value)
        else:
            yield name, value


def _text(name: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    raise NotFlat(gettext_noop("Holds an object or a list where a single value is expected."), name)
