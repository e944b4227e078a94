"""The index of search finds what looking through all registrations finds, whatever happened to them (X5)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.databases import DatabaseFacts

from heliograph.deliveries.account_reader import AccountReader
from heliograph.registrations.list import RegistrationFilter, Registrations
from heliograph.store.database import Database
from heliograph.store.doctor_checks import search_has_its_index
from heliograph.store.registrations import folded
from heliograph.store.search_index import ensure, exists, few_with
from heliograph.web.cursor import Cursor
from heliograph.web.list_count import ListCount

PEOPLE = {
    1: "SUM0001\nGünther\nBäcker\nguest1@example.org\nNordlicht Press",
    2: "SUM0002\n花子\n佐藤\nguest2@example.org\n青木 設計",
    3: 'SUM0003\nO\'Neill\n"Jack"\nguest3@example.com\n100% _Press_',
    4: "FOR0004\nAnna\nWeiß\nguest11@example.net\nStudio Söhne",
}
WORDS = (
    "gun",
    "bäcker",
    "guest1",
    "press",
    "nordlicht press",
    "花子",
    "佐藤",
    "o'neill",
    '"jack"',
    "100%",
    "_press_",
    "weiss",
    "ann",
    "a",
    "nobody",
    "sum",
)


@pytest.fixture
def db(database: DatabaseFacts) -> Iterator[Database]:
    made = database.open()
    assert ensure(made)
    with made.transaction():
        made.run(
            "INSERT INTO event (id, account_id, code, name, status_id, timezone, location, custom, version, created, modified)"
            " VALUES (7, 5, 'E', 'E', 1, 'UTC', '', '{}', 0, 0, 0)"
        )
        for id, text in PEOPLE.items():
            made.run(
                "INSERT INTO registration (id, account_id, event_id, code, serial, version, state, status_id, is_active, is_test, name, organization, search,"
                " created, modified) VALUES (:id, 5, 7, :code, :id, 1, '', 1, TRUE, FALSE, '', '', :search, 0, :id)",
                {"id": id, "code": text.split("\n")[0], "search": folded(text)},
            )
    yield made
    made.close()


def looked_through(db: Database, words: str) -> list[int]:
    rows = db.all("SELECT id, search FROM registration WHERE account_id = 5 ORDER BY modified DESC")
    return [id for id, text in rows if all(word in text for word in folded(words).split())]


def agree(db: Database) -> None:
    for words in WORDS:
        expected = looked_through(db, words)
        assert AccountReader(db, 5).registrations_with(words) == expected, words
        found = Registrations.__new__(Registrations)
        found.db, found.account, found.scan_limit = db, 5, None
        wanted = RegistrationFilter(text=words)
        assert [id for _modified, id in found.places(wanted, None, 10).rows] == expected, words
        assert found.count(wanted) == ListCount(len(expected)), words


def test_X5_words_are_found_wherever_they_stand(db: Database) -> None:
    agree(db)
    assert few_with(db, 5, ["nobody"]) == []
    assert few_with(db, 5, ["guest1"]) is not None
    assert few_with(db, 5, ["花子"]) is None  # shorter than what the index knows


def test_X5_what_changes_and_goes_is_found_no_more(db: Database) -> None:
    with db.transaction():
        db.run("UPDATE registration SET search = :text WHERE id = 1", {"text": "sum0001\nnobody"})
        db.run("UPDATE registration SET version = 2, search = search WHERE id = 2")
        db.run("UPDATE registration SET search = '' WHERE id = 3")
        db.run("DELETE FROM registration WHERE id = 4")
    agree(db)
    assert few_with(db, 5, ["bacher", "backer"]) == []


def test_O3_an_index_that_is_gone_is_made_again(db: Database) -> None:
    drop = "DROP TRIGGER registration_search_new" + ("" if db.vendor == "sqlite" else " ON registration")
    with db.transaction():
        db.run(drop)
    assert not exists(db)
    assert "pg_trgm" in search_has_its_index(db).cure
    assert few_with(db, 5, ["press"]) is None
    agree(db)
    assert ensure(db)
    assert not search_has_its_index(db).cure
    agree(db)


def test_P8_a_number_says_whether_all_were_looked_at(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a common word: more than the index names one by one."""
    monkeypatch.setattr("heliograph.registrations.list.NAMED", 1)
    found = Registrations.__new__(Registrations)
    found.db, found.account, found.scan_limit = db, 5, 1
    assert len(looked_through(db, "guest")) == 4
    assert found.count(RegistrationFilter(text="guest")) == ListCount(2, is_more=True)
    found.scan_limit = 4
    assert found.count(RegistrationFilter(text="guest")) == ListCount(4)


@pytest.mark.parametrize("looked", [1, 2])
def test_P8_X5_a_list_that_looked_far_goes_on_to_its_end(db: Database, monkeypatch: pytest.MonkeyPatch, looked: int) -> None:
    monkeypatch.setattr("heliograph.registrations.list.NAMED", 0)
    found = Registrations.__new__(Registrations)
    found.db, found.account, found.scan_limit = db, 5, looked
    parts = 0
    for words in WORDS:
        met: list[int] = []
        cursor: Cursor | None = None
        going = True
        while going:
            rows = found.places(RegistrationFilter(text=words), cursor, 2)
            met, parts = met + [id for _modified, id in rows.rows], parts + 1
            last = rows.rows[-1] if len(rows.rows) == 2 else rows.scan_end
            going, cursor = last is not None, None if last is None else Cursor(last)
        assert met == looked_through(db, words), words
    assert parts > len(WORDS) + 5
