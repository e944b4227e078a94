"""A small dose of the trial of a real pretix (tests/chaos/test_pretix_followed.py)."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests import pretix_trial
from tests.builders.platform_account import planned
from tests.databases import DatabaseFacts


@pytest.mark.timeout(600)
def test_S4_a_real_pretix_is_followed_through_edits_and_kills(database: DatabaseFacts, tmp_path: Path) -> None:
    with planned(database) as site:
        result = pretix_trial.run(site, database, tmp_path, edits=150, kills=3, pretix_kills=1, seed=5)
    assert (result.missing, result.stale, result.resurrected, result.gaps, result.waiting) == (0, 0, 0, 0, 0), result
    assert (result.kills, result.pretix_kills) == (3, 1)
    assert result.doorbells > 20 and result.announced > 10 > result.unannounced, result  # noqa: PT018
    assert (result.proposed, result.changed_by_erasing) == (result.registrations, 0), result
