"""Reads files in a separate process with bounded memory and time: a hostile file can end that process only (A7).

The workbook reader aborts when memory runs out, and panics on odd files; neither can be caught. A few hundred bytes suffice: a million
empty rows zipped, and one cell far to the right. Long reading also takes no time from pages, which another process serves.
"""

from __future__ import annotations

import contextlib
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

from heliograph.domain.sentence_template import Sentence, gettext_noop
from heliograph.registrations.imports.import_errors import NoTable

MOST_MEMORY: Final = 1 << 30
"""Bytes of address space: three times the need of the largest workbook that `check_size` allows, full of cells."""
MOST_SECONDS: Final = 120
MOST_SAMPLE: Final = 2_000_000
"""Characters of the first rows, from which the file is shown and its columns are guessed."""
BEAT: Final = 2.0
"""Seconds between heartbeats while waiting for a reading."""
_one_at_a_time = threading.Lock()
_is_apart = False
"""True in the reading process, which must not start another one."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """The beginning of a file."""

    form: Mapping[str, Any]
    """The format, from `Format.as_json`."""
    names: Sequence[str]
    """The names of its columns."""
    sample: Sequence[Sequence[str]]
    """The cells of its first rows, as far as they can be read."""


def read_beginning(path: Path, *, encoding: str = "", separator: str = "", sheet: str = "", beat: Callable[[], None]) -> Beginning:
    """Reads the beginning of a file in a separate process. Raises ImportFileError.

    beat: called every BEAT seconds until the process has ended
    """
    wish = {"do": "begin", "path": str(path), "encoding": encoding, "separator": separator, "sheet": sheet}
    table = _read(wish, beat)
    if table is None:
        raise _unreadable(path)
    if "refused" in table:
        raise NoTable(Sentence.from_body(table["refused"]))
    return Beginning(table["form"], table["names"], table["sample"])


def stand_apart() -> None:
    """Marks this process as the reading one."""
    global _is_apart  # noqa: PLW0603 -- of the process, as it says
    _is_apart = True


def check_readable(path: Path, sheet: str) -> None:
    """Raises NoTable for a workbook that would crash the reading process, or use all its memory.

    Each file is tried once, in a process of its own. Ordinary refusals are left to the actual reader.
    """
    if _is_apart:
        return
    facts = path.stat()
    with _one_at_a_time:  # several at once would each use that much memory
        _check(str(path), facts.st_mtime_ns, facts.st_size, sheet)


@lru_cache(maxsize=128)  # exceptions are not cached
def _check(path: str, _changed: int, _size: int, sheet: str) -> None:
    if _read({"do": "open", "path": path, "sheet": sheet}, lambda: None) is None:
        raise _unreadable(Path(path))


def _unreadable(path: Path) -> NoTable:
    sentence = gettext_noop("%(file)s is damaged, or its cells lie so far apart that they cannot be held. Save it as CSV.")
    return NoTable(sentence, file=path.name)


def _read(wish: Mapping[str, str], beat: Callable[[], None]) -> dict[str, Any] | None:
    """The JSON that the process prints; None if it crashed or took too long. The request is sent by a pipe, because arguments are limited in size."""
    with (
        tempfile.TemporaryFile() as output,
        subprocess.Popen(  # noqa: S603 -- our own module
            # -P: no module is loaded from the folder where Heliograph was started
            [sys.executable, "-P", "-m", f"{__package__}.reader_child"],
            stdin=subprocess.PIPE,
            stdout=output,
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
            with contextlib.suppress(BrokenPipeError):  # closing tries to write again what the process did not read
                process.stdin.close()
        if process.wait():
            return None
        output.seek(0)
        table: dict[str, Any] = json.load(output)
        return table
