"""A workbook is read by a process of its own first, with bounded memory and time: whatever its reader does with a hostile one, only that process ends.

The reader ends a process that has not enough memory, and panics where a file is odd enough; neither can be caught. A few hundred bytes do
for that: a million empty rows zipped, and one cell far to the right. Each file is tried once; an ordinary refusal is left to who reads it then.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import threading
from functools import lru_cache
from pathlib import Path
from typing import Final

from heliograph.platform.imports.errors import ImportFileError, NoTable

MOST_MEMORY: Final = 1 << 30
"""Bytes, of addresses: three times what the largest workbook of `check_size` takes that is full of cells."""
MOST_SECONDS: Final = 120
_one_at_a_time = threading.Lock()


def check_readable(path: Path, sheet: str) -> None:
    """Raises NoTable for a workbook that would end the process, or take all its memory."""
    facts = path.stat()
    with _one_at_a_time:  # or as many uploads at once would take as much memory each
        _try(str(path), facts.st_mtime_ns, facts.st_size, sheet)


@lru_cache(maxsize=128)  # what is raised is not kept
def _try(path: str, _changed: int, _size: int, sheet: str) -> None:
    try:
        ended = subprocess.run(  # noqa: S603 -- our own module
            [sys.executable, "-m", __name__, path, sheet],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=MOST_SECONDS,
            check=False,
        ).returncode
    except subprocess.TimeoutExpired:
        ended = -1
    if ended:
        raise NoTable(f"{Path(path).name} is damaged, or its cells lie so far apart that they cannot be held. Save it as CSV.")


def _main(path: str, sheet: str) -> None:
    from heliograph.platform.imports import workbook  # noqa: PLC0415 -- it imports this module

    for limit, most in ((resource.RLIMIT_AS, MOST_MEMORY), (resource.RLIMIT_CPU, MOST_SECONDS), (resource.RLIMIT_CORE, 0)):
        hard = resource.getrlimit(limit)[1]
        resource.setrlimit(limit, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
    try:
        workbook.opened(Path(path), sheet)
    except (*workbook.UNREADABLE, ImportFileError):
        return


if __name__ == "__main__":
    _main(*sys.argv[1:])
