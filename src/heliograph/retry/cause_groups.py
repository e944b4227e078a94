"""The Retry Queue by cause: which items wait for which reason, and how the items of a cured cause ended (D6, D7)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, NamedTuple

from heliograph.deliveries.account_reader import AccountReader
from heliograph.deliveries.delivery_words import CAUSES
from heliograph.deliveries.prospects import NO_PROSPECT, ConnectionHold, Prospect, connection_holds, prospect_of_run
from heliograph.deliveries.refusals import UNKNOWN_REFUSAL, Refusal, blamed_connection, last_failures, refusals
from heliograph.domain.delivery.action import OPEN_STATUSES, ActionState, QueueStatus
from heliograph.domain.delivery.outcomes import CURED_BY_FLOW, Cause
from heliograph.domain.delivery.retry_policy import MINUTE, Category
from heliograph.domain.flow.flow import Mode
from heliograph.domain.flow.stop_causes import destination_of, stop_of, stop_of_flow
from heliograph.retry.credited_saves import connection_cures, flow_cures
from heliograph.retry.cure_words import Failure
from heliograph.retry.item_names import ItemNames
from heliograph.retry.retry_conditions import BLAMED
from heliograph.retry.retry_items import NOTHING_UNTAGGED, StuckItem, Untagged, run_key
from heliograph.retry.retry_queue import RetryQueue
from heliograph.store import configuration_versions
from heliograph.store.database import Row
from heliograph.store.row_states import ACTION_IN_QUEUE
from heliograph.web.list_count import MOST, ListCount

_ANSWERED: Final = (Cause.ANSWER, Cause.RULE)
"""Causes that the target has answered with words of its own."""
GROUPED_RUNS: Final = 1_000
"""The newest runs of a status that are grouped. The number is bounded because no column says what has no tag, so each run is read."""
SHOWN_GROUPS: Final = 12
"""Causes that the page of Retry and the REST API list, the largest."""
SORTED_GROUPS: Final = 200
"""Causes that are sorted into what needs somebody and what does not. A small one may need somebody while many large ones pass."""
HEALED_FOR: Final = 15 * MINUTE
"""Microseconds for which a cured cause stays on the page, with how its items ended."""


@dataclass(frozen=True, slots=True)
class CauseGroup:
    """The items of one cause. Registrations and flows are counted, too, because a registration may have several items."""

    key: str
    cause: Cause | None
    category: Category | None
    connection: int | None
    """The connection of the last attempts; before any attempt, the one to be used."""
    connection_name: str
    answer_status: int | None
    """The HTTP status of the target's answers."""
    lacks: Untagged
    """The thing without a tag, for a group of runs."""
    event: str
    message: str
    number: int
    """The number of items, among the newest MOST of each status; for runs, among `RetryQueue.newest_runs` of GROUPED_RUNS."""
    registrations: int
    flows: int
    flow: int | None
    """The flow; None if there are several."""
    destination: int | None
    """The destination; None if there are several."""
    next_due: int | None
    """When the first of its items is due (microseconds); None if none is tried by time."""
    since: int
    """When its oldest item was made (microseconds)."""
    flow_name: str = ""
    """The name of the only flow; "" if there are several."""
    newest: int | None = None
    """The newest action."""
    is_more: bool = False
    """True if it may have more items than were read."""
    waits_for_flow: bool = False
    """True for runs that wait for their flow, and for no tag."""
    prospect: Prospect = NO_PROSPECT
    """What happens to its items when they are due, as far as it is equal for all of them."""
    refusal: Refusal = UNKNOWN_REFUSAL
    """What the target answered to its newest item."""

    @property
    def count(self) -> ListCount:
        """How many items it has."""
        return ListCount(self.number, self.is_more or self.number > MOST)

    @property
    def failure(self) -> Failure:
        """The failure, as far as its cure depends on it."""
        return Failure(self.cause, self.category, self.answer_status, self.refusal, self.connection)


@dataclass(frozen=True, slots=True)
class SavedFix:
    """A save of a connection or flow while items of a cause waited."""

    kind: str
    """ "connection" or "flow"."""
    at: int
    """Microseconds."""
    by: str
    """The user."""


@dataclass(frozen=True, slots=True)
class Healing:
    """How the items of a cause ended within the last HEALED_FOR microseconds: the number of items by their end."""

    group: CauseGroup
    sent: int = 0
    superseded: int = 0
    not_selected: int = 0
    failed: int = 0
    """Runs that were decided again and have a failed action."""
    under_way: int = 0
    """Runs that were decided again and have an action that is not delivered yet."""
    since: int = 0
    """When the first item ended (microseconds)."""
    fix: SavedFix | None = None
    """The save that cured the cause; None if the cause passed by itself, or if a person submitted the items."""

    @property
    def number(self) -> int:
        return self.sent + self.superseded + self.not_selected + self.failed + self.under_way


@dataclass(frozen=True, slots=True)
class CauseOverview:
    """The causes of an account's queue."""

    waiting: Sequence[CauseGroup]
    failed: Sequence[CauseGroup]
    healings: Mapping[str, Healing]
    """How items ended lately, by the key of their group."""
    further_waiting: int = 0
    """How many further causes wait that are not listed."""
    further_failed: int = 0

    @property
    def healed(self) -> list[Healing]:
        """The causes that were cured lately: no item of them waits any more."""
        open_keys = {group.key for group in self.waiting}
        return [healing for key, healing in self.healings.items() if key not in open_keys and healing.number]


def _listed(causes: Iterable[Cause]) -> str:
    return ", ".join(f"'{cause.value}'" for cause in sorted(causes))


_OF_FLOW: Final = f"q.cause IN ({_listed(CURED_BY_FLOW)})"


def _keys(blamed: str = BLAMED) -> str:
    return (
        f"q.cause, CASE WHEN {_OF_FLOW} THEN 0 ELSE {blamed} END AS blamed, CASE WHEN {_OF_FLOW} THEN q.flow_id ELSE 0 END AS cured_flow,"
        f" CASE WHEN q.cause IN ({_listed({*CAUSES, *CURED_BY_FLOW})}) THEN '' ELSE q.message END AS text"
    )


_KEYS: Final = _keys()
"""The columns that make actions one group, in agreement with `group_key`. The HTTP status is not among them, because the text contains it."""
_FACTS: Final = "q.queue, q.state, q.category, q.registration_id, q.flow_id, q.destination_id, l.connection_id, q.due_at, q.created, q.ended, q.id, q.mode"
_SUMS: Final = (
    "cause, blamed, cured_flow, text, min(category), count(*), count(DISTINCT registration_id), count(DISTINCT flow_id), min(flow_id),"
    " count(DISTINCT destination_id), min(destination_id), min(connection_id), max(connection_id), min(due_at), min(created), max(id), min(mode), max(mode)"
)


class _Sums(NamedTuple):
    """A row of _SUMS."""

    cause: str
    blamed: int
    cured_flow: int
    text: str
    category: int
    number: int
    registrations: int
    flows: int
    flow: int
    destinations: int
    destination: int
    connection: int
    last_connection: int
    due: int | None
    since: int
    newest: int
    mode: int
    last_mode: int


@dataclass
class CauseGroups:
    """Reads the groups of one account."""

    reader: AccountReader
    most_runs: int = GROUPED_RUNS
    """How many runs of a status are read, newest first."""
    unmoved: frozenset[int] = frozenset()
    """Destinations whose items certainly went over the connections of their lanes (`ConnectionList.unmoved`): their attempts are not read. Of
    20,000 items, reading them takes longer than all the rest of a page."""
    most_groups: int = SHOWN_GROUPS
    """How many groups of a kind are returned."""

    def overview(self) -> CauseOverview:
        """The causes of items that wait, of items that have failed, and of items that were cured lately."""
        return replace(self.open_causes(), healings=self.healings(self.reader.db.now()))

    def open_causes(self) -> CauseOverview:
        """The causes of items that wait and of items that have failed, without items that were cured lately."""
        (waiting, further_waiting), (failed, further_failed) = self._largest(OPEN_STATUSES), self._largest((QueueStatus.FAILED,))
        return CauseOverview(waiting, failed, {}, further_waiting, further_failed)

    def groups(self, statuses: Sequence[QueueStatus]) -> list[CauseGroup]:
        """Items of these statuses by cause, the largest groups first."""
        return self._largest(statuses)[0]

    def _largest(self, statuses: Sequence[QueueStatus]) -> tuple[list[CauseGroup], int]:
        """The largest groups of items of these statuses, and how many further ones there are."""
        keys = _KEYS
        params: dict[str, object] = {"account": self.reader.account}
        if self.unmoved:
            keys = _keys(blamed_connection("q", "l", f"NOT {self.reader.db.member('q.destination_id', 'unmoved')}"))
            params["unmoved"] = sorted(self.unmoved)
        each = [
            f"SELECT * FROM (SELECT {keys}, {_FACTS} FROM action q JOIN lane l ON l.id = q.lane_id WHERE q.account_id = :account AND q.{ACTION_IN_QUEUE}"
            f" AND q.queue = {status.code} ORDER BY q.id DESC LIMIT {MOST + 1}) newest{status.code}"
            for status in statuses
        ]
        read = ", ".join(f"sum(sum(CASE WHEN queue = {status.code} THEN 1 ELSE 0 END)) OVER ()" for status in statuses)
        rows = self.reader.db.all(
            f"SELECT {_SUMS}, count(*) OVER (), {read} FROM ({' UNION ALL '.join(each)}) items GROUP BY cause, blamed, cured_flow, text"
            f" ORDER BY count(*) DESC LIMIT {self.most_groups}",
            params,
        )
        number_of_groups, *read_by_status = rows[0][-1 - len(statuses) :] if rows else (0,)
        is_more = any(number > MOST for number in read_by_status)
        of_actions = [replace(group, is_more=is_more) for group in self._named([row[: -1 - len(statuses)] for row in rows])]
        of_runs = [group for group, _runs in self._alike(RetryQueue(self.reader).newest_runs(statuses, self.most_runs))]
        largest = sorted([*of_actions, *of_runs], key=lambda group: (-group.number, group.key))[: self.most_groups]
        return self._with_words(largest), int(number_of_groups) + len(of_runs) - len(largest)

    def healings(self, now: int) -> dict[str, Healing]:
        """How the items of causes ended within the last HEALED_FOR, by the key of their group.

        now: microseconds
        """
        since = now - HEALED_FOR
        rows = self.reader.db.all(
            f"SELECT {_SUMS}, sum(CASE WHEN state = {int(ActionState.SUPERSEDED)} THEN 1 ELSE 0 END), min(ended), max(ended)"
            f" FROM (SELECT {_KEYS}, {_FACTS} FROM action q JOIN lane l ON l.id = q.lane_id WHERE q.account_id = :account AND q.queue = {QueueStatus.DONE.code}"
            f" AND q.ended >= :since AND q.cause NOT IN ('', '{Cause.SUPERSEDED.value}') ORDER BY q.ended DESC LIMIT {MOST + 1}) items"
            f" GROUP BY cause, blamed, cured_flow, text ORDER BY max(ended) DESC LIMIT {SHOWN_GROUPS}",
            {"account": self.reader.account, "since": since},
        )
        groups = self._with_words(self._named([row[:-3] for row in rows]))
        of_actions = [
            Healing(group, sent=group.number - superseded, superseded=superseded, since=first, fix=self._fix(group, last))
            for group, (*_sums, superseded, first, last) in zip(groups, rows, strict=True)
        ]
        return {healing.group.key: healing for healing in [*of_actions, *self._healed_runs(since)]}

    # --- actions

    def _named(self, rows: Sequence[Row]) -> list[CauseGroup]:
        """Groups from rows of _SUMS."""
        reader, columns = self.reader, [_Sums(*row) for row in rows]
        failures = last_failures(reader, [each.newest for each in columns if each.cause == Cause.ANSWER.value])
        connections = reader.connection_names({each.blamed or each.connection for each in columns})
        flows = reader.flow_names({each.flow for each in columns})
        holds = connection_holds(reader)
        groups = []
        for each in columns:
            answer_status = failures[each.newest].status if each.newest in failures else None
            connection = each.blamed or each.connection
            groups.append(
                CauseGroup(
                    key=f"{each.cause}~f{each.cured_flow}~~"
                    if each.cured_flow
                    else f"{each.cause}~{each.blamed}~{answer_status or ''}~{each.text}",
                    cause=Cause(each.cause) if each.cause else None,
                    category=Category.of_code(each.category),
                    connection=connection,
                    connection_name=connections.get(connection, ""),
                    answer_status=answer_status,
                    lacks=NOTHING_UNTAGGED,
                    event="",
                    message=each.text,
                    number=each.number,
                    registrations=each.registrations,
                    flows=each.flows,
                    flow=each.flow if each.flows == 1 else None,
                    destination=each.destination if each.destinations == 1 else None,
                    next_due=each.due,
                    since=each.since,
                    flow_name=flows.get(each.flow, "") if each.flows == 1 else "",
                    newest=each.newest,
                    prospect=self._prospect(each, holds),
                )
            )
        return groups

    def _prospect(self, sums: _Sums, holds: Mapping[int, ConnectionHold]) -> Prospect:
        """What happens to a group's items when they are due, as far as it is equal for all of them."""
        config, stop = self.reader.config, None
        to = destination_of(config, sums.flow, sums.destination) if sums.destinations == 1 else None
        connection = to.connection if to else sums.connection if sums.connection == sums.last_connection else None
        if sums.flows == 1 and sums.mode == sums.last_mode:
            made_in, flow = Mode.of_code(sums.mode), config.flows.get(sums.flow)
            if flow is None:
                stop = Cause.FLOW_DELETED
            elif sums.destinations == 1:
                stop = stop_of(config, sums.flow, sums.destination, made_in)
            else:
                stop = stop_of_flow(flow, made_in)
        known = config.connections.get(connection or 0)
        return Prospect(stop, connection, known.name if known else "", holds.get(connection or 0))

    def _with_words(self, groups: list[CauseGroup]) -> list[CauseGroup]:
        """The groups, completed with the target's own words about their newest item."""
        newest = {group.newest: group.cause for group in groups if group.cause in _ANSWERED and group.newest is not None}
        of_rules = {action for action, cause in newest.items() if cause is Cause.RULE}
        answers = refusals(self.reader, last_failures(self.reader, newest), only_words=of_rules)
        return [replace(group, refusal=answers.get(group.newest or 0, UNKNOWN_REFUSAL)) for group in groups]

    def _fix(self, group: CauseGroup, ended: int) -> SavedFix | None:
        """The last save that can have cured a group's cause while its items waited: one that changed a setting on which the cause depends.

        The save of the version with which the newest item failed is not credited, nor an older one: the failure came after it.

        ended: when the last item ended (microseconds)
        """
        kind, entity = ("flow", group.flow) if group.cause in CURED_BY_FLOW else ("connection", group.connection)
        if entity is None:
            return None
        last = last_failures(self.reader, [group.newest] if kind == "connection" and group.newest is not None else []).get(
            group.newest or 0
        )
        failed_with = last.connection_version if last is not None and last.connection == entity else 0
        for saved in configuration_versions.versions_saved(self.reader.db, self.reader.account, kind, entity, group.since, ended):
            if saved.number <= failed_with:
                return None
            if saved.before is not None and (
                flow_cures(saved.before, saved.body, group.cause)
                if kind == "flow"
                else connection_cures(saved.before, saved.body, group.failure)
            ):
                return SavedFix(kind, saved.at, saved.by)
        return None

    # --- runs

    def _healed_runs(self, since: int) -> list[Healing]:
        done = RetryQueue(self.reader).done_runs(since, self.most_runs)
        ends = self._ends({run.change for run in done if run.cause is not Cause.NOT_SELECTED})
        healings = []
        for group, runs in self._alike(done):
            ends_of_runs = Counter(RunEnd.NOT_SELECTED if run.cause is Cause.NOT_SELECTED else _end_of(ends, run) for run in runs)
            healings.append(
                Healing(
                    group,
                    sent=ends_of_runs[RunEnd.SENT],
                    superseded=ends_of_runs[RunEnd.SUPERSEDED],
                    not_selected=ends_of_runs[RunEnd.NOT_SELECTED],
                    failed=ends_of_runs[RunEnd.FAILED],
                    under_way=ends_of_runs[RunEnd.UNDER_WAY],
                    since=min(run.ended or since for run in runs),
                )
            )
        return healings

    def _alike(self, runs: Sequence[StuckItem]) -> list[tuple[CauseGroup, list[StuckItem]]]:
        """Runs, grouped by `run_key`. The names of their registrations are not read, because a group only counts them."""
        read = Counter(run.queue for run in runs)
        lacks = ItemNames(self.reader).lacks(runs)
        events, flows = self.reader.events({run.event for run in runs}), self.reader.flow_names({run.flow for run in runs})
        runs_by_key: dict[str, list[StuckItem]] = {}
        for run in runs:
            runs_by_key.setdefault(run_key(run, lacks.get(run.id, NOTHING_UNTAGGED)), []).append(run)
        groups = []
        for key, alike in runs_by_key.items():
            first, event = alike[0], events.get(alike[0].event)
            group = _group_of_runs(key, alike, lacks.get(first.id, NOTHING_UNTAGGED), event.code if event else "")
            if first.waits_for_flow:
                group = replace(
                    group, waits_for_flow=True, prospect=prospect_of_run(self.reader.config, first.flow, first.mode, first.message)
                )
            name, is_more = flows.get(group.flow, "") if group.flow else "", any(read[run.queue] >= self.most_runs for run in alike)
            groups.append((replace(group, flow_name=name, is_more=is_more), alike))
        return groups

    def _ends(self, changes: set[int]) -> dict[tuple[int, int], set[ActionState]]:
        """The states of all actions that a flow made of a change, by (change, flow)."""
        if not changes:
            return {}
        rows = self.reader.db.all(
            "SELECT DISTINCT change_id, flow_id, state FROM action"
            f" WHERE +account_id = :account AND {self.reader.db.member('change_id', 'changes')}",
            {"account": self.reader.account, "changes": sorted(changes)},
        )
        ends: dict[tuple[int, int], set[ActionState]] = {}
        for change, flow, state in rows:
            ends.setdefault((change, flow), set()).add(ActionState(state))
        return ends


class RunEnd(StrEnum):
    """How a run ended that was decided again."""

    SENT = "sent"
    SUPERSEDED = "superseded"
    NOT_SELECTED = "not selected"
    FAILED = "failed"
    UNDER_WAY = "under way"


def _end_of(ends: Mapping[tuple[int, int], set[ActionState]], run: StuckItem) -> RunEnd:
    """The end of a run that was judged again and triggered. Of several actions, an open one counts first, then a failed one, then a superseded one.

    The actions are committed with the result, so a run without any is one whose actions were removed after the run was read.
    """
    states = ends.get((run.change, run.flow), set())
    if not states or any(state.is_open for state in states):
        return RunEnd.UNDER_WAY
    if states & {ActionState.FAILED, ActionState.VALIDATION}:
        return RunEnd.FAILED
    return RunEnd.SUPERSEDED if ActionState.SUPERSEDED in states else RunEnd.SENT


def _group_of_runs(key: str, runs: Sequence[StuckItem], lacks: Untagged, event: str) -> CauseGroup:
    first, flows = runs[0], {run.flow for run in runs}
    due = [run.due_at for run in runs if run.due_at is not None and run.queue in OPEN_STATUSES]
    return CauseGroup(
        key=key,
        cause=Cause.UNTAGGED if first.cause is Cause.NOT_SELECTED else first.cause,
        category=first.category,
        connection=None,
        connection_name="",
        answer_status=None,
        lacks=lacks,
        event=event,
        message=first.message,
        number=len(runs),
        registrations=len({run.registration for run in runs}),
        flows=len(flows),
        flow=first.flow if len(flows) == 1 else None,
        destination=None,
        next_due=min(due) if due else None,
        since=min(run.created for run in runs),
    )
