"""What each destination was sent in a period: deliveries by the figures, and the people they were for, each counted once (X2).

A destination is a connection: a person who was sent something by two flows over one connection counts once.
"""

from __future__ import annotations

from dataclasses import dataclass

from heliograph.deliveries.account_reader import AccountReader
from heliograph.domain.figures import Measure
from heliograph.insights.figure_scope import FigureScope
from heliograph.insights.period_figures import PeriodFigures
from heliograph.store.queue.people_sent import people_sent


@dataclass(frozen=True, slots=True)
class DestinationFigures:
    """The actions of a period for one connection, by their state now."""

    connection: int
    delivered: tuple[int, ...]
    """By column of the period."""
    undelivered: tuple[int, ...]
    """By column: waiting, failed or invalid."""
    waiting: int
    failed: int
    invalid: int
    held_count: int
    """Never tried, because the connection sends nothing at present (`PeriodFigures.held_by_connection`)."""
    people: int | None
    """The registrations that something was delivered for; None if it cannot be told (`people_sent`)."""

    @property
    def sent(self) -> int:
        """How many actions were delivered."""
        return sum(self.delivered)

    @property
    def rate(self) -> float | None:
        """The share of what was due that was delivered, from 0 to 1; None if nothing was due."""
        due = self.sent + sum(self.undelivered)
        return self.sent / due if due else None


def destination_figures(reader: AccountReader, scope: FigureScope, figures: PeriodFigures) -> list[DestinationFigures]:
    """The figures of each connection that was sent something of a period, or is to be: those with the most deliveries first.

    A connection that only holds actions has a row. What is being sent at this moment makes none.

    figures: those of the scope
    """
    since, until = scope.window.since, scope.window.until
    sent = people_sent(reader.db, reader.account, scope.mode, since, until, scope.kept_since)
    held_counts = figures.held_by_connection
    connections = figures.connections_of(Measure.SUCCESS, Measure.QUEUED, Measure.FAILED, Measure.VALIDATION)
    rows = []
    for connection in sorted({*connections, *held_counts}):
        waiting, failed, invalid = (
            figures.by_column(measure, connection=connection) for measure in (Measure.QUEUED, Measure.FAILED, Measure.VALIDATION)
        )
        rows.append(
            DestinationFigures(
                connection=connection,
                delivered=figures.by_column(Measure.SUCCESS, connection=connection),
                undelivered=tuple(map(sum, zip(waiting, failed, invalid, strict=True))),
                waiting=sum(waiting),
                failed=sum(failed),
                invalid=sum(invalid),
                held_count=held_counts.get(connection, 0),
                people=None if sent is None else sent.number(connection, replays=scope.counts_replays),
            )
        )
    return sorted(rows, key=lambda row: (-row.sent, row.connection))
