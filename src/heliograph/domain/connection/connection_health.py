"""The health of a connection: one state, computed in one place from what is known of it (N2, C3, C4, C8). Every page that names a connection's state
asks this."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from heliograph.domain.connection.diagnosis import DiagnosisReport, DiagnosisVerdict, Finding


class AccessState(StrEnum):
    """The state of an OAuth2 connection's access."""

    NOT_YET = "not yet"
    CONNECTED = "connected"
    LOST = "lost"


class Health(StrEnum):
    """The health of a connection, most urgent first."""

    PAUSED = "paused"
    RELEASED = "released"
    """Its waiting actions go out at a chosen rate."""
    INCOMPLETE = "incomplete"
    NOT_YET = "not yet"
    """Nobody has connected it yet."""
    LOST = "lost"
    """Its OAuth2 access was withdrawn, or has ended."""
    RESTS = "rests"
    """In a retry-after pause, which the target asked for."""
    SILENT = "silent"
    """The target did not answer the last time."""
    BLOCKED = "blocked"
    """The last request went to an address that requests must not reach (C6), so it did not leave."""
    REFUSES = "refuses"
    MIXED = "mixed"
    """The last attempt was delivered, and others over it have failed or wait for a retry."""
    REACHED = "reached"
    """It was connected to, and nothing was sent."""
    CONNECTED = "connected"
    """Somebody has connected it, and nothing has been sent since."""
    ANSWERS = "answers"
    UNTRIED = "untried"


SENDS_NOTHING: Final = frozenset({Health.PAUSED, Health.RELEASED, Health.INCOMPLETE, Health.NOT_YET, Health.LOST, Health.RESTS})
"""States in which what is due waits."""
UNUSABLE: Final = frozenset({Health.INCOMPLETE, Health.NOT_YET})
"""States in which no flow can use it (F2)."""
_TARGET_NOT_ASKED: Final = frozenset({Finding.DATA, Finding.OURSELVES})
"""Findings of tests that say nothing about the target: no request could be made, or Heliograph was stopping."""
_SILENT: Final = (
    Finding.NO_SUCH_NAME,
    Finding.NO_NAME_SERVER,
    Finding.REFUSED,
    Finding.UNREACHABLE,
    Finding.PROXY,
    Finding.SLOW,
    Finding.CLOSED,
)


@dataclass(frozen=True, slots=True)
class AttemptEvidence:
    """What the last attempt shows about the target."""

    at: int
    """Microseconds."""
    delivered: bool
    unanswered: bool
    """There was no answer, of any status."""
    blocked: bool = False
    """The target's address is one that requests must not reach."""


@dataclass(frozen=True, slots=True)
class HealthFacts:
    """The facts about a connection that decide its health. Instants are microseconds."""

    is_paused: bool = False
    """By a person, or by a 410."""
    is_released: bool = False
    """Paused, but its waiting actions go out at a chosen rate."""
    is_incomplete: bool = False
    """Settings are missing."""
    access: AccessState | None = None
    """Of an OAuth2 connection that somebody has to connect; None for any other."""
    held_until: int = 0
    """The end of the retry-after pause; 0 for none."""
    attempt: AttemptEvidence | None = None
    """The last attempt that says something of the target."""
    tested: tuple[int, DiagnosisReport] | None = None
    """The instant of the last test, and its report."""
    connected_at: int = 0
    """The instant at which somebody connected it last, 0 for never."""
    has_failures: bool = False
    """Items of Retry that failed over it wait or have used up their retries."""
    is_awaited: bool = False
    """Some of these items still wait. A saved correction sends them at once, so none was saved, or it has not been tried yet."""


def health_of(facts: HealthFacts, now: int) -> Health:
    """The health of a connection, by the newest of its last attempt, its last test and its last sign-in."""
    if facts.is_paused:
        return Health.RELEASED if facts.is_released else Health.PAUSED
    if facts.is_incomplete:
        return Health.INCOMPLETE
    if facts.access is AccessState.NOT_YET:
        return Health.NOT_YET
    if facts.access is AccessState.LOST:
        return Health.LOST
    if facts.held_until > now:
        return Health.RESTS
    attempted = facts.attempt.at if facts.attempt else 0
    test = facts.tested if facts.tested is not None and facts.tested[1].finding not in _TARGET_NOT_ASKED else None
    tested = test[0] if test is not None else 0
    if test is not None and facts.attempt is not None and facts.is_awaited and _proves_nothing(test[1], facts.attempt):
        tested = 0
    if facts.attempt is not None and attempted >= max(tested, facts.connected_at):
        if facts.attempt.delivered:
            return Health.MIXED if facts.has_failures else Health.ANSWERS
        if facts.attempt.blocked:
            return Health.BLOCKED
        return Health.SILENT if facts.attempt.unanswered else Health.REFUSES
    if facts.connected_at and facts.connected_at >= tested:
        return Health.CONNECTED
    return _of_test(test[1], has_failures=facts.has_failures) if test is not None else Health.UNTRIED


def _proves_nothing(report: DiagnosisReport, attempt: AttemptEvidence) -> bool:
    """Whether a test that only connected leaves it open if the target still refuses what it refused the last time."""
    refused = not (attempt.delivered or attempt.unanswered or attempt.blocked)
    return refused and report.verdict is DiagnosisVerdict.REACHED


def _of_test(report: DiagnosisReport, *, has_failures: bool) -> Health:
    match report.verdict:
        case DiagnosisVerdict.FAILED if report.finding is Finding.BLOCKED:
            return Health.BLOCKED
        case DiagnosisVerdict.FAILED:
            return Health.SILENT if report.status is None and report.finding in _SILENT else Health.REFUSES
        case DiagnosisVerdict.REACHED:
            return Health.REACHED
        case DiagnosisVerdict.TESTED:
            return Health.MIXED if has_failures else Health.ANSWERS
