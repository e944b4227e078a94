"""The figures of Account Insights and of an integration's page as JSON, each with the list behind it (guide: Account Insights; X1-X3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import msgspec

from heliograph.api.documents.scope_documents import IntegrationName, ModeName, name_of_mode, records_address
from heliograph.api.documents.shared_forms import Document, Instant, NameOfThing
from heliograph.deliveries.account_reader import AccountReader
from heliograph.domain.delivery.outcomes import Cause
from heliograph.domain.delivery.retry_policy import SEVERITY, Category
from heliograph.domain.figures import Measure
from heliograph.domain.registration.change import Facet
from heliograph.insights.destination_figures import DestinationFigures, destination_figures
from heliograph.insights.failure_reasons import FailureReason
from heliograph.insights.figure_scope import FigureScope
from heliograph.insights.integrations import Integration
from heliograph.insights.period_figures import ConnectionFigures
from heliograph.insights.record_kinds import RecordKind
from heliograph.insights.replay_share import ReplayShare
from heliograph.store.instants import from_micros

type FacetName = Literal["created", "updated", "status_changed", "session_status_changed", "event_created", "event_updated"]

Address = Annotated[
    str | None, msgspec.Meta(description="The list of exactly the records that it counts; null if there is none, or no longer.")
]
Columns = Annotated[list[int], msgspec.Meta(description="By column of the period.")]


class Number(Document):
    """A figure."""

    value: int
    records: Address


class ReportedNumber(Document):
    """A figure that targets report."""

    value: Annotated[int | None, msgspec.Meta(description="Null if no response rule says which answers mean it.")]
    records: Address


class CategoryNumber(Number):
    """The retries of one category."""

    category: Category


class FacetNumber(Number):
    """The recorded changes of one kind, whether or not a flow took them. A change may have several kinds."""

    facet: FacetName
    columns: Columns


class ConnectionNumber(Number):
    """The attempts over one connection."""

    connection: NameOfThing
    delivered: Columns
    failed: Columns
    validation_errors: Annotated[int, msgspec.Meta(description="Found before anything was sent; not part of `value`.")]


class DestinationNumber(Document):
    """The actions of a period for one connection, by their state now."""

    connection: NameOfThing
    registrations: Annotated[
        int | None,
        msgspec.Meta(description="Registrations that something was delivered for, each counted once; null if that cannot be told."),
    ]
    registration_records: Address
    delivered: Annotated[int, msgspec.Meta(description="Actions that were delivered.")]
    queued: int
    failed: int
    validation: int
    held: Annotated[int, msgspec.Meta(description="Never tried, because the connection sends nothing at present.")]
    delivered_by_column: Columns


class FigureDocument(Document):
    """Every number of a period. `triggered` is `success`, `superseded`, `queued`, `failed`, `validation`, `held` and `pending`
    together."""

    since: Instant
    until: Annotated[Instant, msgspec.Meta(description="Exclusive.")]
    read_at: Instant
    mode: ModeName
    integration: IntegrationName | None
    columns: Annotated[list[Instant], msgspec.Meta(description="Where the columns of the period begin; the last ends at `until`.")]
    changes: Annotated[Number, msgspec.Meta(description="Changes Processed: checked by at least one flow.")]
    registrations: Annotated[Number, msgspec.Meta(description="Unique Registrations.")]
    triggered: Annotated[Number, msgspec.Meta(description="Actions Triggered; retries do not add.")]
    success: Number
    superseded: Number
    queued: Number
    failed: Number
    validation: Number
    held: Annotated[Number, msgspec.Meta(description="Never tried, because their connection sends nothing at present.")]
    pending: Annotated[Number, msgspec.Meta(description="Being sent.")]
    failures: Annotated[Number, msgspec.Meta(description="Of Processing Status: queued, failed and validation.")]
    replayed: Annotated[Number, msgspec.Meta(description="Actions that are replays, whether or not the figures count them.")]
    not_triggered: Annotated[
        Number, msgspec.Meta(description="Actions Not Triggered: a flow checked a change and did not take it, or waits.")
    ]
    not_selected: Annotated[int, msgspec.Meta(description="Of `not_triggered`: tagged, but not for the flow.")]
    untagged: Annotated[
        Number, msgspec.Meta(description="Of `not_triggered`: waits for a tag, or for its flow, which was off when the tag came.")
    ]
    undecided: Annotated[Number, msgspec.Meta(description="Of `not_triggered`: not checked yet.")]
    not_judged: Annotated[int, msgspec.Meta(description="Of `not_triggered`: `undecided`, and those that are not checked any more.")]
    flows: Annotated[Number, msgspec.Meta(description="Active Flows; the list has how many changes each checked.")]
    leads_created: ReportedNumber
    leads_updated: ReportedNumber
    in_retry_queue: Number
    retries: Annotated[Number, msgspec.Meta(description="Total Retried: tries of actions, automatic and by hand.")]
    retries_delivered: Annotated[int, msgspec.Meta(description="Of `retries`: those that delivered; the others failed again.")]
    retries_by_column: Columns
    retries_by_category: list[CategoryNumber]
    abandoned: Annotated[Number, msgspec.Meta(description="Retried Abandoned: failed three retries.")]
    validation_errors: Number
    activity: Annotated[list[FacetNumber], msgspec.Meta(description="Registration Activity.")]
    connections: Annotated[list[ConnectionNumber], msgspec.Meta(description="Connection Activity, the busiest first.")]
    destinations: Annotated[
        list[DestinationNumber], msgspec.Meta(description="Sent to each destination, those with the most deliveries first.")
    ]

    @classmethod
    def read(cls, reader: AccountReader, scope: FigureScope) -> FigureDocument:
        """The figures of a scope.

        reader: reads one state of the database, so that the numbers agree with each other
        """
        figures, window = scope.figures(reader), scope.window
        tiles = figures.tiles

        def number(value: int, kind: RecordKind) -> Number:
            return Number(value=value, records=records_address(scope, kind))

        def lead(value: int, kind: RecordKind) -> ReportedNumber:
            is_reported = figures.reports_leads
            return ReportedNumber(value=value if is_reported else None, records=records_address(scope, kind) if is_reported else None)

        return cls(
            since=from_micros(window.since),
            until=from_micros(window.until),
            read_at=from_micros(reader.db.now()),
            mode=name_of_mode(scope.mode),
            integration="webhooks" if scope.integration else None,
            columns=[from_micros(begin) for begin in window.edges[:-1]],
            changes=number(tiles.changes, RecordKind.CHANGES),
            registrations=number(tiles.unique, RecordKind.REGISTRATIONS),
            triggered=number(tiles.triggered, RecordKind.TRIGGERED),
            success=number(tiles.success, RecordKind.SUCCESS),
            superseded=number(tiles.superseded, RecordKind.SUPERSEDED),
            queued=number(tiles.queued, RecordKind.QUEUED),
            failed=number(tiles.failed, RecordKind.FAILED),
            validation=number(tiles.validation, RecordKind.VALIDATION),
            held=number(tiles.held_count, RecordKind.HELD),
            pending=number(tiles.pending, RecordKind.PENDING),
            failures=number(tiles.pie[1], RecordKind.FAILURES),
            replayed=Number(value=figures.replayed, records=records_address(scope, RecordKind.TRIGGERED, replays=ReplayShare.ONLY.value)),
            not_triggered=number(tiles.not_triggered, RecordKind.NOT_TRIGGERED),
            not_selected=tiles.not_selected,
            untagged=number(tiles.untagged, RecordKind.UNTAGGED),
            undecided=number(tiles.undecided, RecordKind.UNDECIDED),
            not_judged=tiles.not_judged,
            flows=number(tiles.active_flows, RecordKind.FLOWS),
            leads_created=lead(tiles.leads_created, RecordKind.LEADS_CREATED),
            leads_updated=lead(tiles.leads_updated, RecordKind.LEADS_UPDATED),
            in_retry_queue=number(tiles.in_retry_queue, RecordKind.IN_RETRY_QUEUE),
            retries=number(tiles.retried, RecordKind.RETRIES),
            retries_delivered=tiles.retried_ok,
            retries_by_column=list(figures.by_column(Measure.RETRIED)),
            retries_by_category=[
                CategoryNumber(
                    category=category,
                    value=figures.retried_by_category()[category],
                    records=records_address(scope, RecordKind.RETRIES, category=category.value),
                )
                for category in SEVERITY
            ],
            abandoned=number(tiles.abandoned, RecordKind.ABANDONED),
            validation_errors=number(tiles.validation_errors, RecordKind.VALIDATION_ERRORS),
            activity=[
                FacetNumber(
                    facet=name_of_facet(facet),
                    value=sum(columns),
                    columns=list(columns),
                    records=records_address(scope, RecordKind.RECORDED, facet=name_of_facet(facet)),
                )
                for facet, columns in figures.activity().items()
            ],
            connections=_connections(reader, scope, figures.connections()),
            destinations=_destinations(reader, scope, destination_figures(reader, scope, figures)),
        )


def _destinations(reader: AccountReader, scope: FigureScope, figures: Sequence[DestinationFigures]) -> list[DestinationNumber]:
    names = reader.connection_names([each.connection for each in figures])
    return [
        DestinationNumber(
            connection=NameOfThing(id=str(each.connection), name=names.get(each.connection, "")),
            registrations=each.people,
            registration_records=records_address(scope, RecordKind.PEOPLE, connection=each.connection),
            delivered=each.sent,
            queued=each.waiting,
            failed=each.failed,
            validation=each.invalid,
            held=each.held_count,
            delivered_by_column=list(each.delivered),
        )
        for each in figures
    ]


def _connections(reader: AccountReader, scope: FigureScope, figures: Mapping[int, ConnectionFigures]) -> list[ConnectionNumber]:
    names = reader.connection_names(figures)
    numbers = [
        ConnectionNumber(
            connection=NameOfThing(id=str(id), name=names.get(id, "")),
            value=sum(each.delivered) + sum(each.failed),
            delivered=list(each.delivered),
            failed=list(each.failed),
            validation_errors=each.validation,
            records=records_address(scope, RecordKind.ATTEMPTS, connection=id),
        )
        for id, each in figures.items()
    ]
    return sorted(numbers, key=lambda number: -number.value)


FACETS: dict[FacetName, Facet] = {
    "created": Facet.CREATED,
    "updated": Facet.UPDATED,
    "status_changed": Facet.STATUS_CHANGED,
    "session_status_changed": Facet.SESSION_STATUS_CHANGED,
    "event_created": Facet.EVENT_CREATED,
    "event_updated": Facet.EVENT_UPDATED,
}


def name_of_facet(facet: Facet) -> FacetName:
    """The name of a kind of change."""
    return next(name for name, known in FACETS.items() if known is facet)


class ReasonDocument(Document):
    """Actions of a period that failed for one reason."""

    number: int
    state: Literal["queued", "failed", "validation"]
    reason: Annotated[str, msgspec.Meta(description="In words.")]
    reason_code: Cause | None
    cure: Annotated[str, msgspec.Meta(description="What fixes it, in words; empty if nothing is known.")]
    http_status: int | None
    records: Address


class ReasonsOfFailures(Document):
    """The reasons for which actions of a period failed, the most frequent first."""

    items: list[ReasonDocument]
    are_all: Annotated[
        bool, msgspec.Meta(description="False if there may be more reasons: 2,000 actions are read, and 12 reasons answered.")
    ]

    @classmethod
    def from_reasons(cls, reasons: Sequence[FailureReason], scope: FigureScope, *, are_all: bool) -> ReasonsOfFailures:
        """The document of reasons."""
        states: dict[RecordKind, Literal["queued", "failed", "validation"]] = {
            RecordKind.QUEUED: "queued",
            RecordKind.FAILED: "failed",
            RecordKind.VALIDATION: "validation",
        }
        items = [
            ReasonDocument(
                number=each.number,
                state=states[each.kind],
                reason=each.cause,
                reason_code=each.trouble.failure.cause,
                cure=each.cure,
                http_status=each.trouble.failure.status,
                records=records_address(scope, each.kind, alike=each.action),
            )
            for each in reasons
        ]
        return cls(items=items, are_all=are_all)


class IntegrationDocument(Document):
    """An integration that flows deliver by."""

    name: IntegrationName
    heading: Annotated[str, msgspec.Meta(description="The heading of its page.")]
    figures: Annotated[str, msgspec.Meta(description="The address of its figures.")]

    @classmethod
    def from_integration(cls, integration: Integration) -> IntegrationDocument:
        """The document of an integration."""
        return cls(name="webhooks", heading=str(integration.heading), figures=f"/api/v1/figures?integration={integration.segment}")
