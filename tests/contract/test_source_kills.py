"""Recorders of sources are killed at the worst instants, and each call is recorded exactly once, in its order (S2)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.builders.call_mapping import call_row
from tests.builders.stored_account import StoredAccount
from tests.builders.stored_source import StoredSource, stored_source
from tests.databases import DatabaseFacts
from tests.dying_processes import DyingProcesses

from heliograph.domain.mapping.row import FixedText
from heliograph.domain.source.call_mapping import CallMapping
from heliograph.domain.source.source_states import CallState
from heliograph.failpoints import Instant
from heliograph.recording.contents import read_state

SOURCES, CALLS, KILLS = 3, 60, 8


@pytest.fixture
def recorders(store_facts: DatabaseFacts, tmp_path: Path) -> Iterator[DyingProcesses]:
    with DyingProcesses("tests.source_recorder_process", store_facts.env(), armed=tmp_path) as recorders:
        yield recorders


def mapping() -> CallMapping:
    rows = (call_row("event", FixedText("SUMMIT-26")), call_row("code", "people.id"), call_row("order_code", "number"))
    return CallMapping("people", rows=rows)


def is_done(source: StoredSource) -> bool:
    return all(state is not CallState.STORED for (state,) in source.calls("state"))


def test_S2_each_call_is_recorded_once_in_its_order_whatever_dies(setup: StoredAccount, recorders: DyingProcesses) -> None:
    """Each call changes the two registrations of its source, so each change stands for one recording of one call."""
    sources = [stored_source(setup, mapping()) for _ in range(SOURCES)]
    for number in range(KILLS):
        recorders.arm(Instant.CHANGES_WRITTEN if number % 2 else Instant.CHANGES_COMMITTED)
        for call in range(CALLS // KILLS):
            for source in sources:
                people = [{"id": f"{source.id}-A"}, {"id": f"{source.id}-B"}]
                source.call({"number": number * 100 + call, "people": people})
        recorders.until_one_died()
    recorders.until(lambda: all(is_done(source) for source in sources))
    assert recorders.deaths >= KILLS
    per_source = KILLS * (CALLS // KILLS)
    for source in sources:
        assert source.calls() == [(CallState.RECORDED, 2, 2, 0)] * per_source
    rows = setup.db.all("SELECT code, version, state FROM registration WHERE account_id = :a AND version > 0", {"a": setup.account})
    assert len(rows) == 2 * SOURCES
    for code, version, state in rows:
        assert (version, read_state(state).order_code) == (per_source, str((KILLS - 1) * 100 + CALLS // KILLS - 1)), code
