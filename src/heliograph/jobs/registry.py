"""Kinds of jobs: each is defined in its own package and registered by wiring (docs/design/processes.md, section 4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from heliograph.domain.errors import HeliographError
from heliograph.jobs.models import Job
from heliograph.store.database import Database


class JobError(HeliographError):
    """The job cannot continue, and its sentence says why. Once that is fixed, it can be resumed."""


class UnknownKind(HeliographError):
    """There is no job of this kind."""


@dataclass(frozen=True, slots=True)
class ChunkResult:
    """The result of a chunk, saved together with the chunk's own work."""

    cursor: Mapping[str, Any]
    """The place after this chunk, from which the kind continues."""
    done: int
    """Rows so far."""
    total: int | None = None
    """Rows in all; None if that is not known."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """Totals so far, not what this chunk added."""
    result: Mapping[str, Any] | None = None
    """Replaces the job's result unless None."""
    phase: str = ""
    finished: bool = False
    """True if there is no further chunk."""
    rows: int = 0
    """Rows that this chunk leaves for people, such as lines of a dry run or of a file. `control.check_rows` limits them per account and day."""


class Handler[Chunk](Protocol):
    """One run of a job, from its saved cursor on. After any error the runner closes it and opens a new one."""

    def read(self) -> Chunk:
        """Reads the next chunk, about 500 rows, and does all work that needs no write transaction."""

    def write(self, db: Database, chunk: Chunk) -> ChunkResult:
        """Does the chunk's work, in the transaction that also saves its cursor. Anything it leaves behind other than through `db` must be
        safe to repeat."""

    def close(self) -> None:
        """Closes files."""


@dataclass(frozen=True, slots=True)
class JobKind:
    """A kind of job."""

    name: str
    open: Callable[[Job], Handler[Any]]
    """Creates the handler of a run."""
    is_here: Callable[[Job], bool] = lambda _: True
    """True if this machine can run the job: its file may be on another one."""


class JobKinds:
    """The kinds of jobs that this process knows."""

    def __init__(self, kinds: Iterable[JobKind] = ()) -> None:
        self._kinds = {kind.name: kind for kind in kinds}

    def register(self, kind: JobKind) -> None:
        """Adds a kind. Raises ValueError for a second one with the same name."""
        if kind.name in self._kinds and self._kinds[kind.name] is not kind:
            raise ValueError(f"two kinds of jobs are named {kind.name}")
        self._kinds[kind.name] = kind

    def __getitem__(self, name: str) -> JobKind:
        try:
            return self._kinds[name]
        except KeyError:
            raise UnknownKind(
                "This release does not know jobs of the kind “%(kind)s”; a newer release may have created this one.", kind=name
            ) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._kinds)
