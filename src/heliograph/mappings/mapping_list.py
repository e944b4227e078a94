"""The mappings of an account, with the flows that use each (guide: Mappings; M1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.flow import Flow
from heliograph.domain.mapping.mapping import Mapping as FieldMapping
from heliograph.domain.mapping.mapping import MappingKind
from heliograph.domain.natural_order import natural_order
from heliograph.domain.setup.fields import Subject
from heliograph.mappings import mapping_warnings as warnings
from heliograph.mappings.models import Mapping as StoredMapping
from heliograph.store.registrations import folded


@dataclass(frozen=True, slots=True)
class MappingListFilter:
    """The filters of the list of mappings."""

    text: str = ""
    """Words of the mapping's name, its target fields, or the names of the flows that use it."""
    kind: MappingKind | None = None
    subject: Subject | None = None


@dataclass(frozen=True, slots=True)
class ListedMapping:
    """A mapping in the list."""

    id: int
    mapping: FieldMapping
    flows: Sequence[Flow]
    changed: datetime
    by: str
    number: int
    """The number of its newest version."""
    joined: Sequence[str] = ()
    """The labels of its tags that several questions of one event carry, so that their answers are joined (M8)."""


def listed(config: AccountConfig, filters: MappingListFilter) -> list[ListedMapping]:
    """The matching mappings, by name. Needs the account's scope. It makes two queries, however many mappings there are."""
    stamps = {
        pk: (changed, by, number)
        for pk, changed, by, number in StoredMapping.objects.filter(deleted_at=None).values_list("pk", "changed", "changed_by", "number")
    }
    users: dict[int, dict[int, Flow]] = {}
    for flow in sorted(config.flows.values(), key=lambda flow: (natural_order(flow.name), flow.id)):
        for destination in flow.destinations:
            for used in (destination.payload_mapping, destination.header_mapping):
                if used is not None:
                    users.setdefault(used, {})[flow.id] = flow
    tags = {id: set(warnings.answer_tags(m.sources).values()) for id, m in config.mappings.items()}
    joined = warnings.joined_answers({tag for each in tags.values() for tag in each})
    words = folded(filters.text).split()
    rows = []
    for id, mapping in config.mappings.items():
        if id not in stamps:
            continue
        flows = list(users.get(id, {}).values())
        if filters.kind not in (None, mapping.kind) or filters.subject not in (None, mapping.subject):
            continue
        text = folded(" ".join((mapping.name, *(row.target for row in mapping.rows), *(flow.name for flow in flows))))
        if all(word in text for word in words):
            labels = sorted((config.tags[tag].label for tag in tags[id] & joined.keys() if tag in config.tags), key=natural_order)
            rows.append(ListedMapping(id, mapping, flows, *stamps[id], labels))
    return sorted(rows, key=lambda row: (natural_order(row.mapping.name), row.id))
