"""The rows and figures of a seeded history, gathered and written in bulk.

This is the one exception to "record() is the only writer" (ARCHITECTURE.md, rule 1): nobody else records in an account that is being seeded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pyroaring import BitMap

from heliograph.domain.delivery.action import ActionState, RunState
from heliograph.domain.delivery.outcomes import Lead
from heliograph.domain.delivery.retry_policy import MINUTE
from heliograph.domain.figures import (
    Delta,
    FigureKey,
    Measure,
    of_activity,
    of_delivery,
    of_move,
    of_new_action,
    of_processed_changes,
    of_run,
)
from heliograph.domain.registration.change import Facet
from heliograph.seed.history_copies import HistoryCopy
from heliograph.store.bulk_copy import copy_rows, reserve
from heliograph.store.database import Database
from heliograph.store.queue.action_rows import ACTION_COLUMNS, ATTEMPT_COLUMNS
from heliograph.store.queue.figure_deltas import BITMAP_UNITS, BitmapKey, SumKey, add_folded
from heliograph.store.queue.lane_reads import LANE_COLUMNS

_COLUMNS: Final = {
    "change": "id, account_id, kind, subject_id, registration_id, session_id, event_id, version, facets, mode, processed, quiet, at, by, account_version, event_version",
    "change_content": "change_id, account_id, at, after, before",
    "run": "id, account_id, change_id, flow_id, flow_number, decision, reason, mode, at",
    "stuck_run": "id, account_id, run_id, change_id, flow_id, registration_id, event_id, mode, queue, category, tries, due_at, cause, message, created, ended",
    "lane": LANE_COLUMNS,
    "action": f"{ACTION_COLUMNS}, lead",
    "attempt": ATTEMPT_COLUMNS,
    "attempt_content": "action_id, n, account_id, at, request, response",
    "registration": "id, account_id, event_id, code, serial, version, sent_modified, state, status_id, attendee_type_id, is_active, is_test, name,"
    " organization, search, created, modified",
    "session_registration": "id, account_id, registration_id, session_id, status_id, version, created, modified",
}
"""Registrations stand before their session registrations, which refer to them."""
TABLES: Final = tuple(_COLUMNS)
DRAWN: Final = 5_000
"""Ids that are drawn from a sequence at once, for each copy."""


class Numbers:
    """New ids for the first copy. Those of the other copies are higher by multiples of DRAWN.

    Ids are drawn many at a time, each time in a transaction of its own.
    identity: True for a table that numbers its own rows; otherwise `name` is a sequence.
    """

    def __init__(self, db: Database, name: str, copies: int = 1, *, identity: bool = False) -> None:
        self._db, self._name, self._count, self._identity = db, name, copies * DRAWN, identity
        self._left: Iterator[int] = iter(())

    def next(self) -> int:
        for number in self._left:
            return number
        self._left = iter(self._block()[:DRAWN])
        return next(self._left)

    def _block(self) -> Sequence[int]:
        """Numbers without a gap: others may draw from the same sequence."""
        while True:
            with self._db.transaction():
                numbers = (
                    reserve(self._db, self._name, self._count) if self._identity else self._db.draw({self._name: self._count})[self._name]
                )
            if numbers[-1] - numbers[0] == self._count - 1:
                return numbers


@dataclass(slots=True)
class HistoryRows:
    """The rows of the first copy by table, and its figures, until they are written for all copies (`seed.history_copies`)."""

    db: Database
    account: int
    copies: int = 1
    rows: dict[str, list[tuple[Any, ...]]] = field(default_factory=lambda: {table: [] for table in _COLUMNS})
    written: Counter[str] = field(default_factory=Counter)
    activity: Counter[tuple[int, int, int]] = field(default_factory=Counter)
    """Changes by minute, mode and facets."""
    runs: Counter[tuple[int, int, int, RunState]] = field(default_factory=Counter)
    """Runs by minute, mode, flow and state."""
    delivered: Counter[tuple[int, int, int, int, int, int]] = field(default_factory=Counter)
    """Actions that their first attempt delivered: by minute, mode, flow, connection, the attempt's minute, and the lead's number."""
    serials: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    """The registrations of processed changes, by minute and mode."""
    sums: Counter[tuple[int, ...]] = field(default_factory=Counter)

    def add(self, deltas: Iterable[Delta]) -> None:
        """Adds the figures of rare facts, as deltas of the engine's rules."""
        for delta in deltas:
            self.sums[delta.minute, delta.mode, delta.integration, delta.flow, delta.connection, delta.category, delta.measure] += (
                delta.count
            )

    def write(self) -> None:
        """Writes all rows and figures in one transaction, for all copies, then forgets them."""
        self.add(self._counted())
        copies = [HistoryCopy(number, number * DRAWN) for number in range(self.copies)]
        with self.db.transaction():
            for table, columns in _COLUMNS.items():
                for copy in copies:
                    copy_rows(self.db, table, columns, copy.rows(table, self.rows[table]))
            add_folded(self.db, self.account, self._sums(copies), self._bitmaps(copies))
        for table, rows in self.rows.items():
            self.written[table] += len(rows) * self.copies
            rows.clear()
        for counted in (self.activity, self.runs, self.delivered, self.serials, self.sums):
            counted.clear()

    def _sums(self, copies: Sequence[HistoryCopy]) -> dict[SumKey, int]:
        sums: dict[SumKey, int] = {}
        for (minute, *rest), count in self.sums.items():
            for copy in copies if count else ():
                key = (minute - copy.number, *rest)
                sums[key] = sums.get(key, 0) + count
        return sums

    def _bitmaps(self, copies: Sequence[HistoryCopy]) -> dict[BitmapKey, BitMap]:
        bitmaps: dict[BitmapKey, BitMap] = {}
        for (minute, mode), serials in self.serials.items():
            for copy in copies:
                copy_serials = [serial + copy.id_offset for serial in serials]
                for unit in BITMAP_UNITS:
                    bitmaps.setdefault((unit, (minute - copy.number) // unit, mode, _INTEGRATION), BitMap()).update(copy_serials)
        return bitmaps

    def _counted(self) -> Iterator[Delta]:
        """The figures of common facts, which were counted before they became figures."""
        for (minute, mode, facets), count in self.activity.items():
            yield from of_activity(self.account, minute * MINUTE, mode, Facet(facets), count)
        for (minute, mode, flow, state), count in self.runs.items():
            yield from of_run(self.account, minute * MINUTE, mode, flow, state, count)
        for (minute, mode), serials in self.serials.items():
            yield of_processed_changes(self.account, minute * MINUTE, mode, serials)
        for (minute, mode, flow, connection, at, lead), count in self.delivered.items():
            figure = FigureKey(self.account, mode, flow, connection, minute * MINUTE)
            yield from of_new_action(figure, count)
            yield from of_move(figure, ActionState.PENDING, ActionState.SUCCESS, count)
            yield of_delivery(figure, at * MINUTE, count)
            if lead:
                measure = Measure.LEADS_CREATED if lead == Lead.CREATED.code else Measure.LEADS_UPDATED
                yield Delta(self.account, minute, mode, measure, count, flow, connection)


_INTEGRATION: Final = Delta(0, 0, 0, 0).integration
