"""The Retry Queue by cause: what waits for which reason, and what became of a cause that was cured (D6, D7)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Final

from heliograph.deliveries.database import AccountReader
from heliograph.deliveries.exchanges import exchanges
from heliograph.deliveries.words import CAUSES
from heliograph.domain.delivery.action import ActionState, QueueStatus
from heliograph.domain.delivery.outcomes import CURED_BY_FLOW, Cause
from heliograph.domain.delivery.retry_policy import MINUTE, Category
from heliograph.retry.cure_words import said_by_target
from heliograph.retry.item_names import ItemNames
from heliograph.retry.retry_items import OPEN, StuckItem, run_key
from heliograph.retry.retry_queue import MOST, RetryQueue
from heliograph.store import configuration
from heliograph.store.database import Row

GROUPED_RUNS: Final = 1_000
"""The newest runs of a status that are grouped: what lacks a tag is in no column."""
SHOWN_GROUPS: Final = 12
HEALED_FOR: Final = 15 * MINUTE
"""Microseconds for which a cured cause says what became of it."""


@dataclass(frozen=True, slots=True)
class CauseGroup:
    """Items of one cause. People and flows are counted apart. connection: any of theirs; flow, destination: None where there are several.

    n: how many, of the newest MOST of each status; is_more: of runs, that there may be more than were looked at; since: when the oldest was made;
    flow_name: of the only flow; newest: the newest action; paused: its connection sends nothing until it is released; said: the target's own words, of its newest item.
    """

    key: str
    cause: Cause | None
    category: Category | None
    connection: int | None
    connection_name: str
    answered: int | None
    lacks: str
    event: str
    message: str
    n: int
    people: int
    flows: int
    flow: int | None
    destination: int | None
    next: int | None
    since: int
    flow_name: str = ""
    newest: int | None = None
    is_more: bool = False
    paused: bool = False
    said: str = ""


@dataclass(frozen=True, slots=True)
class SavedFix:
    """What was saved while items of a cause waited: kind "connection" or "flow", when (microseconds), and by whom."""

    kind: str
    at: int
    by: str


@dataclass(frozen=True, slots=True)
class Healing:
    """What became of the items of a cause within the last HEALED_FOR. under_way: decided again, and not delivered yet. fix: the save that cured the
    cause; None if it passed by itself, or if a person submitted the items."""

    group: CauseGroup
    sent: int = 0
    superseded: int = 0
    not_selected: int = 0
    under_way: int = 0
    fix: SavedFix | None = None

    @property
    def n(self) -> int:
        return self.sent + self.superseded + self.not_selected + self.under_way


def _listed(causes: Iterable[Cause]) -> str:
    return ", ".join(f"'{cause.value}'" for cause in sorted(causes))


_OF_FLOW: Final = f"q.cause IN ({_listed(CURED_BY_FLOW)})"
_KEYS: Final = (
    f"q.cause, CASE WHEN {_OF_FLOW} THEN 0 ELSE l.connection_id END AS place, CASE WHEN {_OF_FLOW} THEN q.flow_id ELSE 0 END AS whose,"
    f" CASE WHEN q.cause IN ({_listed({*CAUSES, *CURED_BY_FLOW})}) THEN '' ELSE q.message END AS text"
)
"""What makes actions one group, as `group_key` says it: but for the answer, which the text contains."""
_FACTS: Final = "q.state, q.category, q.registration_id, q.flow_id, q.destination_id, l.connection_id, q.due_at, q.created, q.ended, q.id"
_SUMS: Final = (
    "cause, place, whose, text, min(category), count(*), count(DISTINCT registration_id), count(DISTINCT flow_id), min(flow_id),"
    " count(DISTINCT destination_id), min(destination_id), min(connection_id), min(due_at), min(created), max(id)"
)


@dataclass
class CauseGroups:
    """The groups of one account. grouped: the newest runs of a status that are looked at."""

    reading: AccountReader
    grouped: int = GROUPED_RUNS

    def groups(self, statuses: Sequence[QueueStatus]) -> list[CauseGroup]:
        """Items of these statuses by cause, the largest groups first."""
        params: dict[str, object] = {"account": self.reading.account}
        each = [
            f"SELECT * FROM (SELECT {_KEYS}, {_FACTS} FROM action q JOIN lane l ON l.id = q.lane_id WHERE q.account_id = :account AND q.queue > 0"
            f" AND q.queue = {status.code} ORDER BY q.id DESC LIMIT {MOST + 1}) newest{status.code}"
            for status in statuses
        ]
        rows = self.reading.db.all(
            f"SELECT {_SUMS} FROM ({' UNION ALL '.join(each)}) items GROUP BY cause, place, whose, text ORDER BY count(*) DESC LIMIT {SHOWN_GROUPS}",
            params,
        )
        found = self._named(rows) + self._of_runs(RetryQueue(self.reading).newest_runs(statuses, self.grouped))
        return self._with_words(sorted(found, key=lambda group: (-group.n, group.key))[:SHOWN_GROUPS])

    def healings(self, now: int) -> dict[str, Healing]:
        """What became of causes within the last HEALED_FOR, by the key of their group. now: microseconds."""
        since = now - HEALED_FOR
        rows = self.reading.db.all(
            f"SELECT {_SUMS}, sum(CASE WHEN state = {int(ActionState.SUPERSEDED)} THEN 1 ELSE 0 END), max(ended)"
            f" FROM (SELECT {_KEYS}, {_FACTS} FROM action q JOIN lane l ON l.id = q.lane_id WHERE q.account_id = :account AND q.queue = 4"
            f" AND q.ended >= :since AND q.cause NOT IN ('', '{Cause.SUPERSEDED.value}') ORDER BY q.ended DESC LIMIT {MOST + 1}) items"
            f" GROUP BY cause, place, whose, text ORDER BY max(ended) DESC LIMIT {SHOWN_GROUPS}",
            {"account": self.reading.account, "since": since},
        )
        groups = self._with_words(self._named([row[:-2] for row in rows]))
        found = [
            Healing(group, sent=group.n - superseded, superseded=superseded, fix=self._fix(group, ended))
            for group, (*_sums, superseded, ended) in zip(groups, rows, strict=True)
        ]
        return {healing.group.key: healing for healing in [*found, *self._healed_runs(since)]}

    # --- actions

    def _named(self, rows: Sequence[Row]) -> list[CauseGroup]:
        """Groups from rows of _SUMS."""
        names, reading = ItemNames(self.reading), self.reading
        answered = names.answered([row[14] for row in rows if row[0] == Cause.ANSWER.value])
        connections = reading.connection_names({row[11] for row in rows})
        flows = reading.flow_names({row[8] for row in rows})
        paused = names.paused({row[11] for row in rows})
        out = []
        for (
            cause,
            place,
            whose,
            text,
            category,
            n,
            people,
            n_flows,
            flow,
            n_destinations,
            destination,
            connection,
            due,
            since,
            newest,
        ) in rows:
            status = answered.get(newest)
            key = f"{cause}~f{whose}~~" if whose else f"{cause}~{place}~{status or ''}~{text}"
            out.append(
                CauseGroup(
                    key=key,
                    cause=Cause(cause) if cause else None,
                    category=Category.of_code(category),
                    connection=connection,
                    connection_name=connections.get(connection, ""),
                    answered=status,
                    lacks="",
                    event="",
                    message=text,
                    n=n,
                    people=people,
                    flows=n_flows,
                    flow=flow if n_flows == 1 else None,
                    destination=destination if n_destinations == 1 else None,
                    next=due,
                    since=since,
                    flow_name=flows.get(flow, "") if n_flows == 1 else "",
                    newest=newest,
                    paused=connection in paused,
                )
            )
        return out

    def _with_words(self, groups: list[CauseGroup]) -> list[CauseGroup]:
        """The groups with what their targets said of it."""
        refused = {group.newest for group in groups if group.cause is Cause.ANSWER and group.newest is not None}
        kept = exchanges(self.reading.db, self.reading.account, refused)
        last = {action: found for (action, _), found in sorted(kept.items(), key=itemgetter(0)) if found.status not in range(200, 300)}
        return [replace(group, said=said_by_target(last.get(group.newest or 0))) for group in groups]

    def _fix(self, group: CauseGroup, ended: int) -> SavedFix | None:
        """The last time that the page which cures it was saved, if that was while its items waited."""
        kind, id = ("flow", group.flow) if group.cause in CURED_BY_FLOW else ("connection", group.connection)
        saved = configuration.last_saved(self.reading.db, self.reading.account, kind, id) if id else None
        return SavedFix(kind, *saved) if saved is not None and group.since <= saved[0] <= ended else None

    # --- runs

    def _of_runs(self, runs: Sequence[StuckItem]) -> list[CauseGroup]:
        return [group for group, _runs in self._alike(runs)]

    def _healed_runs(self, since: int) -> list[Healing]:
        done = RetryQueue(self.reading).done_runs(since, self.grouped)
        delivered = self._delivered({run.change for run in done if run.cause is not Cause.NOT_SELECTED})
        out = []
        for group, runs in self._alike(done):
            became = Counter(_became(run, delivered) for run in runs)
            out.append(Healing(group, sent=became["sent"], not_selected=became["not selected"], under_way=became["under way"]))
        return out

    def _alike(self, runs: Sequence[StuckItem]) -> list[tuple[CauseGroup, list[StuckItem]]]:
        """Runs by what makes them one group. Their people are only counted, so nothing is read of them."""
        read = Counter(run.queue for run in runs)
        lacks = ItemNames(self.reading).lacks(runs)
        events, flows = self.reading.events({run.event for run in runs}), self.reading.flow_names({run.flow for run in runs})
        found: dict[str, list[StuckItem]] = {}
        for run in runs:
            found.setdefault(run_key(run, lacks.get(run.id, "")), []).append(run)
        out = []
        for key, alike in found.items():
            first, event = alike[0], events.get(alike[0].event)
            group = _group_of_runs(key, alike, lacks.get(first.id, ""), event.code if event else "")
            name, is_more = flows.get(group.flow, "") if group.flow else "", any(read[run.queue] == self.grouped for run in alike)
            out.append((replace(group, flow_name=name, is_more=is_more), alike))
        return out

    def _delivered(self, changes: set[int]) -> dict[tuple[int, int], bool]:
        """Whether everything that a flow made of a change is delivered, by (change, flow)."""
        if not changes:
            return {}
        rows = self.reading.db.all(
            f"SELECT change_id, flow_id, min(CASE WHEN state IN ({int(ActionState.SUCCESS)}, {int(ActionState.SUPERSEDED)}) THEN 1 ELSE 0 END)"
            f" FROM action WHERE +account_id = :account AND {self.reading.db.member('change_id', 'changes')} GROUP BY change_id, flow_id",
            {"account": self.reading.account, "changes": sorted(changes)},
        )
        return {(change, flow): bool(all_sent) for change, flow, all_sent in rows}


def _became(run: StuckItem, delivered: dict[tuple[int, int], bool]) -> str:
    if run.cause is Cause.NOT_SELECTED:
        return "not selected"
    return "sent" if delivered.get((run.change, run.flow)) else "under way"


def _only[T](found: set[T]) -> T | None:
    return next(iter(found)) if len(found) == 1 else None


def _group_of_runs(key: str, runs: Sequence[StuckItem], lacks: str, event: str) -> CauseGroup:
    first = runs[0]
    due = [run.due for run in runs if run.due is not None and run.queue in OPEN]
    return CauseGroup(
        key=key,
        cause=Cause.UNTAGGED if first.cause is Cause.NOT_SELECTED else first.cause,
        category=first.category,
        connection=None,
        connection_name="",
        answered=None,
        lacks=lacks,
        event=event,
        message=first.message,
        n=len(runs),
        people=len({run.registration for run in runs}),
        flows=len({run.flow for run in runs}),
        flow=_only({run.flow for run in runs}),
        destination=None,
        next=min(due) if due else None,
        since=min(run.created for run in runs),
    )
