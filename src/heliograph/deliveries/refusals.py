"""The last refusal of an action: what the target answered, and the connection as it was set up then.

The flow may use another connection by now, and the connection may have other credentials. Neither of these was refused.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from heliograph.deliveries.account_reader import AccountReader
from heliograph.deliveries.exchanges import Exchange, exchanges
from heliograph.domain.connection.connection import Connection, SignIn
from heliograph.domain.connection.rule_proposal import own_words
from heliograph.domain.connection.setup_error import ConnectionSetupError
from heliograph.domain.connection.stated_error import stated_error
from heliograph.domain.connection.target_response import UTF_8, TargetResponse
from heliograph.domain.delivery.action import ActionState
from heliograph.domain.delivery.outcomes import Cause, was_tried
from heliograph.store import configuration_versions
from heliograph.store.queue.action_rows import ATTEMPT_COLUMNS, StoredAttempt, attempt_of, own_connection


@dataclass(frozen=True, slots=True)
class Refusal:
    """The reason that a target gave for its refusal."""

    says: str = ""
    """The target's own short word, such as no_service; "" if it gave none."""
    error: str = ""
    """The error code of RFC 6749 or RFC 6750; "" if it stated none."""
    sign_in: SignIn | None = None
    """How the connection signed in then; None if that is not known."""


UNKNOWN_REFUSAL = Refusal()


TRIED_CAUSES: Final = ", ".join(f"'{cause.value}'" for cause in sorted(cause for cause in Cause if was_tried(cause)))
"""The causes of actions whose last failure is that of an attempt, as the list of an IN."""


def blamed_connection(action: str, lane: str, tried: str = "") -> str:
    """The SQL expression of the connection that is to blame for an action: the one that its last failed attempt went over, which need not be
    the one that its flow has by now. Else it is the one that the action waits for, or, once it has ended, its own.

    action: the alias of its table
    lane: the alias of the table of its lane
    tried: a further condition on an action whose attempts are read; others went over the connection of their lane
    """
    # The last attempt of a delivered action has not failed; the one before it has.
    attempt = f"t.action_id = {action}.id AND t.n = {action}.sent - CASE WHEN {action}.state = {int(ActionState.SUCCESS)} THEN 1 ELSE 0 END"
    last_failed = f"(SELECT t.connection_id FROM attempt t WHERE {attempt})"
    is_tried = f"{action}.cause IN ({TRIED_CAUSES}){f' AND {tried}' if tried else ''}"
    own = own_connection(action, lane)
    return f"CASE WHEN {is_tried} THEN COALESCE({last_failed}, {lane}.connection_id) WHEN {action}.ended IS NULL THEN {lane}.connection_id ELSE {own} END"


def last_failures(reader: AccountReader, actions: Iterable[int]) -> dict[int, StoredAttempt]:
    """The last failed attempt of each action that has one."""
    ids = sorted(set(actions))
    if not ids:
        return {}
    rows = reader.db.all(
        f"SELECT {ATTEMPT_COLUMNS} FROM attempt WHERE +account_id = :account AND state <> {int(ActionState.SUCCESS)}"
        f" AND {reader.db.member('action_id', 'ids')} ORDER BY action_id, n",
        {"account": reader.account, "ids": ids},
    )
    return {attempt.action: attempt for attempt in map(attempt_of, rows)}  # the last one of an action comes last


def last_statuses(reader: AccountReader, actions: Iterable[int]) -> dict[int, int]:
    """The HTTP status that the last attempt of each action was answered with. Actions without an answer are absent."""
    ids = sorted(set(actions))
    if not ids:
        return {}
    rows = reader.db.all(
        f"SELECT action_id, status FROM attempt WHERE +account_id = :account AND {reader.db.member('action_id', 'ids')} ORDER BY action_id, n",
        {"account": reader.account, "ids": ids},
    )
    statuses: dict[int, int | None] = dict(rows)  # the last attempt of an action comes last
    return {action: status for action, status in statuses.items() if status is not None}


def refusals(reader: AccountReader, failures: dict[int, StoredAttempt], *, only_words: Container[int] = ()) -> dict[int, Refusal]:
    """The refusals of failed attempts, by action. It takes one statement for the answers, and one for the connections as they were then.

    only_words: actions whose target's words are enough, for which no connection is read
    """
    answers = exchanges(reader.db, reader.account, failures)
    # How each version of a connection signed in. A body from another release may be unreadable.
    sign_ins: dict[tuple[int, int], SignIn] = {}
    explained = [each for action, each in failures.items() if action not in only_words]
    versions = {(each.connection, each.connection_version) for each in explained if each.status is not None and each.connection_version}
    for version, body in configuration_versions.past_bodies(reader.db, reader.account, "connection", versions).items():
        with suppress(ConnectionSetupError):
            sign_ins[version] = Connection.from_body(body).sign_in
    return {
        action: Refusal(
            said_by_target(answers.get((action, each.number))),
            error_of(answers.get((action, each.number))),
            None if action in only_words else sign_ins.get((each.connection, each.connection_version)),
        )
        for action, each in failures.items()
    }


def said_by_target(exchange: Exchange | None) -> str:
    """The target's own short word for its refusal, such as no_service; "" if it gave none, or if the answer is not stored."""
    response = _response(exchange)
    return own_words(response) if response else ""


def error_of(exchange: Exchange | None) -> str:
    """The error code of RFC 6749 or RFC 6750 that an answer states; "" if it states none."""
    response = _response(exchange)
    return stated_error(response) if response else ""


def _response(exchange: Exchange | None) -> TargetResponse | None:
    if exchange is None or exchange.status is None:
        return None
    body = exchange.response_body.encode("utf-8", "replace")
    return TargetResponse(exchange.status, exchange.response_headers, body, cut=exchange.truncated, charset=UTF_8)
