"""What became of the changes that one actor recorded, such as an import: how many deliveries wait, were delivered, or failed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from heliograph.domain.delivery.action import ActionState, Origin
from heliograph.domain.flow.flow import Mode
from heliograph.store.database import Database
from heliograph.store.row_states import STUCK_RUN_OPEN, STUCK_RUN_UNTAGGED

MOST_CHANGES: Final = 20_000
"""The first changes of the period that are looked at, whoever recorded them."""


@dataclass(frozen=True, slots=True)
class ActorOutcomes:
    """The deliveries of an actor's changes, without what a person resent or replayed."""

    live: Counter[ActionState] = field(default_factory=Counter)
    """The number of Live deliveries by their states."""
    test: int = 0
    """The number of deliveries of flows in Test."""
    untagged: int = 0
    """The number of decisions of Live flows that wait for a tag."""
    undecided: int = 0
    """The number of other decisions of Live flows that were not made, and are tried again or failed."""
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
    runs: dict[int, int] = dict(
        db.all(
            f"SELECT CASE WHEN {STUCK_RUN_UNTAGGED} THEN 1 ELSE 0 END, count(*) FROM ({first}) c JOIN stuck_run j ON j.change_id = c.id"
            f" WHERE c.by = :actor AND {STUCK_RUN_OPEN} AND mode = {Mode.LIVE.code} GROUP BY 1",
            given,
        )
    )
    live = Counter({ActionState(state): number for mode, state, number in actions if mode == Mode.LIVE.code})
    tests = sum(number for mode, _state, number in actions if mode != Mode.LIVE.code)
    return ActorOutcomes(live, tests, runs.get(1, 0), runs.get(0, 0), scanned > MOST_CHANGES)
