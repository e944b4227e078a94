"""How many records a list has, and had: the figure behind it, and what has moved since its link was made (X2, X3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from heliograph.deliveries.database import AccountReader
from heliograph.domain.delivery.action import ActionState
from heliograph.domain.figures import Measure, mode_code
from heliograph.insights.period import fixed_window
from heliograph.insights.period_figures import PeriodFigures
from heliograph.insights.record_kinds import KIND_OF_STATE, STATES_OF, RecordFilter, RecordKind
from heliograph.insights.record_sources import arrived_in, moved_from
from heliograph.insights.replay_share import ReplayShare

MOST_SINCE: Final = 20_000
"""After more attempts than this nobody looks for what has moved where; only the number is said."""

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


def figure_of(reading: AccountReader, wanted: RecordFilter, integration: int | None = None) -> int | None:
    """The figure that the whole list stands for; None where no figure counts it: a part, or changes of every facet."""
    if wanted.replays is ReplayShare.ONLY:
        both = [figure_of(reading, replace(wanted, replays=share), integration) for share in (ReplayShare.ALL, ReplayShare.WITHOUT)]
        return both[0] - both[1] if both[0] is not None and both[1] is not None else None
    if not wanted.is_whole or (wanted.kind is RecordKind.RECORDED and wanted.facet is None):
        return None
    figures = PeriodFigures(reading, fixed_window(wanted.since, wanted.until), wanted.mode, integration, wanted.replays is ReplayShare.ALL)
    if wanted.facet is not None:
        return sum(figures.by_column(Measure.RECORDED, category=wanted.facet.value))
    if wanted.category is not None:
        return figures.retried_by_category()[wanted.category]
    if wanted.connection is not None:
        return sum(figures.by_column(Measure.ATTEMPTS_OK, Measure.ATTEMPTS_FAILED, connection=wanted.connection))
    return _TILES[wanted.kind](figures)


@dataclass(frozen=True, slots=True)
class MovedRecords:
    """What has happened to a list since its number was shown. left: records that are not in it any more; went: the lists where they are now, with how
    many; submitted: those that wait again; judged: changes that were judged again; arrived: records that have come."""

    left: int = 0
    went: Sequence[tuple[RecordKind, int]] = ()
    submitted: int = 0
    judged: int = 0
    arrived: int = 0

    @property
    def is_nothing(self) -> bool:
        return not (self.left or self.arrived)


def moved_since(reading: AccountReader, wanted: RecordFilter, shown: int, seen: int, now: int) -> MovedRecords:
    """What has moved. shown: the number of the link, made at the moment `seen`; now: the present number of the same list."""
    if wanted.kind not in _MOVES:
        return MovedRecords(arrived=max(now - shown, 0))
    db = reading.db
    params: dict[str, object] = {
        "account": reading.account,
        "mode": mode_code(wanted.mode),
        "since": wanted.since,
        "until": wanted.until,
        "seen": seen,
        "alike": wanted.alike,
    }
    judged = _judged(reading, wanted.kind, params) if wanted.replays is not ReplayShare.ONLY else 0
    if wanted.kind not in STATES_OF:
        left = max(judged, shown - now)
        return MovedRecords(left, judged=judged, arrived=max(now - shown + left, 0))
    ((many,),) = db.all(
        f"SELECT count(*) FROM (SELECT 1 FROM attempt WHERE account_id = :account AND at >= :seen LIMIT {MOST_SINCE + 1}) since", params
    )
    if many > MOST_SINCE or wanted.alike is not None:
        return MovedRecords(max(shown - now, 0), arrived=max(now - shown, 0))
    share = wanted.replays.condition("+a.origin")
    there = "+a.account_id = :account AND a.mode = :mode AND a.created >= :since AND a.created < :until"
    there += f" AND {share}" if share else ""
    rows = db.all(
        f"SELECT a.state, count(*) FROM action a WHERE a.id IN ({_TOUCHED}) AND {there} AND {_moved(wanted.kind)} GROUP BY a.state ORDER BY a.state",
        params,
    )
    ((arrived,),) = db.all(
        f"SELECT count(*) FROM action a WHERE a.id IN ({_TOUCHED} UNION {_MADE}) AND {there} AND {arrived_in(wanted.kind)}", params
    )
    went = [(KIND_OF_STATE[ActionState(state)], int(n)) for state, n in rows]
    known = sum(n for _kind, n in went) + judged
    left = max(shown - (now - int(arrived)), known)
    can_be_submitted = {ActionState.FAILED, ActionState.VALIDATION} & set(STATES_OF[wanted.kind])
    return MovedRecords(left, went, left - known if can_be_submitted else 0, judged, max(now - shown + left, 0))


def _judged(reading: AccountReader, kind: RecordKind, params: dict[str, object]) -> int:
    """Runs that left the list because they were judged again, or given up."""
    if kind not in (RecordKind.UNTAGGED, RecordKind.UNDECIDED, RecordKind.NOT_TRIGGERED, RecordKind.IN_RETRY_QUEUE):
        return 0
    triggered = " AND EXISTS (SELECT 1 FROM run r WHERE r.id = j.run_id AND r.decision = 2)" if kind is RecordKind.NOT_TRIGGERED else ""
    category = {RecordKind.UNTAGGED: " AND j.category <> 1", RecordKind.UNDECIDED: " AND j.category = 1"}.get(kind, "")
    ((n,),) = reading.db.all(
        "SELECT count(*) FROM stuck_run j WHERE j.account_id = :account AND j.ended >= :seen AND j.queue IN (3, 4) AND j.mode = :mode"
        f" AND j.created >= :since AND j.created < :until{triggered}{category}",
        params,
    )
    return int(n)


def _moved(kind: RecordKind) -> str:
    return moved_from(kind, kind.subject)


_MOVES: Final = {*STATES_OF, RecordKind.UNTAGGED, RecordKind.UNDECIDED, RecordKind.NOT_TRIGGERED}
"""Lists whose records can leave them."""
_TOUCHED: Final = (
    "SELECT action_id FROM attempt WHERE account_id = :account AND at >= :seen"
    " UNION SELECT id FROM action WHERE account_id = :account AND ended IS NOT NULL AND ended >= :seen"
)
"""Actions to which something has happened."""
_MADE: Final = "SELECT id FROM action WHERE account_id = :account AND created >= :seen AND created < :until"
