"""What is wrong in an account now: the facts that domain.notification.problem_plan compares with the open problems (B4, O5).

There is no second truth: the health of connections is the one of the Connection List, and the items are those of Retry, with the connection
that Retry blames. Nothing of a registration is read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from heliograph.accounts.actors import Actors
from heliograph.accounts.models import Account
from heliograph.connections.connection_list import ConnectionList, ConnectionListFilter, ConnectionRow
from heliograph.deliveries.account_reader import AccountReader
from heliograph.deliveries.refusals import blamed_connection, last_failures, refusals
from heliograph.domain.connection.connection_health import Health
from heliograph.domain.delivery.action import OPEN_STATUSES, QueueStatus
from heliograph.domain.delivery.outcomes import CURED_BY_FLOW, Cause
from heliograph.domain.delivery.retry_policy import DAY, MINUTE, Category
from heliograph.domain.notification.kinds import Kind
from heliograph.domain.notification.notification_settings import WAITS_MINUTES
from heliograph.domain.notification.problem_plan import Observed
from heliograph.domain.notification.quotes import quotable
from heliograph.domain.source.read_failure import VISIBLE_FROM
from heliograph.domain.source.source_states import SourceState
from heliograph.notifications import ending_secrets
from heliograph.retry.retry_conditions import SOURCES
from heliograph.sources.models import Source
from heliograph.store.connection_states import untried_actions
from heliograph.store.instants import to_micros
from heliograph.store.row_states import ACTION_IN_QUEUE, ACTION_OPEN, LANE_READY, STUCK_RUN_WAITS_FOR_FLOW

MOST: Final = 10_000
"""The newest items of each status that are counted, as in Retry; one more says that there are more."""
LANES: Final = 1_000
"""The first lanes of a connection of which it is read what was never tried, by flow."""
AT_ONCE: Final = 100
"""Connections whose lanes are read in one statement."""
LATELY: Final = DAY
"""What failed for good longer ago is no news: it stands in Retry, and in the morning summary."""
SEVERAL: Final = 3
"""Items that an answer about single records must have stopped before the connection itself counts as refusing."""
_REFUSING: Final = frozenset({Health.REFUSES, Health.SILENT, Health.BLOCKED})
_BY_PEOPLE: Final = frozenset(
    {
        Cause.ERASED,
        Cause.DISCARDED,
        Cause.REPLAY_CANCELLED,
        Cause.FLOW_DELETED,
        Cause.DESTINATION_REMOVED,
        Cause.SUPERSEDED,
        Cause.NOT_SELECTED,
        Cause.CONTENT_REMOVED,
        Cause.UNTAGGED,
    }
)
"""Causes of what somebody ended on purpose, and of what waits for a tag, which has not failed."""


@dataclass(frozen=True, slots=True)
class Look:
    """A look at an account."""

    observed: Sequence[Observed]
    remaining: frozenset[str] = frozenset()
    """Keys of FAILED whose items are still there, although nothing has failed lately: such a problem ends without a word."""
    waiting: int = 0
    """Items that wait, up to MOST + 1 of each status."""
    failed: int = 0
    """Items that have failed for good."""
    in_trouble: frozenset[int] = frozenset()
    """Connections that refuse or are paused, from the first moment."""
    lines: Sequence[Observed] = ()
    """The causes of what waits, however short, and of all that has failed, for the summary."""


@dataclass(slots=True)
class _Items:
    """The items of one cause."""

    number: int = 0
    since: int = 0
    newest: int = 0
    is_more: bool = False
    """Whether there may be more, because not all items were counted."""
    flows: set[int] = field(default_factory=set)

    def add(self, number: int, since: int, newest: int, flow: int) -> None:
        self.number += number
        self.since = min(self.since or since, since)
        self.newest = max(self.newest, newest)
        self.flows.add(flow)


def look(account: Account, reader: AccountReader, now: int) -> Look:
    """Everything that is wrong in the account in scope.

    now: microseconds of the database's clock
    """
    connection_list = ConnectionList(reader.db, account.pk)
    rows = connection_list.rows(ConnectionListFilter())
    connections, in_trouble = _connections(account, reader, rows, now)
    waits, failed = _items(reader, connection_list.unmoved)
    recent = [each for each in failed if each.facts["newest"] >= now - LATELY]
    long_waits = [each for each in waits if now - each.since >= WAITS_MINUTES[0] * MINUTE]
    return Look(
        [*connections, *_sources(), *long_waits, *recent, *ending_secrets.observed(reader, now)],
        frozenset(each.key for each in failed) - {each.key for each in recent},
        sum(each.number for each in waits),
        sum(each.number for each in failed),
        in_trouble,
        [*waits, *failed],
    )


def _connections(account: Account, reader: AccountReader, rows: Sequence[ConnectionRow], now: int) -> tuple[list[Observed], frozenset[int]]:
    """Connections that refuse, do not answer, have lost their access or are paused; and the ids of all that carry nothing now."""
    failing_since: dict[int, int] = dict(
        reader.db.all(
            "SELECT connection_id, failing_since FROM connection_state WHERE account_id = :account AND failing_since IS NOT NULL",
            {"account": account.pk},
        )
    )
    bad = [row for row in rows if row.health in _REFUSING or row.health in (Health.PAUSED, Health.LOST)]
    actors = Actors.from_stored(account, [row.pause.by for row in bad if row.pause and row.pause.by])
    observed = []
    for row in bad:
        evidence = row.evidence.attempt if row.evidence else None
        is_refusing = row.health in _REFUSING
        if is_refusing and (row.id not in failing_since or _is_about_records(row)):
            continue
        since = failing_since.get(row.id) if is_refusing else row.pause.at if row.pause else (row.access.failed_at if row.access else None)
        action = evidence.action if is_refusing and evidence and evidence.category is Category.CONFIG else 0
        answer = refusals(reader, last_failures(reader, [action])).get(action) if action else None
        observed.append(
            Observed(
                f"refuses:connection:{row.id}",
                Kind.REFUSES,
                since or now - MINUTE,
                row.waiting + row.held_count,
                row.id,
                frozenset(id for id, _name in row.flows),
                facts={
                    "name": row.connection.name,
                    "health": row.health.value,
                    "status": evidence.status if is_refusing and evidence else None,
                    "error": answer.error if answer else "",
                    "sign_in": ((answer.sign_in if answer else None) or row.connection.sign_in).value,
                    "words": quotable(answer.says) if answer else "",
                    "by": actors.name(row.pause.by) if row.pause and row.pause.by else "",
                    "failed": row.failed,
                    "is_more": row.is_more,
                },
            )
        )
    return observed, frozenset(row.id for row in bad)


def _is_about_records(row: ConnectionRow) -> bool:
    """Whether the last answer is about single records, and few of them failed: that does not say that the target refuses everything."""
    evidence = row.evidence.attempt if row.evidence else None
    is_general = evidence is not None and evidence.category not in (Category.CONFIG, Category.CONNECTION)
    return is_general and row.waiting + row.failed < SEVERAL


def _sources() -> list[Observed]:
    """Sources of the account in scope that cannot be read."""
    rows = Source.objects.filter(deleted_at=None, state=SourceState.ON, failures__gte=VISIBLE_FROM)
    return [
        Observed(
            f"refuses:source:{row.pk}",
            Kind.REFUSES,
            to_micros(row.failing_since or row.changed),
            facts={"name": row.name, "source": row.pk},
        )
        for row in rows
    ]


def _items(reader: AccountReader, unmoved: frozenset[int]) -> tuple[list[Observed], list[Observed]]:
    """What waits, and what has failed for good, by cause.

    unmoved: `ConnectionList.unmoved`
    """
    waits: dict[tuple[str, int], _Items] = {}
    failed: dict[tuple[str, int, str], _Items] = {}
    rows = _retry_items(reader, unmoved)
    read = Counter[int]()
    for _cause, _blamed, _flow, queue, number, _since, _newest in rows:
        read[queue] += number
    for cause, blamed, flow, queue, number, since, newest in rows:
        of_flow = cause in CURED_BY_FLOW
        thing = ("flow", flow) if of_flow else ("connection", blamed)
        if queue != QueueStatus.FAILED.code:
            items = waits.setdefault(thing, _Items())
        elif cause not in _BY_PEOPLE:
            items = failed.setdefault((*thing, cause), _Items())
        else:
            continue
        items.add(number, since, newest, flow)
        items.is_more = items.is_more or read[queue] > MOST
    for connection, flow, number, since in _untried(reader):
        waits.setdefault(("connection", connection), _Items()).add(number, since, since, flow)
    untagged, undecided = _undecided(reader)
    for flow, items in undecided.items():
        waits.setdefault(("flow", flow), _Items()).add(items.number, items.since, items.newest, flow)
        waits["flow", flow].is_more = waits["flow", flow].is_more or items.is_more
    connections = reader.connection_names({int(thing[1]) for thing in [*waits, *failed] if thing[0] == "connection"})
    flows = reader.flow_names({flow for items in [*waits.values(), *failed.values()] for flow in items.flows})
    observed_waits = [
        _of_items(f"waits:{kind}:{id}", Kind.WAITS, (kind, id), each, (connections, flows)) for (kind, id), each in waits.items()
    ]
    observed_failed = [
        _of_items(f"failed:{kind}:{id}:{cause}", Kind.FAILED, (kind, id), each, (connections, flows), cause=cause)
        for (kind, id, cause), each in failed.items()
    ]
    return [*observed_waits, *untagged], observed_failed


def _of_items(
    key: str, kind: Kind, thing: tuple[str, int], items: _Items, names: tuple[Mapping[int, str], Mapping[int, str]], **facts: Any
) -> Observed:
    connections, flows = names
    scope, id = thing
    name = connections.get(id, "") if scope == "connection" else flows.get(id, "")
    flow_names = sorted(flows[flow] for flow in items.flows if flow in flows)[:5]
    return Observed(
        key,
        kind,
        items.since,
        items.number,
        id if scope == "connection" else None,
        frozenset(items.flows),
        facts={"name": name, "scope": scope, "thing": id, "flows": flow_names, "newest": items.newest, "is_more": items.is_more, **facts},
    )


def _retry_items(reader: AccountReader, unmoved: frozenset[int]) -> Sequence[tuple[str, int, int, int, int, int, int]]:
    """Items of Retry: cause, blamed connection, flow, status, number, when the oldest was made, when the newest ended or was made."""
    blamed = blamed_connection("q", "l", f"NOT {reader.db.member('q.destination_id', 'unmoved')}" if unmoved else "")
    each = [
        f"SELECT * FROM (SELECT q.cause, {blamed} AS blamed, q.flow_id, q.queue, q.created, COALESCE(q.ended, q.created) AS latest FROM {SOURCES['action']}"
        f" WHERE q.account_id = :account AND q.{ACTION_IN_QUEUE} AND q.queue = {status.code} ORDER BY q.id DESC LIMIT {MOST + 1}) newest{status.code}"
        for status in (*OPEN_STATUSES, QueueStatus.FAILED)
    ]
    return reader.db.all(
        "SELECT cause, blamed, flow_id, queue, count(*), min(created), max(latest)"
        f" FROM ({' UNION ALL '.join(each)}) items GROUP BY cause, blamed, flow_id, queue",
        {"account": reader.account} | ({"unmoved": sorted(unmoved)} if unmoved else {}),
    )


def _untried(reader: AccountReader) -> list[tuple[int, int, int, int]]:
    """What is due and was never tried, such as everything while no worker runs: connection, flow, number, when the oldest was made.

    What the first LANES of a connection do not hold is counted up to MOST + 1 with its first flow.
    """
    connections = sorted(reader.config.connections)
    of_lanes: list[tuple[int, int, int, int]] = []
    for start in range(0, len(connections), AT_ONCE):
        lanes = " UNION ALL ".join(
            f"SELECT * FROM (SELECT id, connection_id FROM lane WHERE connection_id = {int(id)} AND {LANE_READY} ORDER BY rank, pos LIMIT {LANES}) l{id}"
            for id in connections[start : start + AT_ONCE]
        )
        of_lanes += reader.db.all(
            f"SELECT l.connection_id, a.flow_id, count(*), min(a.created) FROM ({lanes}) l JOIN action a ON a.lane_id = l.id AND a.{ACTION_OPEN} AND NOT (a.{ACTION_IN_QUEUE})"
            " GROUP BY l.connection_id, a.flow_id"
        )
    read = Counter[int]()
    for connection, _flow, number, _since in of_lanes:
        read[connection] += number
    whole = untried_actions(reader.db, [connection for connection, number in read.items() if number >= LANES], MOST + 1)
    first = {connection: (connection, flow, since) for connection, flow, _number, since in reversed(of_lanes)}
    return of_lanes + [
        (connection, flow, whole[connection] - read[connection], since)
        for connection, flow, since in first.values()
        if whole.get(connection, 0) > read[connection]
    ]


def _undecided(reader: AccountReader) -> tuple[list[Observed], dict[int, _Items]]:
    """What waits for a tag: one problem, which is never called failed; and by flow what waits for the flow."""
    rows = reader.db.all(
        f"SELECT stops, flow_id, event_id, count(*), min(created) FROM (SELECT CASE WHEN {STUCK_RUN_WAITS_FOR_FLOW} THEN 1 ELSE 0 END AS stops,"
        f" flow_id, event_id, created FROM stuck_run WHERE account_id = :account AND queue = {QueueStatus.RETRY.code}"
        f" AND cause = '{Cause.UNTAGGED.value}' ORDER BY id DESC LIMIT {MOST + 1}) q GROUP BY stops, flow_id, event_id",
        {"account": reader.account},
    )
    is_more = sum(number for *_place, number, _since in rows) > MOST
    untagged, of_flows = _Items(is_more=is_more), dict[int, _Items]()
    for stops, flow, _event, number, since in rows:
        (of_flows.setdefault(flow, _Items(is_more=is_more)) if stops else untagged).add(number, since, since, flow)
    if not untagged.number:
        return [], of_flows
    events = reader.events(event for stops, _flow, event, *_more in rows if not stops)
    codes = sorted(event.code for event in events.values())[:5]
    facts = {"scope": "tag", "events": codes, "is_more": is_more}
    return [Observed("waits:tag", Kind.WAITS, untagged.since, untagged.number, facts=facts)], of_flows
