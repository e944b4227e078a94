"""Stores a person's Submit to Retry Queue (guide: Submitting to the Queue; D8). In the caller's transaction; the rules are those of
`domain.delivery.lanes`. Runs without an action are submitted in stuck_runs.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from heliograph.domain.delivery import lanes as rules
from heliograph.domain.delivery.action import Does, NotSubmittable, OpenAction
from heliograph.domain.sentence_template import gettext_noop
from heliograph.store.database import Database
from heliograph.store.queue.lane_reads import lock_lanes, open_actions
from heliograph.store.queue.outcome_store import Settled, store

type DoesOf = Callable[[int], Does]
"""What a destination does, by its id."""

NO_SUCH_ITEM = gettext_noop("There is no such item.")


def submit(
    db: Database, account: int, actions: Sequence[int], does_of: DoesOf, *, as_of: Mapping[int, int] = MappingProxyType({})
) -> dict[int, str]:
    """Submit to Retry Queue (D8). action id -> result: "" = moved to the front, else a sentence that says why not.

    Actions of other accounts are ignored. For an item that newer data has superseded the sentence says so; the item ends as Done.
    as_of: by action, the version of the account's configuration whose mappings that try uses (D8); all others use today's.
    """
    rows = db.all(
        f"SELECT id, lane_id FROM action WHERE {db.member('id', 'ids')} AND +account_id = :account",
        {"ids": list(actions), "account": account},
    )
    lane_of_action: dict[int, int] = dict(rows)
    refusals = {action: NO_SUCH_ITEM for action in actions if action not in lane_of_action}
    lanes = lock_lanes(db, lane_of_action.values())
    opened = open_actions(db, lanes, also=lane_of_action)
    now = db.now()
    for number, lane in sorted(lanes.items(), key=lambda item: item[1].lane.order):
        stored, about = lane, list[OpenAction](opened[number])
        for item in sorted(a for a, where in lane_of_action.items() if where == number):
            try:
                wish = rules.submit(does_of(stored.lane.destination), stored.lane, about, item, now)
            except NotSubmittable as error:
                refusals[item] = str(error)
                continue
            # None: it is already at the front, together with another item
            after = next((m.new for m in wish.moves if m.old.id == item), None)
            refusals[item] = (
                ""
                if after is None or after.state.is_open
                else gettext_noop("Newer data of this registration has been sent already; this item is done.")
            )
            store(db, [Settled(wish, stored, opened[number])], now)
            moved = {move.new.id: move.new for move in wish.moves}
            stored, about = replace(stored, lane=wish.lane), [moved.get(action.id, action) for action in about]
    # The mappings by which the submitted items are sent (D8). Their lanes are still locked.
    submitted = [item for item, text in refusals.items() if not text]
    if submitted:
        db.run(f"UPDATE action SET as_of = NULL WHERE {db.member('id', 'ids')} AND as_of IS NOT NULL", {"ids": submitted})
    mapped = [{"id": item, "as_of": as_of[item]} for item in submitted if item in as_of]
    if mapped:
        db.many("UPDATE action SET as_of = :as_of WHERE id = :id", mapped)
    return refusals
