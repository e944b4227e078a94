"""The reads and writes of a replay on the queue (Y1; docs/design/queue.md, section 12)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from heliograph.domain.delivery import lanes as rules
from heliograph.domain.delivery.action import ActionState, Origin
from heliograph.store.database import Database
from heliograph.store.queue.outcome_store import apply_to_lanes
from heliograph.store.queue.submissions import DoesOf
from heliograph.store.row_states import ACTION_OPEN


@dataclass(frozen=True, slots=True)
class LaneVersions:
    """The newest version of a subject that may have been sent to a destination, and the newest that waits to be sent; 0 for none."""

    begun: int = 0
    open: int = 0


def lane_versions(db: Database, destination: int, subjects: Collection[int]) -> dict[int, LaneVersions]:
    """The sent and the waiting versions of these subjects at a destination, by subject."""
    rows = db.all(
        f"SELECT l.subject_id, l.begun_version, (SELECT max(a.version) FROM action a WHERE a.lane_id = l.id AND a.{ACTION_OPEN})"
        f" FROM lane l WHERE l.destination_id = :destination AND {db.member('l.subject_id', 'subjects')}",
        {"destination": destination, "subjects": sorted(subjects)},
    )
    return {subject: LaneVersions(begun, open_version or 0) for subject, begun, open_version in rows}


@dataclass(frozen=True, slots=True)
class Delivery:
    """An action that was delivered. ended: microseconds."""

    action: int
    version: int
    ended: int


def deliveries(db: Database, account: int, destination: int, subjects: Collection[int]) -> dict[int, list[Delivery]]:
    """The deliveries to a destination, by subject, in the order of versions. They are read through the subjects' changes, the only index that
    leads there."""
    rows = db.all(
        "SELECT c.subject_id, a.id, a.version, a.ended FROM change c JOIN action a ON a.change_id = c.id"
        f" WHERE {db.member('c.subject_id', 'subjects')} AND +c.account_id = :account AND a.destination_id = :destination AND a.state = {ActionState.SUCCESS}"
        " ORDER BY a.version, a.id",
        {"account": account, "destination": destination, "subjects": sorted(subjects)},
    )
    deliveries: dict[int, list[Delivery]] = {}
    for subject, action, version, ended in rows:
        deliveries.setdefault(subject, []).append(Delivery(action, version, ended or 0))
    return deliveries


def newest_actions(db: Database, account: int, destination: int, subjects: Collection[int]) -> dict[int, int]:
    """The newest action of each subject at a destination: the one that a replay repeats (D1)."""
    rows = db.all(
        "SELECT c.subject_id, max(a.id) FROM change c JOIN action a ON a.change_id = c.id"
        f" WHERE {db.member('c.subject_id', 'subjects')} AND +c.account_id = :account AND a.destination_id = :destination"
        " GROUP BY c.subject_id",
        {"account": account, "destination": destination, "subjects": sorted(subjects)},
    )
    return dict(rows)


def kept_requests(db: Database, account: int, actions: Collection[int]) -> dict[int, str]:
    """The stored request of the last attempt of each action. Actions whose content was removed are missing (X6)."""
    if not actions:
        return {}
    rows = db.all(
        f"SELECT action_id, n, request FROM attempt_content WHERE +account_id = :account AND {db.member('action_id', 'ids')} ORDER BY action_id, n",
        {"account": account, "ids": sorted(actions)},
    )
    return {action: request for action, _n, request in rows if request}


def outstanding(db: Database, account: int, flow: int) -> int:
    """Replayed actions of a flow whose first attempt has not ended."""
    ((count,),) = db.all(  # every id is above 0: SQLite takes the index of the few that are open only where their key is asked for
        f"SELECT count(*) FROM action WHERE origin = {Origin.REPLAY} AND state = {ActionState.PENDING} AND id > 0 AND +account_id = :account AND +flow_id = :flow",
        {"account": account, "flow": flow},
    )
    return int(count)


def withdraw(db: Database, actions: Sequence[int], does_of: DoesOf) -> int:
    """Ends these replayed actions where they are not delivered yet, in the caller's transaction. Returns how many lanes it looked at.

    A request in flight may still arrive, and then counts as delivered. From the commit on none starts: the worker asks again before it sends.
    """
    rows = db.all(f"SELECT DISTINCT lane_id FROM action WHERE {db.member('id', 'ids')} AND {ACTION_OPEN}", {"ids": list(actions)})
    chosen = frozenset(actions)
    return apply_to_lanes(
        db,
        [lane for (lane,) in rows],
        lambda stored, about, now: rules.withdraw(does_of(stored.lane.destination), stored.lane, about, chosen, now),
    )
