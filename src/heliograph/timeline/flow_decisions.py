"""What one flow decided about the account's latest changes, by the rules then in force (F9).

The decisions are computed, because none is stored for a change that the flow filtered out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from heliograph.deliveries.account_reader import AccountReader
from heliograph.deliveries.explanation import why_of
from heliograph.deliveries.explanation_pair import RecordedChange, rules_of
from heliograph.domain.flow.decision import FlowVerdict, explain
from heliograph.domain.registration.change import Change
from heliograph.recording.contents import CHANGE_COLUMNS, FROM_CHANGE, read_change
from heliograph.store.database import Row
from heliograph.store.where import Where
from heliograph.web.cursor import ROWS, Cursor, ListPage, pages, walk_from


@dataclass(frozen=True, slots=True)
class LatestDecision:
    """A change and the flow's decision."""

    id: int
    at: int
    """Microseconds."""
    change: Change | None
    event: int
    registration: int | None
    verdict: FlowVerdict | None = None
    """None if the flow was not there yet, or if the change's content is no longer stored."""
    answer: str = ""
    """The decision in one sentence."""


@dataclass
class FlowDecisions:
    """The decisions of one flow."""

    reader: AccountReader
    flow: int

    def page(self, cursor: Cursor | None, *, size: int = ROWS) -> ListPage[LatestDecision]:
        """One page of changes, newest first."""
        changes = pages(self._fetch, lambda row: (row[5], row[0]), cursor, size=size)
        return changes.with_rows([self._decided(row) for row in changes.rows])

    def _fetch(self, cursor: Cursor | None, limit: int) -> Sequence[Row]:
        walk = walk_from(cursor, "change c", Where("c.account_id = :account", account=self.reader.account), ("c.at", "c.id"))
        return walk.read(self.reader.db, f"SELECT {CHANGE_COLUMNS}, c.registration_id FROM {FROM_CHANGE}", Where(), limit)

    def _decided(self, row: Row) -> LatestDecision:
        change = read_change(row)
        if change is None:
            return LatestDecision(row[0], row[5], None, row[11], row[14])
        rules = rules_of(self.reader, RecordedChange(change, row[11], row[12], row[13]))
        known = rules.account.flows.get(self.flow)
        if known is None:
            return LatestDecision(row[0], row[5], change, row[11], row[14])
        explanation = explain(known, change, rules.account, rules.event)
        return LatestDecision(row[0], row[5], change, row[11], row[14], explanation.verdict, why_of(explanation, rules.account).answer)
