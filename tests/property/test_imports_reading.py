"""Any table survives being written as CSV and read again, in each encoding and separator, from any row on."""

from __future__ import annotations

import csv
import io
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from heliograph.registrations.imports.file_reader import Format, look, open_rows

pytestmark = pytest.mark.once

UNICODE = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32")
PAGES = {
    "cp1252": "äöüßéèêàçñÉÑ’€",
    "cp1250": "ąćęłńóśźżŁŻčřěů",
    "cp1251": "абвгдежзиклмнопрстуфхцчшщыэюя",
    "cp1253": "αβγδεζηθικλμνξοπρστυφχψω",
    "cp1255": "אבגדהוזחטיכלמנסעפצקרשת",
    "cp1256": "ابتثجحخدذرزسشصضطظعغفقكلمنهوي",
    "cp932": "日本語東京都山田花子ウェディングプランナーｱｲｳ",
    "euc_jp": "日本語東京都山田花子ウェディングプランナー",
    "gb18030": "中文上海北京工程师张伟王芳李娜",
    "cp949": "한국어서울김영희박철수공업회사",
    "iso8859-15": "äöüßéèêàçñÉÑ€",
}
WIDTH = 4
HEAD = ["code", "first name", "note", "x"]
anything = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0\ufeff"), max_size=12)


def rows_of(cells):
    """Rows that are not blank, because reading skips blank ones on purpose."""
    return st.lists(
        st.lists(cells, min_size=WIDTH, max_size=WIDTH).filter(lambda row: any(c.strip() for c in row)), min_size=1, max_size=12
    )


def written(rows, separator, end, encoding):
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=separator, lineterminator=end).writerows([HEAD, *rows])
    return text.getvalue().encode(encoding)


def read(data, *, form=None, **said):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.csv"
        path.write_bytes(data)
        form = form or look(path, **said)
        rows = open_rows(path, form)
        found = [(rows.cursor, row) for row in rows]
        again = open_rows(path, form, found[len(found) // 2][0]) if found else None
        rest = list(again) if again else []
        rows.close()
        if again:
            again.close()
    return form, rows.names, [row for _, row in found], rest


@given(
    rows=rows_of(anything),
    separator=st.sampled_from([",", ";", "\t", "|"]),
    end=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(UNICODE),
)
@example(rows=[["\u2028\x85\x0b", 'a"b', " x ", "=1+1"]], separator=",", end="\r\n", encoding="utf-16")
@example(rows=[["1", "a\r\nb", "", "\r"]], separator=";", end="\n", encoding="utf-8")
def test_I4_any_text_survives_in_every_unicode_encoding_and_separator(rows, separator, end, encoding):
    form, names, found, rest = read(written(rows, separator, end, encoding), encoding=encoding, separator=separator)
    assert form.separator == separator
    assert names == HEAD
    assert [row.problem for row in found] == [None] * len(rows)
    assert [list(row.cells) for row in found] == rows
    assert rest == found[len(found) // 2 + 1 :]


@given(
    data=st.data(), name=st.sampled_from(sorted(PAGES)), separator=st.sampled_from([",", ";", "\t"]), end=st.sampled_from(["\n", "\r\n"])
)
def test_I4_any_text_survives_in_the_legacy_encodings(data, name, separator, end):
    letters = PAGES[name]
    word = st.text(st.sampled_from(letters), min_size=2, max_size=8)
    if name in ("cp1252", "cp1250", "iso8859-15"):  # a Latin word has some non-ASCII letters
        word = st.builds(lambda a, b: f"Pra{a}ter Wies{b}e", st.sampled_from(letters), st.sampled_from(letters))
    rows = data.draw(st.lists(st.lists(word, min_size=WIDTH, max_size=WIDTH), min_size=60, max_size=70))
    _, names, found, _ = read(written(rows, separator, end, name), encoding=name)
    assert names == HEAD
    assert [list(row.cells) for row in found] == rows


@given(rows=rows_of(anything), small=st.integers(2, 40))
def test_lines_are_the_same_whatever_the_block(rows, small):
    """Line ends, characters and quotes across a block boundary make no difference."""
    data = written(rows, ",", "\r\n", "utf-8")
    whole = read(data, encoding="utf-8", separator=",")[2]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("heliograph.registrations.imports.text_lines.BLOCK", small)
        assert read(data, encoding="utf-8", separator=",")[2] == whole
        assert read(written(rows, ",", "\r\n", "utf-16"), encoding="utf-16", separator=",")[2] == whole


@given(data=st.binary(max_size=400), separator=st.sampled_from([",", ";"]))
@example(data=b'a,b\n"x\n1,2\n3,4\n', separator=",")
@example(data=b"\xff\xfe\x00", separator=",")
def test_no_bytes_whatever_break_reading(data, separator):
    """Every non-blank line of garbage comes back, as cells or with its reason, and line numbers rise."""
    form = Format("csv", "utf-8", 0, separator)
    head = separator.join(("a", "b")).encode() + b"\n"
    _, _, found, rest = read(head + data, form=form)
    numbers = [row.line for row in found]
    assert numbers == sorted(set(numbers))
    assert all(row.problem is not None or len(row.cells) == 2 for row in found)
    assert rest == found[len(found) // 2 + 1 :]


@given(rows=rows_of(anything), broken=st.integers(0, 11))
def test_I2_a_quote_that_is_never_closed_costs_its_own_line_only(rows, broken):
    plain = [[str(i), "a", "b", "c"] for i in range(len(rows))]
    text = written(plain, ",", "\n", "utf-8").decode().splitlines(keepends=True)
    at = 1 + broken % len(rows)
    text[at] = f'{at},"a,b,c\n'
    _, _, found, _ = read("".join(text).encode(), encoding="utf-8", separator=",")
    assert [row.line for row in found] == list(range(2, len(rows) + 2))
    assert [row.line for row in found if row.problem] == [at + 1]
