"""A real pretix is edited 10,000 times while it is killed, and so are the processes that read it: the registrations are what pretix has (S4, S9)."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests import pretix_trial
from tests.builders.platform_account import planned
from tests.databases import DatabaseFacts

pytestmark = pytest.mark.trial


@pytest.mark.timeout(3_600)
def test_the_end_is_the_state_of_a_real_pretix_after_10000_edits_and_40_kills(database: DatabaseFacts, tmp_path: Path) -> None:
    with planned(database) as site:
        result = pretix_trial.run(site, database, tmp_path, edits=10_000, kills=30, pretix_kills=10, seed=17)
    assert (result.missing, result.stale, result.resurrected, result.gaps, result.waiting) == (0, 0, 0, 0, 0), str(result)
    assert sum(result.edits.values()) >= 10_000
    assert (result.kills, result.pretix_kills) == (30, 10)
    assert result.registrations > 50
    assert result.announced > 10 * result.unannounced, str(result)
    assert (result.proposed, result.changed_by_erasing) == (result.registrations, 0), str(result)
