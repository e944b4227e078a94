"""Saving a fix makes the Retry and Error items that it resolves due at once (D7).

The saver locks the account's configuration exclusively. So an attempt that failed because of the old configuration settles before or after the
save. Before it, the save reschedules the item; after it, settling sees that the attempt used an older version.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from heliograph.domain.connection.cure import curable_causes
from heliograph.domain.delivery.outcomes import CURED_BY_ADDRESS, CURED_BY_CONNECTION, CURED_BY_FLOW, CURED_BY_MAPPING, Cause
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.setup.services.dependents import uses_above
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.usage import Tagged, Thing
from heliograph.store import connection_states
from heliograph.store.database import Database
from heliograph.store.queue import pending_items, stuck_runs
from heliograph.store.queue.stuck_runs import StateField, StatePart, TaggedObject

ENDED_AT_ONCE = 10
"""Chunks of lanes that are ended within a saver's transaction; the engine ends the rest when it is their turn to be sent."""

_TAGGED_IN: Final[Mapping[TagKind, tuple[StatePart, StateField]]] = {
    TagKind.REGISTRATION_STATUS: ("registration", "status"),
    TagKind.SESSION_STATUS: ("session", "status"),
    TagKind.EVENT_STATUS: ("event", "status"),
    TagKind.REGISTRATION_PROPERTY: ("registration", "properties"),
}
"""The part and the field of a change's state that name the tagged object."""


def flow_saved(transaction: SetupTransaction, flow: int, *, rules_changed: bool) -> None:
    """After a save of a flow, reschedules the items that waited for it.

    rules_changed: True if the worker has to decide the flow's stuck runs again.
    """
    pending_items.reschedule_flow(
        transaction.db,
        transaction.account,
        flow,
        CURED_BY_FLOW - {Cause.UNTAGGED},
        pending_items.does_of(transaction.db, transaction.account),
    )
    if rules_changed:
        stuck_runs.note_flow_saved(transaction.db, transaction.account, flow)


def flows_run_again(transaction: SetupTransaction, flows: Iterable[int]) -> None:
    """After flows became active and complete, lets the worker decide their stuck runs again."""
    for flow in flows:
        stuck_runs.note_flow_saved(transaction.db, transaction.account, flow)


def signal_enabled(db: Database, account: int) -> None:
    """After Signal was switched on for the account, lets the worker decide the stuck runs of all its flows again."""
    stuck_runs.note_flow_saved(db, account, None)


def connection_saved(
    transaction: SetupTransaction, connection: int, *, changed: frozenset[str] | None = None, moved: bool = False, elsewhere: bool = False
) -> None:
    """After a save of a connection, reschedules the items whose cause the save may cure, such as wrong credentials.

    Other items wait on, because each attempt uses up one of an item's tries.

    changed: the settings that the save changed (`cure.changed_settings`); None if somebody signed in, resumed or released the connection.
    moved: requests take another way to the target, so earlier failures to reach it are forgotten.
    elsewhere: the connection has another address.
    """
    causes = CURED_BY_CONNECTION | CURED_BY_ADDRESS if moved else CURED_BY_CONNECTION
    if changed is not None:
        causes &= curable_causes(changed)
    if causes:
        pending_items.reschedule_connection(
            transaction.db, transaction.account, connection, causes, pending_items.does_of(transaction.db, transaction.account)
        )
    if moved:
        connection_states.forget_failures(transaction.db, transaction.account, connection, elsewhere=elsewhere)


def mapping_saved(transaction: SetupTransaction, mapping: int) -> None:
    """After a save of a mapping, reschedules the items that wait for it in the flows that use it."""
    for flow in sorted(use.id for use in uses_above(transaction.account, Thing.MAPPING, mapping)):
        pending_items.reschedule_flow(
            transaction.db, transaction.account, flow, CURED_BY_MAPPING, pending_items.does_of(transaction.db, transaction.account)
        )


def objects_tagged(db: Database, account: int, objects: Iterable[Tagged]) -> None:
    """After untagged objects got their first tag, lets the worker decide the stuck runs that wait for these objects again.

    The worker does so at once, in bounded steps.
    """
    places = [(_TAGGED_IN.get(tagged.kind), tagged.id) for tagged in objects]
    stuck_runs.note_tagged(db, account, [TaggedObject(*place, id) for place, id in places if place is not None])


def flow_deleted(transaction: SetupTransaction, flow: int) -> None:
    """After a flow was deleted (P12), its undelivered actions fail.

    The worker ends the flow's stuck runs in bounded steps, because a flow can have any number of them.
    """
    stuck_runs.note_flow_saved(transaction.db, transaction.account, flow)
    for _ in range(ENDED_AT_ONCE):
        if not pending_items.end_flow(transaction.db, transaction.account, flow):
            break


def destination_removed(transaction: SetupTransaction, destination: int) -> None:
    """After a destination was removed (F8), its undelivered actions fail."""
    for _ in range(ENDED_AT_ONCE):
        if not pending_items.end_destination(transaction.db, transaction.account, destination):
            break
