"""How a connection is: its health, its last attempt and test, its pause, who uses it (N2, C3, C4, C8)."""

from __future__ import annotations

from typing import Annotated, Self

import msgspec

from heliograph.api.documents.connection_documents import ConnectionDocument, document_members
from heliograph.api.documents.shared_forms import Document, Instant, NameOfThing
from heliograph.connections import connection_words
from heliograph.connections.connection_list import ConnectionRow, LastAttempt, Pause
from heliograph.domain.connection.connection_health import Health
from heliograph.domain.connection.diagnosis import DiagnosisStep, DiagnosisVerdict
from heliograph.store.instants import from_micros

HealthName = Annotated[Health, msgspec.Meta(description="The most urgent state that it is in.")]


class PauseDocument(Document):
    """The pause of a connection."""

    why: str
    by: Annotated[str, msgspec.Meta(description="Who paused it: `user:7`, `token:3`; empty if its target did, with a status 410.")]
    at: Instant | None
    held_count: Annotated[int, msgspec.Meta(description="The connection's `held`.")]

    @classmethod
    def from_pause(cls, pause: Pause, held_count: int) -> Self:
        """The document of a pause.

        held_count: the actions that its connection holds
        """
        return cls(why=pause.why, by=pause.by, at=from_micros(pause.at) if pause.at else None, held_count=held_count)


class AttemptSummary(Document):
    """The last attempt over a connection. took: milliseconds."""

    at: Instant
    delivered: bool
    status: int | None
    took: int
    message: str

    @classmethod
    def from_attempt(cls, last: LastAttempt) -> Self:
        """The document of an attempt."""
        attempt = last.attempt
        return cls(
            at=from_micros(attempt.at),
            delivered=attempt.succeeded,
            status=attempt.status,
            took=round(attempt.took / 1_000),
            message=attempt.message,
        )


class TestSummary(Document):
    """The last test of a connection."""

    at: Instant
    verdict: DiagnosisVerdict
    failed_at: DiagnosisStep | None
    is_stale: Annotated[bool, msgspec.Meta(description="It failed, and the connection has worked since.")]


class ConnectionState(Document):
    """The state of a connection."""

    health: HealthName
    words: Annotated[str, msgspec.Meta(description="The health as pages say it.")]
    note: Annotated[str, msgspec.Meta(description="What is wrong, and what mends it; empty if nothing is.")]
    pause: PauseDocument | None
    release_rate: Annotated[
        int | None, msgspec.Meta(description="Requests a minute at which what was held goes out; null: it is not released.")
    ]
    rests_until: Annotated[Instant | None, msgspec.Meta(description="Until when its target asked for a rest.")]
    held: Annotated[
        int, msgspec.Meta(description="Its actions that were never tried, because it sends nothing at present; counted up to 10,001.")
    ]
    waiting: Annotated[int, msgspec.Meta(description="Its items in Retry that wait.")]
    failed: Annotated[int, msgspec.Meta(description="Its items in Retry that failed.")]
    is_more: Annotated[bool, msgspec.Meta(description="There may be more than `waiting` and `failed`: only the newest were counted.")]
    last_attempt: AttemptSummary | None
    last_test: TestSummary | None
    flows: Annotated[list[NameOfThing], msgspec.Meta(description="The flows that use it.")]

    @classmethod
    def from_row(cls, row: ConnectionRow) -> Self:
        """The document of a row of the Connection List."""
        tested = None
        if row.tested is not None:
            at, report = row.tested
            tested = TestSummary(at=from_micros(at), verdict=report.verdict, failed_at=report.failed_at, is_stale=row.is_test_stale)
        return cls(
            health=row.health,
            words=connection_words.headline(row),
            note=str(connection_words.note(row)),
            pause=PauseDocument.from_pause(row.pause, row.held_count) if row.pause else None,
            release_rate=row.state.release_rate,
            rests_until=from_micros(row.state.held_until) if row.health is Health.RESTS else None,
            held=row.held_count,
            waiting=row.waiting,
            failed=row.failed,
            is_more=row.is_more,
            last_attempt=AttemptSummary.from_attempt(row.attempt) if row.attempt else None,
            last_test=tested,
            flows=[NameOfThing(id=str(id), name=name) for id, name in row.flows],
        )


class ListedConnection(ConnectionDocument, kw_only=True):
    """A connection in the list, with its state."""

    state: ConnectionState

    @classmethod
    def from_list(cls, row: ConnectionRow, version: int, *, whole: bool) -> Self:
        """The document of a row of the Connection List. whole: for somebody who may change it."""
        members = document_members(row.id, version, row.connection, whole=whole)
        return cls(**members, state=ConnectionState.from_row(row))


class PauseRequest(Document):
    """A pause to begin."""

    why: Annotated[str, msgspec.Meta(max_length=200, description="For whoever finds it paused.")] = ""


class ReleaseRequest(Document):
    """The rate of a release."""

    rate: Annotated[int, msgspec.Meta(description="Requests a minute, 1 to 1,000,000.")]
