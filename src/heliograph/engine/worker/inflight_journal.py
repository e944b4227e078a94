"""The in-flight journal: a file that says what a worker was sending when it died (docs/design/queue.md, section 10; D1, D2).

One small memory-mapped file per worker; it survives the process, not the machine. A cell is written before its request starts and cleared
only after its outcome is committed. The worker locks the file while it lives, so an unlocked file was left by a crash.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import mmap
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

CELLS: Final = 4096
_CELL: Final = struct.Struct("<qq")  # lane, version; lane 0: empty
_NAME: Final = "flight-"


class InflightJournal:
    """The running worker's journal. name: the worker's id; the file name contains it, for the supervisor."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path = folder / f"{_NAME}{name}"
        # It has another name until it is locked: otherwise a process that searches for files of crashed workers could take it.
        unlocked = folder / f"new-{name}"
        self._file = os.open(unlocked, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # With all its blocks: in a file with holes a later `note` would be the first to need the space, and on a full disk the system kills a
            # process (SIGBUS) whose memory-mapped write finds none.
            empty = bytes(CELLS * _CELL.size)
            if os.pwrite(self._file, empty, 0) < len(empty):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            unlocked.rename(self.path)
        except OSError:
            unlocked.unlink(missing_ok=True)
            os.close(self._file)
            raise
        self._map = mmap.mmap(self._file, CELLS * _CELL.size)
        self._free = list(range(CELLS - 1, -1, -1))

    @property
    def free_cells(self) -> int:
        """How many more lanes can be noted."""
        return len(self._free)

    @property
    def is_empty(self) -> bool:
        """True if nothing is in flight, and every outcome is committed."""
        return len(self._free) == CELLS

    def note(self, lane: int, version: int) -> int:
        """Notes a lane before its request starts. Returns the cell to clear later."""
        cell = self._free.pop()
        _CELL.pack_into(self._map, cell * _CELL.size, lane, version)
        return cell

    def clear(self, cell: int) -> None:
        """Clears a cell. Call it only after the outcome is committed."""
        _CELL.pack_into(self._map, cell * _CELL.size, 0, 0)
        self._free.append(cell)

    def close(self) -> None:
        """Deletes the file after a clean end."""
        self.path.unlink(missing_ok=True)
        self._map.close()
        os.close(self._file)


def left_behind(folder: Path) -> Iterator[tuple[Path, list[tuple[int, int]]]]:
    """The files of crashed workers and what was in flight: (lane, version). Read them before a new worker starts.

    Each file stays locked until the next is requested, so only one process stores its content and deletes it.
    """
    for path in sorted(folder.glob(f"{_NAME}*")):
        try:
            file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(file).st_nlink:  # else another process has reported and deleted it
                yield path, _read(os.pread(file, CELLS * _CELL.size, 0))
        except BlockingIOError:
            continue  # its worker is alive, or another process is handling it
        finally:
            os.close(file)


def noted(folder: Path) -> dict[str, int]:
    """The number of lanes in flight by worker, also of live workers. For `verify`, which kills workers."""
    counts: dict[str, int] = {}
    for path in folder.glob(f"{_NAME}*"):
        with contextlib.suppress(FileNotFoundError):  # its worker has just ended
            counts[worker_of(path)] = len(_read(path.read_bytes()))
    return counts


def _read(content: bytes) -> list[tuple[int, int]]:
    whole = content[: len(content) - len(content) % _CELL.size]
    return sorted({(lane, version) for lane, version in _CELL.iter_unpack(whole) if lane})


def worker_of(path: Path) -> str:
    """The id of the worker that wrote the journal."""
    return path.name.removeprefix(_NAME)
