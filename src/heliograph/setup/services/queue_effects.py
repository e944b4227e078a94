"""Saving a fix makes the Retry and Error items that it resolves due at once (D7).

The saver locks the account's configuration exclusively. So an attempt that failed because of the old configuration settles either before
the save, and is found here, or after it, and sees that it used an older version.
"""

from __future__ import annotations

from collections.abc import Iterable

from heliograph.domain.delivery.outcomes import CURED_BY_ADDRESS, CURED_BY_CONNECTION, CURED_BY_FLOW, CURED_BY_MAPPING, Cause
from heliograph.domain.setup.tags import TagKind
from heliograph.setup.services.dependents import uses_above
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.usage import Tagged, Thing
from heliograph.store import connection_states
from heliograph.store.database import Database
from heliograph.store.queue import pending_items

ENDED_AT_ONCE = 10
"""Chunks of lanes that are ended within a saver's transaction; the engine ends the rest when it is their turn to be sent."""


def flow_saved(s: SetupTransaction, flow: int, *, rules_changed: bool) -> None:
    """A flow was saved: reschedules what waited for it, and if its rules changed also the untagged runs that it may now decide differently."""
    pending_items.reschedule_flow(s.db, s.account, flow, CURED_BY_FLOW - {Cause.UNTAGGED}, pending_items.does_of(s.db, s.account))
    if rules_changed:
        pending_items.reschedule_runs(s.db, s.account, flow)


def connection_saved(s: SetupTransaction, connection: int, *, moved: bool = False, elsewhere: bool = False) -> None:
    """A connection was saved: its credentials, or what its flows lacked. moved: it is reached in another way than before, so failures to reach it say
    nothing any more; elsewhere: at another address."""
    causes = CURED_BY_CONNECTION | CURED_BY_ADDRESS if moved else CURED_BY_CONNECTION
    pending_items.reschedule_connection(s.db, s.account, connection, causes, pending_items.does_of(s.db, s.account))
    if moved:
        connection_states.forget_failures(s.db, s.account, connection, elsewhere=elsewhere)


def mapping_saved(s: SetupTransaction, mapping: int) -> None:
    """A mapping was saved: reschedules what waited for it in the flows that use it."""
    for flow in sorted(use.id for use in uses_above(s.account, Thing.MAPPING, mapping)):
        pending_items.reschedule_flow(s.db, s.account, flow, CURED_BY_MAPPING, pending_items.does_of(s.db, s.account))


def objects_tagged(db: Database, account: int, objects: Iterable[Tagged]) -> None:
    """Untagged objects got their first tag: the runs that waited for exactly these are reconsidered at once. Others keep their three tries."""
    states = {
        TagKind.REGISTRATION_STATUS: ("registration", "status"),
        TagKind.SESSION_STATUS: ("session", "status"),
        TagKind.EVENT_STATUS: ("event", "status"),
        TagKind.REGISTRATION_PROPERTY: ("registration", "properties"),
    }
    for tagged in objects:
        if tagged.kind in states:
            _reconsider_runs(db, account, *states[tagged.kind], tagged.id)


def _reconsider_runs(db: Database, account: int, part: str, field: str, id: int) -> None:
    number = int(id)
    if db.vendor == "sqlite":
        is_it = (
            f"EXISTS (SELECT 1 FROM json_each(x.after, '$.{part}.{field}') WHERE value = {number})"
            if field == "properties"
            else f"json_extract(x.after, '$.{part}.{field}') = {number}"
        )
    elif field == "properties":
        is_it = f"(x.after::jsonb #> '{{{part},{field}}}') @> '{number}'::jsonb"
    else:
        is_it = f"(x.after::jsonb #>> '{{{part},{field}}}') = '{number}'"
    db.run(
        "UPDATE stuck_run SET due_at = :now WHERE account_id = :account AND queue < 3 AND due_at > :now AND cause = :cause AND EXISTS"
        f" (SELECT 1 FROM change c JOIN change_content x ON x.change_id = c.id AND x.at = c.at WHERE c.id = stuck_run.change_id AND {is_it})",
        {"account": account, "now": db.now(), "cause": Cause.UNTAGGED.value},
    )


def flow_deleted(s: SetupTransaction, flow: int) -> None:
    """A flow was deleted (P12): its undelivered actions fail."""
    for _ in range(ENDED_AT_ONCE):
        if not pending_items.end_flow(s.db, s.account, flow):
            break


def destination_removed(s: SetupTransaction, destination: int) -> None:
    """A destination was removed (F8): its undelivered actions fail."""
    for _ in range(ENDED_AT_ONCE):
        if not pending_items.end_destination(s.db, s.account, destination):
            break
