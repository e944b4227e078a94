"""Several recorders and several workers over hot registrations, with savers, submits, pauses and moved destinations (docs/design/recording.md, section 4; docs/design/queue.md)."""

from __future__ import annotations

import pytest
import structlog
from tests.chaos.crowd import Crowd, Size
from tests.story import Story

log = structlog.get_logger(__name__)


def tried(story: Story, size: Size) -> None:
    crowd = Crowd(story, size)
    crowd.run()
    faults = crowd.ledger.faults()
    said = {
        "database": story.db.vendor,
        "accepted": len(crowd.ledger.accepted),
        "requests": len(crowd.ledger.got),
        "longest_save_ms": round(crowd.longest_save * 1000),
        **crowd.done,
        **{name: len(found) for name, found in vars(faults).items() if isinstance(found, list)},
    }
    log.info("crowd", **said)  # shown by `pytest -s`
    assert not faults.unknown
    faults.assert_sound()
    assert len(crowd.ledger.accepted) > 100, "too little happened to say anything"


def workers(story: Story, wanted: int) -> int:
    """On SQLite one worker owns all slots."""
    return 1 if story.db.vendor == "sqlite" else wanted


def test_D1_D2_nothing_is_lost_repeated_or_out_of_order_in_a_crowd(story: Story) -> None:
    tried(story, Size(seconds=4.0, workers=workers(story, 2), batch=10))


@pytest.mark.trial
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_D1_D2_nothing_is_lost_repeated_or_out_of_order_in_a_large_crowd(story: Story, seed: int) -> None:
    tried(story, Size(seconds=40.0, workers=workers(story, 3), registrations=300, seed=seed))
