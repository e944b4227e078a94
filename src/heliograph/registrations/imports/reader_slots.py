"""How many uploads are read at one time: one of an account, and of all accounts fewer than there are threads of pages (A7).

Who reads holds two keys of the cache that all processes of pages share (the database's on PostgreSQL; on SQLite there is one process, and
its memory). Each is good for LEASE seconds and renewed while the reading runs, so that what a killed process held is soon free again.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from django.conf import settings
from django.core.cache import cache

from heliograph.registrations.imports.errors import ImportFileError

LEASE: Final = 15.0
"""Seconds; renewed every `reader_process.BEAT`."""


@dataclass(frozen=True, slots=True)
class UploadReading:
    """An upload that is being read, for whom. job: of a dry run, 0 for the upload itself."""

    upload: str
    name: str
    by: str
    job: int = 0


class ReadingBusy(ImportFileError):
    """Another file is being read; that one's end has to be awaited. reading: which one, None where it is none of this account's."""

    def __init__(self, reading: UploadReading | None) -> None:
        self.reading = reading
        if reading is None:
            super().__init__("Files of others are being read just now. Wait a minute, then try again.")
        elif reading.job:
            super().__init__(
                f"A dry run of “{reading.name}” is under way, and an account has one at a time. Wait for its end, or stop it; then try again."
            )
        else:
            super().__init__(
                f"“{reading.name}” is being read, and an account's files are read one at a time. Wait until it is done, then try again."
            )


@contextlib.contextmanager
def reserved(account: int, reading: UploadReading) -> Iterator[Callable[[], None]]:
    """Holds the account's place and one of all; gives what renews both. Raises ReadingBusy at once where there is none: nobody waits on a thread of pages."""
    own = _Place.take(f"upload-reading:account:{account}", {"upload": reading.upload, "name": reading.name, "by": reading.by})
    if own is None:
        raise ReadingBusy(running(account) or reading)
    try:
        place = next(filter(None, (_Place.take(f"upload-reading:{n}", {}) for n in range(places()))), None)
        if place is None:
            raise ReadingBusy(None)
        try:
            yield lambda: _renew((own, place))
        finally:
            place.free()
    finally:
        own.free()


def running(account: int) -> UploadReading | None:
    """The account's upload that is being read now."""
    found: Mapping[str, Any] | None = cache.get(f"upload-reading:account:{account}")
    return None if found is None else UploadReading(found["upload"], found["name"], found["by"])


def places() -> int:
    """How many uploads may be read at once, of all accounts and by all processes: a quarter of one process's threads."""
    return max(1, int(settings.HELIOGRAPH.page_threads) // 4)


def _renew(held: Iterable[_Place]) -> None:
    for place in held:
        place.renew()


@dataclass(frozen=True, slots=True)
class _Place:
    """A key that is held. token: tells ours from that of somebody who took it after our lease ran out."""

    key: str
    token: str

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
        found = cache.get(self.key)
        return found is not None and found["token"] == self.token
