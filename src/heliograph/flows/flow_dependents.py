"""Tells the set-up which flows, mappings and connections use a thing, and changes them when the thing changes (`setup.usage`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.db import connection
from django.db.models import Q

from heliograph.connections.models import Connection
from heliograph.domain.flow import sentence
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.completeness import is_complete
from heliograph.domain.flow.flow import Flow as FlowFacts
from heliograph.domain.mapping.mapping import Mapping as FieldMapping
from heliograph.domain.mapping.mapping import SourceValue
from heliograph.domain.setup.fields import parse_source
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.flows.models import Destination, Flow, FlowField, FlowTag
from heliograph.flows.services.flows import save_flow
from heliograph.flows.services.rules import ANSWERS, KIND_OF_PLACE, with_tag_replaced, without_tag_anywhere, without_values
from heliograph.mappings.models import Mapping as StoredMapping
from heliograph.mappings.models import MappingField, MappingTag
from heliograph.mappings.services import save_mapping
from heliograph.setup.models import Tag
from heliograph.setup.services import queue_effects
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.setup_errors import InUse
from heliograph.setup.usage import Effect, Tagged, Thing, Use
from heliograph.store.config_cache import Committed
from heliograph.store.database import Database
from heliograph.store.django_database import of_django
from heliograph.web.field_names import flow_parts


class Flows:
    """Implements `setup.services.dependents.Dependents` for the flows, and for the mappings and connections that they use."""

    def uses(self, account: int, thing: Thing, id: int, kind: TagKind | None = None) -> Sequence[Use]:
        """The flows, mappings and connections that name a tag or a custom field, or the flows that use a connection or a mapping.

        kind: only the uses of a tag as a tag of this kind of object; None for all uses
        """
        if thing is Thing.TAG:
            named = FlowTag.objects.filter(tag=id).select_related("flow").order_by("flow_id")
            by_flow = {n.flow_id: Use("flow", n.flow_id, n.flow.name) for n in named if kind in (None, KIND_OF_PLACE.get(n.place))}
            return [*by_flow.values(), *_mappings_naming(id, kind), *_urls_naming(id, of_tag=True, kind=kind)]
        if thing is Thing.CUSTOM_FIELD:
            flows = [Use("flow", n.flow_id, n.flow.name) for n in FlowField.objects.filter(field=id).select_related("flow")]
            mapped = MappingField.objects.filter(field=id).select_related("mapping")
            mappings = [Use("mapping", n.mapping_id, n.mapping.name) for n in mapped]
            return [*flows, *mappings, *_urls_naming(id, of_tag=False)]
        if thing is Thing.CONNECTION:
            return _flows_sending(Q(connection=id))
        if thing is Thing.MAPPING:
            return _flows_sending(Q(payload_mapping=id) | Q(header_mapping=id))
        return []

    def tag_users(self, account: int) -> dict[int, list[Use]]:
        """The flows, mappings and connections that name each tag, by tag."""
        uses_by_tag: dict[int, dict[tuple[str, int], Use]] = {}
        named = FlowTag.objects.filter(flow__deleted_at=None).select_related("flow").order_by("flow_id")
        rows = [(n.tag_id, Use("flow", n.flow_id, n.flow.name)) for n in named]
        mapped = MappingTag.objects.filter(mapping__deleted_at=None).select_related("mapping").order_by("mapping_id")
        rows += [(n.tag_id, Use("mapping", n.mapping_id, n.mapping.name)) for n in mapped]
        for row in Connection.objects.filter(deleted_at=None):
            keys = (parse_source(key) for key in row.body.get("chips", ()))
            rows += [(key.id, Use("connection", row.pk, row.name)) for key in keys if key.tag_kind is not None and key.id is not None]
        for tag, use in rows:
            uses_by_tag.setdefault(tag, {})[use.kind, use.id] = use
        return {tag: list(uses.values()) for tag, uses in uses_by_tag.items()}

    def tag_effects(self, account: int, old: int, new: int | None) -> Sequence[Effect]:
        """The effects of replacing a tag: the flows with their new sentences, and the mappings and URLs that name the tag.

        new: the tag that replaces the old one; None if the old one is deleted
        """
        config = Committed(of_django(connection)).account(account)
        names = sentence.SentenceNames.from_config(config)
        effects = []
        for row in _flow_rows(old) if new is None else [*_flow_rows(old), *(r for r in _flow_rows(new) if r not in _flow_rows(old))]:
            before = _facts(row)
            after = without_tag_anywhere(before, old) if new is None else with_tag_replaced(before, old, new)
            effects.append(_effect(row, before, after, config, names))
        others = [*_mappings_naming(old), *_urls_naming(old, of_tag=True)]
        if new is None:
            asking = _flows_asking_answers(old)
            effects = [effect for effect in effects if effect.use not in asking]
            others += asking
        return [*effects, *(Effect(use, refused=new is None) for use in others)]

    def tag_deleted(self, transaction: SetupTransaction, tag: int) -> None:
        """Removes a deleted tag from the flows' lists and filters.

        Raises InUse if a mapping names the tag, or a filter compares the answers to its questions: without the tag they would mean something
        else.
        """
        uses: list[Use] = [*_mappings_naming(tag), *_urls_naming(tag, of_tag=True), *_flows_asking_answers(tag)]
        if uses:
            raise InUse(Tag.objects.get(pk=tag).label, uses)
        for row in _flow_rows(tag):
            save_flow(transaction, without_tag_anywhere(_facts(row), tag), row.pk, confirmed=True)

    def value_effects(self, account: int, field: str, lost: Sequence[str]) -> Sequence[Effect]:
        """The flows whose filters name one of the lost values, with the sentences that they would have afterwards."""
        config = Committed(of_django(connection)).account(account)
        names = sentence.SentenceNames.from_config(config)
        return [_effect(row, before, after, config, names) for row, before, after in _flows_losing(field, lost)]

    def values_gone(self, transaction: SetupTransaction, field: str, lost: Sequence[str]) -> None:
        """Removes the lost values from the flows' filters. A flow that would take more changes without them becomes incomplete instead."""
        for row, _before, after in _flows_losing(field, lost):
            save_flow(transaction, after, row.pk, confirmed=True)

    def tag_replaced(self, transaction: SetupTransaction, old: int, new: int) -> None:
        """Replaces one tag by another in flows and mappings."""
        transaction.write_account()  # the new tag has the kinds of the old one by now
        for mapping in StoredMapping.objects.filter(names_tags__tag=old, deleted_at=None).distinct():
            save_mapping(transaction, _with_tag_replaced(FieldMapping.from_body(mapping.body), old, new), mapping.pk, confirmed=True)
        for row in _flow_rows(old):
            save_flow(transaction, with_tag_replaced(_facts(row), old, new), row.pk, confirmed=True)

    def flow_name(self, account: int, flow: int) -> str | None:
        """The flow's name; None if there is no such flow."""
        return Flow.objects.filter(pk=flow, account=account, deleted_at=None).values_list("name", flat=True).first()

    def flows_completed(self, complete: Mapping[int, bool]) -> None:
        """Updates `is_complete` of the flows for which it differs.

        complete: whether a flow is complete now, by id
        """
        for is_complete_now in (True, False):
            ids = [id for id, is_flow_complete in complete.items() if is_flow_complete is is_complete_now]
            Flow.objects.filter(pk__in=ids, is_complete=not is_complete_now).update(is_complete=is_complete_now)

    def tagged(self, db: Database, account: int, objects: Iterable[Tagged]) -> None:
        """Makes the stuck runs due again that waited for these objects' tags."""
        queue_effects.objects_tagged(db, account, objects)


def _effect(row: Flow, before: FlowFacts, after: FlowFacts, config: AccountConfig, names: sentence.SentenceNames) -> Effect:
    stops = is_complete(before, config) and not is_complete(after, config)
    return Effect(Use("flow", row.pk, row.name), flow_parts(after, names), stops)


def _flows_losing(field: str, lost: Sequence[str]) -> list[tuple[Flow, FlowFacts, FlowFacts]]:
    """The flows that name one of the lost values in a filter: the row, and the flow before and after."""
    losing_flows = []
    for row in Flow.objects.filter(deleted_at=None).order_by("pk"):
        before = _facts(row)
        after = without_values(before, field, lost)
        if after != before:
            losing_flows.append((row, before, after))
    return losing_flows


def _facts(row: Flow) -> FlowFacts:
    return FlowFacts.from_body(row.pk, row.number, row.body)


def _flow_rows(tag: int) -> list[Flow]:
    return list(Flow.objects.filter(names_tags__tag=tag, deleted_at=None).distinct().order_by("pk"))


def _flows_sending(destinations: Q) -> list[Use]:
    """The flows that have one of these destinations."""
    used = Destination.objects.filter(destinations, removed_at=None, flow__deleted_at=None).select_related("flow").order_by("flow_id")
    return list({d.flow_id: Use("flow", d.flow_id, d.flow.name) for d in used}.values())


def _flows_asking_answers(tag: int) -> list[Use]:
    """The flows that filter by the answers to questions with this tag."""
    named = FlowTag.objects.filter(tag=tag, place=ANSWERS, flow__deleted_at=None).select_related("flow").order_by("flow_id")
    return [Use("flow", n.flow_id, n.flow.name) for n in named]


def _mappings_naming(tag: int, kind: TagKind | None = None) -> list[Use]:
    named = MappingTag.objects.filter(tag=tag).select_related("mapping").order_by("mapping_id")
    uses = []
    for row in named:
        keys = map(parse_source, FieldMapping.from_body(row.mapping.body).sources)
        if kind is None or any(key.id == tag and key.tag_kind is kind for key in keys):
            uses.append(Use("mapping", row.mapping_id, row.mapping.name))
    return uses


def _urls_naming(id: int, *, of_tag: bool, kind: TagKind | None = None) -> list[Use]:
    """The connections whose URL contains a chip of this tag or custom field."""
    uses = []
    for row in Connection.objects.filter(deleted_at=None):
        for key in map(parse_source, row.body.get("chips", ())):
            as_kind = key.tag_kind
            if key.id == id and of_tag == (as_kind is not None) and kind in (None, as_kind):
                uses.append(Use("connection", row.pk, row.name))
                break
    return uses


def _with_tag_replaced(mapping: FieldMapping, old: int, new: int) -> FieldMapping:
    def replaced(part: Any) -> Any:
        if not isinstance(part, SourceValue):
            return part
        key = parse_source(part.key)
        if key.id != old or key.tag_kind is None:
            return part
        return replace(part, key=f"{part.key.rpartition('.')[0]}.{new}")

    return replace(mapping, rows=tuple(replace(row, parts=tuple(map(replaced, row.parts))) for row in mapping.rows))
