"""What needs somebody: the causes that wait for a person, each with since when, how many wait and what cures it. The Overview shows them, and
whoever tells people uses the same.

A cause that passes automatically, such as a target that does not answer, needs nobody: it is `retrying`. What has used up its retries is
`later`: it is sent again only if somebody submits it, so it does not get worse.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from heliograph.connections.connection_list import ConnectionList, ConnectionListFilter, ConnectionRow
from heliograph.deliveries.account_reader import AccountReader
from heliograph.deliveries.refusals import last_failures
from heliograph.domain.connection.connection_health import Health
from heliograph.domain.delivery.outcomes import CURED_BY_FLOW, Cause
from heliograph.retry.cause_groups import SORTED_GROUPS, CauseGroup, CauseGroups, CauseOverview
from heliograph.retry.retry_queue import RetryQueue
from heliograph.store.queue.action_rows import StoredAttempt
from heliograph.web.list_count import ListCount

_SETTINGS: Final = frozenset({Cause.TLS, Cause.BLOCKED, Cause.OAUTH, Cause.BAD_REQUEST, Cause.RULE})
"""Causes that last until somebody changes the connection, at the target or here."""
_STOPPED: Final = frozenset({Health.BLOCKED, Health.LOST, Health.PAUSED})
"""States in which a connection needs somebody, though nothing of it may be in Retry."""
_UNFINISHED: Final = frozenset({Health.INCOMPLETE, Health.NOT_YET})
"""States in which a connection needs somebody if an active flow uses it."""


class NeedKind(StrEnum):
    """What has to be changed."""

    CONNECTION = "connection"
    MAPPING = "mapping"
    FLOW = "flow"
    TAGS = "tags"


@dataclass(frozen=True, slots=True)
class Need:
    """A cause that waits for a person."""

    kind: NeedKind
    groups: Sequence[CauseGroup]
    """Its items by cause, the largest first; none for a connection that only holds what is due."""
    connection: ConnectionRow | None = None
    count: ListCount | None = None
    """How many wait, where the groups were not counted to the end."""
    last: StoredAttempt | None = None
    """The last failed attempt of the newest item, with the answer."""

    @property
    def key(self) -> str:
        """Names the cause for as long as it lasts: "connection:7", "tags"."""
        if self.kind is NeedKind.TAGS:
            return self.kind.value
        if self.kind is NeedKind.CONNECTION and self.connection is not None:
            return f"{self.kind.value}:{self.connection.id}"
        return f"{self.kind.value}:{self.groups[0].key}"

    @property
    def is_only_held(self) -> bool:
        """Whether nothing failed: the connection is paused, or nobody has finished it."""
        return self.connection is not None and self.connection.health in _UNFINISHED | {Health.PAUSED}

    @property
    def is_of_runs(self) -> bool:
        """Whether changes wait that a flow could not decide about: for a tag, or for the flow. Nothing of them was tried."""
        return bool(self.groups) and self.groups[0].cause is Cause.UNTAGGED

    @property
    def waiting(self) -> ListCount:
        """How many items of the Retry Queue wait for it."""
        if self.count is not None:
            return self.count
        return sum((group.count for group in self.groups), ListCount())

    @property
    def held_count(self) -> int:
        """How many actions its connection holds, which are in no queue (`ConnectionRow.held_count`)."""
        return self.connection.held_count if self.connection is not None else 0

    @property
    def since(self) -> int:
        """Since when (microseconds); 0 if that is not known."""
        times = [group.since for group in self.groups]
        if self.connection is not None and self.connection.pause is not None and self.connection.pause.at:
            times.append(self.connection.pause.at)
        if self.connection is not None and self.connection.health is Health.LOST and self.connection.access is not None:
            times += [self.connection.access.failed_at] if self.connection.access.failed_at else []
        return min(times, default=0)


@dataclass(frozen=True, slots=True)
class Needs:
    """What needs somebody in an account, the most urgent first, and what does not."""

    needs: Sequence[Need]
    retrying: Sequence[CauseGroup]
    """Causes whose items are tried again automatically."""
    later: Sequence[CauseGroup]
    """Causes of items that have used up their retries."""
    further_later: int = 0
    """How many further ones there are."""
    connections: Mapping[int, ConnectionRow] = field(default_factory=dict)

    def of_connection(self, connection: int) -> Need | None:
        """What a connection needs; None if nothing."""
        return next((need for need in self.needs if need.connection is not None and need.connection.id == connection), None)


def needs_of(reader: AccountReader) -> Needs:
    """What needs somebody in an account."""
    connections = ConnectionList(reader.db, reader.account)
    rows = {row.id: row for row in connections.rows(ConnectionListFilter())}
    causes = CauseGroups(reader, unmoved=connections.unmoved, most_groups=SORTED_GROUPS).open_causes()
    used = {destination.connection for flow in reader.config.flows.values() if flow.active for destination in flow.destinations}
    return _sorted(reader, causes, rows, used, RetryQueue(reader).undecided().untagged)


def _sorted(
    reader: AccountReader, causes: CauseOverview, rows: Mapping[int, ConnectionRow], used: set[int | None], untagged: ListCount
) -> Needs:
    """Sorts causes into what needs somebody, what is retried and what can wait.

    used: the connections of active flows
    untagged: how many items wait for a tag
    """
    of_connections: dict[int, list[CauseGroup]] = {}
    tags: list[CauseGroup] = []
    others: list[Need] = []
    retrying: list[CauseGroup] = []
    paused = {id for id, row in rows.items() if id in used and row.health is Health.PAUSED}  # it tries nothing again automatically
    for group in causes.waiting:
        kind = kind_of(group)
        if kind is NeedKind.TAGS:
            tags.append(group)
        elif (kind is NeedKind.CONNECTION and group.connection in rows) or (kind is None and group.connection in paused):
            of_connections.setdefault(group.connection or 0, []).append(group)
        elif kind in (None, NeedKind.CONNECTION):
            retrying.append(group)
        else:
            others.append(Need(kind, [group]))
    stopped = [id for id, row in rows.items() if id in used and row.health in _UNFINISHED | _STOPPED]
    for id in stopped:
        of_connections.setdefault(id, [])
    newest = [groups[0].newest for groups in of_connections.values() if groups and groups[0].newest is not None]
    newest += [need.groups[0].newest for need in others if need.groups[0].newest is not None]
    failures = last_failures(reader, newest)
    needs = [
        Need(NeedKind.CONNECTION, groups, rows[id], last=failures.get(groups[0].newest or 0) if groups else None)
        for id, groups in of_connections.items()
    ]
    needs += [Need(need.kind, need.groups, last=failures.get(need.groups[0].newest or 0)) for need in others]
    needs += [Need(NeedKind.TAGS, tags, count=untagged)] if tags else []
    return Needs(
        sorted(needs, key=lambda need: (need.is_only_held, need.kind is NeedKind.TAGS, -need.waiting.number - need.held_count, need.key)),
        retrying,
        causes.failed,
        causes.further_failed,
        rows,
    )


def kind_of(group: CauseGroup) -> NeedKind | None:
    """What has to be changed for the waiting items of a cause; None if they are tried again automatically, or if nothing can be done."""
    if group.prospect.is_over:
        return None
    if group.cause is Cause.UNTAGGED:
        return NeedKind.FLOW if group.waits_for_flow else NeedKind.TAGS
    if group.cause in CURED_BY_FLOW:
        return NeedKind.FLOW
    if group.failure.is_of_setup or group.cause in _SETTINGS:
        return NeedKind.CONNECTION
    if group.failure.is_of_mapping:
        return NeedKind.MAPPING
    return None
