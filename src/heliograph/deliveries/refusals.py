"""The last refusal of an action: what the target answered, and over which connection, as that was set up then.

A flow may send over another connection by now, and the connection may have other credentials: neither has refused anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from heliograph.deliveries.database import AccountReader
from heliograph.deliveries.exchanges import Exchange, exchanges
from heliograph.domain.connection.connection import Connection, SignIn
from heliograph.domain.connection.rule_proposal import own_words
from heliograph.domain.connection.setup_error import ConnectionSetupError
from heliograph.domain.connection.stated_error import stated_error
from heliograph.domain.connection.target_reply import UTF_8, TargetReply
from heliograph.domain.delivery.action import ActionState
from heliograph.store import configuration


@dataclass(frozen=True, slots=True)
class LastFailure:
    """The last attempt of an action that was no success.

    n: its number among the action's attempts
    status: of the answer, None if there was none
    connection: the one that it went over
    version: of that connection, 0 where it is not known
    """

    n: int
    status: int | None
    connection: int
    version: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a target answered.

    says: its own short word for it, such as no_service; "" where it has none
    error: the code of RFC 6749 or RFC 6750 that it states, "" for none
    sign_in: how the connection proved who sends then, None where that is not known
    """

    says: str = ""
    error: str = ""
    sign_in: SignIn | None = None


UNKNOWN_REFUSAL = Refusal()


def last_failures(reading: AccountReader, actions: Iterable[int]) -> dict[int, LastFailure]:
    """The last failed attempt of each action that has one."""
    ids = sorted(set(actions))
    if not ids:
        return {}
    rows = reading.db.all(
        f"SELECT action_id, n, status, connection_id, versions FROM attempt WHERE +account_id = :account AND state <> {int(ActionState.SUCCESS)}"
        f" AND {reading.db.member('action_id', 'ids')} ORDER BY action_id, n",
        {"account": reading.account, "ids": ids},
    )
    return {action: LastFailure(n, status, connection, _connection_version(versions)) for action, n, status, connection, versions in rows}


def refusals(reading: AccountReader, failures: dict[int, LastFailure]) -> dict[int, Refusal]:
    """What the targets answered in these attempts, by action. One statement for the answers, and one for each version of a connection."""
    answers = exchanges(reading.db, reading.account, failures)
    sign_ins = {
        (each.connection, each.version): _sign_in(reading, each.connection, each.version)
        for each in failures.values()
        if each.status is not None
    }
    return {
        action: Refusal(
            said_by_target(answers.get((action, each.n))),
            error_of(answers.get((action, each.n))),
            sign_ins.get((each.connection, each.version)),
        )
        for action, each in failures.items()
    }


def said_by_target(exchange: Exchange | None) -> str:
    """The target's own short word for it, such as no_service; "" where it has none, or its answer is not kept."""
    reply = _reply(exchange)
    return own_words(reply) if reply else ""


def error_of(exchange: Exchange | None) -> str:
    """The error code of RFC 6749 or RFC 6750 that an answer states, "" for none."""
    reply = _reply(exchange)
    return stated_error(reply) if reply else ""


def _reply(exchange: Exchange | None) -> TargetReply | None:
    if exchange is None or exchange.status is None:
        return None
    body = exchange.response_body.encode("utf-8", "replace")
    return TargetReply(exchange.status, exchange.response_headers, body, cut=exchange.truncated, charset=UTF_8)


def _sign_in(reading: AccountReader, connection: int, version: int) -> SignIn | None:
    """How a version of a connection proves who sends."""
    past = configuration.past_body(reading.db, reading.account, "connection", connection, version) if version else None
    try:
        return Connection.from_body(past[1]).sign_in if past else None
    except ConnectionSetupError:  # a version from another release
        return None


def _connection_version(versions: str) -> int:
    """The connection's version among those of flow, connection and mappings that an attempt names; 0 without it."""
    numbers = versions.replace(",", " ").split()
    return int(numbers[1]) if len(numbers) > 1 and numbers[1].isdecimal() else 0
