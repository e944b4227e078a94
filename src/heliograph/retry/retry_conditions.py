"""The SQL conditions of a filter of the Retry Queue. Lists, counts and jobs share them, so that they select the same items."""

from __future__ import annotations

from typing import Final, Literal

from heliograph.deliveries.refusals import blamed_connection
from heliograph.deliveries.untagged_key import ANY_EVENT
from heliograph.domain.delivery.action import OPEN_STATUSES, QueueStatus
from heliograph.domain.delivery.outcomes import Cause
from heliograph.retry.retry_items import RetryFilter, parts_of
from heliograph.store.like import contains_words, like_pattern
from heliograph.store.queue.action_rows import own_connection
from heliograph.store.registrations import folded
from heliograph.store.row_states import ACTION_IN_QUEUE, STUCK_RUN_UNTAGGED, STUCK_RUN_WAITS_FOR_FLOW
from heliograph.store.where import Where

type QueueTable = Literal["action", "stuck_run"]

SOURCES: dict[QueueTable, str] = {"action": "action q JOIN lane l ON l.id = q.lane_id", "stuck_run": "stuck_run q"}
"""The FROM clause of each table of the queue. The table has the alias q, the lane of an action the alias l."""
BLAMED: Final = blamed_connection("q", "l")
"""The connection that is to blame for an action of `SOURCES`."""


def counted_tables(table: QueueTable, retry_filter: RetryFilter) -> str:
    """The FROM clause for counting. An action's lane is read only for a condition on its connection; else the index alone is enough."""
    is_by_connection = retry_filter.connection is not None or (retry_filter.cause and not parts_of(retry_filter.cause).flow)
    return SOURCES[table] if is_by_connection else f"{table} q"


def of_status(account: int, table: QueueTable, status: QueueStatus) -> Where:
    """The items of one status, by the index of the queue."""
    where = Where("q.account_id = :account", "q.queue = :queue", account=account, queue=status.code)
    return where & Where(f"q.{ACTION_IN_QUEUE}") if table == "action" else where  # the index of actions has only these


def conditions(retry_filter: RetryFilter, table: QueueTable, status: QueueStatus) -> Where:
    """The conditions of the filter on an item of a status.

    For a group of runs that wait for a tag they select too much, because no column says what has no tag: compare `group_key` of each item.
    """
    where = Where()
    if retry_filter.category:
        where &= Where("q.category = :category", category=retry_filter.category.code)
    if retry_filter.flow is not None:
        where &= Where("q.flow_id = :flow_id", flow_id=retry_filter.flow)
    if retry_filter.event is not None:
        where &= Where("q.event_id = :event_id", event_id=retry_filter.event)
    if retry_filter.connection is not None:
        where &= Where(f"{own_connection('q', 'l')} = :connection", connection=retry_filter.connection) if table == "action" else _NONE
    if retry_filter.ended_since is not None:
        where &= Where("q.ended >= :ended_since", ended_since=retry_filter.ended_since)
    if retry_filter.untagged is not None and table == "stuck_run":
        if retry_filter.untagged:
            where &= Where(STUCK_RUN_UNTAGGED)
        elif status in OPEN_STATUSES:
            where &= Where(f"NOT ({STUCK_RUN_UNTAGGED})")
    elif retry_filter.untagged:
        where &= _NONE
    if retry_filter.cause:
        where &= _of_group(retry_filter.cause, table)
    if words := folded(retry_filter.text).split():  # each in the registration's code or name, or the whole text in the reason
        has_words = contains_words("r.search", words)
        of_registration = f"EXISTS (SELECT 1 FROM registration r WHERE r.id = q.registration_id AND {has_words.sql})"
        text = like_pattern(retry_filter.text.strip().lower())
        where &= Where(f"({of_registration} OR lower(q.message) LIKE :text ESCAPE '!')", text=text, **has_words.params)
    return where


_NONE: Final = Where("1 = 0")


def _of_group(key: str, table: QueueTable) -> Where:
    parts = parts_of(key)
    if table == "stuck_run" and parts.cause == Cause.UNTAGGED.value and parts.flow:
        return Where(f"{STUCK_RUN_WAITS_FOR_FLOW} AND q.flow_id = :group_flow", group_flow=parts.flow)
    if table == "stuck_run" and parts.cause == Cause.UNTAGGED.value:  # with runs that were not selected once they had the tag
        where = Where("q.cause IN (:cause, :decided)", cause=parts.cause, decided=Cause.NOT_SELECTED.value)
    else:
        where = Where("q.cause = :cause", cause=parts.cause)
    if table == "stuck_run":
        if not parts.is_of_runs:
            return _NONE
        return where & Where("q.event_id = :group_event", group_event=parts.event) if parts.event != ANY_EVENT else where
    if parts.flow:
        return where & Where("q.flow_id = :group_flow", group_flow=parts.flow)
    where &= Where(f"{BLAMED} = :group_connection", group_connection=parts.connection or 0)
    return where & Where("q.message = :message", message=parts.message) if parts.answered is not None or parts.message else where
