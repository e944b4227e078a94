"""2,000 mixed edits while readers and the platform are killed: the registrations are what the platform has (S3)."""

from __future__ import annotations

import pytest
from tests import reader_kills
from tests.builders.platform_account import planned
from tests.databases import DatabaseFacts

pytestmark = pytest.mark.trial


@pytest.mark.timeout(900)
def test_the_end_is_the_platforms_state_after_2000_edits_and_30_kills(database: DatabaseFacts) -> None:
    with planned(database) as site:
        result = reader_kills.run(site, database, edits=2_000, kills=30, seed=17)
    assert (result.missing, result.stale, result.resurrected) == (0, 0, 0), result
    assert (result.jobs, result.most_at_once) == (1, 1), result
    assert result.edits >= 2_000
    assert result.kills + result.stub_kills == 30
