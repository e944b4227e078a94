"""The Flow List (guide: The Flow List; F1): each flow as a sentence, with what it lacks and the figures of its actions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from heliograph.connections.connection_list import ConnectionList, ConnectionListFilter, ConnectionRow
from heliograph.deliveries.account_reader import AccountReader
from heliograph.deliveries.outcome_hours import HOUR, OutcomeHours, outcome_hours_of_modes
from heliograph.deliveries.prospects import connection_holds
from heliograph.domain.delivery.action import QueueStatus
from heliograph.domain.delivery.item_state import ItemState, item_state_of
from heliograph.domain.delivery.outcomes import Cause
from heliograph.domain.delivery.retry_policy import MINUTE
from heliograph.domain.flow import sentence
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.completeness import Missing, missing
from heliograph.domain.flow.flow import Flow, Mode
from heliograph.domain.natural_order import natural_order
from heliograph.store import connection_states
from heliograph.store.config_cache import Committed
from heliograph.store.configuration_versions import ACCOUNT
from heliograph.store.database import Database
from heliograph.store.registrations import folded
from heliograph.store.row_states import (
    ACTION_IN_QUEUE,
    ACTION_UNDELIVERED,
    STUCK_RUN_OPEN,
    STUCK_RUN_UNTAGGED,
    STUCK_RUN_WAITS_FOR_FLOW,
)
from heliograph.web.cursor import Cursor, ListPage

COUNTED = 50_000
"""Most actions, most stuck runs and most held actions that are counted for the list over all flows. Of the first two, the newest."""
HOURS = 24
"""Hours of a flow's deliveries, with the one that runs."""


@dataclass(frozen=True, slots=True)
class FlowListFilter:
    """The filters of the Flow List."""

    text: str = ""
    """Words of the flow's name or sentence, such as tags, events and connections."""
    connection: int | None = None
    mode: Mode | None = None
    complete: bool | None = None


@dataclass(frozen=True, slots=True)
class FlowRow:
    """A flow in the list."""

    flow: Flow
    missing: tuple[Missing, ...]
    last: int | None
    """When its last run was, in microseconds."""
    changed: int
    """When its newest version was saved, in microseconds."""
    by: str
    """Who saved that version."""
    queued: int = 0
    """Its actions and runs that are tried again, also once the flow runs again."""
    failed: int = 0
    """Its actions and runs that are sent or decided again only if somebody submits them."""
    untagged: int = 0
    """Its runs that wait for a tag."""
    held_count: int = 0
    """Its actions that were never tried, because their connection sends nothing at present."""
    is_more: bool = False
    """Whether it may have more that wait or failed, because no more than COUNTED of all flows were counted."""
    holds_more: bool = False
    """The same of what is held."""
    hours: OutcomeHours = field(default_factory=OutcomeHours)
    """What became of its actions of the last HOURS hours in its present mode, the running one included."""
    since: int = 0
    """The beginning of these hours (microseconds)."""
    until: int = 0
    """Their end."""

    @property
    def validation(self) -> int:
        """Its actions of these hours that ended as a validation error."""
        return sum(self.hours.invalid)


@dataclass
class FlowList:
    """Reads the flows of one account."""

    db: Database
    account: int

    def __post_init__(self) -> None:
        self.config: AccountConfig = Committed(self.db).account(self.account)

    def flows(self, filters: FlowListFilter) -> list[Flow]:
        """The matching flows, by name."""
        names = sentence.SentenceNames.from_config(self.config)
        matching_flows = [flow for flow in self.config.flows.values() if self._matches(flow, filters, names)]
        return sorted(matching_flows, key=lambda flow: (natural_order(flow.name), flow.id))

    def page(self, filters: FlowListFilter, cursor: Cursor | None, *, size: int) -> ListPage[FlowRow]:
        """One page of the matching flows. The key of a cursor is the name and the id of a flow."""
        flows = self.flows(filters)
        if cursor is not None:
            name, id = str(cursor.key[0]), int(cursor.key[1])
            flows = [flow for flow in flows if (natural_order(flow.name), flow.id) > (natural_order(name), id)]
        older = str(Cursor((flows[size - 1].name, flows[size - 1].id))) if len(flows) > size else ""
        return ListPage(self.rows(flows[:size]), older=older)

    def rows(self, flows: Sequence[Flow]) -> list[FlowRow]:
        """The rows of the given flows: the flows of one page."""
        ids = [flow.id for flow in flows]
        now = self.db.now()
        since, until = (now // HOUR - HOURS + 1) * HOUR, -(-(now + 1) // MINUTE) * MINUTE
        hours = self._hours(flows, since, until)
        facts, (counts, is_more) = self._facts(ids), self._counts()
        holds = connection_holds(AccountReader(self.db, self.account))
        held_counts = connection_states.untried_by_flow(self.db, holds.keys(), COUNTED + 1)
        holds_more = sum(held_counts.values()) > COUNTED
        rows = []
        for flow in flows:
            last, changed, by = facts.get(flow.id, (None, 0, ""))
            of_retry = counts.get(flow.id, (0, 0, 0))
            held_count = held_counts.get(flow.id, 0)
            rows.append(
                FlowRow(
                    flow,
                    missing(flow, self.config),
                    last,
                    changed,
                    by,
                    *of_retry,
                    held_count,
                    is_more,
                    holds_more,
                    hours[flow.id],
                    since,
                    until,
                )
            )
        return rows

    def _hours(self, flows: Sequence[Flow], since: int, until: int) -> dict[int, OutcomeHours]:
        """By flow, what became of its actions in its present mode, to which the list of each number is narrowed, too."""
        if not flows:
            return {}
        by_mode: dict[Mode, list[int]] = {}
        for flow in flows:
            by_mode.setdefault(flow.mode, []).append(flow.id)
        period = outcome_hours_of_modes(self.db, self.account, by_mode, since, until)
        by_flow, nothing = period.by_flow, OutcomeHours.nothing(period.count)
        return {flow.id: by_flow.get(flow.id, nothing) for flow in flows}

    def connections(self) -> Mapping[int, ConnectionRow]:
        """The account's connections with their health, by id."""
        return {row.id: row for row in ConnectionList(self.db, self.account).rows(ConnectionListFilter())}

    def undelivered(self, flow: int) -> int:
        """Counts a flow's undelivered actions, which wait while it is off; at most 10,001."""
        ((count,),) = self.db.all(
            f"SELECT count(*) FROM (SELECT 1 FROM action WHERE account_id = :account AND flow_id = :flow AND {ACTION_UNDELIVERED} LIMIT 10001) found",
            {"account": self.account, "flow": flow},
        )
        return int(count)

    def untagged(self, flow: int) -> int:
        """Counts the flow's runs that wait for a tag in the Retry Queue (F7); at most 10,001."""
        return self._runs(flow, STUCK_RUN_UNTAGGED)

    def waiting_for_it(self, flow: int) -> int:
        """Counts the flow's runs that wait for the flow itself; at most 10,001."""
        return self._runs(flow, STUCK_RUN_WAITS_FOR_FLOW)

    def _runs(self, flow: int, condition: str) -> int:
        ((count,),) = self.db.all(
            f"SELECT count(*) FROM (SELECT 1 FROM stuck_run WHERE account_id = :account AND flow_id = :flow AND {condition} LIMIT 10001) found",
            {"account": self.account, "flow": flow},
        )
        return int(count)

    def _matches(self, flow: Flow, filters: FlowListFilter, names: sentence.SentenceNames) -> bool:
        if filters.mode is not None and flow.mode is not filters.mode:
            return False
        if filters.connection is not None and filters.connection not in {d.connection for d in flow.destinations}:
            return False
        if filters.complete is not None and (not missing(flow, self.config)) is not filters.complete:
            return False
        if not filters.text:
            return True
        text = folded(f"{flow.name} {sentence.plain(sentence.parts(flow, names))}")
        return all(word in text for word in folded(filters.text).split())

    def _facts(self, flows: Iterable[int]) -> dict[int, tuple[int | None, int, str]]:
        """By flow: its last run, and when and by whom its newest version was saved."""
        rows = self.db.all(
            "SELECT h.entity_id, h.at, h.by, (SELECT max(r.at) FROM run r WHERE r.flow_id = h.entity_id) FROM config_history h"
            f" WHERE h.account_id = :account AND h.scope = {ACCOUNT} AND h.scope_id = :account AND h.kind = 'flow' AND h.until IS NULL"
            f" AND {self.db.member('h.entity_id', 'flows')}",
            {"account": self.account, "flows": list(flows)},
        )
        return {id: (last, at, by) for id, at, by, last in rows}

    def _counts(self) -> tuple[dict[int, tuple[int, int, int]], bool]:
        """By flow: the figures queued, failed and untagged of its row, by the rule of `item_state_of`; and whether there may be more."""
        newest = f"ORDER BY id DESC LIMIT {COUNTED + 1}"
        counted = (
            f"SELECT flow_id, queue, cause, 0 AS stops FROM action WHERE account_id = :account AND {ACTION_IN_QUEUE} AND queue < :done {newest}",
            (
                f"SELECT flow_id, queue, cause, CASE WHEN {STUCK_RUN_WAITS_FOR_FLOW} THEN 1 ELSE 0 END AS stops FROM stuck_run"
                f" WHERE account_id = :account AND {STUCK_RUN_OPEN} {newest}"
            ),
        )
        counts: dict[int, list[int]] = {}
        place, is_more = {ItemState.WAITING: 0, ItemState.FAILED: 1, ItemState.UNTAGGED: 2}, False
        for items in counted:
            rows = self.db.all(
                f"SELECT flow_id, queue, cause, stops, count(*) FROM ({items}) found GROUP BY flow_id, queue, cause, stops",
                {"account": self.account, "done": QueueStatus.DONE.code},
            )
            is_more = is_more or sum(row[-1] for row in rows) > COUNTED
            for flow, queue, cause, stops, count in rows:
                state = item_state_of(QueueStatus.of_code(queue), Cause(cause) if cause else None, waits_for_flow=bool(stops))
                if state is not None:
                    counts.setdefault(flow, [0, 0, 0])[place[state]] += count
        return {flow: (queued, failed, untagged) for flow, (queued, failed, untagged) in counts.items()}, is_more
