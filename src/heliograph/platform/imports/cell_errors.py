"""Cells of a workbook that hold an error of Excel's, such as #N/A or #REF!.

The workbook's reader hands them on as empty cells, and an empty cell clears what is stored (I2): so they are looked for in the sheet's own XML,
in flat memory, and their rows are refused.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_BLOCK: Final = 1 << 18
_LONGEST: Final = 1 << 14  # of a cell with an error, its formula included: what a block may cut in two
_MOST: Final = 200_000  # cells that are remembered
_CELL: Final = re.compile(
    rb'<(?:\w+:)?c\s(?=[^>]*\bt=["\']e["\'])[^>]*\br=["\']([A-Z]{1,3})(\d{1,7})["\'][^>]*>(?:(?!</(?:\w+:)?c>).)*?<(?:\w+:)?v>([^<]{0,40})<',
    re.DOTALL,
)
_SHEET: Final = re.compile(rb'<(?:\w+:)?sheet\s[^>]*?\b\w+:id=["\']([^"\']+)["\']')
_RELATION: Final = re.compile(rb"<(?:\w+:)?Relationship\s[^>]*>")
_ATTRIBUTE: Final = re.compile(rb'\b(\w+)=["\']([^"\']*)["\']')


def cell_errors(path: Path, index: int) -> dict[int, dict[int, str]]:
    """Row -> column (both from 1) -> the error, of the sheet at this index of the workbook. What has another structure than Excel writes has none."""
    found: dict[int, dict[int, str]] = {}
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            part = _part(archive, index)
            if part is None:
                return found
            left = _MOST
            for column, row, text in _cells(archive, part):
                found.setdefault(row, {})[column] = text
                left -= 1
                if not left:
                    break
    except (OSError, KeyError, zipfile.BadZipFile, NotImplementedError):
        return found  # the reader says what is wrong with it
    return found


def _part(archive: zipfile.ZipFile, index: int) -> str | None:
    ids = _SHEET.findall(archive.read("xl/workbook.xml"))
    if index >= len(ids):
        return None
    for relation in _RELATION.findall(archive.read("xl/_rels/workbook.xml.rels")):
        if _attribute(relation, b"Id") == ids[index]:
            target = _attribute(relation, b"Target").decode("utf-8", "replace")
            return target.removeprefix("/") if target.startswith("/") else f"xl/{target}"
    return None


def _attribute(element: bytes, name: bytes) -> bytes:
    return next((found[2] for found in _ATTRIBUTE.finditer(element) if found[1] == name), b"")


def _cells(archive: zipfile.ZipFile, part: str) -> Iterator[tuple[int, int, str]]:
    rest = b""
    with archive.open(part) as sheet:
        while block := sheet.read(_BLOCK):
            text = rest + block
            seen = 0
            for match in _CELL.finditer(text):
                yield _number(match[1]), int(match[2]), match[3].decode("utf-8", "replace")
                seen = match.end()
            rest = text[max(seen, len(text) - _LONGEST) :]


def _number(letters: bytes) -> int:
    """A is 1, Z is 26, AA is 27."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number
