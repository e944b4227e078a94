"""What stands above a table, how its rows are counted, and the two shapes of NDJSON (I4)."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path

import openpyxl
import pytest
from django.utils import translation

from heliograph.accounts.languages import translated
from heliograph.registrations.imports.file_reader import SEPARATORS, Format, look, open_rows
from heliograph.registrations.imports.import_errors import RowProblem
from heliograph.registrations.imports.refusal_file import RefusedRow, write_report
from heliograph.registrations.imports.rows import FileRow, place

HEAD = ["Registration code", "First name", "Surname", "Shirt", "Remark"]
TITLES: list[list[list[str]]] = [
    [],
    [["Registrations of Summit 2026"]],
    [["Registrations of Summit 2026"], [], ["Exported", "2026-11-01"]],
    [["Event", "SUMMIT-26"], ["As of", "1 November, 09:00"], [], []],
    [["", "", "All registrations"], ["page 1"]],
]


def read(path: Path) -> tuple[Format, list[str], list[FileRow]]:
    form = look(path)
    rows = open_rows(path, form)
    try:
        return form, rows.names, list(rows)
    finally:
        rows.close()


def written(path: Path, rows: Sequence[Sequence[str]], separator: str, *, padded: bool) -> Path:
    width = max(map(len, rows))
    with path.open("w", encoding="utf-8", newline="") as file:
        for row in rows:
            cells = [*row, *([""] * (width - len(row)))] if padded else row
            file.write(separator.join(f'"{cell}"' if any(sign in cell for sign in "\n,;\t|") else cell for cell in cells) + "\r\n")
    return path


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("separator", SEPARATORS)
@pytest.mark.parametrize("titles", TITLES)
def test_I4_titles_above_the_headings_are_passed_over(tmp_path: Path, titles: list[list[str]], separator: str, padded: bool) -> None:
    for rows_below in (1, 2, 60):
        body = [[f"R-{n}", "Zoë", "Marin", "XL" if n % 2 else "", ""] for n in range(rows_below)]
        form, names, rows = read(written(tmp_path / "file.csv", [*titles, HEAD, *body], separator, padded=padded))
        assert (names, form.separator, form.head) == (HEAD, separator, len(titles) + 1)
        assert [list(row.cells) for row in rows] == body
        assert [row.line for row in rows] == list(range(len(titles) + 2, len(titles) + 2 + rows_below))
        assert (f"names of columns in line {len(titles) + 1}" in form.words) == bool(titles)


@pytest.mark.parametrize("titles", TITLES)
def test_I4_titles_of_a_workbook_are_passed_over(tmp_path: Path, titles: list[list[str]]) -> None:
    book = openpyxl.Workbook()
    body = [[f"R-{n}", "Zoë", "Marin", "XL", "x"] for n in range(5)]
    for row in [*titles, HEAD, *body]:
        book.active.append(row)
    book.save(tmp_path / "file.xlsx")
    form, names, rows = read(tmp_path / "file.xlsx")
    assert (names, form.head) == (HEAD, len(titles) + 1)
    assert [(row.line, list(row.cells)) for row in rows] == [(n, cells) for n, cells in enumerate(body, len(titles) + 2)]


@pytest.mark.parametrize(
    "rows",
    [
        [["code", "name"], ["A-1", "x", "stray"], ["A-2", "y", "stray"]],  # rows that are too long make no head of themselves
        [["first name", "surname"], ["Zoë", "Marin", "x"], ["Joe", "Citizen", "y"]],
        [["anything", "else"], ["1", "2"], ["3"]],
        [["code"]],
        [["code"], ["A-1"], ["A-2"]],
    ],
)
def test_I4_a_head_is_never_taken_for_a_title(tmp_path: Path, rows: list[list[str]]) -> None:
    form, names, _ = read(written(tmp_path / "file.csv", rows, ",", padded=False))
    assert (names, form.head) == (rows[0], 1)


def test_I4_line_and_row_are_told_where_they_differ(tmp_path: Path) -> None:
    """An editor counts lines, a spreadsheet rows: a cell of three lines is one row."""
    path = tmp_path / "file.csv"
    path.write_bytes(
        b'Title\r\n\r\ncode,note,more\r\nA-1,"one\r\ntwo\r\nthree",x\r\n\r\nA-2,four,x\r\nA-3,bad "quote" x",five,six\r\nA-4,seven,x'
    )
    form = look(path)
    rows = open_rows(path, form)
    found = [next(iter(rows)), next(iter(rows))]
    again = open_rows(path, form, rows.cursor)  # from the middle on they are counted alike
    found += list(again)
    rows.close()
    again.close()
    assert [(row.line, row.number) for row in found] == [(4, 4), (8, 6), (9, 7), (10, 8)]
    assert [place(row.line, row.number) for row in found[:2]] == ["4", "8 (row 6)"]


# --- NDJSON


def lines(path: Path, *found: object) -> Path:
    path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line, ensure_ascii=False)}\n" for line in found), "utf-8")
    return path


def test_I4_flat_objects_are_rows_of_a_table(tmp_path: Path) -> None:
    path = lines(
        tmp_path / "f.ndjson",
        {"Registration code": "A-1", "First name": "Zoë", "Age": 41, "VIP": True},
        '{"Registration code": "A-2", "Amount": 12.50, "Big": 123456789012345678901234567890, "Shirt": null, "Food": ["Vegan", "Halal|x"]}',
        {"Registration code": "A-3", "profile": {"email": "a@example.org", "custom": {"badge": "red"}}, "answers": {"diet": ["a", "b"]}},
        {"Registration code": "A-4", "sessions": [{"code": "KEY", "status": "Attended"}, {"code": "END"}], "properties": {"Test": False}},
        {"Registration code": "A-5", "VIP": None},
    )
    form, names, rows = read(path)
    assert form.words == "NDJSON, UTF-8, objects with names of columns"
    found = [{name: row.lists.get(i, row.cells[i]) for i, name in enumerate(names) if i not in row.absent} for row in rows]
    assert found == [
        {"Registration code": "A-1", "First name": "Zoë", "Age": "41", "VIP": "true"},
        {
            "Registration code": "A-2",
            "Amount": "12.50",
            "Big": "123456789012345678901234567890",
            "Shirt": "",
            "Food": ["Vegan", "Halal|x"],
        },
        {"Registration code": "A-3", "profile.email": "a@example.org", "profile.custom.badge": "red", "answers.diet": ["a", "b"]},
        {"Registration code": "A-4", "sessions.KEY": "Attended", "sessions.END": "true", "properties.Test": "false"},
        {"Registration code": "A-5", "VIP": ""},
    ]


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ('{"Code": "A-9", "Food": {"a": 1}}', "Food"),
        ('{"Code": "A-9", "Food": [["a"]]}', "Food"),
        ('{"Code": "A-9", "Code": "A-8"}', "Code"),
        ('{"Code": "A-9", "answers": {"x": "1"}, "answers.x": "2"}', "answers.x"),
        ('{"Code": "A-9", "Food": NaN}', ""),
        ('{"Code": "A-9", "Food": "\\ud800"}', "Food"),
        ('{"Code": "A-9"', ""),
        ('["A-9"]', ""),
    ],
)
def test_I4_a_line_that_is_no_row_costs_itself_only(tmp_path: Path, line: str, column: str) -> None:
    _, names, rows = read(lines(tmp_path / "f.ndjson", {"Code": "A-1", "Food": "x"}, line, {"Code": "A-2"}))
    assert "Code" in names
    assert [row.problem is None for row in rows] == [True, False, True]
    problem = rows[1].problem
    assert problem is not None
    assert problem.column == column
    assert problem.reason


def test_I4_a_column_that_only_the_last_of_many_lines_has_is_not_lost(tmp_path: Path) -> None:
    many = [{"Code": f"A-{n}", "First name": "x"} for n in range(3_000)]
    _, names, rows = read(lines(tmp_path / "f.ndjson", *many, {"Code": "B-1", "Surname": "Last"}))
    assert names == ["Code", "First name", "Surname"]
    assert rows[-1].cells == ["B-1", "", "Last"]
    assert rows[-1].absent == {1}


def test_I4_documents_stay_documents_though_one_has_a_name_too_many(tmp_path: Path) -> None:
    good = [{"event": "E", "code": f"A-{n}", "profile": {"first_name": "x"}} for n in range(3)]
    form, names, rows = read(lines(tmp_path / "f.ndjson", {"event": "E", "code": "A", "emial": "x"}, *good))
    assert form.words == "NDJSON, UTF-8, registration documents"
    assert names == ["document"]
    assert json.loads(rows[0].cells[0]) == {"event": "E", "code": "A", "emial": "x"}


def test_I4_the_report_of_flat_objects_keeps_what_was_not_said_apart_from_what_is_empty(tmp_path: Path) -> None:
    """An empty cell clears what is stored; a column that a line did not have must not come back as one."""
    chance = random.Random(6)
    names = ["Code", "First name", "=Food", "Note"]
    found = [
        {"Code": f"A-{n}"} | {name: chance.choice(["", "x", "=1", ["a", "b"]]) for name in names[1:] if chance.random() < 0.6}
        for n in range(40)
    ]
    _, columns, rows = read(lines(tmp_path / "f.ndjson", {"Code": "A", **dict.fromkeys(names[1:], "x")}, *found))
    refused = [RefusedRow.from_row(row, [RowProblem("Code", "", "Is wrong.")]) for row in rows[1:]]
    write_report(tmp_path / "r.csv", columns, refused, sparse=True)
    _, again, back = read(tmp_path / "r.csv")
    at = [again.index(name) for name in names]
    said = [{name: row.cells[i] for name, i in zip(names, at, strict=True) if i not in row.absent} for row in back]
    assert said == [{name: "|".join(value) if isinstance(value, list) else value for name, value in row.items()} for row in found]


def test_the_place_of_a_row_is_said_in_the_language_of_the_page() -> None:
    with translation.override("de"):
        assert translated(place(12, 9)) == "12 (Tabellenzeile 9)"
