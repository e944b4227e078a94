"""Stored calls of a source are recorded once and in their order, wait with their reason, and are cured by a corrected mapping (S2)."""

from __future__ import annotations

import contextlib
import json
import threading
from dataclasses import replace
from typing import Any

import pytest
from tests.builders.call_mapping import call_row
from tests.builders.stored_account import StoredAccount
from tests.builders.stored_source import StoredSource, stored_source
from tests.waiting import PATIENCE, until

from heliograph.domain.mapping.row import FixedText, Otherwise, SourceValue, ValueMap
from heliograph.domain.source.call_documents import MappedCall, documents_of
from heliograph.domain.source.call_mapping import CallMapping, CallRow
from heliograph.domain.source.source_states import CallState, SourceState
from heliograph.recording import source_calls, source_recorder
from heliograph.recording.contents import read_state
from heliograph.recording.record import record
from heliograph.recording.source_calls import Halt, Processed, process, read_problems
from heliograph.recording.source_recorder import SourceRecorder
from heliograph.store import stored_calls
from heliograph.store.config_cache import Committed
from heliograph.store.database import Database

RECORDED, WAITING, NOTHING, STORED = CallState.RECORDED, CallState.WAITING, CallState.NOTHING, CallState.STORED
STATUSES = (("paid", "New"), ("came", "Attended"))


def shop_mapping(statuses: tuple[tuple[str, str], ...] = STATUSES, *rows: CallRow) -> CallMapping:
    return CallMapping(
        each="tickets",
        rows=(
            call_row("event", FixedText("SUMMIT-26")),
            call_row("code", "tickets.id"),
            call_row("status", SourceValue("tickets.status", ValueMap(statuses, Otherwise.ERROR))),
            call_row("order_code", "order"),
            *rows,
        ),
    )


MODIFIED = call_row("modified", "at")


@pytest.fixture
def source(setup: StoredAccount) -> StoredSource:
    return stored_source(setup, shop_mapping())


def ticket(id: str, status: str = "paid") -> dict[str, object]:
    return {"id": id, "status": status}


def run(source: StoredSource) -> int:
    """Processes until nothing is left. Returns how many registrations changed."""
    changed = 0
    while (batch := process(source.setup.db, source.setup.provider, source.id)).halt is None:
        changed += batch.changed
    return changed


def registrations(source: StoredSource) -> dict[str, tuple[int, str]]:
    """Version and order code by code."""
    rows = source.setup.db.all(
        "SELECT code, version, state FROM registration WHERE account_id = :a AND version > 0 ORDER BY code", {"a": source.setup.account}
    )
    return {code: (version, read_state(state).order_code) for code, version, state in rows}


def changes(source: StoredSource) -> list[tuple[Any, ...]]:
    return source.setup.db.all(
        "SELECT r.code, c.version, c.by, c.quiet FROM change c JOIN registration r ON r.id = c.registration_id WHERE c.account_id = :a ORDER BY c.id",
        {"a": source.setup.account},
    )


def test_S2_calls_are_recorded_in_their_order_and_marked(source: StoredSource) -> None:
    source.call({"order": "1", "tickets": [ticket("A"), ticket("B")]})
    source.call({"order": "2", "tickets": [ticket("A")]})
    source.call({"order": "2", "tickets": [ticket("A")]})
    source.call({"order": "3", "tickets": []})
    assert run(source) == 3
    assert source.calls() == [(RECORDED, 2, 2, 0), (RECORDED, 1, 1, 0), (RECORDED, 1, 0, 0), (NOTHING, 0, 0, 0)]
    assert registrations(source) == {"A": (2, "2"), "B": (1, "1")}
    assert [by for _, _, by, _ in changes(source)] == [f"source:{source.id}"] * 3
    assert run(source) == 0


def test_S2_a_call_of_which_one_registration_cannot_be_recorded_waits_and_a_corrected_mapping_cures_it(source: StoredSource) -> None:
    source.call({"order": "1", "tickets": [ticket("A"), ticket("B", "partially_refunded"), ticket("C")]})
    source.call({"order": "2", "tickets": [ticket("D")]})
    assert run(source) == 3
    assert source.calls() == [(WAITING, 3, 2, 1), (RECORDED, 1, 1, 0)]
    ((_, text),) = source.calls("state, problem")[:1]
    (problem,) = read_problems(text)
    assert (problem.target, problem.path, problem.value, problem.number) == ("status", "tickets.status", "partially_refunded", 2)
    before = changes(source)

    source.map(shop_mapping((*STATUSES, ("partially_refunded", "Cancelled"))))
    with source.setup.db.transaction():
        assert stored_calls.set_back(source.setup.db, source.id) == 1
    assert run(source) == 1
    assert source.calls() == [(RECORDED, 3, 1, 0), (RECORDED, 1, 1, 0)]
    assert source.calls("state, problem, source_version")[0] == (RECORDED, "", 2)
    assert [code for code, *_ in changes(source)[len(before) :]] == ["B"]


def test_S2_what_record_refuses_waits_with_what_would_be_taken(source: StoredSource) -> None:
    source.map(shop_mapping((("paid", "Regstered"),)))
    source.call({"order": "1", "tickets": [ticket("A")]})
    run(source)
    ((_, text),) = source.calls("state, problem")
    (problem,) = read_problems(text)
    assert (problem.target, problem.value, problem.number) == ("status", "Regstered", 1)
    assert "New" in problem.cure


@pytest.mark.parametrize("raw", [b"", b"<xml/>", b"\xff\xfe", b"[" * 100_000, b'"text"', b"{}"])
def test_S2_a_body_that_is_no_such_json_waits(source: StoredSource, raw: bytes) -> None:
    source.call(None, raw=raw)
    source.call({"order": "1", "tickets": [ticket("A")]})
    assert run(source) == 1
    (bad, good) = source.calls("state, problem")
    assert (bad[0], good[0]) == (WAITING, RECORDED)
    assert read_problems(bad[1])[0].cure


@pytest.mark.parametrize("standing", [SourceState.DRAFT, SourceState.PAUSED])
def test_S2_calls_of_a_draft_and_of_a_paused_source_stay_stored(setup: StoredAccount, standing: SourceState) -> None:
    source = stored_source(setup, shop_mapping(), standing)
    source.call({"order": "1", "tickets": [ticket("A")]})
    assert process(setup.db, setup.provider, source.id).halt is Halt.NOT_ON
    assert source.calls("state") == [(STORED,)]
    assert source.id not in stored_calls.sources_with_calls(setup.db)
    source.save(state=SourceState.ON.value)
    assert source.id in stored_calls.sources_with_calls(setup.db)
    assert run(source) == 1


def test_S2_calls_recorded_late_do_not_undo_what_came_after_them(source: StoredSource) -> None:
    waiting = source.call({"order": "old", "tickets": [ticket("A", "new status")]}, at=source.setup.db.now() - 1_000_000)
    source.call({"order": "new", "tickets": [ticket("A")]})
    run(source)
    source.map(shop_mapping((*STATUSES, ("new status", "Cancelled"))))
    with source.setup.db.transaction():
        stored_calls.set_back(source.setup.db, source.id, [waiting])
    assert run(source) == 0
    assert [state for (state,) in source.calls("state")] == [RECORDED, RECORDED]
    assert registrations(source) == {"A": (1, "new")}


def test_S2_the_senders_modified_decides_where_there_is_one(source: StoredSource) -> None:
    source.map(shop_mapping(STATUSES, MODIFIED))
    source.call({"order": "2", "at": "2026-10-14T12:00:02Z", "tickets": [ticket("A")]})
    source.call({"order": "1", "at": "2026-10-14T12:00:01Z", "tickets": [ticket("A")]})
    assert run(source) == 1
    assert registrations(source) == {"A": (1, "2")}


def test_S2_calls_up_to_quiet_until_are_recorded_without_flows(source: StoredSource) -> None:
    kept = source.call({"order": "1", "tickets": [ticket("A")]})
    source.call({"order": "1", "tickets": [ticket("B")]})
    source.save(quiet_until=kept)
    run(source)
    assert [(code, bool(quiet)) for code, _, _, quiet in changes(source)] == [("A", True), ("B", False)]
    ((actions,),) = source.setup.db.all("SELECT count(*) FROM action WHERE account_id = :a", {"a": source.setup.account})
    assert actions == 1


def test_S2_one_page_may_hold_more_than_a_batch(source: StoredSource) -> None:
    source.call({"order": "1", "tickets": [ticket(f"T{number}") for number in range(source_calls.MOST_DOCUMENTS + 50)]})
    source.call({"order": "2", "tickets": [ticket("T1")]})
    assert run(source) == source_calls.MOST_DOCUMENTS + 51
    assert [state for (state,) in source.calls("state")] == [RECORDED, RECORDED]


def test_S2_a_document_that_breaks_the_transaction_fails_neither_its_call_nor_its_neighbours(
    source: StoredSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(db: Any, items: Any, *args: Any, **options: Any) -> Any:
        if any(item.document["code"] == "BAD" for item in items):
            raise ZeroDivisionError
        return record(db, items, *args, **options)

    monkeypatch.setattr(source_calls, "record", broken)
    monkeypatch.setattr("heliograph.recording.batches.record", broken)
    for tickets in ([ticket("A")], [ticket("B"), ticket("BAD")], [ticket("C")]):
        source.call({"order": "1", "tickets": tickets})
    assert run(source) == 3
    assert source.calls() == [(RECORDED, 1, 1, 0), (WAITING, 2, 1, 1), (RECORDED, 1, 1, 0)]
    assert sorted(registrations(source)) == ["A", "B", "C"]


def test_S2_a_call_that_cannot_be_mapped_because_of_a_bug_waits_and_the_others_go_on(
    source: StoredSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(mapping: CallMapping, value: Any, **options: Any) -> MappedCall:
        if value["order"] == "2":
            raise ZeroDivisionError
        return documents_of(mapping, value, **options)

    monkeypatch.setattr(source_calls, "documents_of", broken)
    for order in "123":
        source.call({"order": order, "tickets": [ticket(order)]})
    assert run(source) == 2
    assert [state for (state,) in source.calls("state")] == [RECORDED, WAITING, RECORDED]


def test_S2_a_recorder_is_woken_and_one_source_does_not_hold_up_another(
    setup: StoredAccount, connect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, well = stored_source(setup, shop_mapping()), stored_source(setup, shop_mapping())

    def process_unless_broken(db: Database, provider: Committed, source: int, most_calls: int) -> Processed:
        if source == broken.id:
            raise ZeroDivisionError
        return process(db, provider, source, most_calls)

    monkeypatch.setattr(source_recorder, "process", process_unless_broken)
    monkeypatch.setattr(source_recorder, "EVERY", 3600.0)
    recorded = threading.Event()
    with contextlib.closing(SourceRecorder(connect, Committed, recorded.set)) as recorder:
        broken.call({"order": "1", "tickets": [ticket("A")]})
        well.call({"order": "1", "tickets": [ticket("B")]})
        recorder.wake()
        assert recorded.wait(PATIENCE)
        until(lambda: well.calls("state") == [(RECORDED,)])
    assert broken.calls("state") == [(STORED,)]


def test_S2_a_source_that_another_process_has_is_left_to_it(source: StoredSource, connect: Any) -> None:
    other = connect()
    source.call({"order": "1", "tickets": [ticket("A")]})
    with other.transaction():
        assert stored_calls.lock_source(other, source.id) is not None
        if other.is_shared:  # on SQLite the write lock gives the whole database to one process at a time
            assert process(source.setup.db, source.setup.provider, source.id).halt is Halt.BUSY
    assert run(source) == 1


def test_S2_calls_that_were_mapped_before_the_source_was_saved_are_mapped_again(
    source: StoredSource, connect: Any, monkeypatch: Any
) -> None:
    """The mapping is saved between the reading of the calls and the transaction that would record them."""
    source.call({"order": "1", "tickets": [ticket("A", "brand new")]})
    read = stored_calls.stored_calls

    def save_meanwhile(*args: Any) -> Any:
        monkeypatch.setattr(stored_calls, "stored_calls", read)
        calls = read(*args)
        source.map(shop_mapping((*STATUSES, ("brand new", "New"))))
        return calls

    monkeypatch.setattr(stored_calls, "stored_calls", save_meanwhile)
    assert process(source.setup.db, source.setup.provider, source.id) == source_calls.Processed()
    assert source.calls("state") == [(STORED,)]
    assert run(source) == 1


def test_S2_a_form_is_read_as_its_fields(source: StoredSource) -> None:
    """As its Content-Type says."""
    id = source.call(None, raw=b'payload={"order":"1","tickets":[{"id":"A","status":"paid"}]}')
    with source.setup.db.transaction():
        source.setup.db.run(
            "UPDATE source_call SET headers = :h WHERE id = :id", {"id": id, "h": '{"content-type": "application/x-www-form-urlencoded"}'}
        )
    assert run(source) == 1


def test_S2_a_mapping_that_cannot_be_read_leaves_the_calls_stored(source: StoredSource) -> None:
    source.call({"order": "1", "tickets": [ticket("A")]})
    source.save(mapping=json.dumps({"rows": [{"target": "of a newer release", "parts": []}]}))
    assert process(source.setup.db, source.setup.provider, source.id).halt is Halt.UNREADABLE
    assert source.calls("state") == [(STORED,)]


def test_S2_kept_calls_can_be_left_out(source: StoredSource) -> None:
    source.call({"order": "1", "tickets": [ticket("A")]})
    with source.setup.db.transaction():
        assert stored_calls.leave_out(source.setup.db, source.id) == 1
    assert run(source) == 0
    assert source.calls("state") == [(NOTHING,)]


def test_S2_a_removed_source_records_nothing(source: StoredSource) -> None:
    source.call({"order": "1", "tickets": [ticket("A")]})
    source.save(deleted_at=1)
    assert process(source.setup.db, Committed(source.setup.db), source.id).halt is Halt.NOT_ON
    assert source.id not in stored_calls.sources_with_calls(source.setup.db)


def test_S2_all_problems_of_a_call_are_counted_and_the_first_are_kept(source: StoredSource) -> None:
    source.call({"order": "1", "tickets": [ticket(f"T{number}", "unknown") for number in range(60)]})
    run(source)
    ((_, documents, _, refused),) = source.calls()
    ((_, text),) = source.calls("state, problem")
    assert (documents, refused, len(read_problems(text)), json.loads(text)["count"]) == (60, 60, source_calls.MOST_KEPT, 60)


def test_S2_problems_are_read_back_as_they_were_written(source: StoredSource) -> None:
    source.call({"order": "1", "tickets": [ticket("A", "unknown")]})
    run(source)
    ((_, text),) = source.calls("state, problem")
    (problem,) = read_problems(text)
    assert read_problems(source_calls.write_problems([problem, replace(problem, number=2)])) == [problem, replace(problem, number=2)]
    assert read_problems("") == read_problems("[1]") == read_problems("{") == []
