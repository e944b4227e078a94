"""Files in the data folder that name a person: uploads and reports of imports, exported lists (B7). A file that names them is deleted.

Each would be deleted within a week. What cannot be read is deleted, too.
"""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, BinaryIO, Final

from django.conf import settings

from heliograph.domain.registration.erasure import PersonWords

BLOCK: Final = 1 << 20
"""Bytes that are searched at once."""
OVERLAP: Final = 8 << 10
"""Bytes of the block before that are searched again, because a word may lie across."""
NARROW, WIDE = ("utf-8", "cp1252"), ("utf-16-le", "utf-16-be")
"""The encodings in which a block is searched; the wide ones if it has NUL bytes. Plain letters and digits of other usual ones are those of these."""


def places(account: int, imports: Sequence[int]) -> list[Path]:
    """The files of an account, and the folders that go as one: an upload with its notes, what an import keeps of its rows.

    imports: the ids of the account's imports
    """
    data = Path(settings.HELIOGRAPH.data)
    uploads = data / "imports" / "uploads" / str(int(account))
    exports = data / "exports" / str(int(account))
    rows_of_imports = [data / "imports" / str(int(job)) for job in imports]
    return [
        *(sorted(uploads.iterdir()) if uploads.is_dir() else ()),
        *(folder for folder in rows_of_imports if folder.is_dir()),
        *(sorted(exports.iterdir()) if exports.is_dir() else ()),
    ]


def erase_place(place: Path, words: PersonWords) -> bool:
    """Deletes a file or folder if anything in it names the person. Whether it did. Safe to repeat."""
    files = [file for file in (place.rglob("*") if place.is_dir() else (place,)) if file.is_file()]
    if not any(_names(file, words) for file in files):
        return False
    if place.is_dir():
        shutil.rmtree(place, ignore_errors=True)
    else:
        place.unlink(missing_ok=True)
    return True


def _names(file: Path, words: PersonWords) -> bool:
    try:
        with file.open("rb") as content:
            return names_person(content, words)
    except FileNotFoundError:
        return False
    except OSError:
        return True


def names_person(content: BinaryIO, words: PersonWords) -> bool:
    """Whether a file names a person, also inside of a workbook. One that cannot be read does."""
    try:
        if zipfile.is_zipfile(content):
            with zipfile.ZipFile(content) as archive:
                return any(_finds(archive.open(member), words) for member in archive.infolist() if not member.is_dir())
        content.seek(0)
        return _finds(content, words)
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError):
        return True


def _finds(content: IO[bytes], words: PersonWords) -> bool:
    with content:
        return any(words.are_in(text) for block in _blocks(content) for text in _texts(block))


def _texts(block: bytes) -> Iterator[str]:
    """A block as a text, in each encoding that it may have."""
    if block.isascii() and b"\0" not in block:
        yield block.decode("ascii")
        return
    for encoding in (*NARROW, *(WIDE if b"\0" in block else ())):
        yield block.decode(encoding, "replace")


def _blocks(content: IO[bytes]) -> Iterator[bytes]:
    """The content in blocks, each with the end of the one before."""
    end = b""
    while block := content.read(BLOCK):
        yield end + block
        end = (end + block)[-OVERLAP:]
