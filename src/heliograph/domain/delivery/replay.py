"""Replays a flow: the changes to send again, and what each would do (Y1).

A replay combines stored changes with today's rules. Of each subject it takes the latest change that the flow's rules accept, or every one. A
destination that updates a record gets the latest only, and none if newer data was sent there, before or after. Pure: the last accepted request
and the one that would be sent now are parameters.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from heliograph.domain.delivery.action import Does

SMALLEST_SHARE = 0.05
"""The share of a connection's starts that a replay gets even if live traffic could use all of them."""


class ReplayVerdict(StrEnum):
    """The result of replaying a change (the dry run's columns)."""

    NEW = "new"
    """Nothing was ever accepted there for this subject: never sent, or refused."""
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

    @property
    def code(self) -> int:
        """Its number in tables."""
        return _CODES[self]

    @classmethod
    def of_code(cls, code: int) -> ReplayVerdict:
        """The verdict of a number from a table."""
        return _OF_CODE[code]


_CODES = {verdict: number for number, verdict in enumerate(ReplayVerdict, start=1)}
_OF_CODE = {number: verdict for verdict, number in _CODES.items()}


class ReplayNote(StrEnum):
    """A remark on a verdict."""

    NEWER_SENT = "newer sent"
    NEWER_WAITS = "newer waits"
    """A newer version waits to be sent, and goes first."""
    CONTENT_GONE = "content gone"
    """The change's content is no longer stored (X6)."""
    LAST_GONE = "last gone"
    """The last accepted request is no longer stored (X6)."""
    NOT_COMPARED = "not compared"
    """The last accepted request was not stored as a whole: its body was too long, or its data was in the URL, which is a secret (C5)."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A stored change that may be replayed. at: microseconds."""

    change: int
    subject: int
    version: int
    at: int


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """The request that would be sent."""

    digest: bytes | None
    """A digest of method, host, headers and body, without the parts that differ in every request. None: it cannot be compared."""


@dataclass(frozen=True, slots=True)
class ReplayProblem:
    """Why no request can be built, as a sentence."""

    message: str


@dataclass(frozen=True, slots=True)
class LastSent:
    """The last request for the subject that the destination accepted."""

    version: int
    digest: bytes | None
    """None: it cannot be compared."""
    gone: bool = False
    """It cannot be compared because it is no longer stored (X6)."""


@dataclass(frozen=True, slots=True)
class ReplayRow:
    """One line of the dry run. why: of a filtered change or one that would fail, a sentence."""

    candidate: Candidate
    verdict: ReplayVerdict
    why: str = ""
    note: ReplayNote | None = None

    def beats(self, other: ReplayRow) -> bool:
        """True if this line rather than the other represents the subject: one that the rules accept goes first, then the later version."""
        is_sent, other_is_sent = self.verdict is not ReplayVerdict.FILTERED, other.verdict is not ReplayVerdict.FILTERED
        return is_sent if is_sent is not other_is_sent else self.candidate.version > other.candidate.version


def takes_every(does: Does, *, every: bool) -> bool:
    """True if a destination gets every matching change of a subject. One that updates a record needs the latest only."""
    return every and does is Does.ADDS


def select(rows: Iterable[ReplayRow], *, every: bool, does: Does) -> list[ReplayRow]:
    """The lines of a dry run at one destination, by time.

    every: True for all lines, False for one line of each subject
    """
    row_list = list(rows)
    if not takes_every(does, every=every):
        newest_rows: dict[int, ReplayRow] = {}
        for row in row_list:
            subject = row.candidate.subject
            if subject not in newest_rows or row.beats(newest_rows[subject]):
                newest_rows[subject] = row
        row_list = list(newest_rows.values())
    return sorted(row_list, key=lambda row: (row.candidate.at, row.candidate.subject, row.candidate.version))


def replay_verdict(
    candidate: Candidate,
    *,
    does: Does,
    takes: bool,
    rendered: ReplayRequest | ReplayProblem | None,
    last: LastSent | None,
    begun_version: int,
    newest_open: int = 0,
    why: str = "",
) -> ReplayRow:
    """The result of replaying a change at one destination.

    takes: the flow's current rules accept the change
    why: the reason if they do not
    rendered: None if the change's content is no longer stored
    begun_version: the newest version of the subject for which a request to this destination may have been sent, 0 for none
    newest_open: the newest version of the subject that waits to be sent there, 0 for none
    """
    if not takes:
        return ReplayRow(candidate, ReplayVerdict.FILTERED, why)
    if does is Does.UPDATES and candidate.version < max(begun_version, newest_open):
        note = ReplayNote.NEWER_SENT if candidate.version < begun_version else ReplayNote.NEWER_WAITS
        return ReplayRow(candidate, ReplayVerdict.SUPERSEDED, note=note)
    if rendered is None:
        return ReplayRow(candidate, ReplayVerdict.WOULD_FAIL, note=ReplayNote.CONTENT_GONE)
    if isinstance(rendered, ReplayProblem):
        return ReplayRow(candidate, ReplayVerdict.WOULD_FAIL, rendered.message)
    if last is None:
        return ReplayRow(candidate, ReplayVerdict.NEW)
    if last.digest is None or rendered.digest is None:
        return ReplayRow(candidate, ReplayVerdict.DIFFERENT, note=ReplayNote.LAST_GONE if last.gone else ReplayNote.NOT_COMPARED)
    return ReplayRow(candidate, ReplayVerdict.SAME if last.digest == rendered.digest else ReplayVerdict.DIFFERENT)


def summary(rows: Iterable[ReplayRow]) -> dict[ReplayVerdict, int]:
    """How many of each verdict, including zeros, for the head of the dry run."""
    counted = Counter(row.verdict for row in rows)
    return {verdict: counted[verdict] for verdict in ReplayVerdict}


def replay_room(space: int, live_waiting: int) -> int:
    """How many replayed actions may start: what live traffic leaves of a connection's `space`, at least 5 % of it."""
    if space <= 0:
        return 0
    return max(space - live_waiting, 1, int(space * SMALLEST_SHARE))
