"""A row of a table, whatever the file's format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from heliograph.registrations.imports.errors import RowProblem

MAX_COLUMNS: Final = 1_000
MAX_CELL: Final = 100_000  # characters


@dataclass(frozen=True, slots=True)
class FileRow:
    """One row. line: where it begins, as an editor numbers lines. problem: why its cells cannot be used."""

    line: int
    cells: Sequence[str]
    problem: RowProblem | None = None


def unusable(line: int, cells: Sequence[str], reason: str, accepted: tuple[str, ...] = (), column: str = "") -> FileRow:
    """A row that is refused as it is."""
    text = next((cell for cell in cells if cell), "")
    return FileRow(line, cells, RowProblem(column, shown(text), reason, accepted))


def shown(text: str, longest: int = 100) -> str:
    """A value for messages."""
    clean = text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}").rstrip("\r\n")
    return clean if len(clean) <= longest else clean[: longest - 1] + "…"


def unique_names(cells: Sequence[str]) -> list[str]:
    """Names of columns, trimmed; the second of a name becomes "name (2)", one without a name "column 3"."""
    seen: Counter[str] = Counter()
    names = []
    for i, cell in enumerate(cells, 1):
        name = " ".join(cell.split()) or f"column {i}"
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return names


class FileRows(Protocol):
    """The rows of an open file. names: of the columns; one, "document", for NDJSON. total: number of rows, if known without reading."""

    names: list[str]
    total: int | None
    blank: int
    line: int

    @property
    def cursor(self) -> dict[str, int]: ...
    def __iter__(self) -> Iterator[FileRow]: ...
    def close(self) -> None: ...
