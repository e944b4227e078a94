"""A real pretix is edited 500 times while the processes that read it are killed: the registrations are what pretix has (S4)."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests import pretix_trial
from tests.builders.platform_account import planned
from tests.databases import DatabaseFacts

pytestmark = pytest.mark.trial


@pytest.mark.timeout(1_800)
def test_the_end_is_the_state_of_a_real_pretix_after_500_edits_and_20_kills(database: DatabaseFacts, tmp_path: Path) -> None:
    with planned(database) as site:
        result = pretix_trial.run(site, database, tmp_path, edits=500, kills=20, seed=17)
    assert (result.missing, result.stale, result.resurrected, result.waiting) == (0, 0, 0, 0), result
    assert result.kills == 20
    assert result.registrations > 50
    assert result.announced > 10 * result.unannounced, result
    assert (result.proposed, result.changed_by_erasing) == (result.registrations, 0), result
