"""How long content and records are stored, and when they may be removed (O4, X6). Instants are microseconds, terms whole days."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from heliograph.domain.delivery.retry_policy import MINUTE
from heliograph.domain.errors import HeliographError

DAY: Final = 24 * 60 * MINUTE
LONGEST: Final = 3650
"""Days of the longest term."""
GRACE: Final = 14
"""Days between the announcement of the first removal and that removal, unless an Administrator starts it earlier."""


class BadTerms(HeliographError):
    """Terms that contradict each other."""


@dataclass(frozen=True, slots=True)
class Cuts:
    """The instants before which content and whole records are removed."""

    content: int
    rows: int


@dataclass(frozen=True, slots=True)
class Terms:
    """The days for which content (states of changes, requests, responses) is stored, and for which records without content are."""

    content: int
    rows: int

    def __post_init__(self) -> None:
        if not 1 <= self.content <= self.rows <= LONGEST:
            raise BadTerms(
                "Content is kept from 1 day on, no longer than its record, and a record at most %(most)s days.", most=str(LONGEST)
            )

    def cuts(self, now: int) -> Cuts:
        return Cuts(now - self.content * DAY, now - self.rows * DAY)

    def shortened(self, content: int | None, rows: int | None) -> Terms:
        """These terms, shortened by an account's own. Content never outlives its record."""
        rows_kept = min(self.rows, rows or self.rows)
        return Terms(min(self.content, content or self.content, rows_kept), rows_kept)

    def removes_more_than(self, other: Terms) -> bool:
        """True if something that the other terms keep is removed by these."""
        return self.content < other.content or self.rows < other.rows


@dataclass(frozen=True, slots=True)
class Announcement:
    """The announcement that an account's content and records will be removed by these terms."""

    terms: Terms
    at: int
    """The instant at which it first stood on the page Retention."""
    agreed: int | None = None
    """The instant at which an Administrator agreed. None: nobody has."""

    @property
    def begins(self) -> int:
        """The earliest moment of a removal."""
        return self.agreed if self.agreed is not None else self.at + GRACE * DAY

    def covers(self, terms: Terms) -> bool:
        """True if the terms remove no more than was announced; otherwise they are announced anew."""
        return not terms.removes_more_than(self.terms)

    def under(self, terms: Terms) -> Announcement:
        """The announcement once these terms are in force: it no longer announces what they keep. So later, shorter terms are announced again."""
        return replace(self, terms=Terms(max(self.terms.content, terms.content), max(self.terms.rows, terms.rows)))
