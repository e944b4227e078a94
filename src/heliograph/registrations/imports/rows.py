"""A row of a table, whatever the file's format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from heliograph.registrations.imports.errors import RowProblem

MAX_COLUMNS: Final = 1_000
MAX_CELL: Final = 100_000  # characters


@dataclass(frozen=True, slots=True)
class FileRow:
    """One row.

    line: where it begins, as an editor numbers lines; row: its number as a spreadsheet shows it, 0 where that is the line's. problem: why its
    cells cannot be used. absent: indexes of cells that the row does not have at all, which is not the same as empty. lists: indexes of cells that
    hold several values, with these.
    """

    line: int
    cells: Sequence[str]
    problem: RowProblem | None = None
    row: int = 0
    absent: frozenset[int] = frozenset()
    lists: Mapping[int, Sequence[str]] = field(default_factory=dict)

    @property
    def number(self) -> int:
        """The row's number, whether or not it is the line's."""
        return self.row or self.line


def unusable(line: int, cells: Sequence[str], reason: str, accepted: tuple[str, ...] = (), column: str = "", row: int = 0) -> FileRow:
    """A row that is refused as it stands."""
    text = next((cell for cell in cells if cell), "")
    return FileRow(line, cells, RowProblem(column, clip_value(text), reason, accepted), row)


def place(line: int, row: int) -> str:
    """Where a row is, for people: "12", or "12 (row 9)" where cells above it run over several lines and a spreadsheet counts otherwise."""
    return f"{line:,}" if row in (0, line) else f"{line:,} (row {row:,})"


def clip_value(text: str, longest: int = 100) -> str:
    """A value for messages."""
    clean = text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}").rstrip("\r\n")
    return clean if len(clean) <= longest else clean[: longest - 1] + "…"


def unique_names(cells: Sequence[str]) -> list[str]:
    """Names of columns, trimmed; the second of a name becomes "name (2)", one without a name "column 3"."""
    seen: Counter[str] = Counter()
    names = []
    for number, cell in enumerate(cells, 1):
        name = " ".join(cell.split()) or f"column {number}"
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return names


class FileRows(Protocol):
    """The rows of an open file. names: of the columns; one, "document", for NDJSON of documents. head: the line with these names, 0 where there is none.
    total: rows altogether, if that is known without reading."""

    names: list[str]
    head: int
    total: int | None
    blank: int
    line: int

    @property
    def cursor(self) -> dict[str, int]: ...
    def __iter__(self) -> Iterator[FileRow]: ...
    def close(self) -> None: ...
