"""Physical lines of a text file, one by one in flat memory, each with its end position, from which reading can continue.

A line ends at LF, CR LF or CR, as in an editor; other Unicode separators are text. Lines that cannot be decoded, contain NUL or are endless
are returned with their flaw, so that they cost one row and not the file.
"""

from __future__ import annotations

import codecs
from collections import deque
from dataclasses import dataclass
from typing import BinaryIO, Final, Protocol

from heliograph.registrations.imports.encodings import BLOCK, WIDE

MAX_LINE = 1_000_000  # bytes; the rest of a longer line is skipped


@dataclass(frozen=True, slots=True)
class FilePosition:
    """Where reading continues."""

    offset: int
    """Bytes from the beginning; of a file in UTF-16 or UTF-32, bytes of its text as UTF-8."""
    line: int
    """The number of the line there, from 1."""


@dataclass(frozen=True, slots=True)
class FileLine:
    """One line of a file."""

    text: str
    flaw: str
    """Why the line cannot be used; "" if it can."""
    number: int
    end: FilePosition
    """The position after the line."""


class Bytes(Protocol):
    """The part of a binary file that reading lines needs."""

    def read(self, size: int, /) -> bytes: ...
    def seek(self, offset: int, /) -> int: ...


class Narrowed:
    """A file in UTF-16 or UTF-32, read as UTF-8. Lone surrogates become invalid UTF-8."""

    def __init__(self, file: BinaryIO, encoding: str, mark_length: int) -> None:
        self._file, self._encoding, self._mark_length = file, encoding, mark_length
        self.seek(0)

    def seek(self, offset: int, /) -> int:
        """Continues at this byte of the UTF-8 text; everything before is read again."""
        self._file.seek(self._mark_length)
        self._decoder = codecs.getincrementaldecoder(self._encoding)("surrogatepass")
        self._rest = b""
        left = offset
        while left > 0:
            passed = self.read(min(left, BLOCK))
            if not passed:
                break
            left -= len(passed)
        return offset

    def read(self, size: int, /) -> bytes:
        while not self._rest:
            block = self._file.read(BLOCK)
            try:
                text = self._decoder.decode(block, final=not block)
            except UnicodeDecodeError:  # an odd byte at the end, or an invalid code point
                text = "\udcff"
                self._decoder.reset()
            self._rest = text.encode("utf-8", "surrogatepass")
            if not block:
                break
        chunk, self._rest = self._rest[:size], self._rest[size:]
        return chunk


# Why a line cannot be used.
UNDECODABLE: Final = "undecodable"
NUL: Final = "nul"
ENDLESS: Final = "endless"


class FileLines:
    """The lines of a text from a position on. Lines that were taken can be given back."""

    def __init__(self, file: BinaryIO, encoding: str, mark_length: int, place: FilePosition | None = None) -> None:
        if encoding in WIDE:
            self._file: Bytes = Narrowed(file, encoding, mark_length)
            self.encoding, start = "utf-8", 0
        else:
            self._file, self.encoding, start = file, encoding, mark_length
        self.place = place or FilePosition(start, 1)
        self._file.seek(self.place.offset)
        self._ready: deque[bytes] = deque()
        self._back: deque[FileLine] = deque()
        self._rest = b""
        self._ended = False

    def take(self) -> FileLine | None:
        """The next line; None at the end."""
        if self._back:
            line = self._back.popleft()
            self.place = line.end
            return line
        raw, size = self._raw()
        if raw is None:
            return None
        number = self.place.line
        self.place = FilePosition(self.place.offset + size, number + 1)
        try:
            text = raw.decode(self.encoding)
            flaw = NUL if "\0" in text else ""
        except UnicodeDecodeError:
            text, flaw = raw.decode(self.encoding, "replace"), UNDECODABLE
        return FileLine(text, ENDLESS if size > MAX_LINE else flaw, number, self.place)

    def give_back(self, lines: list[FileLine], place: FilePosition) -> None:
        """Returns lines, which are then read next.

        place: the position of the first of them
        """
        self._back.extendleft(reversed(lines))
        self.place = place

    def _raw(self) -> tuple[bytes | None, int]:
        """The next line's bytes and their number, which is larger if an endless line was cut."""
        passed = 0
        while not self._ready:
            block = b"" if self._ended else self._file.read(BLOCK)
            if not block:
                self._ended = True
                last, self._rest = self._rest, b""
                return (last, len(last) + passed) if last else (None, 0)
            pieces = (self._rest + block).splitlines(keepends=True)
            # the last piece may continue in the next block; so may "\r", with "\n"
            self._rest = pieces.pop() if not pieces[-1].endswith(b"\n") else b""
            self._ready.extend(pieces)
            if not self._ready and len(self._rest) > MAX_LINE + 1:
                passed += len(self._rest) - 1000
                # a line end must stay recognizable, and so must an undivided character
                self._rest = self._rest[:999] + self._rest[-1:]
        raw = self._ready.popleft()
        return raw, len(raw) + passed
