"""A small dose of the trial of readers that are killed (tests/chaos/test_readers_killed.py)."""

from __future__ import annotations

from tests import reader_kills
from tests.builders.platform_account import planned
from tests.databases import DatabaseFacts


def test_nothing_is_lost_while_readers_and_their_platform_are_killed(database: DatabaseFacts) -> None:
    with planned(database) as site:
        result = reader_kills.run(site, database, edits=200, kills=4, seed=3)
    assert (result.missing, result.stale, result.resurrected, result.gaps) == (0, 0, 0, 0), result
    assert (result.jobs, result.most_at_once) == (1, 1), result
    assert result.kills + result.stub_kills == 4
