"""The causes that a change of a connection's settings can cure (D6, D7)."""

from __future__ import annotations

import pytest

from heliograph.domain.connection.cure import can_cure, curable_causes
from heliograph.domain.delivery.outcomes import Cause

SETTINGS = ("origin", "path", "password", "scope", "headers", "method", "rule", "authorities", "connect_timeout", "rate", "name", "primary")


def test_D7_no_changed_setting_cures_nothing() -> None:
    assert curable_causes(frozenset()) == frozenset()


@pytest.mark.parametrize("setting", SETTINGS)
def test_D7_a_save_makes_due_every_cause_that_it_may_be_credited_with(setting: str) -> None:
    changed = frozenset({setting})
    curable = curable_causes(changed)
    assert curable >= {cause for cause in Cause if cause is not Cause.ANSWER and can_cure(changed, cause)}
    answered = any(can_cure(changed, Cause.ANSWER, status) for status in range(100, 600))
    assert (Cause.ANSWER in curable) is (answered or can_cure(changed, Cause.ANSWER, 403, "insufficient_scope"))
