"""The operations on deliveries: Submit to Retry Queue, discard, sync now, Send this one now and resend (D8, X5).

Pages and commands call the same functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.db import connection, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from heliograph.deliveries.last_mappings import mapped_then
from heliograph.domain.delivery.action import NOTHING_LEFT, ActionState, Does, Origin
from heliograph.domain.errors import HeliographError
from heliograph.domain.figures import Delta
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.decision import FlowVerdict, decide_flow, mode_of
from heliograph.domain.flow.flow import Flow, Mode
from heliograph.domain.flow.stop_causes import destination_of
from heliograph.domain.ids import read_id
from heliograph.domain.registration.change import Change, Facet, SubjectKind
from heliograph.domain.setup.compiled_setup import EventConfig
from heliograph.recording.contents import CHANGE_COLUMNS, FROM_CHANGE, read_change, read_changes
from heliograph.store import configuration_versions
from heliograph.store.config_cache import Committed
from heliograph.store.database import Database
from heliograph.store.django_database import of_django
from heliograph.store.queue import pending_items, stuck_runs, submissions
from heliograph.store.queue.enqueue import AcceptedChange, Order, enqueue, orders_for
from heliograph.store.queue.figure_deltas import put_deltas

AT_ONCE = 500
"""The number of items that one call submits, at most. Larger groups take several calls."""

THEN_GONE = gettext_noop("The mapping that it was sent with is not known, or no longer kept: send it with today’s mapping.")


class NothingToSync(HeliographError):
    """There is nothing to send."""


@dataclass(frozen=True, slots=True)
class Submitted:
    """The result of a submit, by the keys of the items."""

    done: tuple[str, ...]
    """Items that are at the front of their connections' queues now."""
    refused: dict[str, str]
    """The reason for each item that was not submitted, as a sentence."""


def submit(account: int, keys: Sequence[str], *, as_it_was: bool = False) -> Submitted:
    """Puts items at the front of their connections' queues, in one transaction. Keys that are no items of the account are refused.

    keys: such as a12 for an action and r34 for a run
    as_it_was: True if the next try uses the mappings of the item's last attempt (D8)
    """
    with transaction.atomic():
        return submit_in(of_django(connection), account, keys, as_it_was=as_it_was)


def submit_in(db: Database, account: int, keys: Sequence[str], *, as_it_was: bool = False) -> Submitted:
    """Submits items in the caller's transaction, for a job's chunk (see `submit`)."""
    actions, runs = _numbers(keys, "a"), _numbers(keys, "r")
    config = Committed(db).account(account)
    does = {d.id: d.does for flow in config.flows.values() for d in flow.destinations}
    gone = _gone(db, account, keys, config)
    actions = [id for id in actions if f"a{id}" not in gone]
    runs = [id for id in runs if f"r{id}" not in gone]
    then = {id: mapped.version for id in actions if (mapped := mapped_then(db, account, id))} if as_it_was else {}
    gone |= {f"a{id}": THEN_GONE for id in actions if id not in then} if as_it_was else {}
    # Runs are locked before lanes, the order in which they are locked when runs are judged again.
    outcome_by_key = gone | {f"r{id}": text for id, text in stuck_runs.submit_runs(db, account, runs).items()}
    chosen = [id for id in actions if f"a{id}" not in gone]
    answers = submissions.submit(db, account, chosen, lambda id: does.get(id, Does.UPDATES), as_of=then)
    outcome_by_key |= {f"a{id}": text for id, text in answers.items()}
    return Submitted(
        tuple(key for key, text in outcome_by_key.items() if not text), {key: text for key, text in outcome_by_key.items() if text}
    )


def _gone(db: Database, account: int, keys: Sequence[str], config: AccountConfig) -> dict[str, str]:
    """The keys that are no items of the account, and the items whose flow or destination is gone (P12): the reason why they are not submitted,
    by key."""
    places = db.all(
        f"SELECT id, flow_id, destination_id FROM action WHERE +account_id = :account AND {db.member('id', 'ids')}",
        {"account": account, "ids": _numbers(keys, "a")},
    )
    flows = db.all(
        f"SELECT id, flow_id FROM stuck_run WHERE +account_id = :account AND {db.member('id', 'ids')}",
        {"account": account, "ids": _numbers(keys, "r")},
    )
    over = {f"a{id}": destination_of(config, flow, destination) is None for id, flow, destination in places}
    over |= {f"r{id}": flow not in config.flows for id, flow in flows}
    unknown = dict.fromkeys((key for key in keys[:AT_ONCE] if key not in over), submissions.NO_SUCH_ITEM)
    return unknown | {key: NOTHING_LEFT for key, is_over in over.items() if is_over}


def discard(account: int, keys: Sequence[str]) -> int:
    """Ends items that wait because they were made in the other mode of their flow, Live or Test (F3). Other items are left as they are.

    Returns the number of items that were ended.
    """
    with transaction.atomic():
        return discard_in(of_django(connection), account, keys)


def discard_in(db: Database, account: int, keys: Sequence[str]) -> int:
    """Discards items in the caller's transaction, for a job's chunk (see `discard`)."""
    return pending_items.discard(db, account, _numbers(keys, "a"), pending_items.does_of(db, account))


def _numbers(keys: Sequence[str], kind: str) -> list[int]:
    numbers = [key[1:] for key in keys if key[:1] == kind]
    return sorted({id for number in numbers if (id := read_id(number)) is not None})[:AT_ONCE]


def sync_now(account: int, registration: int, flow: int | None = None) -> list[int]:
    """Sends a registration's current state to every destination whose flow accepts it. Returns the connections, one per action.

    It creates new actions, each of which repeats the last one sent to its destination (D1).

    flow: only the destinations of this flow; None for all flows

    Raises NothingToSync with a sentence.
    """
    with transaction.atomic():
        db = of_django(connection)
        configuration_versions.lock_shared(db, [account])
        change, event = _latest(db, account, registration)
        provider = Committed(db)
        config, of_event = provider.account(account), provider.event(event)
        orders = _orders(db, change, config, of_event, registration, flow)
        if not orders:
            raise NothingToSync(
                _("No flow takes this registration as it is now.")
                if flow is None
                else _("This flow does not take this registration as it is now.")
            )
        deltas: list[Delta] = []
        enqueue(db, orders, db.now(), deltas)
        put_deltas(db, deltas)
    return [order.connection for order in orders]


def _latest(db: Database, account: int, registration: int) -> tuple[Change, int]:
    """The registration's own last change, which contains its current state, and its event."""
    rows = db.all(
        f"SELECT {CHANGE_COLUMNS} FROM {FROM_CHANGE} WHERE c.account_id = :account AND c.subject_id = :registration AND c.registration_id = :registration"
        " ORDER BY c.version DESC LIMIT 1",
        {"account": account, "registration": registration},
    )
    if not rows:
        raise NothingToSync(_("There is no such registration."))
    change = read_change(rows[0])
    if change is None or change.registration is None:
        raise NothingToSync(_("The content of its last change is no longer kept; save the registration, then sync it."))
    if not change.registration.active:
        raise NothingToSync(_("It is not active: no flow takes it."))
    return change, rows[0][11]


def send_now(account: int, flow: int, change: int) -> list[int]:
    """Sends one change through one flow, by hand, to all its destinations. Returns the connections.

    It creates new actions with the usual first attempt, retries and order. The flow must be active and complete, and must accept the change. A
    change that was recorded without evaluation is treated like any other. Raises NothingToSync with a sentence.
    """
    with transaction.atomic():
        db = of_django(connection)
        configuration_versions.lock_shared(db, [account])
        recorded = read_changes(db, [change]).get(change)
        if recorded is None or recorded[1][0] != account:
            raise NothingToSync(_("This change does not exist."))
        if recorded[0] is None:
            raise NothingToSync(_("The content of this change is no longer stored."))
        provider = Committed(db)
        config, event = provider.account(account), provider.event(recorded[1][1])
        change_to_judge = replace(recorded[0], quiet=False)
        known = config.flows.get(flow)
        mode = mode_of(change_to_judge, config, event)
        decision = decide_flow(known, change_to_judge, config, event, mode=mode) if known else None
        if known is None or decision is None or decision.verdict is not FlowVerdict.TRIGGERED:
            raise NothingToSync(_("The flow does not take it any more: look at its test again."))
        registration = None
        if change_to_judge.kind is not SubjectKind.EVENT:
            ((registration,),) = db.all("SELECT registration_id FROM change WHERE id = :id", {"id": change})
        orders = _orders_of(db, known, change_to_judge, config, event, registration, mode)
        deltas: list[Delta] = []
        enqueue(db, orders, db.now(), deltas)
        put_deltas(db, deltas)
    return [order.connection for order in orders]


def resend(account: int, action: int, *, as_it_was: bool = False) -> int:
    """Sends a delivered action a second time, as a new action that repeats it (D1), to the same destination. Returns the new action.

    The worker checks whether the flow may send it now, as for any other action.

    as_it_was: True to use the mappings of its last attempt, False to use today's (D8)

    Raises NothingToSync with a sentence.
    """
    with transaction.atomic():
        db = of_django(connection)
        configuration_versions.lock_shared(db, [account])
        rows = db.all(
            "SELECT a.state, a.change_id, a.registration_id, a.event_id, a.flow_id, a.destination_id, a.mode, a.version, l.subject_id,"
            " l.begun_version FROM action a JOIN lane l ON l.id = a.lane_id WHERE a.id = :id AND a.account_id = :account",
            {"id": action, "account": account},
        )
        if not rows or rows[0][0] != ActionState.SUCCESS:
            raise NothingToSync(_("Only what was delivered can be sent a second time."))
        _state, change, registration, event, flow_id, destination_id, mode, version, subject, begun = rows[0]
        flow = Committed(db).account(account).flows.get(flow_id)
        destination = next((d for d in flow.destinations if d.id == destination_id), None) if flow else None
        if destination is None or destination.connection is None:
            raise NothingToSync(_("Its flow or destination is gone: there is nowhere to send it."))
        if destination.does is Does.UPDATES and version < begun:
            raise NothingToSync(_("Newer data of this registration has been sent there since: sync the registration instead."))
        then = mapped_then(db, account, action) if as_it_was else None
        if as_it_was and then is None:
            raise NothingToSync(_(THEN_GONE))
        order = Order(
            account=account,
            change=change,
            run=None,
            registration=registration,
            event=event,
            flow=flow_id,
            destination=destination_id,
            connection=destination.connection,
            subject=subject,
            version=version,
            mode=mode,
            origin=Origin.RESENT,
            repeated=action,
            as_of=then.version if then else None,
        )
        deltas: list[Delta] = []
        (resent,) = enqueue(db, [order], db.now(), deltas)
        put_deltas(db, deltas)
    return resent


def _orders(db: Database, change: Change, config: AccountConfig, event: EventConfig, registration: int, only: int | None) -> list[Order]:
    change_to_judge = replace(change, facets=Facet.CREATED | Facet.UPDATED | Facet.STATUS_CHANGED, quiet=False)
    mode = mode_of(change_to_judge, config, event)
    orders = []
    for flow in config.flows.values():
        if only not in (None, flow.id):
            continue
        decision = decide_flow(flow, change_to_judge, config, event, mode=mode)
        if decision is not None and decision.verdict is FlowVerdict.TRIGGERED:
            orders += _orders_of(db, flow, change, config, event, registration, mode)
    return orders


def _orders_of(
    db: Database, flow: Flow, change: Change, config: AccountConfig, event: EventConfig, registration: int | None, mode: Mode
) -> list[Order]:
    """One action for each destination of a flow."""
    accepted = AcceptedChange(
        id=change.id,
        account=config.id,
        event=event.id,
        registration=registration,
        subject=change.subject_id,
        version=change.version,
        mode=mode.code,
        run=None,
    )
    return orders_for(flow, accepted, Origin.RESENT, repeated=lambda destination: _last(db, destination, change.subject_id))


def _last(db: Database, destination: int, subject: int) -> int | None:
    """The subject's last action at this destination."""
    rows = db.all(
        "SELECT max(a.id) FROM action a JOIN lane l ON l.id = a.lane_id WHERE l.destination_id = :destination AND l.subject_id = :subject",
        {"destination": destination, "subject": subject},
    )
    last: int | None = rows[0][0]
    return last
