"""Saves flows (guide: Setting Up Flows; F1, F2, F8, P12)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from django.utils import timezone
from django.utils.translation import gettext as _

from heliograph.accounts.audit import Deed
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.completeness import Missing, missing
from heliograph.domain.flow.flow import Destination as DestinationFacts
from heliograph.domain.flow.flow import Flow as FlowFacts
from heliograph.domain.flow.flow import Mode
from heliograph.flows.models import Destination, Flow, FlowField, FlowTag
from heliograph.flows.services import flow_restoration as restoring
from heliograph.flows.services.flow_restoration import RestorableFlow
from heliograph.flows.services.rules import checked, is_wider, named_fields, named_tags
from heliograph.setup.save_questions import SavedMeanwhile, WidensFirst
from heliograph.setup.services import queue_effects
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.services.versions import RESTORED, Version, version, watching_flows, write
from heliograph.setup.setup_errors import Invalid, NotThere, check

RULES = ("mode", "active", "watch", "statuses", "properties", "session_statuses", "event_statuses", "filters", "emptied")
"""The fields of a flow that decide whether a change triggers. If one of them changes, runs that wait for a tag are decided again."""


def save_flow(
    transaction: SetupTransaction,
    flow: FlowFacts,
    id: int | None = None,
    *,
    confirmed: bool = False,
    opened: int | None = None,
    restored: int | None = None,
) -> Flow:
    """Saves a flow, complete or not (F2).

    flow: `flow.id` and `flow.number` are ignored; new destinations have the id 0
    confirmed: saves even if the flow stops, or takes more live changes than before
    opened: the version that was being edited. If a newer one differs in more than the toggle, nothing is saved. With it, `flow.active` is
        ignored, too, because the form does not contain the toggle
    restored: the number of the past version that this save makes the newest

    Raises Invalid, NotThere, AsksFirst, WidensFirst, SavedMeanwhile.
    """
    transaction.needs_signal()
    row = (
        Flow(account_id=transaction.account, created_by=transaction.by[:60], changed_by=transaction.by[:60]) if id is None else flow_row(id)
    )
    if opened is not None and id is not None:
        if opened != row.number and _without_toggle(
            version(transaction.db, transaction.account, "flow", id, opened).body
        ) != _without_toggle(row.body):
            raise SavedMeanwhile(row.number)
        flow = replace(flow, active=bool(row.body["active"]))
    body_before = None if id is None else dict(row.body)
    before = None if id is None else FlowFacts.from_body(row.pk, row.number, row.body)
    with watching_flows(transaction, confirmed=confirmed, at="destinations") as config:
        flow = checked(flow, config)
        if before is not None and not confirmed and is_wider(before, flow) and not missing(flow, config):
            raise WidensFirst(goes_live=before.mode is not Mode.LIVE)
        row.name, row.mode, row.is_active, row.watch = flow.name, flow.mode.value, flow.active, flow.watch.value if flow.watch else ""
        row.body = flow.to_body()
        check(row)
        row.save()
        destinations, removed = _write_destinations(transaction, row, flow.destinations)
        flow = replace(flow, destinations=destinations)
        row.body = flow.to_body() | ({} if restored is None else {RESTORED: restored})
        _write_names(transaction, row, flow)
        write(transaction, row)
    row.refresh_from_db(fields=["is_complete"])
    for destination in removed:
        queue_effects.destination_removed(transaction, destination)
    queue_effects.flow_saved(
        transaction, row.pk, rules_changed=before is not None and any(getattr(before, name) != getattr(flow, name) for name in RULES)
    )
    operation = Deed.CREATED if body_before is None else Deed.CHANGED
    if body_before is not None and {key for key in row.body if body_before.get(key) != row.body[key]} == {"active"}:
        operation = Deed.SWITCHED_ON if flow.active else Deed.SWITCHED_OFF
    transaction.note(operation, "flow", row, body_before, row.body)
    return row


def _without_toggle(body: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in body.items() if key not in ("active", RESTORED)}


def set_active(transaction: SetupTransaction, id: int, active: bool) -> Flow:
    """Switches a flow on or off, as the toggle of the Flow List does (F1). Raises NotThere."""
    row = flow_row(id)
    flow = replace(FlowFacts.from_body(row.pk, row.number, row.body), active=active)
    # No question is asked: switching off is on purpose, and does not make the flow incomplete.
    return save_flow(transaction, flow, id, confirmed=True)


def copy_flow(transaction: SetupTransaction, id: int, *, name: str) -> Flow:
    """Copies a flow (F1). The copy is switched off and in Test, because two active flows would send everything twice.

    Raises NotThere, Invalid.
    """
    row = flow_row(id)
    flow = FlowFacts.from_body(row.pk, row.number, row.body)
    destinations = tuple(replace(d, id=0) for d in flow.destinations)
    return save_flow(transaction, replace(flow, name=name, active=False, mode=Mode.TEST, destinations=destinations))


def restore_flow(transaction: SetupTransaction, id: int, number: int, *, confirmed: bool = False) -> Flow:
    """Makes a past version the newest (F10), without the things that no longer exist; `restorable` lists them. The toggle stays as it is.

    Raises NotThere, Invalid, AsksFirst.
    """
    row = flow_row(id)
    restorable_flow = restorable(
        id, version(transaction.db, transaction.account, "flow", id, number), transaction.provider.account(transaction.account)
    )
    return save_flow(transaction, replace(restorable_flow.flow, active=row.is_active), id, confirmed=confirmed, restored=number)


def restorable(id: int, version: Version, config: AccountConfig) -> RestorableFlow:
    """The flow that restoring a past version would save. Destinations that were removed since then return as new ones."""
    present = Destination.objects.filter(flow=id, removed_at=None).values_list("pk", flat=True)
    return restoring.restorable(FlowFacts.from_body(id, version.number, version.body), present, config)


def delete_flow(transaction: SetupTransaction, id: int) -> None:
    """Deletes a flow (P12). Its undelivered actions fail; its figures stay. Raises NotThere."""
    transaction.needs_signal()
    row = flow_row(id)
    row.deleted_at, row.is_active = timezone.now(), False
    FlowTag.objects.filter(flow=row).delete()
    FlowField.objects.filter(flow=row).delete()
    Destination.objects.filter(flow=row, removed_at=None).update(removed_at=timezone.now())
    write(transaction, row)
    queue_effects.flow_deleted(transaction, id)
    transaction.note(Deed.DELETED, "flow", row, row.body, None)


def lacks(flow: FlowFacts, config: AccountConfig) -> tuple[Missing, ...]:
    """The things that a flow, saved or not, lacks (F2)."""
    return missing(flow, config)


def is_running(row: Flow) -> bool:
    """True if the flow takes changes: it is on, and complete."""
    return row.is_active and row.is_complete


def flow_row(id: int) -> Flow:
    """A flow that is not deleted. Raises NotThere."""
    row: Flow | None = Flow.objects.filter(pk=id, deleted_at=None).first()
    if row is None:
        raise NotThere(f"There is no flow {id}.")
    return row


def _write_destinations(
    transaction: SetupTransaction, row: Flow, destinations: tuple[DestinationFacts, ...]
) -> tuple[tuple[DestinationFacts, ...], list[int]]:
    """Gives new destinations their ids and marks removed ones. Raises Invalid for the id of another flow's destination.

    Returns the destinations with their ids, and the ids of the removed ones.
    """
    known = {d.pk: d for d in Destination.objects.filter(flow=row, removed_at=None)}
    present: list[DestinationFacts] = []
    for position, facts in enumerate(destinations):
        if facts.id and facts.id not in known:
            raise Invalid({"destinations": [_("There is no destination %(id)s in this flow.") % {"id": facts.id}]})
        stored = known.get(facts.id) or Destination(account_id=transaction.account, flow=row)
        stored.name, stored.does, stored.position = facts.name, facts.does.value, position
        stored.connection_id, stored.payload_mapping_id, stored.header_mapping_id = (
            facts.connection,
            facts.payload_mapping,
            facts.header_mapping or None,
        )
        check(stored)
        stored.save()
        present.append(replace(facts, id=stored.pk))
    gone = set(known) - {facts.id for facts in present}
    Destination.objects.filter(pk__in=gone).update(removed_at=timezone.now())
    return tuple(present), sorted(gone)


def _write_names(transaction: SetupTransaction, row: Flow, flow: FlowFacts) -> None:
    FlowTag.objects.filter(flow=row).delete()
    FlowTag.objects.bulk_create(
        FlowTag(account_id=transaction.account, flow=row, tag_id=tag, place=place) for place, tag in sorted(named_tags(flow))
    )
    FlowField.objects.filter(flow=row).delete()
    FlowField.objects.bulk_create(
        FlowField(account_id=transaction.account, flow=row, field_id=field) for field in sorted(named_fields(flow))
    )
