"""The refused rows as a file: why each was refused and what would be accepted, followed by the original row.

After correction the same file can be imported; the report's own columns are then ignored.

It is opened in spreadsheets, and its contents come from elsewhere, so no cell may start like a formula (`without_formula`). An import reverts that
(`Restored`) and sees every original cell.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from heliograph.domain.sentence_template import Sentence, body_of, stored_sentence, with_sentence
from heliograph.domain.spreadsheet_cells import original_cell, without_formula
from heliograph.registrations.imports.import_errors import RowProblem
from heliograph.registrations.imports.rows import FileRow, FileRows

REPORT_COLUMNS: Final = (
    "refused_line",
    "refused_row",
    "refused_field",
    "refused_value",
    "refused_reason",
    "refused_accepted",
    "refused_without",
)
"""The report's own columns. The last one, for NDJSON only, lists the names of columns that the row did not have, as JSON. So an import of the report
does not take them for empty cells, which clear stored values (I2)."""
_WITHOUT: Final = REPORT_COLUMNS[-1]
_LIST_SIGN: Final = "|"
"""Between the values of a list; an import splits cells there."""
_EXAMPLES: Final = 5
_NUMBER: Final = re.compile(r"\d[\d,]*")


class Restored:
    """The rows of a report with their original cells."""

    def __init__(self, rows: FileRows) -> None:
        self._rows = rows
        self.names = [original_cell(name) for name in rows.names]
        self.head_line, self.total = rows.head_line, rows.total
        self._index = {name: i for i, name in enumerate(self.names)}
        self.blank, self.line = rows.blank, rows.line

    @property
    def cursor(self) -> dict[str, int]:
        return self._rows.cursor

    def __iter__(self) -> Iterator[FileRow]:
        for row in self._rows:
            self.blank, self.line = self._rows.blank, self._rows.line
            yield replace(row, cells=[original_cell(cell) for cell in row.cells], absent=self._absent(row.cells))
        self.blank, self.line = self._rows.blank, self._rows.line

    def _absent(self, cells: Sequence[str]) -> frozenset[int]:
        """The indexes of cells that the original row did not have."""
        at = self._index.get(_WITHOUT)
        if at is None or at >= len(cells):
            return frozenset()
        try:
            names = json.loads(original_cell(cells[at]) or "[]")
        except ValueError:
            return frozenset()
        return frozenset(self._index[name] for name in names if name in self._index) if isinstance(names, list) else frozenset()

    def close(self) -> None:
        self._rows.close()


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A refused row with its problems. line, cells, row and absent are those of its FileRow; a list is one cell."""

    line: int
    problems: tuple[RowProblem, ...]
    cells: Sequence[str]
    row: int = 0
    absent: frozenset[int] = frozenset()
    document: Mapping[str, Any] = field(default_factory=dict)
    """What could be read of it; not in the job's notes."""

    @classmethod
    def from_row(cls, row: FileRow, problems: Iterable[RowProblem], document: Mapping[str, Any] | None = None) -> RefusedRow:
        """A row of the file with its problems."""
        cells = [_LIST_SIGN.join(row.lists[i]) if i in row.lists else cell for i, cell in enumerate(row.cells)] if row.lists else row.cells
        return cls(row.line, tuple(problems), cells, row.number, row.absent, document or {})

    def as_json(self) -> str:
        """For the job's own notes."""
        problems = [(p.column, p.value, p.reason, p.accepted, *([body] if (body := body_of(p.reason)) else ())) for p in self.problems]
        return json.dumps([problems, list(self.cells), self.row, sorted(self.absent)])

    @classmethod
    def from_json(cls, line: int, text: str) -> RefusedRow:
        """Reads what `as_json` returned."""
        problems, cells, row, absent = json.loads(text)
        row_problems = tuple(RowProblem(c, v, stored_sentence(r, *b or [None]), tuple(a)) for c, v, r, a, *b in problems)
        return cls(line, row_problems, cells, row, frozenset(absent))


@dataclass(slots=True)
class Summary:
    """Refused rows by field and reason, with the first lines of each."""

    rows: int = 0
    groups: Counter[tuple[str, str]] = field(default_factory=Counter)
    first: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)

    def add(self, row: RefusedRow) -> None:
        """Counts a row by its problems."""
        self.rows += 1
        for problem in row.problems:
            # Without values and numbers, so that the same mistakes are counted together.
            reason = _without_values(problem.reason, problem.value)
            key = (problem.column, reason)
            self.groups[key] += 1
            examples = self.first.setdefault(key, [])
            if len(examples) < _EXAMPLES:
                example = {
                    "line": row.line,
                    "row": row.row or row.line,
                    "value": problem.value,
                    **with_sentence("reason", problem.reason),
                    "accepted": list(problem.accepted),
                }
                examples.append(example)

    def as_json(self) -> list[dict[str, Any]]:
        """The most frequent first."""
        return [
            {"field": key[0], **with_sentence("reason", key[1]), "rows": count, "first": self.first[key]}
            for key, count in self.groups.most_common(50)
        ]


def _without_values(reason: str, value: str) -> str:
    """The reason with "…" for the refused value and N for numbers."""

    def general(text: str) -> str:
        return _NUMBER.sub("N", text.replace(f"“{value}”", "“…”") if value else text)

    if not isinstance(reason, Sentence) or not reason.values:
        return general(reason)
    values = {
        name: "…" if value and each == value else general(f"{each:,}" if isinstance(each, int) else each)
        for name, each in reason.values.items()
    }
    sentence = Sentence(reason.template, **values).shaped(capital=reason.capital, stop=reason.stop)
    text = general(reason)
    return sentence if sentence == text else text


def write_report(path: Path, names: Sequence[str], rows: Iterable[RefusedRow], *, sparse: bool = False) -> Summary:
    """Writes the report and counts its rows by problem. UTF-8 with a byte order mark, so that every spreadsheet opens it.

    sparse: True if rows need not have every column, as in NDJSON.
    """
    summary = Summary()
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8-sig", newline="", errors="replace") as file:
        writer = csv.writer(file)
        writer.writerow([*(REPORT_COLUMNS if sparse else REPORT_COLUMNS[:-1]), *map(without_formula, names)])
        for row in rows:
            summary.add(row)
            # Several problems of a row are listed one below the other in its cells: field, value, reason and accepted values.
            problems = zip(*((p.column, p.value, p.reason, p.accepted_text) for p in row.problems), strict=True)
            problem_cells = ["\n".join(values) for values in problems]
            without = [json.dumps([names[i] for i in sorted(row.absent)], ensure_ascii=False)] if sparse else []
            writer.writerow([row.line, row.row or row.line, *map(without_formula, (*problem_cells, *without, *row.cells))])
    part.replace(path)
    return summary
