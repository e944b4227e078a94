"""Reads a file of registrations row by row, in flat memory, from any position (I4: CSV in any usual encoding and separator, .xlsx, NDJSON).

`look()` detects the format once; `open_rows()` reads the file in that format. A row that cannot be read is returned with its reason and
affects no other row.
"""

from __future__ import annotations

import contextlib
import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Final

from heliograph.domain.sentence_template import gettext_noop
from heliograph.registrations.imports import encodings
from heliograph.registrations.imports.document_rows import DocumentRows, FlatRows, columns_of
from heliograph.registrations.imports.import_errors import FileUnreadable, ImportFileError, NoTable
from heliograph.registrations.imports.refusal_file import REPORT_COLUMNS, Restored
from heliograph.registrations.imports.rows import MAX_CELL, FileRows, clip_value
from heliograph.registrations.imports.table_rows import TableRows, said_separator
from heliograph.registrations.imports.text_lines import NUL, FileLine, FileLines
from heliograph.registrations.imports.workbook import WorkbookRows

CSV, XLSX, NDJSON = "csv", "xlsx", "ndjson"
SEPARATORS: Final = (",", ";", "\t", "|")
SEPARATOR_NAMES: Final[Mapping[str, str]] = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_SAMPLE_ROWS = 100


@dataclass(frozen=True, slots=True)
class Format:
    """How a file is read."""

    kind: str
    """csv, xlsx or ndjson."""
    encoding: str = "utf-8"
    mark: int = 0
    """Bytes of the byte order mark."""
    separator: str = ","
    """Between the cells of a CSV file."""
    sheet: str = ""
    """The sheet of a workbook."""
    head: int = 1
    """The line with the names of the columns."""
    columns: tuple[str, ...] = ()
    """The columns of flat NDJSON; none for NDJSON of documents."""

    def as_json(self) -> dict[str, Any]:
        """For a job's parameters."""
        return asdict(self) | {"columns": list(self.columns)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Format:
        """Reads what `as_json` returned."""
        return cls(**{**stored, "columns": tuple(stored.get("columns", ()))})

    @property
    def is_documents(self) -> bool:
        """Whether its rows are registration documents, not rows of a table."""
        return self.kind == NDJSON and not self.columns

    @property
    def words(self) -> str:
        """The format in words for people: "CSV, UTF-8, separated by commas"."""
        name = encodings.OFFERED.get(self.encoding, self.encoding)
        if self.kind == NDJSON:
            return f"NDJSON, {name}, " + ("objects with names of columns" if self.columns else "registration documents")
        head = f", names of columns in line {self.head:,}" if self.head > 1 else ""
        if self.kind == XLSX:
            return f"Excel workbook, sheet {self.sheet}{head}"
        return f"CSV, {name}, separated by {SEPARATOR_NAMES.get(self.separator, repr(self.separator))}{head}"


def look(path: Path, *, encoding: str = "", separator: str = "", sheet: str = "") -> Format:
    """Detects the format. Raises ImportFileError.

    encoding, separator, sheet: a person's settings, which are checked instead of guessed.
    """
    form, rows = _look(path, encoding=encoding, separator=separator, sheet=sheet)
    if rows:
        rows.close()
    return form


def look_and_open(path: Path, *, encoding: str = "", separator: str = "", sheet: str = "") -> tuple[Format, FileRows]:
    """Detects the format and opens the rows at once, so that a workbook, which is read whole, is read only once. Raises ImportFileError."""
    form, rows = _look(path, encoding=encoding, separator=separator, sheet=sheet)
    return form, _restored(rows) if rows else open_rows(path, form)


def _look(path: Path, *, encoding: str, separator: str, sheet: str) -> tuple[Format, FileRows | None]:
    with _opened(path) as file:
        head = file.read(8)
        if not head:
            raise NoTable(gettext_noop("%(file)s is empty."), file=path.name)
        if head.startswith(b"PK\x03\x04"):
            rows = WorkbookRows(path, sheet=sheet)
            return Format(XLSX, sheet=rows.sheet, head=rows.head_line), rows
        if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
            raise NoTable(
                gettext_noop("%(file)s is an old Excel file (.xls) or has a password. Save it as .xlsx without a password, or as CSV."),
                file=path.name,
            )
        if encoding:
            name = encodings.checked(encoding)
            mark = encodings.mark_length(file, name)
        else:
            file.seek(0)
            name, mark = encodings.detect(file)
        form = Format(CSV, name, mark)
        sample = _sample(file, form)
        if not sample:
            raise NoTable(gettext_noop("%(file)s contains only empty lines."), file=path.name)
        # No spreadsheet writes control characters into the header, or scatters NULs.
        file.seek(0)
        beginning = b"" if form.encoding in encodings.WIDE else file.read(1024)
        head_line = sample[0]
        has_controls = head_line.flaw == NUL or any(c < " " and c not in "\t\r\n\x0b\x0c" for c in head_line.text)
        if beginning.count(0) * 100 > len(beginning) or has_controls:
            raise NoTable(gettext_noop("%(file)s is not a table. Save it as CSV or .xlsx and choose it again."), file=path.name)
        first = head_line.text.lstrip()
        if first.startswith("{"):
            return replace(form, kind=NDJSON, columns=columns_of(_documents(file, form))), None
        if first.startswith("[") and path.suffix.casefold() != ".csv":
            raise NoTable(gettext_noop("%(file)s is one JSON list. Give one JSON object per line (NDJSON), or a table."), file=path.name)
        sign = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|", "\\t": "\t"}.get(separator.casefold(), separator)
        if sign and (len(sign) != 1 or sign in '"\r\n\0' or sign.isalnum()):
            raise ImportFileError(
                gettext_noop("“%(sign)s” is not a separator; give comma, semicolon, tab, pipe or a single character."),
                sign=clip_value(separator, 20),
            )
        form = replace(form, separator=sign or _guess_separator(sample))
        return replace(form, head=_table(path, file, form).head_line), None


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
        if form.kind == NDJSON:
            documents = _documents(file, form, cursor)
            return FlatRows(documents, form.columns) if form.columns else documents
        return _table(path, file, form, cursor)
    except BaseException:
        file.close()
        raise


def _documents(file: BinaryIO, form: Format, cursor: Mapping[str, int] | None = None) -> DocumentRows:
    return DocumentRows(file, encoding=form.encoding, mark_length=form.mark, cursor=cursor)


def _table(path: Path, file: BinaryIO, form: Format, cursor: Mapping[str, int] | None = None) -> TableRows:
    return TableRows(path, file, encoding=form.encoding, mark_length=form.mark, separator=form.separator, cursor=cursor)


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except IsADirectoryError:
        raise FileUnreadable(gettext_noop("%(file)s is a folder, not a file."), file=str(path)) from None
    except OSError as error:
        raise FileUnreadable(gettext_noop("%(file)s cannot be read: %(reason)s."), file=str(path), reason=str(error.strerror)) from None


# --- detecting the format


def _sample(file: BinaryIO, form: Format) -> list[FileLine]:
    lines = FileLines(file, form.encoding, form.mark)
    sample: list[FileLine] = []
    size = 0
    while size < MAX_CELL and len(sample) < _SAMPLE_ROWS * 3 and (line := lines.take()) is not None:
        size += len(line.text)
        if line.text.strip():
            sample.append(line)
    return sample


def _guess_separator(sample: Sequence[FileLine]) -> str:
    """The separator that cuts at least half of the rows into the same number of cells, two or more; of several, the best fit.

    Titles may stand above the table, so not all rows need to fit.
    """
    stated_separator = said_separator(sample[0].text)
    if stated_separator:
        return stated_separator
    texts = [line.text for line in sample if len(line.text) < MAX_CELL]

    def fit(separator: str) -> tuple[bool, float, int]:
        # The number of cells of each row, up to the first row that cannot be read: after an unclosed quote, the rest of the file is one
        # cell, which the csv module refuses.
        widths: list[int] = []
        with contextlib.suppress(csv.Error):
            widths.extend(len(cells) for cells in csv.reader(texts, delimiter=separator))
        widths = widths[:_SAMPLE_ROWS] or [0]
        usual, rows = max(Counter(widths).items(), key=lambda width_and_rows: (width_and_rows[1], width_and_rows[0]))
        return usual > 1 and 2 * rows >= len(widths), round(rows / len(widths), 1), usual

    best = max(SEPARATORS, key=fit)
    return best if fit(best)[2] > 1 else ","
