"""After an error among statements that go out together, a connection is as good as before (O7)."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress

import psycopg
import pytest

from heliograph.store.database import Database

pytestmark = pytest.mark.django_db

MOST = 8
"""More often than a statement runs before the driver has it prepared."""
QUESTION = "SELECT count(*) FROM registration WHERE account_id = :account"
KEY = "INSERT INTO idempotency (account_id, endpoint, key, request_hash, at) VALUES (0, 'pipeline', :key, '', 0)"


class Stopped(Exception):
    """The caller gives up before it has read what the server says."""


def stop() -> None:
    """Raises Stopped."""
    raise Stopped


def fail(db: Database, other: Database, key: dict[str, str]) -> None:
    """Runs a statement that fails; on PostgreSQL after others have been sent behind it."""
    if db.vendor == "sqlite":
        db.run(KEY, key)
        db.run(KEY, key)
        return
    with other.transaction():
        other.run(KEY, key)
        db.ask(KEY, key)  # waits for the other transaction
        db.ask(QUESTION, {"account": 0})


@contextmanager
def in_savepoint(db: Database) -> Iterator[None]:
    """Of a transaction that goes on."""
    with db.transaction(), suppress(Stopped), db.savepoint(), db.together():
        yield
        stop()


BLOCKS: dict[str, Callable[[Database], AbstractContextManager[object]]] = {
    "a transaction": lambda db: db.transaction(together=True),
    "no transaction": lambda db: db.together(),
    "a savepoint": in_savepoint,
}


@pytest.mark.parametrize("name", BLOCKS)
def test_O7_statements_that_an_error_left_out_can_be_run_afterwards(connect: Callable[[], Database], name: str) -> None:
    for before in range(MOST):
        with closing(connect()) as db, closing(connect()) as other:
            with suppress(Stopped), BLOCKS[name](db):
                stop()
            for _ in range(before):
                db.all(QUESTION, {"account": 0})
            key = {"key": f"{name} {before}"}
            with suppress(psycopg.Error, sqlite3.Error), BLOCKS[name](db):
                fail(db, other, key)
            for _ in range(MOST):
                assert db.all(QUESTION, {"account": 0}) == [(0,)]
