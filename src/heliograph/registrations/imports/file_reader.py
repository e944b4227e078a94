"""Reads a file of registrations row by row, in flat memory, from any position (I4: CSV in any usual encoding and separator, .xlsx, NDJSON).

`look()` detects the format once; `open_rows()` reads the file in that format. A row that cannot be read is returned with its reason and
affects no other row.
"""

from __future__ import annotations

import contextlib
import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Final

from heliograph.registrations.imports import encodings
from heliograph.registrations.imports.errors import FileUnreadable, ImportFileError, NoTable
from heliograph.registrations.imports.report import REPORT_COLUMNS, Restored
from heliograph.registrations.imports.rows import MAX_CELL, MAX_COLUMNS, FileRow, FileRows, shown, unique_names, unusable
from heliograph.registrations.imports.text_lines import ENDLESS, MAX_LINE, NUL, UNDECODABLE, FileLine, FileLines, FilePosition
from heliograph.registrations.imports.workbook import WorkbookRows

CSV, XLSX, NDJSON = "csv", "xlsx", "ndjson"
SEPARATORS: Final = (",", ";", "\t", "|")
SEPARATOR_NAMES: Final[Mapping[str, str]] = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_MOST_LINES = 1_000  # of one row: one that is longer has an unclosed quote
_MOST_CHARACTERS = 500_000  # of one row
_SAMPLE_ROWS = 100


@dataclass(frozen=True, slots=True)
class Format:
    """How a file is read: kind csv, xlsx or ndjson; encoding, mark (length of the byte order mark) and separator of CSV; sheet of a workbook."""

    kind: str
    encoding: str = "utf-8"
    mark: int = 0
    separator: str = ","
    sheet: str = ""

    def as_json(self) -> dict[str, Any]:
        """For a job's parameters."""
        return asdict(self)

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Format:
        """Reads what `as_json` returned."""
        return cls(**found)

    @property
    def words(self) -> str:
        """For people: "CSV, UTF-8, separated by commas"."""
        if self.kind == XLSX:
            return f"Excel workbook, sheet {self.sheet}"
        name = encodings.OFFERED.get(self.encoding, self.encoding)
        return (
            f"NDJSON, {name}"
            if self.kind == NDJSON
            else f"CSV, {name}, separated by {SEPARATOR_NAMES.get(self.separator, repr(self.separator))}"
        )


def look(path: Path, *, encoding: str = "", separator: str = "", sheet: str = "") -> Format:
    """Detects the format. encoding, separator, sheet: a person's settings; checked, not guessed. Raises ImportFileError."""
    form, rows = _look(path, encoding=encoding, separator=separator, sheet=sheet)
    if rows:
        rows.close()
    return form


def look_and_open(path: Path, *, encoding: str = "", separator: str = "", sheet: str = "") -> tuple[Format, FileRows]:
    """Both at once, because a workbook is read whole and once is enough. Raises ImportFileError."""
    form, rows = _look(path, encoding=encoding, separator=separator, sheet=sheet)
    return form, _restored(rows) if rows else open_rows(path, form)


def _look(path: Path, *, encoding: str, separator: str, sheet: str) -> tuple[Format, FileRows | None]:
    with _opened(path) as file:
        head = file.read(8)
        if not head:
            raise NoTable(f"{path.name} is empty.")
        if head.startswith(b"PK\x03\x04"):
            rows = WorkbookRows(path, sheet=sheet)
            return Format(XLSX, sheet=rows.sheet), rows
        if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
            raise NoTable(f"{path.name} is an old Excel file (.xls) or has a password. Save it as .xlsx without a password, or as CSV.")
        if encoding:
            name = encodings.checked(encoding)
            mark = encodings.mark_length(file, name)
        else:
            file.seek(0)
            name, mark = encodings.detect(file)
        found = Format(CSV, name, mark)
        sample = _sample(file, found)
        if not sample:
            raise NoTable(f"{path.name} contains only empty lines.")
        _refuse_binary(path, file, found, sample)
        first = sample[0].text.lstrip()
        if first.startswith("{"):
            return replace(found, kind=NDJSON), None
        if first.startswith("[") and path.suffix.casefold() != ".csv":
            raise NoTable(f"{path.name} is one JSON list. Give one JSON object per line (NDJSON), or a table.")
        return replace(found, separator=_separator(separator) if separator else _guess_separator(sample)), None


def open_rows(path: Path, form: Format, cursor: Mapping[str, int] | None = None) -> FileRows:
    """The file's rows from the cursor on. Raises ImportFileError."""
    return _restored(_rows(path, form, cursor))


def _restored(rows: FileRows) -> FileRows:
    return Restored(rows) if REPORT_COLUMNS[0] in rows.names else rows


def _rows(path: Path, form: Format, cursor: Mapping[str, int] | None) -> FileRows:
    if form.kind == XLSX:
        return WorkbookRows(path, sheet=form.sheet, cursor=cursor)
    file = _opened(path)
    try:
        return (DocumentRows if form.kind == NDJSON else TableRows)(path, file, form, cursor)
    except BaseException:
        file.close()
        raise


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except IsADirectoryError:
        raise FileUnreadable(f"{path} is a folder, not a file.") from None
    except OSError as error:
        raise FileUnreadable(f"{path} cannot be read: {error.strerror}.") from None


# --- looking


def _sample(file: BinaryIO, form: Format) -> list[FileLine]:
    lines = FileLines(file, form.encoding, form.mark)
    found: list[FileLine] = []
    size = 0
    while size < MAX_CELL and len(found) < _SAMPLE_ROWS * 3 and (line := lines.take()) is not None:
        size += len(line.text)
        if line.text.strip():
            found.append(line)
    return found


def _refuse_binary(path: Path, file: BinaryIO, form: Format, sample: Sequence[FileLine]) -> None:
    """Refuses what no spreadsheet writes: control characters in the header, or scattered NULs."""
    file.seek(0)
    beginning = b"" if form.encoding in encodings.WIDE else file.read(1024)
    head = sample[0]
    if beginning.count(0) * 100 > len(beginning) or head.flaw == NUL or any(c < " " and c not in "\t\r\n\x0b\x0c" for c in head.text):
        raise NoTable(f"{path.name} is not a table. Save it as CSV or .xlsx and choose it again.")


def _separator(text: str) -> str:
    named = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|", "\\t": "\t"}.get(text.casefold(), text)
    if len(named) != 1 or named in '"\r\n\0' or named.isalnum():
        raise ImportFileError(f"{shown(text, 20)!r} is not a separator; give comma, semicolon, tab, pipe or a single character.")
    return named


def _guess_separator(sample: Sequence[FileLine]) -> str:
    """The separator that splits most rows into equally many cells; on a tie, into more cells."""
    said = _said_separator(sample[0].text)
    if said:
        return said
    texts = [line.text for line in sample if len(line.text) < MAX_CELL]

    def fit(separator: str) -> tuple[bool, float, int]:
        widths = _widths(texts, separator)[:_SAMPLE_ROWS] or [0]
        head = widths[0]
        same = Counter(widths)[head] / len(widths)
        return head > 1 and same > 0.5, round(same, 1), head

    best = max(SEPARATORS, key=fit)
    return best if fit(best)[2] > 1 else ","


def _widths(texts: Sequence[str], separator: str) -> list[int]:
    """Cells of each row, as far as rows can be read: an unclosed quote makes one field of everything after it, which the csv module
    refuses."""
    found: list[int] = []
    with contextlib.suppress(csv.Error):
        found.extend(len(cells) for cells in csv.reader(texts, delimiter=separator))
    return found


def _said_separator(first: str) -> str:
    """The separator in Excel's own first line, "sep=;"."""
    text = first.strip().strip('"')
    return text[4] if len(text) == 5 and text[:4].casefold() == "sep=" else "\t" if text.casefold() == "sep=" else ""


# --- tables


class _RowTooLong(Exception):
    """A row spans more lines than any valid row."""


class TableRows:
    """Rows of a CSV file by RFC 4180, parsed by the standard library.

    Lines are fed one by one, so that each row's first line is known. If a quote was never closed or a row wrongly spans several lines, only
    its first line is refused, and reading continues at the next: one bad quote does not swallow its neighbours.
    """

    def __init__(self, path: Path, file: BinaryIO, form: Format, cursor: Mapping[str, int] | None = None) -> None:
        self._file = file
        self._separator = form.separator
        self.total: int | None = None
        self.blank = 0
        self.line = 0
        self._lines = FileLines(file, form.encoding, form.mark)
        self._pulled: list[FileLine] = []
        self._size = 0
        self._flaw = ""
        self._reader = self._new_reader()
        self.names = self._head(path)
        if cursor:
            self._lines = FileLines(file, form.encoding, form.mark, FilePosition(cursor["offset"], cursor["line"]))

    @property
    def cursor(self) -> dict[str, int]:
        """Where another reader continues: after the last row that was returned."""
        return {"offset": self._lines.place.offset, "line": self._lines.place.line}

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def __iter__(self) -> Iterator[FileRow]:
        while True:
            place = self._lines.place
            row = self._next(place)
            if row is None:
                return
            self.line = row.line
            if row.problem is None and not any(cell.strip() for cell in row.cells):
                self.blank += 1
                continue
            yield row

    def _head(self, path: Path) -> list[str]:
        while True:
            place = self._lines.place
            row = self._next(place, head=True)
            if row is None:
                raise NoTable(f"{path.name} contains only empty lines.")
            if row.problem is not None:
                raise NoTable(f"The names of columns must be in line {row.line} of {path.name}: {row.problem.reason}")
            if any(len(cell) > MAX_CELL for cell in row.cells):
                raise NoTable(f"The names of columns must be in line {row.line} of {path.name}: {_LONG_CELL}")
            if row.line == 1 and _said_separator(self._separator.join(row.cells)) in (self._separator, "\t"):
                continue
            if any(cell.strip() for cell in row.cells):
                break
        if len(row.cells) > MAX_COLUMNS:
            raise ImportFileError(f"{path.name} has {len(row.cells):,} columns; at most {MAX_COLUMNS} are possible.")
        return unique_names(row.cells)

    def _new_reader(self) -> Iterator[list[str]]:
        return csv.reader(iter(self._pull, None), delimiter=self._separator, strict=True)

    def _pull(self) -> str | None:
        """The next line for the parser; None at the end."""
        line = self._lines.take()
        if line is None:
            return None
        self._pulled.append(line)
        self._size += len(line.text)
        if line.flaw:
            self._flaw = self._flaw or line.flaw
        if len(self._pulled) > _MOST_LINES or self._size > _MOST_CHARACTERS:
            raise _RowTooLong
        return line.text

    def _next(self, place: FilePosition, *, head: bool = False) -> FileRow | None:
        self._pulled, self._size, self._flaw = [], 0, ""
        reason = ""
        cells: list[str] = []
        try:
            cells = next(self._reader)
        except StopIteration:
            return None
        except _RowTooLong:
            reason = _ENDLESS_ROW if len(self._pulled) > 1 or not self._flaw else _FLAWS[self._flaw]
        except csv.Error as error:
            reason = _csv_reason(str(error))
        first = self._pulled[0]
        if self._flaw and not reason:
            reason = _FLAWS[self._flaw]
        if not reason and not head and cells:
            cells, reason = self._fitted(cells)
        if not reason:
            return FileRow(first.number, cells)
        if len(self._pulled) > 1:
            self._lines.give_back(self._pulled[1:], first.end)
        if len(self._pulled) > 1 or not cells:
            self._reader = self._new_reader()
            cells = [first.text.rstrip("\r\n")]
        flaw = _FLAWS[first.flaw] if first.flaw else reason
        return unusable(first.number, cells, flaw, self._accepted(flaw))

    def _fitted(self, cells: list[str]) -> tuple[list[str], str]:
        """The cells, padded or cut to the header's length, and why that is not possible. Empty cells at the end are optional."""
        width = len(self.names)
        if len(cells) > width and not any(cells[width:]):
            cells = cells[:width]
        if len(cells) != width and any(cell.strip() for cell in cells):
            over = f" Its quotes run over {len(self._pulled)} lines." if len(self._pulled) > 1 else ""
            return cells, f"The line has {len(cells)} cells, the head has {width}.{over}"
        if any(len(cell) > MAX_CELL for cell in cells):
            return cells, _LONG_CELL
        return cells, ""

    def _accepted(self, reason: str) -> tuple[str, ...]:
        return (f"{len(self.names)} cells",) if "cells, the head" in reason else _ACCEPTED.get(reason, ())


_ENDLESS_ROW: Final = f"A quote is opened and not closed within {_MOST_LINES:,} lines."
_LONG_CELL: Final = f"A cell is longer than {MAX_CELL:,} characters."
_OPEN_QUOTE: Final = "A quote is opened and never closed."
_INNER_QUOTE: Final = "A quote within a quoted cell is not doubled."
_FLAWS: Final[Mapping[str, str]] = {
    UNDECODABLE: "The line contains bytes that are invalid in the file's encoding.",
    NUL: "The line contains a NUL character.",
    ENDLESS: f"The line is longer than {MAX_LINE:,} bytes.",
}
_ACCEPTED: Final[Mapping[str, tuple[str, ...]]] = {
    _ENDLESS_ROW: ('"text in quotes"',),
    _OPEN_QUOTE: ('"text in quotes"',),
    _INNER_QUOTE: ('"a ""quoted"" word"',),
    _LONG_CELL: (f"at most {MAX_CELL:,} characters",),
    _FLAWS[UNDECODABLE]: ("a file in one encoding; UTF-8 has every character",),
    _FLAWS[NUL]: ("text without NUL",),
}


def _csv_reason(said: str) -> str:
    """The standard library's message in our words."""
    if "field larger" in said:
        return _LONG_CELL
    if "unexpected end" in said:
        return _OPEN_QUOTE
    return _INNER_QUOTE if "expected after" in said else f"The line cannot be read: {said}."


# --- documents


class DocumentRows:
    """Lines of NDJSON, each the single cell of its row."""

    def __init__(self, path: Path, file: BinaryIO, form: Format, cursor: Mapping[str, int] | None = None) -> None:
        self._file = file
        self.names = ["document"]
        self.total: int | None = None
        self.blank = 0
        self.line = 0
        self._lines = FileLines(file, form.encoding, form.mark, FilePosition(cursor["offset"], cursor["line"]) if cursor else None)

    @property
    def cursor(self) -> dict[str, int]:
        """Where another reader continues."""
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
                yield unusable(line.number, [text], _FLAWS[line.flaw], _ACCEPTED.get(_FLAWS[line.flaw], ()))
            else:
                yield FileRow(line.number, [text])
