"""The SQL conditions of a filter of the Retry Queue. Lists, counts and jobs share them, so that they select the same items."""

from __future__ import annotations

from typing import Final, Literal

from heliograph.deliveries.refusals import blamed_connection
from heliograph.domain.delivery.action import OPEN_STATUSES, QueueStatus
from heliograph.domain.delivery.outcomes import Cause
from heliograph.retry.retry_items import RetryFilter, parts_of
from heliograph.store.like import escaped
from heliograph.store.registrations import folded
from heliograph.store.row_states import ACTION_IN_QUEUE, STUCK_RUN_WAITING

type QueueTable = Literal["action", "stuck_run"]

SOURCES: dict[QueueTable, str] = {"action": "action q JOIN lane l ON l.id = q.lane_id", "stuck_run": "stuck_run q"}
"""The FROM clause of each table of the queue. The table has the alias q, the lane of an action the alias l."""
BLAMED: Final = blamed_connection("q", "l")
"""The connection that is to blame for an action of `SOURCES`."""


def conditions(account: int, retry_filter: RetryFilter, table: QueueTable, status: QueueStatus) -> tuple[str, dict[str, object]]:
    """The WHERE clause for the items of one status, and its parameters.

    For a group of runs the clause selects too much, because no column says what has no tag: compare `group_key` of each item.
    """
    where = ["q.account_id = :account", "q.queue = :queue"]
    params: dict[str, object] = {"account": account, "queue": status.code}
    if table == "action":
        where.append(f"q.{ACTION_IN_QUEUE}")  # the index of the queue has only these
    value_of_column = {
        "category": retry_filter.category.code if retry_filter.category else None,
        "flow_id": retry_filter.flow,
        "event_id": retry_filter.event,
    }
    for column, value in value_of_column.items():
        if value is not None:
            where.append(f"q.{column} = :{column}")
            params[column] = value
    if retry_filter.connection is not None:
        where.append("l.connection_id = :connection" if table == "action" else "1 = 0")
        params |= {"connection": retry_filter.connection} if table == "action" else {}
    if retry_filter.ended_since is not None:
        where.append("q.ended >= :ended_since")
        params["ended_since"] = retry_filter.ended_since
    if retry_filter.untagged is not None and table == "stuck_run":
        # The index of due runs contains few that wait for a tag.
        if retry_filter.untagged:
            where.append(f"q.cause = '{Cause.UNTAGGED.value}'")
        elif status in OPEN_STATUSES:
            where.append(f"q.{STUCK_RUN_WAITING} AND q.due_at >= 0 AND q.cause <> '{Cause.UNTAGGED.value}'")
    elif retry_filter.untagged:
        where.append("1 = 0")
    if retry_filter.cause:
        _of_group(retry_filter.cause, table, where, params)
    if words := folded(retry_filter.text).split():
        _with_text(retry_filter.text, words, where, params)
    return " AND ".join(where), params


def _of_group(key: str, table: QueueTable, where: list[str], params: dict[str, object]) -> None:
    parts = parts_of(key)
    if table == "stuck_run" and parts.cause == Cause.UNTAGGED.value:  # with runs that were not selected once they had the tag
        where.append("q.cause IN (:cause, :decided)")
        params["decided"] = Cause.NOT_SELECTED.value
    else:
        where.append("q.cause = :cause")
    params["cause"] = parts.cause
    if table == "action" and parts.flow:
        where.append("q.flow_id = :of")
        params["of"] = parts.flow
    elif table == "action":
        where.append(f"{BLAMED} = :of")
        params["of"] = parts.connection or 0
        if parts.answered is not None or parts.message:
            where.append("q.message = :message")
            params["message"] = parts.message
    elif parts.connection or parts.flow:
        where.append("1 = 0")
    else:
        where.append("q.event_id = :of")
        params["of"] = parts.event


def _with_text(text: str, words: list[str], where: list[str], params: dict[str, object]) -> None:
    """Adds the condition that each word is in the registration's code or name, or the whole text in the reason."""
    known = " AND ".join(f"r.search LIKE :w{i} ESCAPE '!'" for i in range(len(words)))
    where.append(
        f"(EXISTS (SELECT 1 FROM registration r WHERE r.id = q.registration_id AND {known}) OR lower(q.message) LIKE :text ESCAPE '!')"
    )
    params |= {f"w{i}": f"%{escaped(word)}%" for i, word in enumerate(words)}
    params["text"] = f"%{escaped(text.strip().lower())}%"
