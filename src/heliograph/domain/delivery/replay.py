"""Replays a flow: which changes to send again, and what each would do (Y1).

A replay combines stored changes with today's rules. For a destination that updates a record, the latest matching change per subject is
enough; anything newer that was sent there, before or after, supersedes it. Pure: what was last sent and what would be sent now are
parameters.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from heliograph.domain.delivery.action import Does

SMALLEST_SHARE = 0.05
"""The share of a connection's room that a replay gets even while live traffic would use all of it."""


class ReplayVerdict(StrEnum):
    """The result of replaying a change (the dry run's columns)."""

    NEW = "new"
    """Nothing was ever sent there for this subject."""
    SAME = "same"
    DIFFERENT = "different"
    FILTERED = "filtered"
    """Today's rules filter it out."""
    WOULD_FAIL = "would fail"
    """Its mapping finds problems, or its content is no longer stored."""
    SUPERSEDED = "superseded"
    """Newer data was sent there, so it would never be sent."""

    @property
    def is_sent(self) -> bool:
        return self in (ReplayVerdict.NEW, ReplayVerdict.SAME, ReplayVerdict.DIFFERENT)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A stored change that may be replayed. at: microseconds."""

    change: int
    subject: int
    version: int
    at: int


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """What would be sent: a digest of method, URL, headers and body, without what differs in every request."""

    digest: bytes


@dataclass(frozen=True, slots=True)
class ReplayProblem:
    """Why no request can be built, as a sentence."""

    message: str


@dataclass(frozen=True, slots=True)
class LastSent:
    """The last delivery to the destination for the subject. digest None: its content is no longer stored (X6)."""

    version: int
    digest: bytes | None


@dataclass(frozen=True, slots=True)
class ReplayRow:
    """One line of the dry run."""

    candidate: Candidate
    verdict: ReplayVerdict
    why: str = ""


def select(candidates: Iterable[Candidate], *, every: bool, does: Does) -> list[Candidate]:
    """The changes to replay, by version within a subject, and by time overall.

    The latest per subject, or every one if requested; for a destination that updates a record always only the latest.
    """
    found = list(candidates)
    if not every or does is Does.UPDATES:
        latest: dict[int, Candidate] = {}
        for candidate in found:
            held = latest.get(candidate.subject)
            if held is None or candidate.version > held.version:
                latest[candidate.subject] = candidate
        found = list(latest.values())
    return sorted(found, key=lambda c: (c.at, c.subject, c.version))


def replay_verdict(
    candidate: Candidate,
    *,
    does: Does,
    takes: bool,
    rendered: ReplayRequest | ReplayProblem | None,
    last: LastSent | None,
    begun_version: int,
    why: str = "",
) -> ReplayRow:
    """The result of replaying a change at one destination.

    takes: the flow's current rules accept it; `why` is the reason if not. rendered: None if its content is no longer stored. begun_version:
    the newest version of the subject for which a request to this destination may have been sent, 0 for none.
    """
    if not takes:
        return ReplayRow(candidate, ReplayVerdict.FILTERED, why)
    if does is Does.UPDATES and candidate.version < begun_version:
        return ReplayRow(candidate, ReplayVerdict.SUPERSEDED, f"Version {begun_version} was sent there already.")
    if rendered is None:
        return ReplayRow(candidate, ReplayVerdict.WOULD_FAIL, "The content of this change is gone: its retention has ended.")
    if isinstance(rendered, ReplayProblem):
        return ReplayRow(candidate, ReplayVerdict.WOULD_FAIL, rendered.message)
    if last is None:
        return ReplayRow(candidate, ReplayVerdict.NEW)
    return ReplayRow(candidate, ReplayVerdict.SAME if last.digest == rendered.digest else ReplayVerdict.DIFFERENT)


def summary(rows: Iterable[ReplayRow]) -> dict[ReplayVerdict, int]:
    """How many of each verdict, including zeros, for the head of the dry run."""
    counted = Counter(row.verdict for row in rows)
    return {verdict: counted[verdict] for verdict in ReplayVerdict}


def replay_room(room: int, live_waiting: int) -> int:
    """How many replayed actions may start, given `room` on a connection: what live traffic leaves, and at least 5 % of it."""
    if room <= 0:
        return 0
    return max(room - live_waiting, 1, int(room * SMALLEST_SHARE))
