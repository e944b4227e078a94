"""How a source is (S1)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from heliograph.domain.source.source_health import WAVE, WAVE_LASTS, SourceFacts, SourceHealth, health_of

NOW = datetime(2026, 10, 14, 14, 32, tzinfo=UTC)


def facts(**known: object) -> SourceFacts:
    usual = {
        "is_on": True,
        "is_paused": False,
        "is_open": False,
        "failing_since": None,
        "asks": False,
        "refused": 0,
        "refused_at": None,
        "taken_at": None,
    }
    return SourceFacts(**(usual | known))


@pytest.mark.parametrize(
    ("known", "health"),
    [
        ({}, SourceHealth.WELL),
        ({"is_open": True}, SourceHealth.OPEN),
        ({"is_on": False}, SourceHealth.DRAFT),
        ({"is_on": False, "is_paused": True, "failing_since": NOW}, SourceHealth.PAUSED),
        ({"failing_since": NOW, "refused": WAVE, "refused_at": NOW}, SourceHealth.FAILING),
        ({"failing_since": NOW, "asks": True}, SourceHealth.FAILING),
        ({"asks": True, "refused": WAVE, "refused_at": NOW}, SourceHealth.ASKS),
        ({"refused": WAVE, "refused_at": NOW}, SourceHealth.REFUSING),
        ({"refused": WAVE - 1, "refused_at": NOW}, SourceHealth.WELL),
        ({"refused": WAVE, "refused_at": NOW, "taken_at": NOW - timedelta(minutes=1)}, SourceHealth.REFUSING),
        ({"refused": WAVE, "refused_at": NOW - timedelta(minutes=1), "taken_at": NOW}, SourceHealth.WELL),
        ({"refused": WAVE, "refused_at": NOW - WAVE_LASTS}, SourceHealth.REFUSING),
        ({"refused": WAVE, "refused_at": NOW - WAVE_LASTS - timedelta(seconds=1)}, SourceHealth.WELL),
    ],
)
def test_S1_the_first_that_holds_is_said(known: dict[str, object], health: SourceHealth) -> None:
    assert health_of(facts(**known), NOW) is health
