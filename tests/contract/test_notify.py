"""How workers are told what other processes recorded (docs/design/processes.md, section 5)."""

from __future__ import annotations

import threading
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.databases import DatabaseFacts
from tests.waiting import until

from heliograph.options import Options
from heliograph.store import notifications
from heliograph.store.database import Database
from heliograph.store.notifications import Listener, Teller
from heliograph.wiring import listening


@dataclass
class Ear:
    """Counts its calls."""

    heard: int = 0

    def __call__(self) -> None:
        self.heard += 1


def test_workers_hear_what_another_process_recorded_again_after_a_lost_session(
    store_facts: DatabaseFacts, store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    if store_facts.vendor == "sqlite":  # one worker owns everything, and polls by itself
        before = set(threading.enumerate())
        assert listening(Options.load())(Ear()) is None
        assert set(threading.enumerate()) <= before  # one of another test may end meanwhile
        return
    monkeypatch.setattr(notifications, "AGAIN_AFTER", 0.05)
    ears = Ear(), Ear()
    with closing(Listener(store_facts.url, ears[0])), closing(Listener(store_facts.url, ears[1])), closing(Teller(store_facts.url)) as tell:
        until(lambda: all(ear.heard == 1 for ear in ears))  # they listen, and check what was recorded before
        tell()
        until(lambda: all(ear.heard == 2 for ear in ears))
        monkeypatch.setattr(notifications, "PAUSE", 0.3)
        tell()
        until(lambda: ears[0].heard == 3)
        for _ in range(50):
            tell()
        until(lambda: ears[0].heard == 4)  # many notifications arrive as one
        store.all(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'heliograph news' AND datname = current_database()"
        )
        until(lambda: all(ear.heard >= 5 for ear in ears))  # they listen again
        heard = ears[0].heard

        def is_told() -> bool:
            tell()
            return ears[0].heard > heard

        until(is_told)


def test_a_database_that_is_gone_holds_nobody_up(tmp_path: Path) -> None:
    nowhere, ear = f"postgresql:///heliograph?host={tmp_path}", Ear()
    with closing(Listener(nowhere, ear)), closing(Teller(nowhere)) as tell:
        tell()
        tell()
    assert ear.heard == 0
