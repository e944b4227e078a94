"""The changes of a dry run, and the lines of it that are sent."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from heliograph.deliveries.account_reader import AccountReader
from heliograph.domain.delivery.replay import ReplayVerdict
from heliograph.domain.registration.change import Facet
from heliograph.insights.period import whole_days
from heliograph.registrations.list import RegistrationFilter, Registrations
from heliograph.setup.setup_errors import Invalid
from heliograph.store.database import Database
from heliograph.store.where import Where

ENDS_BEFORE: Final = gettext_lazy("The period ends before it begins. Choose a later end.")


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
class SelectionFacts:
    """What somebody chooses for a dry run."""

    since: datetime.date | None = None
    """The first day."""
    until: datetime.date | None = None
    """The last day."""
    event: int | None = None
    text: str = ""
    """Words of a registration's code, name or organization."""
    status: str = ""
    """The name of the status that a registration has today."""
    every: bool = False
    quiet: bool = False


def selection_of(reader: AccountReader, facts: SelectionFacts, zone: ZoneInfo, now: int) -> Selection:
    """The selection of these facts. It demands dates or an event, so that nobody replays everything by mistake.

    zone: of the account, in which days begin and end
    now: microseconds
    Raises Invalid, by the names of the parameters: from, to, event, status.
    """
    if facts.since and facts.until and facts.until < facts.since:
        raise Invalid({"to": [str(ENDS_BEFORE)]})
    if not (facts.since or facts.until or facts.event is not None):
        raise Invalid({"from": [_("Give dates, an event, or both.")]})
    if facts.event is not None and not reader.events([facts.event]):
        raise Invalid({"event": [_("This event no longer exists. Choose another one.")]})
    if facts.status and facts.status not in Registrations(reader.db, reader.account).statuses():
        raise Invalid({"status": [_("No status has this name.")]})
    return Selection(
        until=min(now, whole_days(facts.until, facts.until, zone).until) if facts.until else now,
        since=whole_days(facts.since, facts.since, zone).since if facts.since else None,
        event=facts.event,
        registrations=RegistrationFilter(text=facts.text, status=facts.status),
        every=facts.every,
        quiet=facts.quiet,
    )


@dataclass(frozen=True, slots=True)
class ReplayChoice:
    """The lines of a dry run that are sent."""

    verdicts: frozenset[ReplayVerdict]
    """Lines of these verdicts."""
    lines: tuple[int, ...] = ()
    """If it is not empty, only those with these ids."""

    @classmethod
    def of_lines(cls, lines: Sequence[int]) -> Self:
        """The choice of single lines, whatever their verdicts; an empty one of no lines."""
        return cls(frozenset(verdict for verdict in ReplayVerdict if verdict.is_sent) if lines else frozenset(), tuple(lines))

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
