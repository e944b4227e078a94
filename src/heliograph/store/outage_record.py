"""What the processes of one start know together about an outage, so that only one of them says it (O12).

Four numbers in a small file without a name, which the supervisor makes and its children inherit. A process that dies leaves them as they are.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import struct
import tempfile
import threading
from collections.abc import Iterator
from typing import IO, Final, NamedTuple, Self

OUTAGE: Final = "HELIOGRAPH_OUTAGE_FILE"
"""The environment's name for the descriptor of the file."""
_NUMBERS: Final = struct.Struct("<dddq")
SIZE: Final = _NUMBERS.size


class OutageFacts(NamedTuple):
    """Times are seconds of the monotonic clock, which all processes of a machine share."""

    began_at: float = 0.0
    """0: there is no outage."""
    last_at: float = 0.0
    """The time of the last error."""
    said_at: float = 0.0
    """The time of the last line about it in the log."""
    errors: int = 0


def outage_file() -> IO[bytes]:
    """A file for the processes of one start. It is written now, because a disk may be full later."""
    file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 -- the supervisor closes it at its end
    file.write(bytes(SIZE))
    return file


class OutageRecord:
    """The facts, and a lock around reading and writing them."""

    def __init__(self, file: int | None = None) -> None:
        """file: the descriptor of an `outage_file`; None for facts of this process alone"""
        self._file = None if file is None else os.dup(file)  # its own, which is open as long as a thread may ask
        self._memory = bytearray(SIZE) if file is None else mmap.mmap(file, SIZE)
        self._lock = threading.Lock()

    @classmethod
    def inherited(cls) -> Self:
        """The record of this process's supervisor; without one, a record of this process alone."""
        file = os.environ.pop(OUTAGE, "")  # not for processes that this one starts
        return cls(int(file) if file else None)

    @property
    def facts(self) -> OutageFacts:
        return OutageFacts(*_NUMBERS.unpack_from(self._memory))

    @facts.setter
    def facts(self, facts: OutageFacts) -> None:
        _NUMBERS.pack_into(self._memory, 0, *facts)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other threads and processes out. The lock is a process's, not the open file's, which children share with their supervisor."""
        with self._lock:
            if self._file is None:
                yield
                return
            fcntl.lockf(self._file, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN)
