"""The plans of the ledger's statements on tables of realistic size: none reads a table of other sources or accounts (S9)."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from tests.builders.filled_tables import fill
from tests.builders.stored_account import StoredAccount, stored_account
from tests.builders.stored_source import stored_source
from tests.databases import Databases
from tests.plans import Explaining

from heliograph.domain.source.call_mapping import CallMapping
from heliograph.domain.source.source_states import CallState
from heliograph.store import ledger_reads

ITEMS, SOURCES, MISSING = 20_000, 20, 40


class Undone(Exception):
    """Rolls back what the statements have changed."""


@pytest.fixture(scope="module")
def explained(databases: Databases) -> Iterator[tuple[Explaining, StoredAccount, list[int]]]:
    """A database with many items and registrations of several sources, of which few are missing or older."""
    with databases.migrated() as facts:
        db = facts.open()
        setup = stored_account(db)
        ids = [stored_source(setup, CallMapping()).id for _ in range(SOURCES)]
        items = [
            {
                "account": setup.account,
                "source": ids[number % SOURCES],
                "key": f"k{number}",
                "digest": b"d",
                "documents": json.dumps([[setup.event_code, f"k{number}"]]),
                "sent": 10,
            }
            for number in range(ITEMS)
        ]
        registrations = [
            {
                "id": 10_000_000 + number,
                "account": setup.account,
                "event": setup.event,
                "code": f"k{number}",
                "sent": 9 if number % 1_000 == 7 else 10,
            }
            for number in range(MISSING, ITEMS)
        ]
        with db.transaction():
            fill(db, setup.account, setup.event, ITEMS)
            db.many(
                "INSERT INTO source_item (account_id, source_id, key, digest, documents, sent_modified)"
                " VALUES (:account, :source, :key, :digest, :documents, :sent)",
                items,
            )
            db.many(
                "INSERT INTO registration (id, account_id, event_id, code, version, sent_modified, state, status_id, is_active, is_test, name,"
                " organization, search, created, modified)"
                " VALUES (:id, :account, :event, :code, 1, :sent, '{}', 1, true, false, '', '', '', 1, 1)",
                registrations,
            )
            db.many(
                "INSERT INTO source_registration (account_id, source_id, registration_id) VALUES (:account, :source, :id)",
                [
                    {"account": setup.account, "source": ids[number % SOURCES], "id": 10_000_000 + number}
                    for number in range(MISSING, ITEMS)
                ],
            )
            db.many(
                "INSERT INTO source_call (account_id, source_id, at, state) VALUES (:account, :source, 1, :state)",
                [
                    {
                        "account": setup.account,
                        "source": ids[number % SOURCES],
                        "state": CallState.WAITING if number < 40 else CallState.RECORDED,
                    }
                    for number in range(ITEMS)
                ],
            )
        db.run("ANALYZE")
        explaining = Explaining(db)
        try:
            with db.transaction():
                yield explaining, setup, ids
                raise Undone
        except Undone:
            db.close()


def test_S9_the_registrations_of_one_source_are_found_by_its_items(explained: tuple[Explaining, StoredAccount, list[int]]) -> None:
    db, setup, ids = explained
    source = ids[7]
    (count,) = ledger_reads.listed_counts(db, [source])
    assert (count.event, count.there, count.missing, count.older) == (setup.event_code, ITEMS // SOURCES, MISSING // SOURCES, 19)
    gaps = ledger_reads.listed_gaps(db, [source], 30)
    assert [gap.code for gap in gaps][:3] == ["k7", "k27", "k1007"]
    assert [gap.ours for gap in gaps][:3] == [None, None, 9]
    (recorded,) = ledger_reads.recorded_counts(db, [source])
    assert recorded == (source, setup.event_code, (ITEMS - MISSING) // SOURCES)
    assert [call.is_stored for call in ledger_reads.unrecorded_calls(db, source, 100)] == [False, False]
    known = ledger_reads.known_registrations(db, setup.account, [(setup.event_code, "k1007"), (setup.event_code, "k7"), ("NO", "k9")])
    assert [(pair, each.ours) for pair, each in known.items()] == [((setup.event_code, "k1007"), 9)]
    ledger_reads.forget_digests(db, source, [gaps[0].item])
    ledger_reads.count_as_missing(db, source, [gaps[2].item], 3)
    assert [gap.misses for gap in ledger_reads.listed_gaps(db, [source], 3)] == [0, 0, 3]
    assert not db.scans, "\n".join(f"{table}: {how}: {sql}" for table, how, sql in db.scans)


def test_S9_messages_are_read_by_time(explained: tuple[Explaining, StoredAccount, list[int]]) -> None:
    db, setup, _ids = explained
    db.scans.clear()
    since = db.now() + 1_000_000  # after everything
    for begin in (0, since):
        messages = ledger_reads.message_counts(db, setup.account, begin)
        assert bool(messages) == (begin == 0)
        assert bool(ledger_reads.change_counts(db, setup.account, begin)) == (begin == 0)
        assert bool(ledger_reads.decision_counts(db, setup.account, begin)) == (begin == 0)
        for event in (None, setup.event):
            rows = ledger_reads.undelivered_rows(db, setup.account, begin, event, 50)
            assert len(rows) == (100 if begin == 0 else 0)
    assert not db.scans, "\n".join(f"{table}: {how}: {sql}" for table, how, sql in db.scans)
