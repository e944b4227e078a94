"""The Flow List (guide: The Flow List; F1): every flow as a sentence, with what it is missing and the results of its actions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from heliograph.connections.connection_list import ConnectionList, ConnectionListFilter, ConnectionRow
from heliograph.domain.delivery.action import ActionState
from heliograph.domain.delivery.outcomes import Cause
from heliograph.domain.delivery.retry_policy import DAY
from heliograph.domain.flow import sentence
from heliograph.domain.flow.completeness import Missing, missing
from heliograph.domain.flow.configuration import AccountConfig
from heliograph.domain.flow.flow import Flow, Mode
from heliograph.domain.natural_order import natural_order
from heliograph.store.config_cache import Committed
from heliograph.store.database import Database
from heliograph.store.registrations import folded

COUNTED = 50_000
"""Most actions counted for the list, over all flows."""


@dataclass(frozen=True, slots=True)
class FlowListFilter:
    """The filters. text: in its name or its sentence (tags, events, connections)."""

    text: str = ""
    connection: int | None = None
    mode: Mode | None = None
    complete: bool | None = None


@dataclass(frozen=True, slots=True)
class FlowRow:
    """One flow. Instants are microseconds. queued: actions and decisions that are tried again; untagged: runs that wait for a tag;
    failed, validation: of the last 24 hours."""

    flow: Flow
    missing: tuple[Missing, ...]
    last: int | None
    changed: int
    by: str
    queued: int = 0
    failed: int = 0
    validation: int = 0
    untagged: int = 0


@dataclass
class FlowList:
    """The flows of one account."""

    db: Database
    account: int

    def __post_init__(self) -> None:
        self.config: AccountConfig = Committed(self.db).account(self.account)

    def flows(self, wanted: FlowListFilter) -> list[Flow]:
        """The matching flows, by name."""
        names = sentence.SentenceNames.from_config(self.config)
        found = [flow for flow in self.config.flows.values() if self._matches(flow, wanted, names)]
        return sorted(found, key=lambda flow: (natural_order(flow.name), flow.id))

    def rows(self, flows: Sequence[Flow]) -> list[FlowRow]:
        """The rows of these flows, which are only those of one page."""
        ids = [flow.id for flow in flows]
        facts, counts = self._facts(ids), self._counts(ids)
        out = []
        for flow in flows:
            last, changed, by = facts.get(flow.id, (None, 0, ""))
            out.append(FlowRow(flow, missing(flow, self.config), last, changed, by, *counts.get(flow.id, (0, 0, 0, 0))))
        return out

    def connections(self) -> Mapping[int, ConnectionRow]:
        """The account's connections with their health, by id."""
        return {row.id: row for row in ConnectionList(self.db, self.account).rows(ConnectionListFilter())}

    def undelivered(self, flow: int) -> int:
        """Counts a flow's undelivered actions: they wait while it is off."""
        ((n,),) = self.db.all(
            "SELECT count(*) FROM (SELECT 1 FROM action WHERE account_id = :account AND flow_id = :flow AND state IN (1, 2) LIMIT 10001) found",
            {"account": self.account, "flow": flow},
        )
        return int(n)

    def untagged(self, flow: int) -> int:
        """Changes that wait in Retry for a tag, to be judged by the flow again (F7)."""
        ((n,),) = self.db.all(
            "SELECT count(*) FROM (SELECT 1 FROM stuck_run WHERE account_id = :account AND flow_id = :flow AND queue = 1"
            " AND cause = :cause LIMIT 10001) found",
            {"account": self.account, "flow": flow, "cause": Cause.UNTAGGED.value},
        )
        return int(n)

    def _matches(self, flow: Flow, wanted: FlowListFilter, names: sentence.SentenceNames) -> bool:
        if wanted.mode is not None and flow.mode is not wanted.mode:
            return False
        if wanted.connection is not None and wanted.connection not in {d.connection for d in flow.destinations}:
            return False
        if wanted.complete is not None and (not missing(flow, self.config)) is not wanted.complete:
            return False
        if not wanted.text:
            return True
        text = folded(f"{flow.name} {sentence.plain(sentence.parts(flow, names))}")
        return all(word in text for word in folded(wanted.text).split())

    def _facts(self, flows: Iterable[int]) -> dict[int, tuple[int | None, int, str]]:
        """Last activity, and when and by whom the newest version was saved, by flow."""
        rows = self.db.all(
            "SELECT h.entity_id, h.at, h.by, (SELECT max(r.at) FROM run r WHERE r.flow_id = h.entity_id) FROM config_history h"
            " WHERE h.account_id = :account AND h.scope = 1 AND h.scope_id = :account AND h.kind = 'flow' AND h.until IS NULL"
            f" AND {self.db.member('h.entity_id', 'flows')}",
            {"account": self.account, "flows": list(flows)},
        )
        return {id: (last, at, by) for id, at, by, last in rows}

    def _counts(self, flows: Iterable[int]) -> dict[int, tuple[int, int, int, int]]:
        """Queued, failed, validation and untagged, by flow."""
        params = {"account": self.account, "flows": list(flows), "since": self.db.now() - DAY}
        rows = self.db.all(
            "SELECT flow_id, state, count(*) FROM (SELECT flow_id, state FROM action WHERE +account_id = :account"
            f" AND {self.db.member('flow_id', 'flows')} AND state IN (2, 11, 12) AND (state = 2 OR ended > :since) LIMIT {COUNTED}) found"
            " GROUP BY flow_id, state",
            params,
        )
        out: dict[int, list[int]] = {}
        place = {ActionState.QUEUED: 0, ActionState.FAILED: 1, ActionState.VALIDATION: 2}
        for flow, state, n in rows:
            out.setdefault(flow, [0, 0, 0, 0])[place[ActionState(state)]] = n
        stuck = self.db.all(
            "SELECT flow_id, cause, count(*) FROM (SELECT flow_id, cause FROM stuck_run WHERE account_id = :account AND queue IN (1, 2)"
            f" AND {self.db.member('flow_id', 'flows')} LIMIT {COUNTED}) found GROUP BY flow_id, cause",
            {"account": self.account, "flows": params["flows"]},
        )
        for flow, cause, n in stuck:
            out.setdefault(flow, [0, 0, 0, 0])[0 if cause == Cause.EXCEPTION else 3] += n
        return {flow: (queued, failed, validation, untagged) for flow, (queued, failed, validation, untagged) in out.items()}
