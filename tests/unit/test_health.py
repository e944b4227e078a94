"""The health of a connection from what is known of it (C8)."""

from __future__ import annotations

import pytest

from heliograph.domain.connection.connection_health import AttemptEvidence, Health, HealthFacts, health_of
from heliograph.domain.connection.diagnosis import DiagnosisReport, DiagnosisVerdict, Finding

NO_SAMPLE = DiagnosisReport(DiagnosisVerdict.FAILED, (), "crm.example.com", sample=True, finding=Finding.DATA)


@pytest.mark.parametrize(
    ("attempt", "health"),
    [
        (None, Health.UNTRIED),
        (AttemptEvidence(1, delivered=True, unanswered=False), Health.ANSWERS),
        (AttemptEvidence(1, delivered=False, unanswered=True), Health.SILENT),
        (AttemptEvidence(1, delivered=False, unanswered=False), Health.REFUSES),
        (AttemptEvidence(1, delivered=False, unanswered=False, blocked=True), Health.BLOCKED),
    ],
)
def test_C8_a_sample_that_could_not_be_made_says_nothing_of_the_target(attempt: AttemptEvidence | None, health: Health) -> None:
    assert health_of(HealthFacts(attempt=attempt, tested=(2, NO_SAMPLE)), now=3) is health


@pytest.mark.parametrize(("finding", "health"), [(Finding.BLOCKED, Health.BLOCKED), (Finding.UNAUTHORIZED, Health.REFUSES)])
def test_C8_a_test_that_was_not_allowed_to_ask_the_target_says_so(finding: Finding, health: Health) -> None:
    report = DiagnosisReport(DiagnosisVerdict.FAILED, (), "10.20.30.40", finding=finding)
    assert health_of(HealthFacts(tested=(2, report)), now=3) is health


@pytest.mark.parametrize(
    ("attempt", "is_awaited", "health"),
    [
        (AttemptEvidence(1, delivered=False, unanswered=False), True, Health.REFUSES),
        (AttemptEvidence(1, delivered=False, unanswered=False), False, Health.REACHED),
        (AttemptEvidence(1, delivered=False, unanswered=True), True, Health.REACHED),
    ],
)
def test_C8_a_test_that_sends_nothing_does_not_end_a_refusal(attempt: AttemptEvidence, is_awaited: bool, health: Health) -> None:
    report = DiagnosisReport(DiagnosisVerdict.REACHED, (), "crm.example.com")
    assert health_of(HealthFacts(attempt=attempt, tested=(2, report), has_failures=True, is_awaited=is_awaited), now=3) is health
