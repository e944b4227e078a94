"""The number of records of a list: the figure behind it, and how many records have left or joined it since its link was made (X2, X3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from heliograph.deliveries.account_reader import AccountReader
from heliograph.domain.delivery.action import ActionState
from heliograph.domain.delivery.retry_policy import Category
from heliograph.domain.figures import Measure
from heliograph.insights.period import fixed_window
from heliograph.insights.period_figures import PeriodFigures
from heliograph.insights.record_kinds import KIND_OF_STATE, STATES_OF, RecordFilter, RecordKind
from heliograph.insights.record_sources import arrived_in, moved_from
from heliograph.insights.replay_share import ReplayShare
from heliograph.store.queue.people_sent import people_sent
from heliograph.store.row_states import ITEM_ENDED, RUN_TRIGGERED

MOST_SINCE: Final = 20_000
"""If more attempts were made since the link, only the number of moved records is computed, not the lists where they are now."""

_TILES: Final[dict[RecordKind, Callable[[PeriodFigures], int]]] = {
    RecordKind.CHANGES: lambda figures: figures.sums.changes,
    RecordKind.REGISTRATIONS: lambda figures: figures.tiles.unique,
    RecordKind.TRIGGERED: lambda figures: figures.sums.triggered,
    RecordKind.SUCCESS: lambda figures: figures.sums.success,
    RecordKind.FAILURES: lambda figures: figures.sums.pie[1],
    RecordKind.QUEUED: lambda figures: figures.sums.queued,
    RecordKind.FAILED: lambda figures: figures.sums.failed,
    RecordKind.VALIDATION: lambda figures: figures.sums.validation,
    RecordKind.SUPERSEDED: lambda figures: figures.sums.superseded,
    RecordKind.PENDING: lambda figures: figures.sums.pending,
    RecordKind.HELD: lambda figures: figures.sums.held_count,
    RecordKind.LEADS_CREATED: lambda figures: figures.sums.leads_created,
    RecordKind.LEADS_UPDATED: lambda figures: figures.sums.leads_updated,
    RecordKind.NOT_TRIGGERED: lambda figures: figures.sums.not_triggered,
    RecordKind.UNTAGGED: lambda figures: figures.sums.untagged,
    RecordKind.UNDECIDED: lambda figures: figures.sums.undecided,
    RecordKind.FLOWS: lambda figures: figures.sums.active_flows,
    RecordKind.IN_RETRY_QUEUE: lambda figures: figures.sums.in_retry_queue,
    RecordKind.RETRIES: lambda figures: figures.sums.retried,
    RecordKind.ABANDONED: lambda figures: figures.sums.abandoned,
    RecordKind.VALIDATION_ERRORS: lambda figures: figures.sums.validation_errors,
    RecordKind.ATTEMPTS: lambda figures: sum(figures.by_column(Measure.ATTEMPTS_OK, Measure.ATTEMPTS_FAILED)),
}


def figure_of(reader: AccountReader, record_filter: RecordFilter, integration: int | None = None) -> int | None:
    """The figure that counts a whole list; None if no figure does, as for a part of a list or for changes of every facet."""
    if record_filter.kind is RecordKind.PEOPLE:
        return _people(reader, record_filter) if record_filter.is_whole else None
    if record_filter.replays is ReplayShare.ONLY:
        with_replays, without_replays = (
            figure_of(reader, replace(record_filter, replays=share), integration) for share in (ReplayShare.ALL, ReplayShare.WITHOUT)
        )
        return None if with_replays is None or without_replays is None else with_replays - without_replays
    if not record_filter.is_whole or (record_filter.kind is RecordKind.RECORDED and record_filter.facet is None):
        return None
    figures = PeriodFigures(
        reader,
        fixed_window(record_filter.since, record_filter.until),
        record_filter.mode,
        integration,
        record_filter.replays is ReplayShare.ALL,
    )
    if record_filter.facet is not None:
        return sum(figures.by_column(Measure.RECORDED, category=record_filter.facet.value))
    if record_filter.category is not None:
        return figures.retried_by_category()[record_filter.category]
    if record_filter.connection is not None:
        return sum(figures.by_column(Measure.ATTEMPTS_OK, Measure.ATTEMPTS_FAILED, connection=record_filter.connection))
    return _TILES[record_filter.kind](figures)


def _people(reader: AccountReader, record_filter: RecordFilter) -> int | None:
    """How many registrations a list of PEOPLE has."""
    kept_since = reader.removals.records_kept_since
    sent = people_sent(reader.db, reader.account, record_filter.mode, record_filter.since, record_filter.until, kept_since)
    share = record_filter.replays
    if sent is None:
        return None
    return sent.number(record_filter.connection, firsts=share is not ReplayShare.ONLY, replays=share is not ReplayShare.WITHOUT)


@dataclass(frozen=True, slots=True)
class MovedRecords:
    """How many records have left or joined a list since its number was shown."""

    left: int = 0
    """Records that are not in the list any more."""
    went: Sequence[tuple[RecordKind, int]] = ()
    """The lists that contain them now, each with their number."""
    submitted: int = 0
    """Records that left because somebody submitted them, so that they wait again."""
    judged: int = 0
    """Records that left because their change was decided again."""
    arrived: int = 0
    """Records that have joined the list."""

    @property
    def is_nothing(self) -> bool:
        return not (self.left or self.arrived)


def moved_since(reader: AccountReader, record_filter: RecordFilter, linked_number: int, seen: int, now: int) -> MovedRecords:
    """How many records have left or joined a list.

    linked_number: the number that the list's link showed
    seen: when the link was made (microseconds)
    now: the number of the same list at present
    """
    if record_filter.kind not in _MOVES:
        return MovedRecords(arrived=max(now - linked_number, 0))
    db = reader.db
    params: dict[str, object] = {
        "account": reader.account,
        "mode": record_filter.mode.code,
        "since": record_filter.since,
        "until": record_filter.until,
        "seen": seen,
        "alike": record_filter.alike,
    }
    judged = _judged(reader, record_filter.kind, params) if record_filter.replays is not ReplayShare.ONLY else 0
    if record_filter.kind not in STATES_OF:
        left = max(judged, linked_number - now)
        return MovedRecords(left, judged=judged, arrived=max(now - linked_number + left, 0))
    ((many,),) = db.all(
        f"SELECT count(*) FROM (SELECT 1 FROM attempt WHERE account_id = :account AND at >= :seen LIMIT {MOST_SINCE + 1}) since", params
    )
    is_told_by_connection = record_filter.kind in (RecordKind.PENDING, RecordKind.HELD)  # no row says which connections held then
    if many > MOST_SINCE or record_filter.alike is not None or is_told_by_connection:
        return MovedRecords(max(linked_number - now, 0), arrived=max(now - linked_number, 0))
    share = record_filter.replays.condition("+a.origin")
    there = "+a.account_id = :account AND a.mode = :mode AND a.created >= :since AND a.created < :until"
    there += f" AND {share}" if share else ""
    rows = db.all(
        f"SELECT a.state, count(*) FROM action a WHERE a.id IN ({_TOUCHED}) AND {there} AND {moved_from(record_filter.kind, record_filter.kind.row_kind)}"
        " GROUP BY a.state ORDER BY a.state",
        params,
    )
    ((arrived,),) = db.all(
        f"SELECT count(*) FROM action a WHERE a.id IN ({_TOUCHED} UNION {_MADE}) AND {there} AND {arrived_in(record_filter.kind)}", params
    )
    went = [(KIND_OF_STATE[ActionState(state)], int(count)) for state, count in rows]
    known = sum(count for _kind, count in went) + judged
    left = max(linked_number - (now - int(arrived)), known)
    can_be_submitted = {ActionState.FAILED, ActionState.VALIDATION} & set(STATES_OF[record_filter.kind])
    return MovedRecords(left, went, left - known if can_be_submitted else 0, judged, max(now - linked_number + left, 0))


def _judged(reader: AccountReader, kind: RecordKind, params: dict[str, object]) -> int:
    """The number of runs that left a list because they were judged again or given up."""
    if kind not in (RecordKind.UNTAGGED, RecordKind.UNDECIDED, RecordKind.NOT_TRIGGERED, RecordKind.IN_RETRY_QUEUE):
        return 0
    triggered = f" AND EXISTS (SELECT 1 FROM run r WHERE r.id = j.run_id AND r.{RUN_TRIGGERED})" if kind is RecordKind.NOT_TRIGGERED else ""
    category = {
        RecordKind.UNTAGGED: f" AND j.category <> {Category.SYSTEM.code}",
        RecordKind.UNDECIDED: f" AND j.category = {Category.SYSTEM.code}",
    }.get(kind, "")
    ((count,),) = reader.db.all(
        f"SELECT count(*) FROM stuck_run j WHERE j.account_id = :account AND j.ended >= :seen AND j.{ITEM_ENDED} AND j.mode = :mode"
        f" AND j.created >= :since AND j.created < :until{triggered}{category}",
        params,
    )
    return int(count)


_MOVES: Final = {*STATES_OF, RecordKind.UNTAGGED, RecordKind.UNDECIDED, RecordKind.NOT_TRIGGERED}
"""The kinds of lists whose records can leave them."""
_TOUCHED: Final = (
    "SELECT action_id FROM attempt WHERE account_id = :account AND at >= :seen"
    " UNION SELECT id FROM action WHERE account_id = :account AND ended IS NOT NULL AND ended >= :seen"
)
"""The ids of actions that had an attempt or ended since :seen."""
_MADE: Final = "SELECT id FROM action WHERE account_id = :account AND created >= :seen AND created < :until"
