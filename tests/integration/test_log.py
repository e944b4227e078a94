"""Commits are durable although they do not wait for the disk inside the write lock (docs/design/sqlite.md, section 3; O7)."""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from django.db import OperationalError, connection, transaction
from tests.waiting import until

from heliograph.accounts.models import Account
from heliograph.store import log
from heliograph.store.sqlite_database import SqliteDatabase, open_sqlite
from heliograph.store.write_lock import WriteLock

pytestmark = pytest.mark.once


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database with a table."""
    found = tmp_path / "db"
    db = open_sqlite(found)
    db.run("CREATE TABLE t (n INTEGER)")
    db.close()
    return found


@pytest.fixture
def db(path: Path) -> Iterator[SqliteDatabase]:
    database = open_sqlite(path)
    yield database
    database.close()


@pytest.fixture
def forced(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], None]]:
    """Callbacks to run each time the log has been synced to disk."""
    todo: list[Callable[[], None]] = []
    really = log.to_disk

    def watched(file: int) -> None:
        really(file)
        for each in todo:
            each()

    monkeypatch.setattr(log, "to_disk", watched)
    return todo


def test_O7_a_transaction_has_ended_once_it_is_on_the_disk(db: SqliteDatabase, forced: list[Callable[[], None]]) -> None:
    seen = []
    forced.append(lambda: seen.append(db.connection.in_transaction))
    with db.transaction():
        db.run("INSERT INTO t VALUES (1)")
        assert seen == []
    assert seen == [False]


def test_O7_others_write_while_one_waits_for_the_disk(path: Path, db: SqliteDatabase, forced: list[Callable[[], None]]) -> None:
    other = open_sqlite(path)
    held = []

    def write_beside() -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        held.append(WriteLock.holder(path))
        thread = threading.Thread(target=_insert, args=(other, 2))
        thread.start()
        until(lambda: not thread.is_alive())

    forced.append(write_beside)
    _insert(db, 1)
    assert held == [None]
    assert db.all("SELECT n FROM t ORDER BY n") == [(1,), (2,)]
    other.close()


def test_O7_one_that_was_admitted_waits_for_the_disk_when_it_leaves(
    path: Path, db: SqliteDatabase, forced: list[Callable[[], None]]
) -> None:
    seen = []
    forced.append(lambda: seen.append(WriteLock.holder(path)))
    with db.admitted():
        _insert(db, 1)
        _insert(db, 2)
        assert seen == []
        assert WriteLock.holder(path) == os.getpid()
    assert seen == [None]


def test_O7_what_cannot_be_forced_is_no_success(db: SqliteDatabase) -> None:
    _insert(db, 1)
    assert db._log is not None
    assert db._log._file is not None
    os.close(db._log._file)
    with pytest.raises(sqlite3.OperationalError, match="disk I/O error"):
        _insert(db, 2)
    db._log._file = None


def test_a_reader_forces_what_it_has_read(path: Path, db: SqliteDatabase, forced: list[Callable[[], None]]) -> None:
    reader = open_sqlite(path, read_only=True)
    seen = []
    forced.append(lambda: seen.append(1))
    assert reader.all("SELECT n FROM t") == []
    reader.force()
    reader.close()
    assert seen == [1]


def _insert(db: SqliteDatabase, n: int) -> None:
    with db.transaction():
        db.run("INSERT INTO t VALUES (:n)", {"n": n})


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("within", ["a transaction", "autocommit"])
def test_O7_djangos_commits_are_on_the_disk_too_and_others_write_meanwhile(within: str, forced: list[Callable[[], None]]) -> None:
    path, holders, order = connection.settings_dict["NAME"], [], []
    other = sqlite3.connect(path)
    forced.append(lambda: order.append("on the disk") if other.execute("SELECT 1 FROM accounts_account").fetchall() else None)
    forced.append(lambda: holders.append(WriteLock.holder(path)))
    with transaction.atomic() if within == "a transaction" else nullcontext():
        Account.objects.create(code="ACME", name="Acme")
        if within == "a transaction":
            assert order == []
            transaction.on_commit(lambda: order.append("told"))
    assert order == (["on the disk", "told"] if within == "a transaction" else ["on the disk"])
    assert holders == [None]
    other.close()
    with connection.cursor() as cursor:
        assert cursor.execute("PRAGMA synchronous").fetchone() == (1,)  # NORMAL: the commit itself waits for nothing


@pytest.mark.django_db(transaction=True)
def test_O7_hooks_of_a_commit_that_the_disk_did_not_confirm_are_dropped(forced: list[Callable[[], None]]) -> None:
    told: list[str] = []

    def save() -> None:
        with transaction.atomic():
            Account.objects.create(code="ACME", name="Acme")
            transaction.on_commit(lambda: told.append("saved"))

    def full() -> None:
        raise OSError(errno.EIO, "Input/output error")

    forced.append(full)
    with pytest.raises(OperationalError, match="disk I/O error"):
        save()
    forced.clear()
    with transaction.atomic():
        Account.objects.create(code="OTHER", name="Other")
    assert told == []
