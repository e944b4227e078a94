"""Cells of a workbook with an Excel error, such as #N/A or #REF!.

The workbook reader returns them as empty cells, and an empty cell clears the stored value (I2). So we search the sheet's own XML
for them, in flat memory, and refuse their rows.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from heliograph.registrations.imports.sheet_extent import column_number

_BLOCK: Final = 1 << 18
_LONGEST: Final = 1 << 14  # bytes of a cell with an error, including its formula; a block boundary may split that much
_INDEX: Final = 4_000_000  # bytes of the list of sheets
_MOST: Final = 200_000  # cells that are remembered
# Each pattern is bounded, and none skips a `<` that it does not expect: a hostile sheet takes no longer than an honest one.
_CELL: Final = re.compile(rb'<(?:\w{1,20}:)?c\s(?=[^<>]{0,300}\bt=["\']e["\'])[^<>]{0,300}>')
_VALUE: Final = re.compile(rb"<(?:\w{1,20}:)?v>([^<]{0,40})<")
_PLACE: Final = re.compile(rb"([A-Z]{1,3})(\d{1,7})")
_ATTRIBUTE: Final = re.compile(rb'([\w:]{1,40})=["\']([^"\'<>]{0,1000})["\']')
_SHEET: Final = re.compile(rb'<(?:\w{1,20}:)?sheet\s[^<>]{0,1000}?\b\w{1,20}:id=["\']([^"\'<>]{1,200})["\']')
_RELATION: Final = re.compile(rb"<(?:\w{1,20}:)?Relationship\s[^<>]{0,2000}>")


def cell_errors(path: Path, index: int) -> dict[int, dict[int, str]]:
    """The errors in the cells of the sheet at this index, by row, then by column (both from 1). Empty for a structure other than Excel's."""
    errors: dict[int, dict[int, str]] = {}
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            part = _part(archive, index)
            if part is None:
                return errors
            left = _MOST
            for column, row, text in _cells(archive, part):
                errors.setdefault(row, {})[column] = text
                left -= 1
                if not left:
                    break
    except (OSError, KeyError, zipfile.BadZipFile, NotImplementedError):
        return errors  # the reader reports what is wrong with it
    return errors


def _part(archive: zipfile.ZipFile, index: int) -> str | None:
    ids = _SHEET.findall(_beginning(archive, "xl/workbook.xml"))
    if index >= len(ids):
        return None
    for relation in _RELATION.findall(_beginning(archive, "xl/_rels/workbook.xml.rels")):
        if _attribute(relation, b"Id") == ids[index]:
            target = _attribute(relation, b"Target").decode("utf-8", "replace")
            return target.removeprefix("/") if target.startswith("/") else f"xl/{target}"
    return None


def _beginning(archive: zipfile.ZipFile, part: str) -> bytes:
    """The first `_INDEX` bytes of a part. In an honest workbook these parts are shorter."""
    with archive.open(part) as file:
        return file.read(_INDEX)


def _attribute(element: bytes, name: bytes) -> bytes:
    return next((match[2] for match in _ATTRIBUTE.finditer(element) if match[1] == name), b"")


def _cells(archive: zipfile.ZipFile, part: str) -> Iterator[tuple[int, int, str]]:
    """Column, row and text of each error. The end of each block is read again with the next, because the boundary may split a cell."""
    rest = b""
    with archive.open(part) as sheet:
        while block := sheet.read(_BLOCK):
            text = rest + block
            seen, cut = 0, len(text)
            for match in _CELL.finditer(text):
                value = _VALUE.search(text, match.end(), match.end() + _LONGEST)
                if value is None and match.end() + _LONGEST > len(text) and len(block) == _BLOCK:
                    cut = match.start()
                    break
                place = _PLACE.fullmatch(_attribute(match[0], b"r"))
                if place:
                    yield column_number(place[1]), int(place[2]), value[1].decode("utf-8", "replace") if value else "#ERROR"
                seen = match.end()
            rest = text[min(cut, max(seen, len(text) - _LONGEST)) :]
