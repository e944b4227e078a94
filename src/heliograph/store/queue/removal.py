"""Removes old content and old records (O4, X6; docs/design/retention.md): every statement of it, in chunks.

Each function works in the caller's transaction on what it is given, and looks again at what must stay: an action may have been submitted
since it was chosen. Instants are microseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from pyroaring import BitMap

from heliograph.domain.delivery.retry_policy import MINUTE
from heliograph.domain.figures import WEBHOOKS
from heliograph.domain.retention import Cuts
from heliograph.store.database import Database
from heliograph.store.queue import pending_items, stuck_runs
from heliograph.store.queue.figure_deltas import BitmapKey, unite
from heliograph.store.queue.lane_reads import lock_lanes
from heliograph.store.retention_record import Removed
from heliograph.store.row_states import ACTION_ENDED, ACTION_OPEN, ACTION_WAITS_FOR_SAVE, STUCK_RUN_WAITING

NOTHING_BEFORE = "{}"
"""The stored old values of a change of which only the state after it is kept: an empty object."""

type Place = tuple[int, int, int]
"""A place in a walk through old rows: instant, id, number of the attempt."""
START: Place = (0, 0, 0)
type OldRows = Callable[[Database, int, int, Place, int], list[Place]]
"""Lists old rows of an account: (database, account, cut, after, limit). They are older than `cut` and come after the place `after`."""


# ---- what is old -------------------------------------------------------------------------------------------------------------


def old_changes(db: Database, account: int, cut: int, after: Place, limit: int) -> list[Place]:
    """Changes older than `cut`, the oldest first."""
    return _places(db, "SELECT at, id, 0 FROM change", "at, id", account, cut, after, limit)


def old_contents(db: Database, account: int, cut: int, after: Place, limit: int) -> list[Place]:
    """Changes whose stored content is older than `cut`."""
    return _places(db, "SELECT at, change_id, 0 FROM change_content", "at, change_id", account, cut, after, limit)


def old_exchanges(db: Database, account: int, cut: int, after: Place, limit: int) -> list[Place]:
    """Actions with attempts whose stored content is older than `cut`."""
    return _places(db, "SELECT at, action_id, n FROM attempt_content", "at, action_id, n", account, cut, after, limit)


def _places(db: Database, select: str, key: str, account: int, cut: int, after: Place, limit: int) -> list[Place]:
    params = {"account": account, "cut": cut, "limit": limit, **dict(zip(("at", "id", "n"), after, strict=True))}
    beyond = f"({key}) > (:at, :id, :n)" if key.endswith(" n") else f"({key}) > (:at, :id)"
    if not key.endswith(" n"):
        del params["n"]
    rows = db.all(f"{select} WHERE account_id = :account AND at < :cut AND {beyond} ORDER BY {key} LIMIT :limit", params)
    return [(at, id, n) for at, id, n in rows]


# ---- what stays ----------------------------------------------------------------------------------------------------------------


def open_changes(db: Database, changes: Collection[int]) -> set[int]:
    """The changes with something in the queue: an action to be sent or retried, or a run that waits for a tag or is decided again."""
    return _due_changes(db, changes) | _waiting_changes(db, changes)


def content_kept(db: Database, changes: Collection[int]) -> set[int]:
    """The changes whose content must stay complete, because something in the queue needs it.

    A run that waits for a tag, and an action that waits for a save, end when their content is removed (F7, D5). So they keep only the content
    that stays for good: that of the newest change of a registration or event.
    """
    return _due_changes(db, changes) | newest_changes(db, _waiting_changes(db, changes))


def _due_changes(db: Database, changes: Collection[int]) -> set[int]:
    return _ids(
        db,
        f"SELECT change_id FROM action WHERE {db.member('change_id', 'ids')} AND {ACTION_OPEN} AND NOT ({ACTION_WAITS_FOR_SAVE})"
        f" UNION SELECT change_id FROM stuck_run WHERE {db.member('change_id', 'ids')} AND {STUCK_RUN_WAITING} AND due_at IS NOT NULL",
        changes,
    )


def _waiting_changes(db: Database, changes: Collection[int]) -> set[int]:
    """The changes with a run that waits for a tag, or an action that waits for a save."""
    return _ids(
        db,
        f"SELECT change_id FROM stuck_run WHERE {db.member('change_id', 'ids')} AND {STUCK_RUN_WAITING} AND due_at IS NULL"
        f" UNION SELECT change_id FROM action WHERE {db.member('change_id', 'ids')} AND {ACTION_WAITS_FOR_SAVE}",
        changes,
    )


def recent_changes(db: Database, changes: Collection[int], cut: int) -> set[int]:
    """The changes with an action that was created, or an attempt that began, at `cut` or later: figures of a kept period link to them."""
    return _ids(
        db,
        f"SELECT a.change_id FROM action a WHERE {db.member('a.change_id', 'ids')} AND (a.created >= :cut"
        " OR EXISTS (SELECT 1 FROM attempt t WHERE t.action_id = a.id AND t.at >= :cut))",
        changes,
        cut=cut,
    )


def newest_changes(db: Database, changes: Collection[int]) -> set[int]:
    """The newest changes of active registrations and of events. Their state is also the current state of the registration or event."""
    return _ids(
        db,
        f"SELECT c.id FROM change c JOIN registration r ON r.id = c.subject_id AND r.version = c.version WHERE {db.member('c.id', 'ids')}"
        " AND r.is_active UNION SELECT c.id FROM change c JOIN event e ON e.id = c.subject_id AND e.version = c.version"
        f" WHERE {db.member('c.id', 'ids')}",
        changes,
    )


def _ids(db: Database, sql: str, ids: Collection[int], **params: int) -> set[int]:
    return {id for (id,) in db.all(sql, {"ids": sorted(ids), **params})} if ids else set()


def lock_lanes_of(db: Database, column: str, ids: Collection[int]) -> None:
    """Locks the lanes of these actions until the transaction ends. On SQLite the transaction itself keeps other writers out."""
    if db.vendor == "postgresql" and ids:
        rows = db.all(f"SELECT DISTINCT lane_id FROM action WHERE {db.member(column, 'ids')}", {"ids": sorted(ids)})
        lock_lanes(db, [lane for (lane,) in rows])


# ---- removal -------------------------------------------------------------------------------------------------------------------


def blank_changes(db: Database, changes: Collection[int]) -> Removed:
    """Removes the content of changes, and ends what waited with it: runs for a tag, actions for a save. The newest change of a registration or
    event keeps its state, and loses only its old values."""
    stuck_runs.lock_waiting(db, changes)  # before lanes: the worker locks in this order, too
    lock_lanes_of(db, "change_id", changes)
    idle = set(changes) - content_kept(db, changes)
    newest = newest_changes(db, idle)
    stuck_runs.end_runs_of_changes(db, idle - newest)
    pending_items.end_of_content(db, idle - newest)
    gone = _delete(db, "change_content", "change_id", idle - newest)
    if newest:
        gone += db.run(
            f"UPDATE change_content SET before = :nothing WHERE {db.member('change_id', 'ids')} AND before <> :nothing",
            {"ids": sorted(newest), "nothing": NOTHING_BEFORE},
        )
    return Removed(contents=gone)


def blank_exchanges(db: Database, actions: Collection[int], cut: int) -> Removed:
    """Removes requests, responses and messages of attempts that began before `cut`, if their action has ended."""
    lock_lanes_of(db, "id", actions)
    ended = actions and {
        id for (id,) in db.all(f"SELECT id FROM action WHERE {db.member('id', 'ids')} AND {ACTION_ENDED}", {"ids": sorted(actions)})
    }
    if not ended:
        return Removed()
    params = {"ids": sorted(ended), "cut": cut}
    gone = db.run(f"DELETE FROM attempt_content WHERE {db.member('action_id', 'ids')} AND at < :cut", params)
    db.run(f"UPDATE attempt SET message = '' WHERE {db.member('action_id', 'ids')} AND at < :cut AND message <> ''", params)
    db.run(
        f"UPDATE action SET message = '' WHERE {db.member('id', 'ids')} AND message <> ''"
        f" AND id NOT IN (SELECT action_id FROM attempt WHERE {db.member('action_id', 'ids')} AND at >= :cut)",
        params,
    )
    return Removed(contents=gone)


def removable(db: Database, changes: Collection[int], cut: int) -> set[int]:
    """The changes that can be removed with everything that belongs to them: nothing of it is in the queue or younger than `cut`."""
    return set(changes) - open_changes(db, changes) - recent_changes(db, changes, cut)


def remove_records(db: Database, account: int, changes: Collection[int], cut: int) -> Removed:
    """Removes changes with their runs, actions and attempts. Of the newest change of a registration or event only the change itself stays.

    First the serials of the removed changes are added to bitmaps by minute, so that Unique Registrations of a past period does not change.
    """
    lock_lanes_of(db, "change_id", changes)
    old = removable(db, changes, cut)
    if not old:
        return Removed()
    gone = old - newest_changes(db, old)
    _keep_serials(db, account, gone)
    actions = _ids(db, f"SELECT id FROM action WHERE {db.member('change_id', 'ids')}", old)
    contents = _delete(db, "attempt_content", "action_id", actions) + _delete(db, "change_content", "change_id", gone)
    attempts = _delete(db, "attempt", "action_id", actions)
    _delete(db, "action", "id", actions)
    _delete(db, "stuck_run", "change_id", old)
    runs = _delete(db, "run", "change_id", old)
    return Removed(contents, _delete(db, "change", "id", gone), runs, len(actions), attempts)


def _keep_serials(db: Database, account: int, changes: Collection[int]) -> None:
    rows = changes and db.all(
        "SELECT c.at, c.mode, r.serial FROM change c JOIN registration r ON r.id = c.registration_id"
        f" WHERE {db.member('c.id', 'ids')} AND c.processed AND r.serial IS NOT NULL",
        {"ids": sorted(changes)},
    )
    bitmaps: dict[BitmapKey, BitMap] = {}
    for at, mode, serial in rows or ():
        bitmaps.setdefault((1, at // MINUTE, mode, WEBHOOKS), BitMap()).add(serial)
    unite(db, account, bitmaps)


def _delete(db: Database, table: str, column: str, ids: Collection[int]) -> int:
    return db.run(f"DELETE FROM {table} WHERE {db.member(column, 'ids')}", {"ids": sorted(ids)}) if ids else 0


# ---- what it would be ----------------------------------------------------------------------------------------------------------


STRETCH = 1_000
"""The number of old rows that a survey reads at once."""
STEPS = 5
"""The number of stretches of each kind that the survey of a page reads. 1,000 rows cost about 5 ms."""
MOST_STEPS = 300
"""The number of stretches that are read before an Administrator agrees to a removal, because the question has to state what is lost."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What a removal would take now."""

    removed: Removed
    oldest: int | None = None
    """The oldest of these rows; None if there are none."""
    waiting: int = 0
    """Old changes that stay, because something in the queue needs them."""
    ending: int = 0
    """Changes with something that waits for a tag or a save, which would end (F7, D5)."""
    more: bool = False
    """True if there are more old rows than were read, so that a removal may take something although nothing is counted."""

    def __add__(self, other: Survey) -> Survey:
        moments = [at for at in (self.oldest, other.oldest) if at is not None]
        return Survey(
            self.removed + other.removed,
            min(moments, default=None),
            self.waiting + other.waiting,
            self.ending + other.ending,
            self.more or other.more,
        )

    @property
    def may_remove(self) -> bool:
        """False only if a removal would certainly take nothing."""
        return bool(self.removed) or self.more


def survey(db: Database, account: int, cuts: Cuts, most: int = STRETCH, steps: int = STEPS) -> Survey:
    """Counts what a removal would take of the oldest contents, attempts and changes. Of each kind it reads at most `steps` stretches of `most`
    rows.

    The oldest rows include those that stay for good (the newest content of each registration), of which there may be any number. They are
    read and passed over within the same bound.
    """
    total = Survey(Removed())
    for old, cut, surveyed in _walks(db, cuts):
        at = START
        places: list[Place] = []
        for _step in range(steps):
            places = old(db, account, cut, at, most)
            total += surveyed(places)
            if len(places) < most:
                break
            at = places[-1]
        if len(places) == most:
            total += Survey(Removed(), more=bool(old(db, account, cut, places[-1], 1)))
    return total


def _walks(db: Database, cuts: Cuts) -> tuple[tuple[OldRows, int, Callable[[list[Place]], Survey]], ...]:
    """For each kind of old rows: the function that lists them, their cut, and a function that counts what a removal would take of a stretch."""

    def contents(places: list[Place]) -> Survey:
        blanked, waiting, ending = _blanked_contents(db, places)
        return Survey(Removed(contents=len(blanked)), _oldest(blanked), waiting, ending)

    def exchanges(places: list[Place]) -> Survey:
        # An attempt keeps its content while its action is open.
        ended = _ids(db, f"SELECT id FROM action WHERE {db.member('id', 'ids')} AND {ACTION_ENDED}", {id for _at, id, _n in places})
        blanked = [place for place in places if place[1] in ended]
        return Survey(Removed(contents=len(blanked)), _oldest(blanked))

    def records(places: list[Place]) -> Survey:
        gone, removed = _removed_records(db, places, cuts.rows)
        return Survey(removed, _oldest(gone))

    return (old_contents, cuts.content, contents), (old_exchanges, cuts.content, exchanges), (old_changes, cuts.rows, records)


def _oldest(places: Sequence[Place]) -> int | None:
    return min((at for at, _id, _n in places), default=None)


def _blanked_contents(db: Database, places: Sequence[Place]) -> tuple[list[Place], int, int]:
    """Of a stretch of old contents of changes:
    those that a removal would take
    how many stay because something in the queue needs them
    how many have something that waits for a tag or a save, and would end"""
    ids = [id for _at, id, _n in places]
    waiting = content_kept(db, ids)
    newest = newest_changes(db, set(ids) - waiting)
    emptied = _ids(
        db, f"SELECT change_id FROM change_content WHERE {db.member('change_id', 'ids')} AND before = '{NOTHING_BEFORE}'", newest
    )
    ending = _waiting_changes(db, set(ids) - waiting)
    return [place for place in places if place[1] not in waiting and place[1] not in emptied], len(waiting), len(ending)


def _removed_records(db: Database, places: Sequence[Place], cut: int) -> tuple[list[Place], Removed]:
    """The old changes of which a removal would take something, and how much. Of the newest change of a registration or event the change
    stays."""
    old = removable(db, [id for _at, id, _n in places], cut)
    gone = old - newest_changes(db, old)
    actions = _ids(db, f"SELECT id FROM action WHERE {db.member('change_id', 'ids')}", old)
    removed = Removed(
        changes=len(gone),
        runs=_count(db, "run", "change_id", old),
        actions=len(actions),
        attempts=_count(db, "attempt", "action_id", actions),
    )
    emptied = _ids(db, f"SELECT DISTINCT change_id FROM run WHERE {db.member('change_id', 'ids')}", old)
    emptied |= _ids(db, f"SELECT DISTINCT change_id FROM action WHERE {db.member('change_id', 'ids')}", old)
    return [place for place in places if place[1] in gone | emptied], removed


def _count(db: Database, table: str, column: str, ids: Collection[int]) -> int:
    if not ids:
        return 0
    ((count,),) = db.all(f"SELECT count(*) FROM {table} WHERE {db.member(column, 'ids')}", {"ids": sorted(ids)})
    return int(count)


def has_old(db: Database, account: int, cuts: Cuts) -> bool:
    """Whether anything of the account is older than its terms."""
    return bool(
        old_contents(db, account, cuts.content, START, 1)
        or old_exchanges(db, account, cuts.content, START, 1)
        or old_changes(db, account, cuts.rows, START, 1)
    )


def has_removable(db: Database, account: int, cuts: Cuts, stopped: Callable[[], bool], size: int = 10_000) -> bool:
    """Whether a removal would take anything now, of all that is old; what stays does not count. Reads only, `size` rows at a time.

    stopped: true ends it early, with False.
    """
    for old, cut, surveyed in _walks(db, cuts):
        at = START
        while not stopped() and (places := old(db, account, cut, at, size)):
            if surveyed(places).removed:
                return True
            at = places[-1]
    return False
