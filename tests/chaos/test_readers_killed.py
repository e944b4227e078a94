"""10,000 mixed edits while readers and the platform are killed: the registrations are what the platform has, and the ledger says so (S3, S9).

HELIOGRAPH_TEST_EDITS sets another number of edits.
"""

from __future__ import annotations

import os
from typing import Final

import pytest
from tests import reader_kills
from tests.builders.platform_account import planned
from tests.databases import DatabaseFacts

pytestmark = pytest.mark.trial
EDITS: Final = int(os.environ.get("HELIOGRAPH_TEST_EDITS", "10000"))


@pytest.mark.timeout(900 + EDITS // 2)
def test_the_end_is_the_platforms_state_after_many_edits_and_30_kills(database: DatabaseFacts) -> None:
    with planned(database) as site:
        result = reader_kills.run(site, database, edits=EDITS, kills=30, seed=17)
    assert (result.missing, result.stale, result.resurrected, result.gaps) == (0, 0, 0, 0), result
    assert (result.jobs, result.most_at_once) == (1, 1), result
    assert result.edits >= EDITS
    assert result.kills + result.stub_kills == 30
