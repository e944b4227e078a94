"""A bounded walk along an index meets each row once, in either direction, however few rows it looks at."""

from __future__ import annotations

import itertools

import pytest

from heliograph.store.database import Database
from heliograph.store.walk import Key, Walk, WalkedRows
from heliograph.store.where import Where

OWN = Where("w.account_id = :account", account=1)
EVEN = Where("w.n % :two = 0", two=2)
SELECT = "SELECT w.at, w.id FROM walked w"
ROWS = [(at, id) for id, at in enumerate([10, 20, 20, 20, 30, 30, 40, 20, 50, 10, 60, 60], 1)]
"""Instants and ids. Several rows have one instant, and those of the account are among others."""


@pytest.fixture
def db(store: Database) -> Database:
    store.run("DROP TABLE IF EXISTS walked")
    store.run("CREATE TEMPORARY TABLE walked (id bigint PRIMARY KEY, account_id bigint NOT NULL, at bigint NOT NULL, n bigint NOT NULL)")
    store.run("CREATE INDEX walked_at ON walked (account_id, at, id)")
    add(store, ROWS)
    add(store, [(at, id + 1_000) for at, id in ROWS], account=2)
    return store


def add(db: Database, rows: list[tuple[int, int]], account: int = 1) -> None:
    for at, id in rows:
        db.run(
            "INSERT INTO walked (id, account_id, at, n) VALUES (:id, :account, :at, :n)",
            {"id": id, "account": account, "at": at, "n": id},
        )


def walk_of(after: Key | None = None, *, ascends: bool = False, since: int | None = None, until: int | None = None) -> Walk:
    return Walk("walked w", OWN, ("w.at", "w.id"), after, ascends, since, until)


def behind(page: WalkedRows[tuple[int, int]], limit: int) -> Key | None:
    """Where the next page begins; None at the end of the list."""
    return page.rows[-1] if len(page.rows) == limit else page.scan_end


def pages(db: Database, where: Where, limit: int, scan_limit: int | None, *, ascends: bool = False) -> list[WalkedRows[tuple[int, int]]]:
    met, after = [], None
    while True:
        met.append(walk_of(after, ascends=ascends).page(db, SELECT, where, limit, scan_limit=scan_limit))
        after = behind(met[-1], limit)
        if after is None:
            return met


@pytest.mark.parametrize("ascends", [False, True])
@pytest.mark.parametrize("where", [Where(), EVEN, Where("w.n = 9"), Where("w.n < 0")])
def test_X3_every_row_is_met_once_however_few_are_looked_at(db: Database, where: Where, *, ascends: bool) -> None:
    matching = {"": ROWS, EVEN.sql: ROWS[1::2], "w.n = 9": ROWS[8:9], "w.n < 0": []}[where.sql]
    for limit, scan_limit in itertools.product((1, 2, 5, 50), (None, 1, 3, 11, 12, 50)):
        met = pages(db, where, limit, scan_limit, ascends=ascends)
        assert [row for page in met for row in page.rows] == sorted(matching, reverse=not ascends), (limit, scan_limit)
        if scan_limit is None or scan_limit >= len(ROWS):
            assert all(page.scan_end is None for page in met)


def test_X3_a_walk_ends_behind_the_rows_it_may_look_at(db: Database) -> None:
    newest = sorted(ROWS, reverse=True)
    for rows in range(len(ROWS)):
        assert walk_of().end(db, rows) == newest[rows]
        assert walk_of(ascends=True).end(db, rows) == newest[-1 - rows]
    assert walk_of().end(db, len(ROWS)) is None
    assert walk_of(newest[-1]).end(db, 0) is None


def test_X3_a_count_stops_at_its_most_and_at_the_end_of_the_walk(db: Database) -> None:
    assert walk_of().count(db, "walked w", Where(), 100) == len(ROWS)
    assert walk_of().count(db, "walked w", Where(), 5) == 5
    end = walk_of().end(db, 3)
    assert walk_of().count(db, "walked w", Where(), 100, end=end) == 4
    assert walk_of().count(db, "walked w", EVEN, 100, end=end) == len([id for _at, id in sorted(ROWS)[-4:] if id % 2 == 0])


@pytest.mark.parametrize("ascends", [False, True])
def test_X3_a_period_holds_whichever_place_a_walk_begins_at(db: Database, *, ascends: bool) -> None:
    within = sorted((row for row in ROWS if 20 <= row[0] < 50), reverse=not ascends)
    for after in (None, (5, 1), (20, 0), (20, 3), (30, 6), (49, 2**62), (50, 1), (90, 1)):
        expected = within if after is None else [row for row in within if (row > after if ascends else row < after)]
        walk = walk_of(after, ascends=ascends, since=20, until=50)
        assert walk.read(db, SELECT, Where(), 100) == expected, after
        assert walk.count(db, "walked w", Where(), 100) == len(expected)


def test_X3_nothing_is_walked_through_an_empty_table(db: Database) -> None:
    db.run("DELETE FROM walked")
    for ascends in (False, True):
        assert pages(db, Where(), 5, 3, ascends=ascends) == [WalkedRows([])]
        assert walk_of(ascends=ascends).count(db, "walked w", Where(), 5) == 0


def test_X3_rows_that_come_and_go_meanwhile_move_no_page(db: Database) -> None:
    first = walk_of().page(db, SELECT, Where(), 4, scan_limit=None)
    add(db, [(70, 100), (60, 101)])  # newer than the first page
    db.run("DELETE FROM walked WHERE id = :id", {"id": first.rows[-1][1]})
    second = walk_of(first.rows[-1]).page(db, SELECT, Where(), 4, scan_limit=2)
    assert [*first.rows, *second.rows] == sorted(ROWS, reverse=True)[: 4 + len(second.rows)]
    back = walk_of(first.rows[0], ascends=True).page(db, SELECT, Where(), 4, scan_limit=None)
    assert back.rows == [(60, 101), (70, 100)]


def test_D8_a_walk_by_id_alone(db: Database) -> None:
    walk = Walk("walked w", OWN, ("w.id",), (9,))
    end = walk.end(db, 2)
    assert end == (6,)
    assert walk.read(db, "SELECT w.id FROM walked w", Where(), 100, end=end) == [(8,), (7,), (6,)]
    upward = Walk("walked w", OWN, ("w.id",), (9,), ascends=True)
    assert upward.read(db, "SELECT w.id FROM walked w", Where(), 100, end=(11,)) == [(10,), (11,)]
