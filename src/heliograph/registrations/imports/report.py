"""The refused rows as a file: why each was refused and what would be accepted, then the row as it was.

Corrected, the same file can be imported: columns of the report itself are left out then.

It is opened in spreadsheets, and what stands in it came from elsewhere: no cell of it begins like a formula (`safe`). Reading it again takes
that back (`Restored`), so an import of it sees every cell as it was.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from heliograph.registrations.imports.errors import RowProblem
from heliograph.registrations.imports.rows import FileRow, FileRows

REPORT_COLUMNS: Final = ("refused_line", "refused_field", "refused_value", "refused_reason", "refused_accepted")
_FORMULA: Final = r"[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]"
"""What begins a formula. The last four are full width, as some spreadsheets take them; tabs and line ends are what some of them drop."""
_BEGINS: Final = r"(?:\A|(?<=[\s,;|:]))"
"""Where a cell may begin for some reader: at the beginning, after a separator, on a new line.

A reader that splits at `;` does not know our quotes: for it the cell `x;=1`, which we write as `"x;=1"`, ends in a cell `=1"`.
"""
_UNSAFE: Final = re.compile(rf"""{_BEGINS}(?=["']*{_FORMULA})""")
_MADE_SAFE: Final = re.compile(rf"""{_BEGINS}'(?=["']*{_FORMULA})""")
_EXAMPLES: Final = 5


def safe(text: str) -> str:
    """A cell that no spreadsheet takes for a formula, whatever it splits at: an apostrophe stands before each thing in it that would be one.

    Where apostrophes stand there already, one more does, so that `exact` can take it away again: `=1` is `'=1`, `'=1` is `''=1`.
    """
    return _UNSAFE.sub("'", text)


def exact(text: str) -> str:
    """The cell that `safe` was given."""
    return _MADE_SAFE.sub("", text)


class Restored:
    """The rows of a report with their cells as they were."""

    def __init__(self, rows: FileRows) -> None:
        self._rows = rows
        self.names = [exact(name) for name in rows.names]
        self.total = rows.total
        self.blank, self.line = rows.blank, rows.line

    @property
    def cursor(self) -> dict[str, int]:
        return self._rows.cursor

    def __iter__(self) -> Iterator[FileRow]:
        for row in self._rows:
            self.blank, self.line = self._rows.blank, self._rows.line
            yield FileRow(row.line, [exact(cell) for cell in row.cells], row.problem)
        self.blank, self.line = self._rows.blank, self._rows.line

    def close(self) -> None:
        self._rows.close()


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A refused row: where it begins, its problems, its cells."""

    line: int
    problems: tuple[RowProblem, ...]
    cells: Sequence[str]

    def as_json(self) -> str:
        """For the job's own notes."""
        return json.dumps([[(p.column, p.value, p.reason, p.accepted) for p in self.problems], list(self.cells)])

    @classmethod
    def from_json(cls, line: int, text: str) -> RefusedRow:
        """What `as_json` gave."""
        problems, cells = json.loads(text)
        return cls(line, tuple(RowProblem(c, v, r, tuple(a)) for c, v, r, a in problems), cells)


@dataclass(slots=True)
class Summary:
    """Refused rows by field and reason, with the first lines of each."""

    rows: int = 0
    groups: Counter[tuple[str, str]] = field(default_factory=Counter)
    first: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)

    def add(self, row: RefusedRow) -> None:
        """Counts a row by its problems."""
        self.rows += 1
        for p in row.problems:
            key = (p.column, _kind_of(p))
            self.groups[key] += 1
            shown = self.first.setdefault(key, [])
            if len(shown) < _EXAMPLES:
                shown.append({"line": row.line, "value": p.value, "reason": p.reason, "accepted": list(p.accepted)})

    def as_json(self) -> list[dict[str, Any]]:
        """The most frequent first."""
        return [{"field": key[0], "reason": key[1], "rows": n, "first": self.first[key]} for key, n in self.groups.most_common(50)]


def _kind_of(problem: RowProblem) -> str:
    """The reason without value and numbers, so that equal mistakes count together."""
    general = problem.reason.replace(repr(problem.value), "…") if problem.value else problem.reason
    return re.sub(r"\d[\d,]*", "N", general)


def write_report(path: Path, names: Sequence[str], rows: Iterable[RefusedRow]) -> Summary:
    """Writes the report (UTF-8 with a byte order mark, so that every spreadsheet opens it) and sums it up."""
    summary = Summary()
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8-sig", newline="", errors="replace") as file:
        out = csv.writer(file)
        out.writerow([*REPORT_COLUMNS, *map(safe, names)])
        for row in rows:
            summary.add(row)
            out.writerow([row.line, *map(safe, (*_told(row.problems), *row.cells))])
    part.replace(path)
    return summary


def _told(problems: Sequence[RowProblem]) -> list[str]:
    """Field, value, reason and accepted; several problems stand below each other in the cell."""
    columns = zip(*((p.column, p.value, p.reason, p.accepted_text) for p in problems), strict=True)
    return ["\n".join(values) for values in columns]
