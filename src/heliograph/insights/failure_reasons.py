"""The reasons for which actions of a period failed, and their cures: the list beside Processing Status (guide: Account Insights)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext as _

from heliograph.deliveries import delivery_words
from heliograph.deliveries.account_reader import AccountReader
from heliograph.deliveries.prospects import prospects
from heliograph.deliveries.refusals import UNKNOWN_REFUSAL, blamed_connection, last_failures, refusals
from heliograph.domain.delivery.action import ActionState
from heliograph.domain.delivery.outcomes import Cause, was_tried
from heliograph.domain.flow.flow import Mode
from heliograph.insights.period import Window
from heliograph.insights.record_kinds import RecordKind
from heliograph.insights.replay_share import ReplayShare
from heliograph.retry.cure_words import Failure, cure_of
from heliograph.retry.fix_links import Trouble
from heliograph.retry.retry_items import action_key
from heliograph.store.queue.action_rows import ACTION_WITH_LANE, StoredAction, action_columns, action_of, attempts_of
from heliograph.store.row_states import ACTION_FAILURE

GROUPED: Final = 2_000
"""How many failed actions are read, newest first."""
SHOWN: Final = 12
"""How many reasons the page shows."""

_KINDS: Final = {
    ActionState.QUEUED: RecordKind.QUEUED,
    ActionState.FAILED: RecordKind.FAILED,
    ActionState.VALIDATION: RecordKind.VALIDATION,
}


@dataclass(frozen=True, slots=True)
class FailureReason:
    """Actions of a period that failed for one reason."""

    number: int
    """The number of actions."""
    state: ActionState
    kind: RecordKind
    """The kind of the list that has these actions."""
    action: int
    """The newest of them; the list has those that failed like it."""
    key: str
    """The key of the group that they are in Retry."""
    cause: str
    """In words."""
    says: str
    """What the target said of its refusal; "" if it said nothing."""
    cure: str
    """In words; "" if nothing is known."""
    trouble: Trouble
    """The failure and where it happened, for the link to the page that fixes it."""


def failure_reasons(
    reader: AccountReader,
    window: Window,
    mode: Mode,
    replays: ReplayShare = ReplayShare.ALL,
) -> tuple[list[FailureReason], bool]:
    """The reasons, the most frequent first, and whether they are all."""
    share = f" AND {condition}" if (condition := replays.condition("+a.origin")) else ""
    rows = reader.db.all(
        f"SELECT {blamed_connection('a', 'l')}, {action_columns()} FROM {ACTION_WITH_LANE} WHERE a.account_id = :account AND a.mode = :mode AND a.created >= :since AND a.created < :until"
        f" AND a.{ACTION_FAILURE}{share} ORDER BY a.created DESC, a.id DESC LIMIT {GROUPED + 1}",
        {"account": reader.account, "mode": mode.code, "since": window.since, "until": window.until},
    )
    groups: dict[tuple[ActionState, Cause | None, str, int], list[StoredAction]] = {}
    for row in rows[:GROUPED]:
        connection, action = row[0], action_of(row[1:])
        groups.setdefault((action.state, action.cause, action.message, connection), []).append(action)
    largest = sorted(groups.items(), key=lambda group: -len(group[1]))[:SHOWN]
    newest = [actions[0] for _key, actions in largest]
    attempts = attempts_of(reader.db, reader.account, [action.id for action in newest])
    failures = last_failures(reader, [action.id for action in newest if was_tried(action.cause)])
    answers, known = refusals(reader, failures), prospects(reader, newest)
    connections = reader.connection_names(connection for (*_reason, connection), _actions in largest)
    reasons = []
    for (*_reason, connection), actions in largest:
        action = actions[0]
        last, prospect = attempts[action.id][-1] if action.id in attempts else None, known[action.id]
        status = last.status if last else None
        failure = Failure(action.cause, action.category, status, answers.get(action.id, UNKNOWN_REFUSAL), connection)
        reasons.append(
            FailureReason(
                number=len(actions),
                state=action.state,
                kind=_KINDS[action.state],
                action=action.id,
                key=action_key(action, connection, status),
                says=failure.refusal.says,
                cause=delivery_words.did(action, last, connections.get(connection, "")),
                cure=cure_of(failure, prospect=prospect, used_up=action.state is ActionState.FAILED, is_single=len(actions) == 1)
                if action.state is not ActionState.VALIDATION
                else _("Not sent, and not tried again. Correct it on the registration; that change is then sent automatically."),
                trouble=Trouble(failure, action.flow, action.destination, prospect),
            )
        )
    return reasons, len(groups) <= SHOWN and len(rows) <= GROUPED
