"""SQLite's write-ahead log stays small under continuous writes (docs/design/sqlite.md, section 4)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.waiting import PATIENCE

from heliograph.store import wal
from heliograph.store.sqlite_database import LONG_LOG, SqliteDatabase, open_sqlite
from heliograph.store.write_lock import WriteLock

pytestmark = pytest.mark.once

PAGES = 40
"""Pages written by `_write`."""


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wal, "LARGEST", PAGES * 4096)
    monkeypatch.setattr(wal, "GROWN", 4 * PAGES * 4096)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "db"


@pytest.fixture
def db(path: Path) -> Iterator[SqliteDatabase]:
    database = open_sqlite(path)
    database.run("CREATE TABLE t (n INTEGER, text TEXT)")
    yield database
    database.close()


@pytest.fixture
def care(path: Path, db: SqliteDatabase) -> Iterator[SqliteDatabase]:
    """The connection that keeps the log small."""
    database = open_sqlite(path)
    yield database
    database.close()


def test_the_log_begins_anew_and_is_written_over(path: Path, db: SqliteDatabase, care: SqliteDatabase) -> None:
    _write(db)
    size = _size(path)
    for _ in range(5):
        wal.tend(path, care)
        _write(db)
    assert _size(path) <= size * 1.5
    assert db.all("SELECT count(*) FROM t") == [(6 * PAGES,)]


def test_without_the_engine_writers_begin_a_long_log_anew(path: Path, db: SqliteDatabase) -> None:
    text = "x" * 4_000_000
    sizes = []
    for _ in range(2):
        for _ in range(LONG_LOG * 4096 // len(text) + 1):
            db.run("INSERT INTO t VALUES (1, :text)", {"text": text})
        db.run("DELETE FROM t")
        sizes.append(_size(path))
    assert sizes[0] > LONG_LOG * 4096
    assert sizes[1] < sizes[0] * 1.5


def test_a_small_log_keeps_nobody_waiting(path: Path, db: SqliteDatabase, care: SqliteDatabase) -> None:
    with db.transaction():
        db.run("INSERT INTO t VALUES (1, '')")
    thread = threading.Thread(target=wal.tend, args=(path, care), daemon=True)
    with WriteLock(path):
        thread.start()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_a_long_read_keeps_nobody_from_writing_for_long(path: Path, db: SqliteDatabase, care: SqliteDatabase) -> None:
    reader = open_sqlite(path, read_only=True)
    _write(db)
    reader.connection.execute("BEGIN")
    assert reader.all("SELECT count(*) FROM t") == [(PAGES,)]
    _write(db)  # while a reader uses the log: it cannot be reset
    wal.tend(path, care)  # returns, although the reader continues
    assert reader.all("SELECT count(*) FROM t") == [(PAGES,)]
    size = _size(path)
    reader.connection.execute("COMMIT")
    reader.close()
    wal.tend(path, care)
    _write(db)
    assert _size(path) == size


def test_a_log_that_a_long_read_let_grow_is_cut_off(path: Path, db: SqliteDatabase, care: SqliteDatabase) -> None:
    for _ in range(5):
        _write(db)
    assert _size(path) > wal.GROWN
    wal.tend(path, care)
    assert _size(path) == 0
    assert db.all("SELECT count(*) FROM t") == [(5 * PAGES,)]


def test_it_waits_for_its_turn_at_the_gate(path: Path, db: SqliteDatabase, care: SqliteDatabase) -> None:
    _write(db)
    ended = threading.Event()

    def tend() -> None:
        wal.tend(path, care)
        ended.set()

    with WriteLock(path):
        threading.Thread(target=tend, daemon=True).start()
        assert not ended.wait(0.1)
    assert ended.wait(PATIENCE)


def _write(db: SqliteDatabase) -> None:
    """Each write takes one page."""
    with db.transaction():
        db.many("INSERT INTO t VALUES (:n, :text)", [{"n": n, "text": "x" * 3900} for n in range(PAGES)])


def _size(path: Path) -> int:
    return Path(f"{path}-wal").stat().st_size
