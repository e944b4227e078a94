"""The refused rows as a file: why each was refused and what would be accepted, followed by the original row.

After correction the same file can be imported; the report's own columns are then ignored.

It is opened in spreadsheets, and its contents come from elsewhere, so no cell may start like a formula (`safe`). An import reverts that
(`Restored`) and sees every original cell.
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
"""The start of a formula. The last four are full-width forms, which some spreadsheets accept; tabs and line ends are dropped by some of
them."""
_BEGINS: Final = r"(?:\A|(?<=[\s,;|:]))"
"""Where a cell may start for some reader: at the beginning, after a separator, on a new line.

A reader that splits at `;` does not know our quotes: the cell `x;=1`, which we write as `"x;=1"`, ends for it in a cell `=1"`.
"""
_UNSAFE: Final = re.compile(rf"""{_BEGINS}(?=["']*{_FORMULA})""")
_MADE_SAFE: Final = re.compile(rf"""{_BEGINS}'(?=["']*{_FORMULA})""")
_EXAMPLES: Final = 5


def safe(text: str) -> str:
    """A cell that no spreadsheet takes for a formula, whatever it splits at: an apostrophe is put before each part that would be one.

    If there are apostrophes already, one more is added, so that `exact` can remove it again: `=1` becomes `'=1`, `'=1` becomes `''=1`.
    """
    return _UNSAFE.sub("'", text)


def exact(text: str) -> str:
    """Reverts `safe`."""
    return _MADE_SAFE.sub("", text)


class Restored:
    """The rows of a report with their original cells."""

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
    """A refused row: its first line, its problems, its cells."""

    line: int
    problems: tuple[RowProblem, ...]
    cells: Sequence[str]

    def as_json(self) -> str:
        """For the job's own notes."""
        return json.dumps([[(p.column, p.value, p.reason, p.accepted) for p in self.problems], list(self.cells)])

    @classmethod
    def from_json(cls, line: int, text: str) -> RefusedRow:
        """Reads what `as_json` returned."""
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
    """The reason without values and numbers, so that the same mistakes are counted together."""
    general = problem.reason.replace(repr(problem.value), "…") if problem.value else problem.reason
    return re.sub(r"\d[\d,]*", "N", general)


def write_report(path: Path, names: Sequence[str], rows: Iterable[RefusedRow]) -> Summary:
    """Writes the report (UTF-8 with a byte order mark, so that every spreadsheet opens it) and summarizes it."""
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
    """Field, value, reason and accepted values; several problems are listed one below the other in the cell."""
    columns = zip(*((p.column, p.value, p.reason, p.accepted_text) for p in problems), strict=True)
    return ["\n".join(values) for values in columns]
