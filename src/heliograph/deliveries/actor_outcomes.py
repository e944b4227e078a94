"""What became of the changes that one actor recorded, such as an import: how many deliveries wait, were delivered, or failed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from heliograph.domain.delivery.action import ActionState, Origin
from heliograph.domain.delivery.outcomes import Cause
from heliograph.domain.flow.flow import Mode
from heliograph.store.database import Database
from heliograph.store.row_states import STUCK_RUN_OPEN

MOST_CHANGES: Final = 20_000
"""The first changes of the period that are looked at, whoever recorded them."""
_GROUPS: Final = {
    ActionState.PENDING: "waiting",
    ActionState.QUEUED: "waiting",
    ActionState.SUCCESS: "delivered",
    ActionState.SUPERSEDED: "delivered",
    ActionState.FAILED: "failed",
    ActionState.VALIDATION: "invalid",
}


@dataclass(frozen=True, slots=True)
class ActorOutcomes:
    """The deliveries of an actor's changes, without what a person resent or replayed."""

    live: Counter[str] = field(default_factory=Counter)
    """The number of Live deliveries by "delivered", "waiting", "failed" and "invalid"."""
    test: int = 0
    """The number of deliveries of flows in Test."""
    untagged: int = 0
    """The number of decisions of Live flows that wait for a tag."""
    is_more: bool = False
    """True if the period has more changes than MOST_CHANGES."""


def outcomes_by_actor(db: Database, account: int, actor: str, since: int, until: int) -> ActorOutcomes:
    """What became of the changes that an actor recorded from `since` to `until` (microseconds, both inclusive)."""
    given = {"account": account, "actor": actor, "since": since, "until": until}
    first = (
        f"SELECT id, by FROM change WHERE account_id = :account AND at >= :since AND at <= :until ORDER BY at, id LIMIT {MOST_CHANGES + 1}"
    )
    ((scanned,),) = db.all(f"SELECT count(*) FROM ({first}) c", given)
    actions = db.all(
        f"SELECT a.mode, a.state, count(*) FROM ({first}) c JOIN action a ON a.change_id = c.id"
        f" WHERE c.by = :actor AND a.origin IN ({Origin.RECORDED:d}, {Origin.RECONSIDERED:d}) GROUP BY a.mode, a.state",
        given,
    )
    ((untagged,),) = db.all(
        f"SELECT count(*) FROM ({first}) c JOIN stuck_run j ON j.change_id = c.id"
        f" WHERE c.by = :actor AND j.{STUCK_RUN_OPEN} AND j.cause = '{Cause.UNTAGGED.value}' AND j.mode = {Mode.LIVE.code}",
        given,
    )
    live: Counter[str] = Counter()
    for mode, state, number in actions:
        if mode == Mode.LIVE.code:
            live[_GROUPS[ActionState(state)]] += number
    tests = sum(number for mode, _state, number in actions if mode != Mode.LIVE.code)
    return ActorOutcomes(live, tests, untagged, scanned > MOST_CHANGES)
