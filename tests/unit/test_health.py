"""The health of a connection from what is known of it (C8)."""

from __future__ import annotations

import pytest

from heliograph.domain.connection.diagnosis import DiagnosisReport, DiagnosisVerdict, Finding
from heliograph.domain.connection.health import AttemptEvidence, Health, HealthFacts, health_of

NO_SAMPLE = DiagnosisReport(DiagnosisVerdict.FAILED, (), "crm.example.com", sample=True, finding=Finding.DATA)


@pytest.mark.parametrize(
    ("attempt", "health"),
    [
        (None, Health.UNTRIED),
        (AttemptEvidence(1, delivered=True, unanswered=False), Health.ANSWERS),
        (AttemptEvidence(1, delivered=False, unanswered=True), Health.SILENT),
    ],
)
def test_C8_a_sample_that_could_not_be_made_says_nothing_of_the_target(attempt: AttemptEvidence | None, health: Health) -> None:
    assert health_of(HealthFacts(attempt=attempt, tested=(2, NO_SAMPLE)), now=3) is health
