"""The holder of SQLite's write lock, as the supervisor sees it."""

from __future__ import annotations

import os
from pathlib import Path

from heliograph.store.write_lock import WriteLock


def test_a_gate_that_is_taken_again_and_again_is_not_held_for_long(tmp_path: Path) -> None:
    """An engine under load is inside at every look; only its tickets distinguish it from a process that is suspended there."""
    database = tmp_path / "heliograph.db"
    write_lock, seen = WriteLock(database), []
    assert WriteLock.holding(database) is None
    for _ in range(3):
        with write_lock:
            first = WriteLock.holding(database)
            assert first is not None
            assert first == WriteLock.holding(database)
            assert first.pid == os.getpid()
            seen.append(first)
        assert WriteLock.holding(database) is None
    assert len(set(seen)) == 3
