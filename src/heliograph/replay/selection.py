"""Which changes a replay looks at, and which of them are sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from heliograph.domain.delivery.replay import ReplayVerdict
from heliograph.domain.registration.change import Facet
from heliograph.registrations.list import RegistrationFilter, Registrations
from heliograph.store.database import Database


@dataclass(frozen=True, slots=True)
class Selection:
    """A range, an event, and filters of registrations. since, until: microseconds, the end exclusive; None: without a beginning.

    every: every matching change of a subject rather than the latest. quiet: also what was recorded without being judged (P9).
    """

    until: int
    since: int | None = None
    event: int | None = None
    registrations: RegistrationFilter = field(default_factory=RegistrationFilter)
    every: bool = False
    quiet: bool = False

    def as_json(self) -> dict[str, object]:
        """For the replay's row."""
        return {
            "until": self.until,
            "since": self.since,
            "event": self.event,
            "registrations": self.registrations.as_json(),
            "every": self.every,
            "quiet": self.quiet,
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Self:
        """Reads what `as_json` returned."""
        return cls(
            found["until"],
            found["since"],
            found["event"],
            RegistrationFilter.from_json(found["registrations"]),
            bool(found["every"]),
            bool(found["quiet"]),
        )

    def conditions(self, db: Database, account: int, facets: Facet) -> tuple[str, dict[str, object]]:
        """SQL on `change c`, and its parameters. facets: those that the flow watches for."""
        where = ["c.account_id = :account", "c.at < :until", "(c.facets & :facets) <> 0"]
        params: dict[str, object] = {"account": account, "until": self.until, "facets": int(facets)}
        if self.since is not None:
            where.append("c.at >= :since")
            params["since"] = self.since
        if self.event is not None:
            where.append("c.event_id = :of_event")
            params["of_event"] = self.event
        if not self.quiet:
            where.append("NOT c.quiet")
        if self.registrations.narrows:
            of, given = Registrations(db, account).conditions(self.registrations)
            where.append(f"c.registration_id IN (SELECT r.id FROM registration r WHERE {' AND '.join(of)})")
            params = given | params
        return " AND ".join(where), params


@dataclass(frozen=True, slots=True)
class ReplayChoice:
    """What is sent of a dry run: all lines of some verdicts, or only these of them."""

    verdicts: frozenset[ReplayVerdict]
    lines: tuple[int, ...] = ()

    def as_json(self) -> dict[str, object]:
        """For the replay's row."""
        return {"verdicts": sorted(verdict.value for verdict in self.verdicts), "lines": list(self.lines)}

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Self:
        """Reads what `as_json` returned; {}: nothing is chosen yet."""
        verdicts = frozenset(ReplayVerdict(value) for value in found.get("verdicts", ()))
        return cls(verdicts, tuple(int(id) for id in found.get("lines", ())))

    def conditions(self, db: Database) -> tuple[str, dict[str, object]]:
        """SQL on `replay_line`, and its parameters."""
        where = db.member("verdict", "verdicts")
        params: dict[str, object] = {"verdicts": sorted(verdict.code for verdict in self.verdicts) or [0]}
        if self.lines:
            return f"{where} AND {db.member('id', 'lines')}", params | {"lines": sorted(self.lines)}
        return where, params
