"""The key file: one key a line, newest first (C5; docs/design/security.md, section 2). `Options` reads it at startup; here it is read again
and replaced.

It is replaced atomically: a reader sees the old or the new file, also after a power cut.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import structlog
from cryptography.fernet import Fernet

from heliograph.domain.errors import HeliographError

log = structlog.get_logger(__name__)


class KeyFileError(HeliographError):
    """The key file cannot be replaced."""


class KeyFile:
    """A key file as watched by a running process. A check is one stat(); the first one reads the file, which may have changed since the process
    read it to start."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None

    def changed(self) -> Sequence[str] | None:
        """The keys if the file has changed since the last call. An unusable file is logged and ignored: the known keys stay in use."""
        try:
            status = self._path.stat()
        except OSError:
            return None
        now = (status.st_ino, status.st_mtime_ns, status.st_size)
        if now == self._seen:
            return None
        try:
            keys = read_keys(self._path)
        except (OSError, ValueError) as error:
            log.warning("key_file_unusable", file=str(self._path), error=type(error).__name__)
            return None
        if self._seen is not None:
            log.info("keys_changed", keys=len(keys))
        self._seen = now
        return keys


def read_keys(path: Path) -> tuple[str, ...]:
    """The keys in a file. Raises OSError, or ValueError if it is not a valid key file."""
    keys = tuple(line.strip() for line in path.read_text("ascii").splitlines() if line.strip())
    if not keys:
        raise ValueError("no key")
    for key in keys:
        Fernet(key)
    return keys


def write_keys(path: Path, keys: Sequence[str]) -> None:
    """Replaces the file and keeps its owner and permissions. Raises KeyFileError."""
    place = path.resolve()
    beside = place.with_name(f"{place.name}.new")
    try:
        now = place.stat()
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "w", encoding="ascii") as file:
            if (now.st_uid, now.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(file.fileno(), now.st_uid, now.st_gid)
            os.fchmod(file.fileno(), now.st_mode & 0o700)
            file.write("".join(f"{key}\n" for key in keys))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(place)
        folder = os.open(place.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise KeyFileError(f"The key file {path} cannot be replaced: {error.strerror}. Nothing was changed.") from None


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Locks this key file against a second rotation. Raises KeyFileError if one is running already."""
    folder = os.open(path.resolve().parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise KeyFileError("Another `heliograph rotate-key` is using this key file.") from None
    finally:
        os.close(folder)
