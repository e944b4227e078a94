"""The report of refused rows in a spreadsheet, whatever that splits at, and back in an import (A9; docs/reference/security.md)."""

from __future__ import annotations

import csv
import io
import tempfile
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from heliograph.registrations.imports import report
from heliograph.registrations.imports.errors import RowProblem
from heliograph.registrations.imports.file_reader import look, open_rows
from heliograph.registrations.imports.report import RefusedRow

SEPARATORS = (",", ";", "\t", "|", ":", " ")
"""What Excel, LibreOffice, Numbers and Google's Sheets split at by default, or offer."""
SIGNS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
SPECIAL = st.text("=+-@\uff1d\uff20,;|: \t\r\n\"'x1\u00a0", max_size=15)
PLAIN = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=15)
CELLS = st.lists(SPECIAL | PLAIN, min_size=3, max_size=3)
NAMES = ["code", "a;=b|=c:=d", "=head"]


def cells_of(text: str, separator: str, quoting: int) -> list[str]:
    """All cells as such a spreadsheet finds them. Quotes count at the start of a cell, or (QUOTE_NONE) never."""
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, quoting=quoting)
    return [cell for row in rows for cell in row]


@given(CELLS, CELLS, SPECIAL)
@example(["x;=cmd()", 'x;"=cmd()"', "x\n=cmd()"], ['"=cmd()', "a; \t=b;", 'a|"" =b'], "a\n;=b")
@example(["a;", "=b", "c;"], ["'=", ";'=", ";''="], "")
@example(["a\tb\t=c", "a,=b", "a :=b"], ["a\n", '"', ';"'], ";")
@example(["\r=x", "x\r=y", "x\r\n=y"], ["x\u2028=y", "\u00a0=x", "x;\u00a0=y"], "\n")
def test_I4_A9_no_separator_makes_a_formula_of_a_report_and_an_import_takes_it_back(first: list[str], second: list[str], told: str) -> None:
    problem = RowProblem("=name", told, f"is not known; {told}", ("-1", told))
    rows = [["A1", *first[1:]], ["A2", *second[1:]], ["A3", first[0], second[0]]]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "refused.csv"
        report.write_report(path, NAMES, [RefusedRow(n, (problem, problem), cells) for n, cells in enumerate(rows, 2)])
        text = path.read_bytes().decode("utf-8-sig")
        for separator in SEPARATORS:
            for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE):
                formulas = [cell for cell in cells_of(text, separator, quoting) if cell.lstrip().startswith(SIGNS)]
                assert not formulas, (separator, quoting)
        opened = open_rows(path, look(path))
        try:
            assert opened.names[6:] == NAMES
            assert [row.cells[6:] for row in opened] == rows
        finally:
            opened.close()


@given(SPECIAL | PLAIN)
def test_I4_A9_a_cell_is_itself_again(text: str) -> None:
    assert report.exact(report.safe(text)) == text
