"""How far a workbook's cells reach, before anything holds them.

The workbook's reader keeps a sheet as one dense table from its first cell to its last: two cells in far corners, a kilobyte of XML, are
half a terabyte of it, and the process ends. So the places that the XML names are looked through first, in flat memory. That says what is
wrong; what holds against cells that name no place is that a process of its own reads them first.
"""

from __future__ import annotations

import re
import zipfile
from typing import Final

MOST_CELLS: Final = 20_000_000
_BLOCK: Final = 1 << 18
_CUT: Final = 160  # bytes: more than a place of the pattern is long
# As the workbook's reader takes them: in either case, with zeros in front. What is written more oddly is left to the process that reads it first (reader_process.py).
_PLACE: Final = re.compile(rb"""\br\s{0,40}=\s{0,40}["']([A-Za-z]{0,3})0{0,40}([0-9]{1,7})["']""")


def reaches_too_far(archive: zipfile.ZipFile) -> bool:
    """Whether a part names places so far apart that a table of all between them would be of more than MOST_CELLS cells."""
    return any(_cells(archive, part) > MOST_CELLS for part in archive.infolist())


def _cells(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> int:
    rows = columns = 0
    rest = b""
    with archive.open(part) as file:
        while block := file.read(_BLOCK):
            text = rest + block
            for letters, digits in set(_PLACE.findall(text)):
                rows, columns = max(rows, int(digits)), max(columns, column_number(letters))
            if rows * columns > MOST_CELLS:
                break
            rest = text[-_CUT:]
    return rows * columns


def column_number(letters: bytes) -> int:
    """A is 1, Z is 26, AA is 27; none is 0."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number
