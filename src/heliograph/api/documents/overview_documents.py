"""An account at a glance as JSON: what needs somebody, and what was delivered today (N2)."""

from __future__ import annotations

from typing import Annotated, Self

import msgspec

from heliograph.api.documents.shared_forms import Document, Instant, NameOfThing
from heliograph.domain.connection.connection_health import Health
from heliograph.domain.delivery.outcomes import Cause
from heliograph.overview.account_overview import AccountOverview, DestinationToday
from heliograph.retry.needs import Need, NeedKind
from heliograph.store.instants import from_micros
from heliograph.web.list_count import ListCount


class NeedDocument(Document):
    """A cause that waits for a person."""

    key: Annotated[str, msgspec.Meta(description="Names the cause for as long as it lasts.")]
    kind: Annotated[
        NeedKind, msgspec.Meta(description="What has to be changed: connection, mapping or flow; or tags that have to be given.")
    ]
    connection: Annotated[NameOfThing | None, msgspec.Meta(description="Null if it is not of a connection.")]
    health: Annotated[Health | None, msgspec.Meta(description="The health of the connection.")]
    causes: Annotated[list[Cause], msgspec.Meta(description="Why its items wait; empty if the connection only holds what is due.")]
    says: Annotated[str, msgspec.Meta(description="The target's own word for its last refusal; empty if it gave none.")]
    http_status: Annotated[int | None, msgspec.Meta(description="Of its last answer; null without one.")]
    held: Annotated[int, msgspec.Meta(description="How many actions its connection holds: never tried. Counted up to 10,001.")]
    waiting: Annotated[int, msgspec.Meta(description="How many items of the Retry Queue wait for it.")]
    is_more: Annotated[bool, msgspec.Meta(description="There are, or may be, more than `waiting`.")]
    since: Annotated[Instant | None, msgspec.Meta(description="Null if that is not known.")]

    @classmethod
    def from_need(cls, need: Need) -> Self:
        """The document of a cause."""
        row = need.connection
        return cls(
            key=need.key,
            kind=need.kind,
            connection=NameOfThing(id=str(row.id), name=row.connection.name) if row is not None else None,
            health=row.health if row is not None else None,
            causes=sorted({group.cause for group in need.groups if group.cause is not None}),
            says=need.groups[0].refusal.says if need.groups else "",
            http_status=need.last.status if need.last is not None else None,
            held=need.held_count,
            waiting=need.waiting.number,
            is_more=need.waiting.is_more,
            since=from_micros(need.since) if need.since else None,
        )


class DestinationDocument(Document):
    """What was sent over a connection today, by Live flows."""

    connection: NameOfThing
    health: Health
    delivered: Annotated[int, msgspec.Meta(description="Actions that were created today and are delivered.")]
    people: Annotated[
        int | None, msgspec.Meta(description="The registrations that these were for, each counted once; null while it cannot be told.")
    ]
    rate: Annotated[
        float | None, msgspec.Meta(description="The share of what was due that was delivered, from 0 to 1; null if nothing was due.")
    ]
    hours: Annotated[list[int], msgspec.Meta(description="What was delivered by hour, from midnight in the account's time zone.")]
    held: Annotated[int, msgspec.Meta(description="The actions that it holds now: never tried. Counted up to 10,001.")]
    waiting: Annotated[int, msgspec.Meta(description="Its items that wait in the Retry Queue now.")]
    failed: Annotated[int, msgspec.Meta(description="Its items with the status `Failed` in the Retry Queue now.")]
    is_more: Annotated[bool, msgspec.Meta(description="There may be more than `waiting` and `failed`: only the newest were counted.")]
    last_delivery: Instant | None

    @classmethod
    def from_row(cls, row: DestinationToday) -> Self:
        """The document of a destination."""
        connection = row.connection
        return cls(
            connection=NameOfThing(id=str(connection.id), name=connection.connection.name),
            health=connection.health,
            delivered=row.hours.sent,
            people=row.people,
            rate=row.hours.rate,
            hours=list(row.hours.delivered),
            held=connection.held_count,
            waiting=connection.waiting,
            failed=connection.failed,
            is_more=connection.is_more,
            last_delivery=from_micros(row.last_delivery) if row.last_delivery else None,
        )


class OverviewDocument(Document):
    """An account at a glance."""

    is_well: Annotated[bool, msgspec.Meta(description="Nothing needs anybody, and every source can be read.")]
    needs: list[NeedDocument]
    retrying: Annotated[int, msgspec.Meta(description="Items that are tried again automatically and need nobody.")]
    retrying_is_more: Annotated[bool, msgspec.Meta(description="There are, or may be, more than `retrying`.")]
    delivered: Annotated[int, msgspec.Meta(description="Actions of Live flows that were created today and are delivered.")]
    people: Annotated[
        int | None, msgspec.Meta(description="The registrations that these were for, each counted once; null while it cannot be told.")
    ]
    delivered_by_tests: Annotated[int, msgspec.Meta(description="Actions of Test flows that were created today and are delivered.")]
    delivered_yesterday: Annotated[int, msgspec.Meta(description="The same number of yesterday, by this time of day.")]
    destinations: list[DestinationDocument]
    delivered_elsewhere: Annotated[
        int, msgspec.Meta(description="Of `delivered`: over connections that are not among `destinations`, such as deleted ones.")
    ]

    @classmethod
    def read(cls, overview: AccountOverview) -> Self:
        """The document of an account."""
        needs, destinations = overview.needs, overview.destinations()
        retrying = sum((group.count for group in needs.retrying), ListCount())
        return cls(
            is_well=overview.is_well,
            needs=[NeedDocument.from_need(need) for need in needs.needs],
            retrying=retrying.number,
            retrying_is_more=retrying.is_more,
            delivered=overview.today.total.sent,
            people=overview.people.number() if overview.people is not None else None,
            delivered_by_tests=overview.delivered_by_tests,
            delivered_yesterday=overview.delivered_yesterday,
            destinations=[DestinationDocument.from_row(row) for row in destinations],
            delivered_elsewhere=overview.delivered_elsewhere(destinations),
        )
