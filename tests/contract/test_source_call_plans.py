"""The plans of the statements on calls of sources, on a table of realistic size: none reads it whole (S2)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.builders.stored_account import stored_account
from tests.builders.stored_source import stored_source
from tests.databases import Databases
from tests.plans import Explaining

from heliograph.domain.source.call_mapping import CallMapping
from heliograph.domain.source.source_states import CallState
from heliograph.store import stored_calls
from heliograph.store.stored_calls import CallMark, pack_body

ROWS, SOURCES = 20_000, 20


class Undone(Exception):
    """Rolls back what the statements have changed."""


@pytest.fixture(scope="module")
def explained(databases: Databases) -> Iterator[tuple[Explaining, list[int]]]:
    """A database with many calls of several sources, few of them stored or waiting, and the ids of the sources."""
    with databases.migrated() as facts:
        db = facts.open()
        setup = stored_account(db)
        ids = [stored_source(setup, CallMapping()).id for _ in range(SOURCES)]
        states = [CallState.STORED, CallState.WAITING, *[CallState.RECORDED] * 98]
        rows = [
            {"a": setup.account, "s": ids[number // 100 % SOURCES], "t": number, "state": states[number % 100].value, "b": pack_body(b"{}")}
            for number in range(ROWS)
        ]
        with db.transaction():
            db.many("INSERT INTO source_call (account_id, source_id, at, state, body) VALUES (:a, :s, :t, :state, :b)", rows)
        db.run("ANALYZE")
        explaining = Explaining(db)
        try:
            with db.transaction():
                yield explaining, ids
                raise Undone
        except Undone:
            db.close()


def test_S2_calls_are_found_by_source_and_state(explained: tuple[Explaining, list[int]]) -> None:
    db, ids = explained
    source = ids[7]
    assert stored_calls.sources_with_calls(db) == ids
    assert stored_calls.lock_source(db, source) is not None
    stored = stored_calls.stored_calls(db, source, 100)
    assert len(stored) == ROWS // SOURCES // 100
    assert stored_calls.still_stored(db, source, [call.id for call in stored]) == {call.id for call in stored}
    newest = stored_calls.newest_calls(db, source, 20)
    assert [call.at for call in newest] == sorted((call.at for call in newest), reverse=True)
    assert stored_calls.newest_stored(db, source) == (len(stored), stored[-1].id)
    stored_calls.mark_calls(db, [CallMark(stored[0].id, CallState.RECORDED)], 1, 1)
    assert stored_calls.set_back(db, source, [stored[0].id]) == 1
    assert stored_calls.set_back(db, source) == len(stored)
    assert stored_calls.leave_out(db, source) == 2 * len(stored)
    assert db.statements
    assert not db.scans, "\n".join(f"{table}: {how}: {sql}" for table, how, sql in db.scans)
