r"""When a failed attempt is tried again (guide: The Retry Queue; D4-D6).

    pending --first attempt fails--> Retry --a retry fails, more left--> Error --the last retry fails--> Failed
                                       \------------a retry succeeds-------\-------------------------> Done

A person can submit from Retry, Error and Failed (D8), which neither uses nor resets the automatic retries. All instants and durations are
microseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from types import MappingProxyType

from heliograph.domain.errors import HeliographError
from heliograph.domain.sentence_template import Sentence, SentenceValue

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

AUTOMATIC_RETRIES = 3
JITTER = 0.1
LONGEST_RETRY_AFTER = DAY
LONGEST_INTERVAL = 30 * DAY

type Intervals = tuple[int, int, int]


class BadIntervals(HeliographError):
    """These retry intervals cannot be used. category: the one with the fault; None if the fault is in no single one."""

    def __init__(self, reason: str, category: Category | None = None, /, **values: SentenceValue) -> None:
        super().__init__(reason, **values)
        self.category = category


class Category(StrEnum):
    """The kind of a failure, most serious first: a more serious failure is retried sooner (D4, D5)."""

    SYSTEM = "System"
    CONNECTION = "Connection"
    SOURCE_API = "Source API"
    GENERAL = "General"
    CONFIG = "Config"
    VALIDATION = "Validation"
    """Never in the Retry Queue."""

    @property
    def code(self) -> int:
        """Its number in tables."""
        return _CODES[self]

    @classmethod
    def of_code(cls, code: int | None) -> Category | None:
        """The category of a number in a table; None for null and 0."""
        return _OF_CODE[code] if code else None


_CODES = {category: number for number, category in enumerate(Category, start=1)}
_OF_CODE = {number: category for category, number in _CODES.items()}


SEVERITY: tuple[Category, ...] = (Category.SYSTEM, Category.CONNECTION, Category.SOURCE_API, Category.GENERAL, Category.CONFIG)
"""The categories that are retried, most serious first."""

STANDARD: Mapping[Category, Intervals] = MappingProxyType(
    {
        Category.SYSTEM: (1 * MINUTE, 5 * MINUTE, 15 * MINUTE),
        Category.CONNECTION: (2 * MINUTE, 10 * MINUTE, 30 * MINUTE),
        Category.SOURCE_API: (5 * MINUTE, 15 * MINUTE, 60 * MINUTE),
        Category.GENERAL: (15 * MINUTE, 60 * MINUTE, 240 * MINUTE),
        Category.CONFIG: (30 * MINUTE, 120 * MINUTE, 2880 * MINUTE),
    }
)
PATIENT: Intervals = (2 * HOUR, 22 * HOUR, 48 * HOUR)
"""For a connection marked "patient", whatever the category."""


def intervals_of(category: Category, waits: Iterable[float]) -> Intervals:
    """A category's intervals from microseconds. Raises BadIntervals unless there is one per automatic retry, each within its bounds."""
    rounded = [round(wait) for wait in waits]
    if len(rounded) != AUTOMATIC_RETRIES or not all(0 < wait <= LONGEST_INTERVAL for wait in rounded):
        sentence = Sentence(
            "%(count)s intervals are needed, each longer than 0 and at most %(most)s days.",
            count=AUTOMATIC_RETRIES,
            most=LONGEST_INTERVAL // DAY,
        )
        raise BadIntervals("%(category)s: %(sentence)s", category, category=Sentence(category.value), sentence=sentence)
    first, second, third = rounded
    return first, second, third


@dataclass(frozen=True, slots=True)
class RetryAt:
    """Try again, but not before `due`."""

    due: int


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The automatic retries are used up."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """One interval per automatic retry, by category (D5).

    Raises BadIntervals for intervals that would retry a less serious failure sooner than a more serious one.
    """

    intervals: Mapping[Category, Intervals] = field(default_factory=lambda: STANDARD)

    def __post_init__(self) -> None:
        if set(self.intervals) != set(SEVERITY):
            raise BadIntervals("Intervals are needed for exactly these categories: %(names)s.", names=", ".join(SEVERITY))
        for category, waits in self.intervals.items():
            intervals_of(category, waits)
        for sooner, later in pairwise(SEVERITY):
            for number, (short, long) in enumerate(zip(self.intervals[sooner], self.intervals[later], strict=True), start=1):
                if short > long:
                    raise BadIntervals(
                        "Retry %(number)s: %(later)s may not be tried sooner than %(sooner)s, which is more serious.",
                        later,
                        number=number,
                        later=later,
                        sooner=sooner,
                    )

    def patient(self) -> RetryPolicy:
        """The same policy for a connection marked "patient"."""
        return RetryPolicy(dict.fromkeys(SEVERITY, PATIENT))

    def decide(self, category: Category, retries: int, now: int, *, jitter: float = 0.0, retry_after: int = 0) -> RetryAt | GiveUp:
        """Decides what follows a failed attempt.

        retries: automatic retries made so far, 0 after the first attempt
        jitter: -1 to 1, a share of 10 % of the interval
        retry_after: the wait that the target asked for (RFC 9110 §10.2.3), in microseconds; it wins if it is longer, up to 24 h
        """
        if retries >= AUTOMATIC_RETRIES:
            return GiveUp()
        spread = max(-1.0, min(1.0, jitter)) * JITTER
        wait = round(self.intervals[category][max(retries, 0)] * (1 + spread))
        return RetryAt(now + max(wait, min(retry_after, LONGEST_RETRY_AFTER)))
