"""An account at a glance: what needs somebody, what was delivered today at each destination, and who saved what last (N2).

Everything is read from figures, from the indexes of the Retry Queue and from bounded walks, so that it costs the same however much was recorded.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final
from zoneinfo import ZoneInfo

from heliograph.accounts.models import AuditEntry
from heliograph.connections.connection_deliveries import last_delivered
from heliograph.connections.connection_list import ConnectionRow
from heliograph.deliveries.account_reader import AccountReader
from heliograph.deliveries.outcome_hours import HoursOfPeriod, OutcomeHours, outcome_hours
from heliograph.domain.flow.flow import Mode
from heliograph.domain.natural_order import natural_order
from heliograph.insights.period import CalendarPeriod, Window, calendar_window
from heliograph.retry.needs import Needs, needs_of
from heliograph.sources.failing_sources import failing_sources
from heliograph.store.queue.people_sent import PeopleSent, people_sent

SHOWN_DESTINATIONS: Final = 50
SHOWN_SAVES: Final = 6
SEARCHED_SAVES: Final = 300
"""The newest audit entries that are searched for saves: most others are sign-ins."""
SAVED_KINDS: Final = frozenset(
    {
        "flow",
        "connection",
        "mapping",
        "tag",
        "registration status",
        "session status",
        "session registration status",
        "event status",
        "source",
    }
)
"""The kinds of objects whose saves are shown. `administration.audit_list` has their words."""
SAVED_TOGETHER: Final = datetime.timedelta(minutes=1)
"""Saves of one person are one line if all were made within this time: a recipe saves a status eleven times by one click."""


@dataclass(frozen=True, slots=True)
class DestinationToday:
    """What a connection was sent today."""

    connection: ConnectionRow
    flows: Sequence[tuple[int, str]]
    """The id and name of each flow that sent or was to send over it today; without any, of those that use it."""
    hours: OutcomeHours
    people: int | None
    """The registrations that something was delivered for; None if it cannot be told (`people_sent`)."""
    last_delivery: int | None
    """Microseconds; see `last_delivered`."""


@dataclass(slots=True)
class SavesTogether:
    """Consecutive saves that one person made at once: the same operation on objects of one kind."""

    newest: AuditEntry
    objects: set[int]
    """The ids of the saved objects."""
    is_more: bool = False
    """Whether there may be more, because no older entry was searched."""

    @property
    def others(self) -> int:
        """How many objects were saved besides that of the newest entry."""
        return len(self.objects) - 1

    def takes(self, entry: AuditEntry) -> bool:
        """Whether the next older entry is one of these saves."""
        newest = self.newest
        is_same = (entry.by, entry.what, entry.kind) == (newest.by, newest.what, newest.kind)
        return is_same and newest.at - entry.at < SAVED_TOGETHER


@dataclass
class AccountOverview:
    """Reads the overview of one account. Deliveries are those of Live flows, unless said otherwise."""

    reader: AccountReader
    zone: ZoneInfo
    """The account's time zone, in which a day begins at midnight."""

    @cached_property
    def now(self) -> int:
        """The database's time, in microseconds."""
        return self.reader.db.now()

    @cached_property
    def needs(self) -> Needs:
        """What needs somebody, and what does not."""
        return needs_of(self.reader)

    @cached_property
    def is_well(self) -> bool:
        """Whether nothing needs anybody, and every source can be read."""
        return not self.needs.needs and not failing_sources()

    @cached_property
    def window(self) -> Window:
        """Today until now, as in Insights."""
        return calendar_window(CalendarPeriod.TODAY, self.now, self.zone)

    @cached_property
    def today(self) -> HoursOfPeriod:
        """What became of the actions of today until now."""
        return self._outcomes(Mode.LIVE, self.window)

    @cached_property
    def delivered_by_tests(self) -> int:
        """How many of today's actions of Test flows are delivered."""
        return self._outcomes(Mode.TEST, self.window).total.sent

    @property
    def has_only_tests(self) -> bool:
        """Whether the account has flows, but none that is Live."""
        return {flow.mode for flow in self.reader.config.flows.values()} == {Mode.TEST}

    @cached_property
    def people(self) -> PeopleSent | None:
        """For whom something was delivered today; None if it cannot be told."""
        reader = self.reader
        kept_since = reader.removals.records_kept_since
        return people_sent(reader.db, reader.account, Mode.LIVE, self.window.since, self.window.until, kept_since)

    @cached_property
    def delivered_yesterday(self) -> int:
        """How many actions were delivered yesterday by this time of day."""
        return self._outcomes(Mode.LIVE, self.window.before(self.zone)).total.sent

    def _outcomes(self, mode: Mode, window: Window) -> HoursOfPeriod:
        return outcome_hours(self.reader.db, self.reader.account, mode, window.since, window.until)

    def destinations(self) -> list[DestinationToday]:
        """The connections that active flows use, that were sent something today or hold something: those with the most deliveries first."""
        config, by_connection = self.reader.config, self.today.by_connection
        used = {each.connection for flow in config.flows.values() if flow.active for each in flow.destinations}
        rows = [row for row in self.needs.connections.values() if row.id in used or row.id in by_connection or row.held_count]
        hours = {row.id: by_connection.get(row.id, OutcomeHours.nothing(self.today.count)) for row in rows}
        rows.sort(key=lambda row: (-hours[row.id].sent, natural_order(row.connection.name), row.id))
        rows = rows[:SHOWN_DESTINATIONS]
        last = last_delivered(self.reader.db, self.reader.account, [row.id for row in rows])
        names = dict(self.reader.flow_names({flow for flow, _connection in self.today.by_place}))
        return [
            DestinationToday(
                row,
                [(flow, names.get(flow, "")) for flow in self.today.flows_of(row.id)] or list(row.flows),
                hours[row.id],
                None if self.people is None else self.people.number(row.id),
                last.get(row.id),
            )
            for row in rows
        ]

    def delivered_elsewhere(self, destinations: Sequence[DestinationToday]) -> int:
        """How many of today's deliveries went over connections that are not among these: deleted ones, and those beyond SHOWN_DESTINATIONS."""
        return self.today.total.sent - sum(row.hours.sent for row in destinations)

    def saves(self) -> list[SavesTogether]:
        """The last saves of flows, connections, mappings, tags and statuses, newest first."""
        newest = list(AuditEntry.objects.order_by("-id").defer("before", "after")[:SEARCHED_SAVES])
        groups: list[SavesTogether] = []
        for entry in newest:
            if entry.kind not in SAVED_KINDS:
                continue
            if groups and groups[-1].takes(entry):
                groups[-1].objects.add(entry.object_id)
            elif len(groups) == SHOWN_SAVES:
                return groups
            else:
                groups.append(SavesTogether(entry, {entry.object_id}))
        if groups and len(newest) == SEARCHED_SAVES:
            groups[-1].is_more = groups[-1].takes(newest[-1])
        return groups
