"""Detecting a file's format, and the messages about files that cannot be read."""

from __future__ import annotations

import datetime as dt
import zipfile
from pathlib import Path

import openpyxl
import pytest

from heliograph.registrations.imports import workbook
from heliograph.registrations.imports.cell_errors import cell_errors
from heliograph.registrations.imports.file_reader import NDJSON, XLSX, look, open_rows
from heliograph.registrations.imports.import_errors import FileUnreadable, ImportFileError, NoTable

EXPORT = Path(__file__).parents[1] / "data" / "registrations-export.csv"


def table(tmp_path, data, **said):
    path = tmp_path / "file.csv"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    form = look(path, **said)
    rows = open_rows(path, form)
    found = list(rows)
    rows.close()
    return form, rows, found


def test_I4_the_export_reads_whole():
    form = look(EXPORT)
    assert form.words == "CSV, UTF-8, separated by commas"
    rows = open_rows(EXPORT, form)
    found = list(rows)
    rows.close()
    assert len(found) == 5000
    assert not [row for row in found if row.problem]
    # a line break in a note moves later rows further down
    assert (found[0].line, found[-1].line) == (2, 5374)
    text = EXPORT.read_text("utf-8-sig").split("\n")
    assert all(text[row.line - 1].startswith(row.cells[0]) for row in found)


@pytest.mark.parametrize(("separator", "name"), [(",", "commas"), (";", "semicolons"), ("\t", "tabs"), ("|", "vertical bars")])
def test_I4_the_separator_is_found_though_others_stand_in_cells(tmp_path, separator, name):
    data = separator.join(("code", "name", "note")) + "\n" + "".join(separator.join((f"{i}", '"a, b; c | d"', "x\n")) for i in range(20))
    form, rows, found = table(tmp_path, data)
    assert form.separator == separator
    assert name in form.words
    assert rows.names == ["code", "name", "note"]
    assert found[3].cells == ["3", "a, b; c | d", "x"]


def test_I4_excel_s_own_first_line_says_the_separator(tmp_path):
    form, rows, found = table(tmp_path, "sep=;\ncode;name\n1;a,b\n")
    assert (form.separator, rows.names) == (";", ["code", "name"])
    assert [(row.line, row.cells) for row in found] == [(3, ["1", "a,b"])]


def test_I4_line_ends_may_differ_within_a_file(tmp_path):
    _, rows, found = table(tmp_path, b'\r\ncode,name\r\n1,"a\r\nb"\n2,"c\rd"\r3,e\n\n , \n4,f')
    assert rows.names == ["code", "name"]
    assert [(row.line, row.cells) for row in found] == [(3, ["1", "a\r\nb"]), (5, ["2", "c\rd"]), (7, ["3", "e"]), (10, ["4", "f"])]
    assert rows.blank == 2


def test_I2_each_unreadable_line_is_named_and_costs_itself_only(tmp_path):
    data = (
        b"code,name,note\n"
        b"1,fine,x\n"
        b"2,bad \xff byte,x\n"
        b"3,nul \0,x\n"
        b"4,too,many,cells\n"
        b"5,few\n"
        b'6,"he said "hi" twice",x\n'
        b'7,"line one\nline \xff two",x\n'
        b"8," + b"y" * 100_001 + b",x\n"
        b"9,fine too,,\n"
        b'10,"open,x\n'
    )
    _, _, found = table(tmp_path, data, encoding="utf-8")
    said = {row.line: row.problem and row.problem.reason for row in found}
    assert said == {
        2: None,
        3: "The line contains bytes that are invalid in the file's encoding.",
        4: "The line contains a NUL character.",
        5: "The line has 4 cells, the head has 3.",
        6: "The line has 2 cells, the head has 3.",
        7: "A quote within a quoted cell is not doubled.",
        8: "The line contains bytes that are invalid in the file's encoding.",
        9: "The line contains bytes that are invalid in the file's encoding.",
        10: "A cell is longer than 100,000 characters.",
        11: None,
        12: "A quote is opened and never closed.",
    }
    assert found[-1].problem.value == '10,"open,x'
    assert found[4].problem.accepted == ("3 cells",)


def test_an_endless_line_is_passed_over_in_flat_memory(tmp_path):
    _, _, found = table(tmp_path, b"code,name\n1,a\n2," + b"x" * 5_000_000 + b"\n3,b\n")
    assert [(row.line, row.problem and row.problem.reason) for row in found] == [
        (2, None),
        (3, "The line is longer than 1,000,000 bytes."),
        (4, None),
    ]


def test_a_row_that_is_too_long_is_not_blamed_on_lines(tmp_path):
    line = b"2" + b",x" * 250_001 + b"\n"
    _, _, rows = table(tmp_path, b"code,name\n" + line + b"3,a\n" + b'4,"' + b"z\n" * 1_001)
    long, _, many_lines = rows[:3]
    assert long.problem.reason == "The row is longer than 500,000 characters; perhaps a quote is not closed."
    assert long.problem.accepted == ("at most 500,000 characters",)
    assert (many_lines.line, many_lines.problem.reason) == (4, "A quote is opened and not closed within 1,000 lines.")


def test_columns_of_one_name_are_told_apart(tmp_path):
    _, rows, _ = table(tmp_path, "code, E-mail ,E-mail,,E-mail\n1,a,b,c,d\n")
    assert rows.names == ["code", "E-mail", "E-mail (2)", "column 4", "E-mail (3)"]


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.csv", b"", "empty"),
        ("a.csv", b"\n\n \n", "contains only empty lines"),
        ("registrations.pages", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "registrations.pages is not a table. Save it as CSV or .xlsx"),
        ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "Save it as .xlsx"),
        ("a.json", b'[{"event": "X"}]', "one JSON object per line"),
        ("a.xlsx", b"PK\x03\x04" + b"\0" * 100, "not a valid .xlsx"),
        ("a.csv", b'"never closed', "The names of columns"),
    ],
)
def test_what_is_no_table_is_refused_in_words(tmp_path, name, data, said):
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(NoTable, match=said):
        open_rows(path, look(path))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileUnreadable, match="cannot be read"):
        look(tmp_path / "none.csv")
    with pytest.raises(FileUnreadable, match="a folder"):
        look(tmp_path)
    with pytest.raises(ImportFileError, match="not a separator"):
        look(EXPORT, separator='"')


def test_I4_ndjson_is_one_document_per_line(tmp_path):
    path = tmp_path / "many.ndjson"
    path.write_bytes(b'\xef\xbb\xbf{"event": "A", "code": "1"}\n\n{"event": "A", "code": "2"}\r\n{"broken\xff\n')
    form = look(path)
    assert form.kind == NDJSON
    rows = open_rows(path, form)
    found = list(rows)
    assert [(row.line, row.cells) for row in found[:2]] == [(1, ['{"event": "A", "code": "1"}']), (3, ['{"event": "A", "code": "2"}'])]
    assert found[2].problem is not None
    rows.close()


# --- workbooks


@pytest.fixture
def book(tmp_path):
    path = tmp_path / "book.xlsx"
    made = openpyxl.Workbook()
    sheet = made.active
    sheet.title = "Registrations"
    sheet.append([])
    sheet.append(["code", "name", "amount", "when", "day", "ok"])
    sheet.append(["S-1", "=1+1 is text", 12, dt.datetime.combine(dt.date(2026, 3, 1), dt.time(9, 30)), dt.date(2026, 3, 1), True])
    sheet["B3"].data_type = "s"
    sheet.append([])
    sheet.append(["007", "山田\n花子 ", 0.1, None, None, False])
    sheet.append([8, "x" * 10, 1e20, None, None, None, None, "stray"])
    made.create_sheet("Second").append(["a", "b"])
    made.save(path)
    return path


def test_I4_a_workbook_is_read_as_a_person_sees_it(book):
    form = look(book)
    assert (form.kind, form.sheet) == (XLSX, "Registrations")
    rows = open_rows(book, form)
    assert rows.names == ["code", "name", "amount", "when", "day", "ok"]
    found = list(rows)
    assert [(row.line, row.cells) for row in found[:2]] == [
        (3, ["S-1", "=1+1 is text", "12", "2026-03-01T09:30:00", "2026-03-01", "TRUE"]),
        (5, ["007", "山田\n花子 ", "0.1", "", "", "FALSE"]),
    ]
    assert found[2].problem.reason == "The row has 8 cells, the head has 6."
    assert rows.blank == 1


def test_I4_an_error_of_excel_s_is_not_read_as_an_empty_cell(tmp_path):
    made = openpyxl.Workbook()
    sheet = made.active
    for row in (["code", "company"], ["A1", "Acme"], ["A2", "#N/A"], ["A3", None], ["#REF!", "Acme"]):
        sheet.append(row)
    made.create_sheet("Other").append(["#NAME?"])
    path = tmp_path / "book.xlsx"
    made.save(path)
    rows = list(open_rows(path, look(path)))
    assert [row.cells for row in rows] == [["A1", "Acme"], ["A2", "#N/A"], ["A3", ""], ["#REF!", "Acme"]]
    assert [row.problem and (row.problem.column, row.problem.value) for row in rows] == [None, ("company", "#N/A"), None, ("code", "#REF!")]
    assert rows[1].problem.reason == "The cell contains the Excel error #N/A."
    assert rows[1].problem.accepted == ("a value, or an empty cell",)


def test_a_workbook_goes_on_from_a_row(book):
    form = look(book)
    rows = open_rows(book, form)
    first = next(iter(rows))
    rest = list(open_rows(book, form, rows.cursor))
    assert first.line == 3
    assert [row.line for row in rest] == [5, 6]


def test_another_sheet_by_name(book):
    assert open_rows(book, look(book, sheet="Second")).names == ["a", "b"]
    with pytest.raises(ImportFileError, match="Registrations, Second"):
        look(book, sheet="None")


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(workbook, "MAX_UNPACKED", 10_000_000)
    path = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * 20_000_000)
    assert path.stat().st_size < 50_000
    with pytest.raises(ImportFileError, match="save it as CSV"):
        look(path)
    # the same archive, claiming to be small
    lie = path.read_bytes().replace((20_000_000).to_bytes(4, "little"), (1_000).to_bytes(4, "little"))
    path.write_bytes(lie)
    with pytest.raises(ImportFileError, match="save it as CSV"):
        look(path)


def test_errors_of_excel_are_found_wherever_a_block_ends(tmp_path):
    path = tmp_path / "errors.xlsx"
    made = openpyxl.Workbook()
    sheet = made.active
    for n in range(400):
        sheet.append([f"A{n}", "#DIV/0!" if n % 7 == 0 else f"text {n}"])
    made.save(path)
    expected = {n + 1: {2: "#DIV/0!"} for n in range(0, 400, 7)}
    for block in (700, 1_013, 1 << 18):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("heliograph.registrations.imports.cell_errors._BLOCK", block)
            assert cell_errors(path, 0) == expected


def test_a_hostile_sheet_is_read_in_time_that_grows_with_its_size_only(tmp_path):
    """Tags, cells and values without an end: each pattern stops at its bound. A quadratic one would take minutes."""
    for inside in (b"<c " * 700_000, b'<c r="A1" t="e">' * 20_000, b'<c r="A1" t="e"><f>' + b"x" * 2_000_000, b"<c " + b'a="b" ' * 350_000):
        path = tmp_path / "hostile.xlsx"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("xl/workbook.xml", '<workbook><sheets><sheet name="S" sheetId="1" r:id="rId1"/></sheets></workbook>')
            archive.writestr(
                "xl/_rels/workbook.xml.rels", '<Relationships><Relationship Id="rId1" Target="worksheets/s.xml"/></Relationships>'
            )
            archive.writestr("xl/worksheets/s.xml", inside)
        assert set(cell_errors(path, 0)) <= {1}


@pytest.mark.parametrize("far", ["XFD1048576", "A1048576"])
def test_two_cells_in_far_corners_are_refused_before_they_are_a_table_of_all_between(tmp_path, far):
    path = tmp_path / "corners.xlsx"
    made = openpyxl.Workbook()
    made.active["A1"] = "code"
    made.create_sheet("second")[far] = "x"
    if far.startswith("A"):
        made["second"]["XFD1"] = "x"
    made.save(path)
    with pytest.raises(ImportFileError, match="so far apart"):
        look(path)


def test_other_kinds_of_workbook_are_refused(tmp_path):
    path = tmp_path / "sheet.ods"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("content.xml", "<office:document-content/>")
    with pytest.raises(NoTable, match=r"no \.xlsx file"):
        look(path)
