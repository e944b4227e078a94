"""The cache that page processes share on PostgreSQL, in a table: wrong passwords and used codes.

On SQLite there is one page process, whose memory is enough, so nothing is stored. Django's own database cache unpickles its values:
write access to the database would be enough to run code in our processes. This one stores JSON.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import timedelta
from itertools import count
from typing import Any, Final

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.db import connection
from django.utils import timezone

from heliograph.store.instants import to_micros

LONGEST_KEY: Final = 255
SWEEP_EVERY: Final = 100
"""A process deletes expired rows once in this many writes."""
FOREVER: Final = timedelta(days=3_650)

WRITE: Final = (
    "INSERT INTO remembered (key, value, until) VALUES (%s, %s, %s)"
    " ON CONFLICT (key) DO UPDATE SET value = excluded.value, until = excluded.until"
)
WRITE_IF_OVER: Final = f"{WRITE} WHERE remembered.until <= %s"

type Timeout = float | None


class SharedCache(BaseCache):
    """A cache in the table `remembered`. Values are JSON; every operation is one statement, so concurrent `add`s admit only one."""

    def __init__(self, _place: str, params: Mapping[str, Any]) -> None:
        super().__init__(dict(params))
        self._writes = count(1)

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        with connection.cursor() as cursor:
            cursor.execute("SELECT value FROM remembered WHERE key = %s AND until > %s", [self._key(key, version), _now()])
            row = cursor.fetchone()
        return default if row is None else json.loads(row[0])

    def set(self, key: str, value: Any, timeout: Timeout = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        self._write(key, value, timeout, version, only_if_over=False)

    def add(self, key: str, value: Any, timeout: Timeout = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        return self._write(key, value, timeout, version, only_if_over=True)

    def touch(self, key: str, timeout: Timeout = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        now = _now()
        params = [self._until(timeout), self._key(key, version), now]
        return _run("UPDATE remembered SET until = %s WHERE key = %s AND until > %s", params) > 0

    def delete(self, key: str, version: int | None = None) -> bool:
        return _run("DELETE FROM remembered WHERE key = %s", [self._key(key, version)]) > 0

    def clear(self) -> None:
        _run("DELETE FROM remembered", [])

    def _write(self, key: str, value: Any, timeout: Timeout, version: int | None, *, only_if_over: bool) -> bool:
        now = _now()
        if next(self._writes) % SWEEP_EVERY == 0:
            _run("DELETE FROM remembered WHERE until <= %s", [now])
        params = [self._key(key, version), json.dumps(value), self._until(timeout)]
        return _run(WRITE_IF_OVER, [*params, now]) > 0 if only_if_over else _run(WRITE, params) > 0

    def _key(self, key: str, version: int | None) -> str:
        """The key of the row. One that no column takes, such as one with what a stranger typed as their name, has its digest at the end instead."""
        made = str(self.make_key(key, version))
        return made if len(made) <= LONGEST_KEY else f"{made[:100]} {hashlib.sha256(made.encode()).hexdigest()}"

    def _until(self, timeout: Timeout) -> int:
        expires = self.get_backend_timeout(timeout)  # seconds since 1970
        return _now() + FOREVER // timedelta(microseconds=1) if expires is None else round(expires * 1_000_000)


def _run(statement: str, params: list[Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return int(cursor.rowcount)


def _now() -> int:
    return to_micros(timezone.now())
