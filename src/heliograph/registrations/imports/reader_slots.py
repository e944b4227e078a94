"""Limits how many uploads are read at one time: one per account, and in all fewer than there are page threads (A7).

A reader holds two keys in the cache shared by all page processes (the database's on PostgreSQL; on SQLite there is one process, with its
memory). Each is valid for LEASE seconds and renewed during the reading, so that keys held by a killed process soon become free.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from django.conf import settings
from django.core.cache import cache

from heliograph.domain.sentence_template import gettext_noop
from heliograph.registrations.imports.import_errors import ImportFileError

LEASE: Final = 15.0
"""Seconds; renewed every `reader_process.BEAT`."""


@dataclass(frozen=True, slots=True)
class UploadReading:
    """An upload that is being read."""

    upload: str
    name: str
    by: str
    job: int = 0
    """The dry run that reads it; 0 while the upload itself is read."""


class ReadingBusy(ImportFileError):
    """Another file is being read; wait until that has ended. reading: which one, None if it belongs to another account."""

    def __init__(self, reading: UploadReading | None) -> None:
        self.reading = reading
        if reading is None:
            super().__init__(gettext_noop("Files of others are being read just now. Wait a minute, then try again."))
        elif reading.job:
            super().__init__(
                gettext_noop(
                    "A dry run of “%(name)s” is under way, and an account has one at a time. Wait for its end, or stop it; then try again."
                ),
                name=reading.name,
            )
        else:
            super().__init__(
                gettext_noop(
                    "“%(name)s” is being read, and an account’s files are read one at a time. Wait until it is done, then try again."
                ),
                name=reading.name,
            )


@contextlib.contextmanager
def reserved(account: int, reading: UploadReading) -> Iterator[Callable[[], None]]:
    """Holds the account's place and one of the places of all accounts; yields a function that renews both.

    Raises ReadingBusy at once if there is none, so that no page thread waits.
    """
    own = _Place.take(f"upload-reading:account:{account}", {"upload": reading.upload, "name": reading.name, "by": reading.by})
    if own is None:
        raise ReadingBusy(running(account) or reading)
    try:
        place = next(filter(None, (_Place.take(f"upload-reading:{n}", {}) for n in range(places()))), None)
        if place is None:
            raise ReadingBusy(None)

        def renew() -> None:
            own.renew()
            place.renew()

        try:
            yield renew
        finally:
            place.free()
    finally:
        own.free()


def running(account: int) -> UploadReading | None:
    """The account's upload that is currently being read."""
    entry: Mapping[str, Any] | None = cache.get(f"upload-reading:account:{account}")
    return None if entry is None else UploadReading(entry["upload"], entry["name"], entry["by"])


def places() -> int:
    """How many uploads may be read at once, by all accounts and processes: a quarter of one process's threads."""
    return max(1, int(settings.HELIOGRAPH.page_threads) // 4)


@dataclass(frozen=True, slots=True)
class _Place:
    """A key in the cache that this process holds."""

    key: str
    token: str
    """Distinguishes this process's key from that of a process that took the place after the lease ran out."""

    @classmethod
    def take(cls, key: str, about: Mapping[str, str]) -> Self | None:
        token = uuid.uuid4().hex
        return cls(key, token) if cache.add(key, {**about, "token": token}, LEASE) else None

    def renew(self) -> None:
        if self._is_ours():
            cache.touch(self.key, LEASE)

    def free(self) -> None:
        if self._is_ours():
            cache.delete(self.key)

    def _is_ours(self) -> bool:
        entry = cache.get(self.key)
        return entry is not None and entry["token"] == self.token
