"""Replaying a flow: which changes, and what each would do (Y1).

A replay takes stored changes as they were, and today's rules. At a destination that updates a record the latest matching change per subject is enough;
what newer was sent there, before or after, supersedes it. Pure: what was last sent and what would be sent now are given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from heliograph.domain.delivery.action import Does

SMALLEST_SHARE = 0.05
"""Of a connection's room: so much a replay gets even while live traffic would take all."""


class ReplayVerdict(StrEnum):
    """What a replayed change would do (the dry run's columns)."""

    NEW = "new"
    """Nothing was ever sent there for this subject."""
    SAME = "same"
    DIFFERENT = "different"
    FILTERED = "filtered"
    """Today's rules do not take it."""
    WOULD_FAIL = "would fail"
    """The mapping finds problems in it, or its content is gone."""
    SUPERSEDED = "superseded"
    """Newer data was sent there: it would never be sent."""

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
    """What would be sent: a digest of method, address, headers and body, without what differs in every request."""

    digest: bytes


@dataclass(frozen=True, slots=True)
class ReplayProblem:
    """Why nothing can be made of it, as a sentence."""

    message: str


@dataclass(frozen=True, slots=True)
class LastSent:
    """What was delivered last to the destination for the subject. digest None: its content is gone (X6)."""

    version: int
    digest: bytes | None


@dataclass(frozen=True, slots=True)
class ReplayRow:
    """One line of the dry run."""

    candidate: Candidate
    verdict: ReplayVerdict
    why: str = ""


def select(candidates: Iterable[Candidate], *, every: bool, does: Does) -> list[Candidate]:
    """The changes to replay, in the order of their versions per subject and of their times over all.

    The latest per subject, or every one where asked; a destination that updates a record needs the latest only, whatever is asked.
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
    """What replaying a change would do at one destination.

    takes: whether the flow's current rules take it; `why` is the reason where not. rendered: None where its content is gone.
    begun_version: the newest version of the subject for which a request to this destination may have left, 0 for none.
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
    """How many of each, zeros included: the head of the dry run."""
    counted = Counter(row.verdict for row in rows)
    return {verdict: counted[verdict] for verdict in ReplayVerdict}


def replay_room(room: int, live_waiting: int) -> int:
    """How many replayed actions may be taken of `room` on a connection: what live traffic leaves, and at least 5 % of it."""
    if room <= 0:
        return 0
    return max(room - live_waiting, 1, int(room * SMALLEST_SHARE))
