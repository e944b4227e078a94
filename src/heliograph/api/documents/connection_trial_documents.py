"""Tests of connections as JSON (guide: Save & Test; C3)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal, Self

import msgspec

from heliograph.api.documents.shared_forms import Document, Instant
from heliograph.connections import diagnosis_words
from heliograph.connections.services.test_progress import UnderWay
from heliograph.domain.connection.diagnosis import DiagnosisReport, DiagnosisStep, DiagnosisVerdict, Finding, Stepped, TestedField
from heliograph.store.instants import from_micros

type StateOfStep = Literal["done", "failed", "under way", "not tried", "not needed"]


class NewConnectionTrial(Document):
    """A test to begin."""

    sample: Annotated[
        bool, msgspec.Meta(description="Send one real request with made-up values, instead of asking the Test Connection URL.")
    ] = False


class ConnectionTrialStep(Document):
    """One step of a test. milliseconds: how long it took."""

    step: DiagnosisStep
    state: StateOfStep
    milliseconds: int | None


class ConnectionTrial(Document):
    """A test of a connection."""

    at: Annotated[Instant, msgspec.Meta(description="When it ended; while it runs, when it began.")]
    is_running: bool
    steps: list[ConnectionTrialStep]
    verdict: Annotated[DiagnosisVerdict | None, msgspec.Meta(description="null: it runs.")] = None
    sample: Annotated[bool, msgspec.Meta(description="A sample was sent.")] = False
    finding: Annotated[Finding | None, msgspec.Meta(description="What is wrong; null: nothing.")] = None
    summary: str = ""
    wrong: Annotated[str, msgspec.Meta(description="What is wrong, in words.")] = ""
    remedy: Annotated[str, msgspec.Meta(description="What mends it.")] = ""
    field: Annotated[TestedField | None, msgspec.Meta(description="The member with the address that was asked last.")] = None
    status: int | None = None
    answer: Annotated[str, msgspec.Meta(description="The beginning of the target's answer, without secrets.")] = ""
    trace: Annotated[str, msgspec.Meta(description="A text by which the sample is found in the target.")] = ""
    is_stale: Annotated[bool, msgspec.Meta(description="It failed, and the connection has worked since.")] = False

    @classmethod
    def from_report(cls, at: int, report: DiagnosisReport, *, is_stale: bool = False) -> Self:
        """The document of a test that has ended. at: microseconds."""
        return cls(
            at=from_micros(at),
            is_running=False,
            steps=_steps(report.steps),
            verdict=report.verdict,
            sample=report.sample,
            finding=report.finding,
            summary=diagnosis_words.summary(report),
            wrong=diagnosis_words.wrong(report),
            remedy=diagnosis_words.remedy(report),
            field=report.field,
            status=report.status,
            answer=report.answer,
            trace=report.trace,
            is_stale=is_stale,
        )

    @classmethod
    def from_progress(cls, progress: UnderWay) -> Self:
        """The document of a test that runs."""
        steps = [each for each in _steps(progress.steps) if each.step is not progress.at]
        done = {each.step for each in steps}
        missing = [step for step in DiagnosisStep if step not in done]
        steps += [
            ConnectionTrialStep(step=step, state="under way" if step is progress.at else "not tried", milliseconds=None) for step in missing
        ]
        return cls(at=from_micros(progress.since), is_running=True, steps=steps)


def _steps(steps: Iterable[Stepped]) -> list[ConnectionTrialStep]:
    return [
        ConnectionTrialStep(
            step=each.step, state=each.state.value, milliseconds=None if each.seconds is None else max(1, round(each.seconds * 1_000))
        )
        for each in steps
    ]
