"""The report of refused rows in a spreadsheet, whatever that splits at, and back in an import (A9; docs/reference/security.md)."""

from __future__ import annotations

import csv
import io
import re
import sys
import tempfile
import unicodedata
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from heliograph.domain.spreadsheet_cells import INVISIBLE, original_cell, without_formula
from heliograph.registrations.imports import refusal_file
from heliograph.registrations.imports.file_reader import look, open_rows
from heliograph.registrations.imports.import_errors import RowProblem
from heliograph.registrations.imports.refusal_file import RefusedRow

SEPARATORS = (",", ";", "\t", "|", ":", " ")
"""What Excel, LibreOffice, Numbers and Google's Sheets split at by default, or offer."""
SIGNS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
HIDDEN = re.compile(rf"\A[\s{INVISIBLE}]+")
"""What a spreadsheet may drop from the start of a cell."""
SPECIAL = st.text("=+-@\uff1d\uff20,;|: \t\r\n\"'x1\u00a0\ufeff\u200b\u00ad\u202e\u3164\u2800\x1c\x85\x01", max_size=15)
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
        refusal_file.write_report(path, NAMES, [RefusedRow(n, (problem, problem), cells) for n, cells in enumerate(rows, 2)])
        text = path.read_bytes().decode("utf-8-sig")
        for separator in SEPARATORS:
            for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE):
                formulas = [cell for cell in cells_of(text, separator, quoting) if HIDDEN.sub("", cell).startswith(SIGNS)]
                assert not formulas, (separator, quoting)
        opened = open_rows(path, look(path))
        try:
            assert opened.names[6:] == NAMES
            assert [row.cells[6:] for row in opened] == rows
        finally:
            opened.close()


@given(SPECIAL | PLAIN)
def test_I4_A9_a_cell_is_itself_again(text: str) -> None:
    assert original_cell(without_formula(text)) == text


def test_I4_A9_every_invisible_character_is_known() -> None:
    """Unicode grows: a new Python may know more of them."""
    known = re.compile(f"[{INVISIBLE}]")
    characters = map(chr, range(sys.maxunicode + 1))
    unknown = [
        f"U+{ord(character):04X}"
        for character in characters
        if unicodedata.category(character) in ("Cf", "Cc") and not character.isspace() and not known.match(character)
    ]
    assert not unknown


@example("\ufeff=1")
@example("\u200b\u00ad'=1")
@example("\u202e +1;\x01@x")
@given(st.text(f"\ufeff\u200b\u00ad\u202e\u2060 \t\x01{''.join(SIGNS)}';x", max_size=8))
def test_I4_A9_no_hidden_character_lets_a_formula_begin(text: str) -> None:
    cell = without_formula(text)
    for part in re.split("[;]", cell):
        assert not HIDDEN.sub("", part).startswith(SIGNS), part
    assert original_cell(cell) == text
