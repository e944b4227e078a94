"""Files are read by a process of their own first, with bounded memory and time: whatever their reader does with a hostile one, only that process ends (A7).

The reader of workbooks ends a process that has not enough memory, and panics where a file is odd enough; neither can be caught. A few hundred
bytes do for that: a million empty rows zipped, and one cell far to the right. And whatever takes long there takes no time from those who
look at pages: they are answered by another process.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from heliograph.registrations.imports.errors import NoTable

MOST_MEMORY: Final = 1 << 30
"""Bytes, of addresses: three times what the largest workbook of `check_size` takes that is full of cells."""
MOST_SECONDS: Final = 120
MOST_SAMPLE: Final = 2_000_000
"""Characters of the first rows that are kept of a file to show and to guess its columns by."""
BEAT: Final = 2.0
"""Seconds between two signs of life of who waits for a reading."""
_one_at_a_time = threading.Lock()
_is_apart = False
"""Whether this is the process that reads: it asks no other."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """What a file begins with. form: as `Format.as_json`; names: of its columns; sample: the cells of its first rows that can be read."""

    form: Mapping[str, Any]
    names: Sequence[str]
    sample: Sequence[Sequence[str]]


def read_beginning(path: Path, *, encoding: str = "", separator: str = "", sheet: str = "", beat: Callable[[], None]) -> Beginning:
    """Looks at a file, in a process of its own. beat: called while that runs, every BEAT seconds. Raises ImportFileError."""
    wish = {"do": "begin", "path": str(path), "encoding": encoding, "separator": separator, "sheet": sheet}
    said = _read(wish, beat)
    if said is None:
        raise _unreadable(path)
    if "refused" in said:
        raise NoTable(said["refused"])
    return Beginning(said["form"], said["names"], said["sample"])


def stand_apart() -> None:
    """Says that this is the process that reads."""
    global _is_apart  # noqa: PLW0603 -- of the process, as it says
    _is_apart = True


def check_readable(path: Path, sheet: str) -> None:
    """Raises NoTable for a workbook that would end the process, or take all its memory. Each file is tried once; an ordinary refusal is left to who reads it then."""
    if _is_apart:
        return
    facts = path.stat()
    with _one_at_a_time:  # or as many at once would take as much memory each
        _check(str(path), facts.st_mtime_ns, facts.st_size, sheet)


@lru_cache(maxsize=128)  # what is raised is not kept
def _check(path: str, _changed: int, _size: int, sheet: str) -> None:
    if _read({"do": "open", "path": path, "sheet": sheet}, lambda: None) is None:
        raise _unreadable(Path(path))


def _unreadable(path: Path) -> NoTable:
    return NoTable(f"{path.name} is damaged, or its cells lie so far apart that they cannot be held. Save it as CSV.")


def _read(wish: Mapping[str, str], beat: Callable[[], None]) -> dict[str, Any] | None:
    """What the process says; None for one that ended over it, or that took too long. What is wished goes in by a pipe: an argument has bounds of its own."""
    with (
        tempfile.TemporaryFile() as answer,
        subprocess.Popen(  # noqa: S603 -- our own module
            [sys.executable, "-m", f"{__package__}.reader_child"],
            stdin=subprocess.PIPE,
            stdout=answer,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as process,
    ):
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(wish).encode() + b"\n")
            process.stdin.flush()
            for _turn in range(round(MOST_SECONDS / BEAT)):
                try:
                    process.wait(BEAT)
                    break
                except subprocess.TimeoutExpired:
                    beat()
        except BrokenPipeError:
            pass
        finally:
            process.kill()
        if process.wait():
            return None
        answer.seek(0)
        said: dict[str, Any] = json.load(answer)
        return said
