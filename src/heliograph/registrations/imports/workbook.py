"""Rows of an .xlsx workbook as a person sees them: integers without ".0", dates as ISO 8601.

The reader loads a workbook whole, so its unpacked size is measured first by unpacking it: the sizes stated in a zip archive may be wrong.
"""

from __future__ import annotations

import datetime as dt
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Final

import python_calamine
from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook

from heliograph.domain.sentence_template import Sentence, gettext_noop
from heliograph.registrations.imports.cell_errors import cell_errors
from heliograph.registrations.imports.headings import LOOKED_AT, head_index
from heliograph.registrations.imports.import_errors import FileUnreadable, ImportFileError, NoTable, RowProblem
from heliograph.registrations.imports.reader_process import check_readable
from heliograph.registrations.imports.rows import MAX_CELL, MAX_COLUMNS, FileRow, clip_value, unique_names, unusable
from heliograph.registrations.imports.sheet_extent import MOST_CELLS, reaches_too_far

MAX_UNPACKED: Final = 400_000_000  # bytes of all parts together
MAX_PARTS: Final = 5_000
MAX_RATIO: Final = 100
"""Largest allowed ratio of a part's unpacked to its packed size. Workbooks that people typed stay below 30, a zip bomb reaches 1,000. Parts of up
to SMALL_PART bytes are not checked."""
SMALL_PART: Final = 1_000_000
LONGEST_SHEET: Final = 255
"""Characters of a sheet's name; Excel allows 31."""
_LOCAL_HEADER: Final = struct.Struct("<4s5H3L2H")
_EXCEL_FIRST_ROW: Final = 1
UNREADABLE: Final = (CalamineError, OSError, ValueError)


class WorkbookRows:
    """The rows of one sheet below its head. The cursor is the number of the last row that was read."""

    def __init__(self, path: Path, *, sheet: str = "", cursor: Mapping[str, int] | None = None) -> None:
        check_size(path)
        check_readable(path, sheet)
        try:
            self._book, worksheet = opened(path, sheet)
        except UNREADABLE as error:
            raise NoTable(gettext_noop("%(file)s cannot be read as a workbook: %(reason)s."), file=path.name, reason=str(error)) from None
        self.sheet = worksheet.name
        self._errors = cell_errors(path, self._book.sheet_names.index(self.sheet))
        self.total: int | None = worksheet.total_height
        self.blank = 0
        self.line = 0
        first: list[tuple[int, list[str]]] = []
        for number, values in enumerate(worksheet.iter_rows(), _EXCEL_FIRST_ROW):
            if cells := _trimmed([text_of(v) for v in values]):
                first.append((number, cells))
            if len(first) == LOOKED_AT:
                break
        if not first:
            raise NoTable(gettext_noop("The sheet “%(sheet)s” of %(file)s is empty."), sheet=self.sheet, file=path.name)
        self.head_line, names = first[head_index([cells for _, cells in first])]
        self.names, self.line = unique_names(names), self.head_line
        self._rows = enumerate(worksheet.iter_rows(), _EXCEL_FIRST_ROW)  # from the first row again: rows below the head were read, too
        if len(self.names) > MAX_COLUMNS:
            raise ImportFileError(
                gettext_noop("%(file)s has %(n)s columns; at most %(most)s are possible."),
                file=path.name,
                n=len(self.names),
                most=str(MAX_COLUMNS),
            )
        self._from = max((cursor or {}).get("line", 0), self.line)

    @property
    def cursor(self) -> dict[str, int]:
        """Where another reader continues."""
        return {"line": max(self.line, self._from)}

    def __iter__(self) -> Iterator[FileRow]:
        for number, values in self._rows:
            if number <= self._from:
                continue
            self.line = number
            cells = _trimmed([text_of(v) for v in values])
            if number in self._errors:
                yield self._row_with_errors(number, cells)
                continue
            if not cells:
                self.blank += 1
                continue
            yield self._row(number, cells)

    def _row_with_errors(self, number: int, cells: list[str]) -> FileRow:
        """A row with an Excel error: the right value is unknown, and reading it as empty would clear what is stored."""
        errors = self._errors[number]
        filled = cells + [""] * (max(len(self.names), *errors) - len(cells))
        for column, text in errors.items():
            filled[column - 1] = text
        first = min(errors)
        name = self.names[first - 1] if first <= len(self.names) else f"column {first}"
        return FileRow(
            number,
            filled,
            RowProblem(
                name,
                errors[first],
                Sentence("The cell contains the Excel error %(error)s.", error=errors[first]),
                ("a value, or an empty cell",),
            ),
        )

    def _row(self, number: int, cells: list[str]) -> FileRow:
        if len(cells) > len(self.names):
            width = str(len(self.names))
            reason = Sentence("The row has %(cells)s cells, the head has %(width)s.", cells=str(len(cells)), width=width)
            return unusable(number, cells, reason, (f"{width} cells",))
        long = next((i for i, cell in enumerate(cells) if len(cell) > MAX_CELL), None)
        if long is not None:
            return unusable(number, cells, Sentence("A cell is longer than %(most)s characters.", most=MAX_CELL), (), self.names[long])
        return FileRow(number, cells + [""] * (len(self.names) - len(cells)))

    def close(self) -> None:
        """Closes the file."""
        self._book.close()


def opened(path: Path, sheet_name: str) -> tuple[CalamineWorkbook, CalamineSheet]:
    """The workbook and its sheet, read whole. Raises UNREADABLE, ImportFileError; a hostile file may crash the process (reader_process.py)."""
    book = CalamineWorkbook.from_path(path)
    worksheet = _sheet(book, sheet_name)
    if len(worksheet.name) > LONGEST_SHEET:
        raise ImportFileError(
            gettext_noop("The sheet “%(sheet)s” of %(file)s has a name of %(n)s characters; rename it."),
            sheet=clip_value(worksheet.name, 40),
            file=path.name,
            n=len(worksheet.name),
        )
    return book, worksheet


def text_of(value: object) -> str:
    """A cell as text: 12.0 is "12", a date "2026-12-02", an instant "2026-12-02T09:00:00", booleans as Excel shows them."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, dt.datetime):
        return value.date().isoformat() if value.time() == dt.time() else value.isoformat()
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    return str(value)


def _trimmed(cells: list[str]) -> list[str]:
    while cells and not cells[-1].strip():
        cells.pop()
    return cells


def _sheet(book: CalamineWorkbook, sheet_name: str) -> CalamineSheet:
    """The sheet with this name, or the first visible one that is a table."""
    if sheet_name:
        if sheet_name not in book.sheet_names:
            there = ", ".join(clip_value(name, 40) for name in book.sheet_names[:5])
            sentence = gettext_noop("There is no sheet “%(sheet)s”; there are %(names)s.")
            raise ImportFileError(sentence, sheet=clip_value(sheet_name, 40), names=there)
        return book.get_sheet_by_name(sheet_name)
    visible = python_calamine.SheetVisibleEnum.Visible
    sheets = [s.name for s in book.sheets_metadata if s.visible == visible and s.typ == python_calamine.SheetTypeEnum.WorkSheet]
    for name in sheets:
        sheet = book.get_sheet_by_name(name)
        if sheet.height:
            return sheet
    raise NoTable(gettext_noop("The workbook has no visible sheet with a table."))


def check_size(path: Path) -> None:
    """Refuses an archive that is too large or too dense once unpacked: first by its stated sizes, then by unpacking it.
    Raises NoTable if it is not an archive."""
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            parts = archive.infolist()
            if len(parts) > MAX_PARTS or sum(p.file_size for p in parts) > MAX_UNPACKED:
                raise _too_large(path)
            if any(p.file_size > _most(p) for p in parts):
                raise _too_dense(path)
            left = MAX_UNPACKED
            for part in parts:
                size = _unpacked(file, part, min(left, _most(part)))
                if size > _most(part):
                    raise _too_dense(path)
                left -= size
                if left < 0:
                    raise _too_large(path)
            _check_extent(path, archive)
    except OSError as error:
        sentence = gettext_noop("%(file)s cannot be read: %(reason)s.")
        raise FileUnreadable(sentence, file=str(path), reason=str(error.strerror or error)) from None
    except (zipfile.BadZipFile, zlib.error, struct.error, NotImplementedError) as error:
        raise NoTable(gettext_noop("%(file)s is not a valid .xlsx file: %(reason)s."), file=path.name, reason=str(error)) from None


def _check_extent(path: Path, archive: zipfile.ZipFile) -> None:
    names = set(archive.namelist())
    if "xl/workbook.xml" not in names or names & {
        "content.xml",
        "xl/workbook.bin",
    }:  # the reader supports other formats, whose extent is not checked
        raise NoTable(gettext_noop("%(file)s is no .xlsx file; save it as .xlsx or CSV."), file=path.name)
    if reaches_too_far(archive):
        raise ImportFileError(
            gettext_noop(
                "The cells of %(file)s lie so far apart that there would be more than %(n)s between them."
                " Delete the stray ones beyond the table, or save it as CSV."
            ),
            file=path.name,
            n=MOST_CELLS,
        )


def _too_large(path: Path) -> ImportFileError:
    sentence = gettext_noop("%(file)s holds more than %(n)s MB unpacked; save it as CSV, which has no such limit.")
    return ImportFileError(sentence, file=path.name, n=str(MAX_UNPACKED // 1_000_000))


def _most(part: zipfile.ZipInfo) -> int:
    return max(SMALL_PART, MAX_RATIO * part.compress_size)


def _too_dense(path: Path) -> ImportFileError:
    return ImportFileError(
        gettext_noop(
            "%(file)s unpacks to more than %(n)s times its size, which no table that was typed does."
            " Delete what lies beyond the table, or save it as CSV."
        ),
        file=path.name,
        n=str(MAX_RATIO),
    )


def _unpacked(file: BinaryIO, part: zipfile.ZipInfo, most: int) -> int:
    """The actual unpacked size of a part; counting stops beyond `most`."""
    file.seek(part.header_offset)
    header = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
    file.seek(header[-2] + header[-1], 1)
    left = part.compress_size
    if part.compress_type == zipfile.ZIP_STORED:
        return left
    if part.compress_type != zipfile.ZIP_DEFLATED:
        raise NotImplementedError(f"unknown compression of {part.filename}")
    inflate, size = zlib.decompressobj(-15), 0
    while left > 0 and size <= most and not inflate.eof:
        block = file.read(min(left, 1 << 16))
        if not block:
            break
        left -= len(block)
        while block and size <= most:
            size += len(inflate.decompress(block, 1 << 20))
            block = inflate.unconsumed_tail
    return size
