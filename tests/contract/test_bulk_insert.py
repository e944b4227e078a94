"""One statement for many rows has the same effect as one statement per row, on both databases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from django.db import connections
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heliograph.store.bulk_insert import taken_apart
from heliograph.store.database import Database
from heliograph.store.django_database import of_django

pytestmark = pytest.mark.django_db

INSERT = "INSERT INTO plenty (id, n, small, yes, body, raw, note) VALUES (:id, :n, :small, :yes, :body, :raw, 'it''s 100 %')"
UPDATE = "UPDATE plenty SET n = COALESCE(:n, n), small = small + :small, yes = :yes, body = CASE WHEN :yes THEN :body ELSE body END, raw = :raw WHERE id = :id"

text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["", "NULL", "{}", '"', "\\", "a,b", "%s", ":n", "'", "中文 ᠠ"]
)
values = st.fixed_dictionaries(
    {
        "n": st.none() | st.integers(-(2**63), 2**63 - 1),
        "small": st.integers(-1000, 1000),
        "yes": st.booleans(),
        "body": st.none() | text,
        "raw": st.none() | st.binary(max_size=12),
    }
)


@pytest.fixture
def database() -> Iterator[Database]:
    db = of_django(connections["default"])
    kind = "bytea" if db.vendor == "postgresql" else "blob"
    db.run(
        f"CREATE TEMPORARY TABLE plenty (id bigint PRIMARY KEY, n bigint, small smallint NOT NULL, yes boolean, body varchar(40), raw {kind}, note text)"
    )
    yield db
    db.run("DROP TABLE plenty")


def stored(db: Database) -> list[tuple[Any, ...]]:
    rows = db.all("SELECT id, n, small, yes, body, raw, note FROM plenty ORDER BY id")
    return [(*row[:3], bool(row[3]), row[4], None if row[5] is None else bytes(row[5]), row[6]) for row in rows]


def one_by_one(db: Database, sql: str, rows: Sequence[Mapping[str, Any]]) -> None:
    for row in rows:
        db.run(sql, row)


@settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)  # each example empties the table
@given(first=st.lists(values, max_size=90), second=st.lists(values, max_size=90))
def test_many_rows_at_once_are_stored_as_one_by_one(database: Database, first: list[dict[str, Any]], second: list[dict[str, Any]]) -> None:
    made = [row | {"id": n} for n, row in enumerate(first)]
    changed = [row | {"id": n} for n, row in enumerate(second)]
    found = []
    for write in (database.many, lambda sql, rows: one_by_one(database, sql, rows)):
        database.run("DELETE FROM plenty")
        with database.together():
            write(INSERT, made)
            write(UPDATE, changed)
        found.append(stored(database))
    assert found[0] == found[1]
    assert len(found[0]) == len(first)


def test_what_stands_elsewhere_wins_where_the_statement_says_so(database: Database) -> None:
    rows = [{"id": n, "n": n, "small": 1, "yes": True, "body": None, "raw": None} for n in range(5)]
    database.many(INSERT, rows)
    database.many(f"{INSERT} ON CONFLICT (id) DO UPDATE SET n = excluded.n + 100", [row | {"id": n} for n, row in enumerate(rows, 3)])
    assert [row[1] for row in stored(database)] == [0, 1, 2, 100, 101, 2, 3, 4]


def test_only_plain_statements_are_taken_apart() -> None:
    assert taken_apart("DELETE FROM plenty WHERE id = :id") is None
    assert taken_apart("INSERT INTO plenty (id) VALUES (:id) ON CONFLICT (id) DO UPDATE SET n = :n") is None
    assert taken_apart(INSERT) is not None
    assert taken_apart(UPDATE) is not None
