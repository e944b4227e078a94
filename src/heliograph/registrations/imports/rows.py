"""A row of a table, whatever the file's format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from heliograph.domain.registration.document_values import clean
from heliograph.domain.sentence_template import Sentence
from heliograph.registrations.imports.import_errors import RowProblem

MAX_COLUMNS: Final = 1_000
MAX_CELL: Final = 100_000  # characters


@dataclass(frozen=True, slots=True)
class FileRow:
    """One row of a file."""

    line: int
    """The line on which it begins, as an editor counts."""
    cells: Sequence[str]
    problem: RowProblem | None = None
    """Why its cells cannot be used."""
    row: int = 0
    """Its number as a spreadsheet counts; 0 if that equals `line`."""
    absent: frozenset[int] = frozenset()
    """Indexes of cells that the row does not have at all. They are not empty cells: those clear stored values."""
    lists: Mapping[int, Sequence[str]] = field(default_factory=dict)
    """Index of a cell -> its values, for cells with several."""

    @property
    def number(self) -> int:
        """Its number as a spreadsheet counts."""
        return self.row or self.line


def unusable(line: int, cells: Sequence[str], reason: str, accepted: tuple[str, ...] = (), column: str = "", row: int = 0) -> FileRow:
    """A row that is refused as it stands."""
    text = next((cell for cell in cells if cell), "")
    return FileRow(line, cells, RowProblem(column, clip_value(text), reason, accepted), row)


def place(line: int, row: int) -> str:
    """The place of a row for people: "12", or "12 (row 9)" if a spreadsheet counts otherwise, because cells above it run over several lines."""
    return f"{line:,}" if row in (0, line) else Sentence("%(line)s (row %(row)s)", line=line, row=row)


def clip_value(text: str, longest: int = 100) -> str:
    """The beginning of a value, for messages.

    longest: the most characters
    """
    return clean(text.rstrip("\r\n"), longest)


def unique_names(cells: Sequence[str]) -> list[str]:
    """Names of columns, trimmed and unique: a second "name" becomes "name (2)", an empty one "column 3"."""
    seen: Counter[str] = Counter()
    names = []
    for number, cell in enumerate(cells, 1):
        name = " ".join(cell.split()) or f"column {number}"
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return names


class FileRows(Protocol):
    """The rows of an open file."""

    names: list[str]
    """The names of the columns; for NDJSON of documents one, "document"."""
    head_line: int
    """The line with these names; 0 if there is none."""
    total: int | None
    """The number of rows, if that is known without reading them."""
    blank: int
    """Empty rows so far."""
    line: int
    """The line of the last row."""

    @property
    def cursor(self) -> dict[str, int]: ...
    def __iter__(self) -> Iterator[FileRow]: ...
    def close(self) -> None: ...
