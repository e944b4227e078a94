"""A list of the records behind a number, with how many they are (X3)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from django.utils.translation import gettext as _

from heliograph.deliveries.account_reader import AccountReader
from heliograph.insights.figure_scope import FigureScope
from heliograph.insights.record_kinds import (
    STATES_OF,
    RecordFilter,
    RecordKind,
    RecordSort,
    RowKind,
    has_replays,
    outcomes_of,
    sorts_of,
)
from heliograph.insights.record_sources import has_connection
from heliograph.insights.record_totals import figure_of
from heliograph.insights.records import Record, RecordCount, Records
from heliograph.insights.replay_share import ReplayShare
from heliograph.setup.setup_errors import Invalid
from heliograph.web.cursor import ROWS, Cursor, ListPage

MOST_REGISTRATIONS_SORTED: Final = 50_000
"""A list of more registrations cannot be sorted by their changes, because counting the changes of each would take too long."""


@dataclass(frozen=True, slots=True)
class RecordList:
    """One page of a list of records."""

    page: ListPage[Record]
    count: RecordCount
    everything: int | None
    """The figure that counts the whole list, with all replays; None if no figure does."""
    order: RecordSort
    can_be_sorted: bool
    """False if it has too many registrations to be sorted by their changes."""


def fitted(record_filter: RecordFilter) -> RecordFilter:
    """The filter without the parts that a list of its kind cannot have."""
    kind, was, outcome = record_filter.kind, record_filter.left_kind, record_filter.outcome
    has_actions = kind.row_kind in (RowKind.ACTION, RowKind.ATTEMPT)  # by which their leaving of a list is told
    return replace(
        record_filter,
        connection=record_filter.connection if has_connection(kind) else None,
        facet=record_filter.facet if kind is RecordKind.RECORDED else None,
        category=record_filter.category if kind is RecordKind.RETRIES else None,
        outcome=outcome if outcome in outcomes_of(kind) else None,
        left_kind=was if (has_actions and was in STATES_OF) or kind.row_kind is RowKind.CHANGE else None,
        replays=record_filter.replays if has_replays(kind) else ReplayShare.ALL,
    )


def check_fit(record_filter: RecordFilter, order: RecordSort) -> None:
    """Raises Invalid, which names the parts of a filter, or the order, that a list of its kind cannot have."""
    fit = fitted(record_filter)
    names = {
        "connection": "connection",
        "facet": "facet",
        "category": "category",
        "outcome": "outcome",
        "was": "left_kind",
        "replays": "replays",
    }
    unfit = [name for name, field in names.items() if getattr(fit, field) != getattr(record_filter, field)]
    unfit += ["sort"] if order not in sorts_of(record_filter.kind) else []
    if unfit:
        raise Invalid({name: [_("This list of records does not have this filter.")] for name in unfit})


def record_list(
    reader: AccountReader,
    record_filter: RecordFilter,
    order: RecordSort,
    scope: FigureScope,
    cursor: Cursor | None,
    *,
    size: int = ROWS,
) -> RecordList:
    """One page of a list, with the number of its records.

    reader: reads one state of the database, so that figure and records agree
    order: an order that it cannot have is replaced by the newest first
    """
    kind = record_filter.kind
    whole = figure_of(reader, record_filter.whole, scope.code) if record_filter.alike is None and record_filter.left_kind is None else None
    everything = whole
    if whole is not None and record_filter.replays is not ReplayShare.ALL:
        everything = figure_of(reader, replace(record_filter.whole, replays=ReplayShare.ALL), scope.code)
    can_be_sorted = kind.row_kind is not RowKind.REGISTRATION or (whole or 0) <= MOST_REGISTRATIONS_SORTED
    order = order if can_be_sorted or order is not RecordSort.MOST_CHANGES else RecordSort.NEWEST
    listed = Records(reader, record_filter, order)
    count = _count(listed, whole, scope)
    page = replace(listed, known=count.number if count.is_exact else None).page(cursor, size=size)
    return RecordList(page, count.at_least(len(page.rows)), everything, order, can_be_sorted)


def _count(listed: Records, whole: int | None, scope: FigureScope) -> RecordCount:
    """The number of records of a list.

    whole: the figure that counts them; None if there is none
    """
    if listed.record_filter.is_whole and whole is not None and scope.window.since >= scope.kept_since:
        return RecordCount(whole)  # figure and records agree within a snapshot, as long as retention has removed no records
    count = listed.count(kept_since=scope.kept_since)
    return RecordCount(whole) if listed.record_filter.is_whole and whole is not None and not count.is_exact else count
