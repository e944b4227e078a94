"""How far a workbook's cells extend, determined before anything loads them.

The workbook reader loads a sheet as one dense table from its first cell to its last. So two cells in far corners, a kilobyte of XML, become half a
terabyte, and the process crashes. Therefore the cell references in the XML are scanned first, in flat memory, to report the error. Against
cells without references, the protection is that a separate process reads the file first.
"""

from __future__ import annotations

import re
import zipfile
from typing import Final

MOST_CELLS: Final = 20_000_000
_BLOCK: Final = 1 << 18
_CUT: Final = 160  # bytes: longer than any cell reference that the pattern matches
# Cell references as the workbook reader accepts them: in either case, with leading zeros. Odder spellings are left to the process that reads
# the file first (reader_process.py).
_PLACE: Final = re.compile(rb"""\br\s{0,40}=\s{0,40}["']([A-Za-z]{0,3})0{0,40}([0-9]{1,7})["']""")


def reaches_too_far(archive: zipfile.ZipFile) -> bool:
    """True if a part has cells so far apart that a table covering them would have more than MOST_CELLS cells."""
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
    """A is 1, Z is 26, AA is 27; 0 for no letters."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number
