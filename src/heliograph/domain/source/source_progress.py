"""Where the reading of a source stands, and what its reader does next (S3). All instants are microseconds since 1970 in UTC."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from heliograph.domain.mapping.json_bodies import Body, BodyError
from heliograph.domain.source.doorbell import MOST_SINGLE
from heliograph.domain.source.read_progress import Reading, first_reading, next_mark
from heliograph.domain.source.rest_list import DAY, RestList

_INSTANT: Final = 2**62


class ReadStep(StrEnum):
    """What a reader does next."""

    PAGE = "page"
    """Asks for a page of what changed."""
    DELETION = "deletion"
    """Makes sure that an item whose key was missing is deleted."""
    SWEEP = "sweep"
    """Asks for a page of the whole list, to compare all keys."""
    ITEM = "item"
    """Asks for an item that a doorbell named."""
    WAIT = "wait"


@dataclass(frozen=True, slots=True)
class SourceProgress:
    """What the column cursor of a source holds. It is saved in the transaction that stores what was read."""

    mark: int | None = None
    """See `read_progress`."""
    reading: Reading | None = None
    """The reading under way."""
    sweep: Reading | None = None
    """The sweep under way."""
    sweeps: int = 0
    """The number of the newest sweep, begun or done."""
    swept_at: int | None = None
    """Our time at the end of the newest sweep, or of the backfill."""
    is_filled: bool = False
    """The backfill is done: what is read from now on are changes, on which flows act."""
    passed: int = 0
    """Items that were new or changed since the backfill."""
    is_removing: bool = False
    """Keys that are missing are being made sure of."""
    missing: int = 0
    """Keys about which a person is asked: more than a tenth of all."""
    known: int = 0
    """All keys that were known then."""
    began: int = 0
    """Our time when the reading under way, or the last one, began: what doorbells announced before is part of it."""

    def next_step(self, description: RestList, now: int, due: int, rung: int = 0) -> ReadStep:
        """What to do now.

        due: when the next reading is due
        rung: items that doorbells announced. During the backfill they wait for its end; many at once are read as a list of what changed.
        """
        if self.is_filled and 0 < rung <= MOST_SINGLE:
            return ReadStep.ITEM
        if self.reading is not None or now >= due or (self.is_filled and rung):
            return ReadStep.PAGE
        if self.is_removing:
            return ReadStep.DELETION
        if self.sweep is not None or (self.sweep_due(description) or _INSTANT) <= now:
            return ReadStep.SWEEP
        return ReadStep.WAIT

    def sweep_due(self, description: RestList) -> int | None:
        """When the next sweep is due, which then follows a reading; None if there is none, or every reading is one."""
        if not description.sweep or not description.takes_since or not self.is_filled or self.missing or self.swept_at is None:
            return None
        return self.swept_at + DAY

    def begun(self, description: RestList, step: ReadStep, now: int) -> tuple[SourceProgress, Reading]:
        """The progress with the reading that the step continues or begins."""
        if step is ReadStep.SWEEP:
            if self.sweep is not None:
                return self, self.sweep
            return replace(self, sweep=Reading(), sweeps=self.sweeps + 1), Reading()
        if self.reading is not None:
            return self, self.reading
        reading = first_reading(description, self.mark)
        is_sweep = description.sweep and not description.takes_since
        return replace(self, reading=reading, sweeps=self.sweeps + is_sweep, began=now), reading

    def after(self, description: RestList, step: ReadStep, reading: Reading, changes: int, now: int) -> SourceProgress:
        """The progress after a page. changes: items of it that were new or changed"""
        passed = self.passed + (changes if self.is_filled else 0)
        if step is ReadStep.SWEEP:
            if not reading.is_over:
                return replace(self, sweep=reading, passed=passed)
            return replace(self, sweep=None, swept_at=now, passed=passed)
        if not reading.is_over:
            return replace(self, reading=reading, passed=passed)
        is_first = not self.is_filled
        return replace(
            self,
            reading=None,
            mark=next_mark(self.mark, reading),
            passed=passed,
            is_filled=True,
            swept_at=now if is_first or not description.takes_since else self.swept_at,
        )

    def to_body(self) -> dict[str, Any]:
        """The progress as JSON."""
        return {
            "mark": self.mark,
            "reading": None if self.reading is None else self.reading.to_body(),
            "sweep": None if self.sweep is None else self.sweep.to_body(),
            "sweeps": self.sweeps,
            "swept_at": self.swept_at,
            "filled": self.is_filled,
            "passed": self.passed,
            "removing": self.is_removing,
            "missing": self.missing,
            "known": self.known,
            "began": self.began,
        }

    @classmethod
    def from_body(cls, value: object) -> SourceProgress:
        """Reads a saved progress. One that cannot be read begins anew: nothing is lost by reading everything once more."""
        try:
            body = Body(value)

            def count(key: str) -> int:
                return body.number(key, least=0, most=_INSTANT) or 0

            def reading(key: str) -> Reading | None:
                return Reading.from_body(value[key], key) if isinstance(value, dict) and body.has(key) else None

            return cls(
                mark=body.number("mark", least=-_INSTANT, most=_INSTANT),
                reading=reading("reading"),
                sweep=reading("sweep"),
                sweeps=count("sweeps"),
                swept_at=body.number("swept_at", least=0, most=_INSTANT),
                is_filled=body.flag("filled"),
                passed=count("passed"),
                is_removing=body.flag("removing"),
                missing=count("missing"),
                known=count("known"),
                began=count("began"),
            )
        except BodyError:
            return cls()
