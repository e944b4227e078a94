"""Rows of a CSV file, read line by line in flat memory, from any place on (I4)."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Final

from heliograph.domain.sentence_template import Sentence, gettext_noop, joined
from heliograph.registrations.imports.headings import LOOKED_AT, head_index
from heliograph.registrations.imports.import_errors import ImportFileError, NoTable
from heliograph.registrations.imports.rows import MAX_CELL, MAX_COLUMNS, FileRow, unique_names, unusable
from heliograph.registrations.imports.text_lines import ENDLESS, MAX_LINE, NUL, UNDECODABLE, FileLine, FileLines, FilePosition

_MOST_LINES = 1_000  # of one row; a row with more has a quote that is not closed
_MOST_CHARACTERS = 500_000  # of one row


def said_separator(first: str) -> str:
    """The separator that Excel's first line `sep=;` names, a tab for `sep=`; "" if this is no such line."""
    text = first.strip().strip('"')
    return text[4] if len(text) == 5 and text[:4].casefold() == "sep=" else "\t" if text.casefold() == "sep=" else ""


class _RowTooLong(Exception):
    """A row has more than 1,000 lines or 500,000 characters: a quotation mark is probably not closed."""


class TableRows:
    """Rows of a CSV file by RFC 4180, read by the standard library's reader.

    The reader gets one line at a time, so that the first line of each row is known. If a quote is not closed, or a row runs over several lines by
    mistake, only its first line is refused and reading continues at the next one: a bad quote does not swallow the rows below it.
    """

    def __init__(
        self, path: Path, file: BinaryIO, *, encoding: str, mark_length: int, separator: str, cursor: Mapping[str, int] | None = None
    ) -> None:
        self._file = file
        self._encoding, self._mark_length = encoding, mark_length
        self._separator = separator
        self.total: int | None = None
        self.blank = 0
        self.line = 0
        self._row = 0
        self._pulled: list[FileLine] = []
        self._size = 0
        self._flaw = ""
        self._go_to(None, 0)
        self.head_line = 0
        self.names = self._column_names(path)
        if cursor:
            self._go_to(FilePosition(cursor["offset"], cursor["line"]), cursor.get("row", 0))

    def _go_to(self, position: FilePosition | None, row: int) -> None:
        """Continues reading at this place.

        row: the number of the row before that place
        """
        self._lines = FileLines(self._file, self._encoding, self._mark_length, position)
        self._reader, self._row = self._new_reader(), row

    @property
    def cursor(self) -> dict[str, int]:
        """The place from which another reader can continue: after the last row returned."""
        return {"offset": self._lines.place.offset, "line": self._lines.place.line, "row": self._row}

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def __iter__(self) -> Iterator[FileRow]:
        while True:
            row = self._next()
            if row is None:
                return
            self.line = row.line
            if row.problem is None and not any(cell.strip() for cell in row.cells):
                self.blank += 1
                continue
            yield row

    def _column_names(self, path: Path) -> list[str]:
        """The names of the columns. Reading goes on below them."""
        first: list[tuple[FileRow, FilePosition]] = []
        while len(first) < LOOKED_AT and (row := self._next(in_head=True)) is not None:
            # the row is split already; a tab is stripped from `sep=⇥`
            if row.line == 1 and said_separator(self._separator.join(row.cells)) in (self._separator, "\t"):
                self._row = 0  # spreadsheets hide this line and do not count it
            elif row.problem is not None or any(cell.strip() for cell in row.cells):
                first.append((row, self._lines.place))
        if not first:
            raise NoTable(gettext_noop("%(file)s has only empty lines."), file=path.name)
        sound = list(itertools.takewhile(lambda each: each[0].problem is None, first))
        row, below = sound[head_index([each.cells for each, _ in sound])] if sound else first[0]
        long = any(len(cell) > MAX_CELL for cell in row.cells)
        if row.problem is not None or long:
            reason = row.problem.reason if row.problem is not None else LONG_CELL
            sentence = gettext_noop("The names of columns must be in line %(line)s of %(file)s: %(reason)s")
            raise NoTable(sentence, line=str(row.line), file=path.name, reason=reason)
        if len(row.cells) > MAX_COLUMNS:
            raise ImportFileError(
                gettext_noop("%(file)s has %(n)s columns; at most %(most)s are possible."),
                file=path.name,
                n=len(row.cells),
                most=str(MAX_COLUMNS),
            )
        self.head_line = row.line
        self._go_to(below, row.number)
        return unique_names(row.cells)

    def _new_reader(self) -> Iterator[list[str]]:
        return csv.reader(iter(self._pull, None), delimiter=self._separator, strict=True)

    def _pull(self) -> str | None:
        """The next line for the reader, None at the end."""
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

    def _next(self, *, in_head: bool = False) -> FileRow | None:
        """The next row, or None at the end.

        in_head: True while the names of the columns are not known; then a row may have any number of cells
        """
        self._pulled, self._size, self._flaw = [], 0, ""
        reason = ""
        accepted: tuple[str, ...] = ()
        cells: list[str] = []
        try:
            cells = next(self._reader)
        except StopIteration:
            return None
        except _RowTooLong:
            if len(self._pulled) == 1 and self._flaw:
                reason = FLAWS[self._flaw]
            else:
                reason = _LONG_ROW if self._size > _MOST_CHARACTERS else _ENDLESS_ROW
        except csv.Error as error:
            message = str(error)
            if "field larger" in message:
                reason = LONG_CELL
            elif "unexpected end" in message:
                reason = _OPEN_QUOTE
            else:
                reason = _INNER_QUOTE if "expected after" in message else Sentence("The line cannot be read: %(message)s.", message=message)
        self._row += 1
        first = self._pulled[0]
        if self._flaw and not reason:
            reason = FLAWS[self._flaw]
        if not reason and not in_head and cells:
            cells, reason, accepted = self._fitted(cells)
        if not reason:
            return FileRow(first.number, cells, row=self._row)
        if len(self._pulled) > 1:
            self._lines.give_back(self._pulled[1:], first.end)
        if len(self._pulled) > 1 or not cells:
            self._reader = self._new_reader()
            cells = [first.text.rstrip("\r\n")]
        if first.flaw:
            reason = FLAWS[first.flaw]
        return unusable(first.number, cells, reason, accepted or ACCEPTED.get(reason, ()), row=self._row)

    def _fitted(self, cells: list[str]) -> tuple[list[str], str, tuple[str, ...]]:
        """The cells without empty ones beyond the head. If they do not fit the head: also the reason, and what would be accepted."""
        width = len(self.names)
        if len(cells) > width and not any(cells[width:]):
            cells = cells[:width]
        if len(cells) != width and any(cell.strip() for cell in cells):
            reason = Sentence("The line has %(cells)s cells, the head has %(width)s.", cells=str(len(cells)), width=str(width))
            if (count := len(self._pulled)) > 1:
                reason = joined(" ", (reason, Sentence("Its quotes run over %(count)s lines.", count=str(count))))
            return cells, reason, (f"{width} cells",)
        if any(len(cell) > MAX_CELL for cell in cells):
            return cells, LONG_CELL, ACCEPTED[LONG_CELL]
        return cells, "", ()


_ENDLESS_ROW: Final = Sentence("A quote is opened and not closed within %(most)s lines.", most=_MOST_LINES)
_LONG_ROW: Final = Sentence("The row is longer than %(most)s characters; perhaps a quote is not closed.", most=_MOST_CHARACTERS)
LONG_CELL: Final = Sentence("A cell is longer than %(most)s characters.", most=MAX_CELL)
_OPEN_QUOTE: Final = gettext_noop("A quote is opened and never closed.")
_INNER_QUOTE: Final = gettext_noop("A quote within a quoted cell is not doubled.")
FLAWS: Final[Mapping[str, str]] = {
    UNDECODABLE: gettext_noop("The line contains bytes that are invalid in the file's encoding."),
    NUL: gettext_noop("The line contains a NUL character."),
    ENDLESS: Sentence("The line is longer than %(most)s bytes.", most=MAX_LINE),
}
ACCEPTED: Final[Mapping[str, tuple[str, ...]]] = {
    _ENDLESS_ROW: ('"text in quotes"',),
    _LONG_ROW: (f"at most {_MOST_CHARACTERS:,} characters",),
    _OPEN_QUOTE: ('"text in quotes"',),
    _INNER_QUOTE: ('"a ""quoted"" word"',),
    LONG_CELL: (f"at most {MAX_CELL:,} characters",),
    FLAWS[UNDECODABLE]: ("a file in one encoding; UTF-8 holds every character",),
    FLAWS[NUL]: ("text without NUL",),
}
