"""The changes of a dry run, and the lines of it that are sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from heliograph.domain.delivery.replay import ReplayVerdict
from heliograph.domain.registration.change import Facet
from heliograph.registrations.list import RegistrationFilter, Registrations
from heliograph.store.database import Database
from heliograph.store.where import Where


@dataclass(frozen=True, slots=True)
class Selection:
    """The changes of a dry run: a period, an event, and a filter of registrations."""

    until: int
    """The end of the period, exclusive (microseconds)."""
    since: int | None = None
    """The beginning of the period (microseconds); None if it has none."""
    event: int | None = None
    registrations: RegistrationFilter = field(default_factory=RegistrationFilter)
    every: bool = False
    """True for every matching change of a subject, False for the latest one."""
    quiet: bool = False
    """True to include changes that were recorded without being judged (P9)."""

    def as_json(self) -> dict[str, object]:
        """The selection as the replay's row stores it."""
        return {
            "until": self.until,
            "since": self.since,
            "event": self.event,
            "registrations": self.registrations.as_json(),
            "every": self.every,
            "quiet": self.quiet,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """The selection that `as_json` stored."""
        return cls(
            stored["until"],
            stored["since"],
            stored["event"],
            RegistrationFilter.from_json(stored["registrations"]),
            bool(stored["every"]),
            bool(stored["quiet"]),
        )

    def conditions(self, db: Database, account: int, facets: Facet) -> Where:
        """The condition on `change c`.

        facets: the facets that the flow watches for
        """
        where = Where("c.account_id = :account", "c.at < :until", account=account, until=self.until)
        where &= Where("(c.facets & :facets) <> 0", facets=int(facets))
        if self.since is not None:
            where &= Where("c.at >= :since", since=self.since)
        if self.event is not None:
            where &= Where("c.event_id = :of_event", of_event=self.event)
        if not self.quiet:
            where &= Where("NOT c.quiet")
        if self.registrations.narrows:
            matching = Registrations(db, account).conditions(self.registrations)
            where &= Where(f"c.registration_id IN (SELECT r.id FROM registration r WHERE {matching.sql})", **matching.params)
        return where


@dataclass(frozen=True, slots=True)
class ReplayChoice:
    """The lines of a dry run that are sent."""

    verdicts: frozenset[ReplayVerdict]
    """Lines of these verdicts."""
    lines: tuple[int, ...] = ()
    """If it is not empty, only those with these ids."""

    def as_json(self) -> dict[str, object]:
        """The choice as the replay's row stores it."""
        return {"verdicts": sorted(verdict.value for verdict in self.verdicts), "lines": list(self.lines)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """The choice that `as_json` stored; an empty one for {}."""
        verdicts = frozenset(ReplayVerdict(value) for value in stored.get("verdicts", ()))
        return cls(verdicts, tuple(int(id) for id in stored.get("lines", ())))

    def conditions(self, db: Database, replay: int) -> Where:
        """The condition on `replay_line`."""
        codes = sorted(verdict.code for verdict in self.verdicts) or [0]
        where = Where("replay_id = :replay", db.member("verdict", "verdicts"), replay=replay, verdicts=codes)
        return where & Where(db.member("id", "lines"), lines=sorted(self.lines)) if self.lines else where
