"""A person's settings for a file, and files that are almost tables: each gives a sentence, none an internal error (A8, I4)."""

from __future__ import annotations

import encodings
import pkgutil
from pathlib import Path

import pytest
from tests.hostile_workbooks import cell, row, small, workbook

from heliograph.registrations.imports.encodings import OFFERED, checked
from heliograph.registrations.imports.file_reader import look, open_rows
from heliograph.registrations.imports.import_errors import ImportFileError

HOSTILE = ["a\0b", "\ud800", "x" * 300_000, "../../etc/passwd", "os", "\x1b", "utf-8\n", "é"]
CODECS = sorted({name for _finder, name, _package in pkgutil.iter_modules(encodings.__path__)})


@pytest.mark.parametrize("name", [*CODECS, *HOSTILE], ids=lambda text: repr(text)[:20])
def test_A8_an_encoding_is_one_of_a_list(tmp_path: Path, name: str) -> None:
    """For all of Python's codecs and others: those not offered are refused with a short sentence."""
    path = tmp_path / "a.csv"
    path.write_bytes("code,name\n1,Zoë\n2,\\x\n".encode())
    refusal = ""
    try:
        assert checked(name) in OFFERED
        rows = open_rows(path, look(path, encoding=name))
        list(rows)
        rows.close()
    except ImportFileError as error:
        refusal = str(error)
    assert len(refusal) < 300
    assert refusal.isprintable()


def test_A8_what_is_offered_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    for name in OFFERED:
        assert checked(name) == name
        path.write_bytes("code,name\r\n1,x\r\n".encode(name))
        rows = open_rows(path, look(path, encoding=name))
        assert [list(found.cells) for found in rows] == [["1", "x"]]
        rows.close()


@pytest.mark.parametrize("sheet", HOSTILE, ids=lambda text: repr(text)[:20])
def test_A8_a_sheet_that_is_none_is_a_sentence(tmp_path: Path, sheet: str) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(small())
    with pytest.raises(ImportFileError, match="There is no sheet") as refusal:
        look(path, sheet=sheet)
    assert len(str(refusal.value)) < 400


def test_A8_a_sheet_whose_own_name_is_endless_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(workbook(row(cell("code")) + row(cell("1")), sheet="S" * 300_000))
    with pytest.raises(ImportFileError) as refusal:
        look(path)
    assert len(str(refusal.value)) < 400


@pytest.mark.parametrize("separator", [*HOSTILE, '"', "\r", "\n", " ", "\u2028", "1"], ids=lambda text: repr(text)[:20])
def test_A8_a_separator_that_is_none_is_a_sentence(tmp_path: Path, separator: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"code,name\n1,x\n")
    refusal = ""
    try:
        rows = open_rows(path, look(path, separator=separator))
        list(rows)
        rows.close()
    except ImportFileError as error:
        refusal = str(error)
    assert len(refusal) < 300


LONG = "x" * 140_000
"""More than the csv module accepts for one field."""


@pytest.mark.parametrize(
    ("data", "said"),
    [
        pytest.param('code,"name\n1,x\n', "line 1", id="a quote is opened in the head"),
        pytest.param('"code,name\n' + "1,x\n" * 5_000, "line 1", id="and never closed in a long file"),
        pytest.param('\n\n"code,name\n' + "1,x\n" * 5_000, "line 3", id="after empty lines"),
        pytest.param(f'code,"{"y" * 60_000}\n{"z" * 60_000}\n{"z" * 60_000}\n', "line 1", id="over more than a field holds"),
        pytest.param(f"{LONG},name\n1,x\n", "line 1", id="a name longer than the csv module takes"),
        pytest.param(f"{'x' * 120_000},name\n1,x\n", "line 1", id="a name longer than a cell"),
        pytest.param(f"\n{'x' * 1_200_000},name\n1,x\n", "line 2", id="a line without an end"),
    ],
)
def test_A8_a_head_that_cannot_be_read_is_a_sentence_with_its_line(tmp_path: Path, data: str, said: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(data)
    with pytest.raises(ImportFileError, match=said) as refusal:
        open_rows(path, look(path)).close()
    assert len(str(refusal.value)) < 400


@pytest.mark.parametrize(
    "line",
    [
        pytest.param('2,"open', id="a quote is opened"),
        pytest.param(f'2,"{"y" * 60_000}\n{"z" * 60_000}\n{"z" * 60_000}', id="and over more than a field holds"),
        pytest.param(f"2,{LONG}", id="a field longer than the csv module takes"),
        pytest.param('2,"a"b', id="a quote within"),
    ],
)
def test_A8_a_row_that_cannot_be_read_costs_itself_and_names_its_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"code,name\n1,x\n{line}\n" + "3,z\n" * 2_000)
    rows = open_rows(path, look(path))
    found = list(rows)
    rows.close()
    assert found[0].problem is None
    refused = next(each for each in found if each.problem is not None)
    assert refused.line == 3
    assert refused.problem
    assert len(refused.problem.value) <= 100
    assert sum(each.problem is None for each in found) >= 2_001
