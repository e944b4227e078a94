"""Mappings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from heliograph.domain.mapping.mapping import FixedText, MappingKind, MappingRow, SourceValue, Subject
from heliograph.domain.mapping.mapping import Mapping as FieldMapping
from heliograph.mappings.models import Mapping as StoredMapping
from heliograph.mappings.services import save_mapping
from heliograph.setup.services.transaction import SetupTransaction


def row(target: str, *parts: str, required: bool = False) -> MappingRow:
    """A row from sources and typed texts ("=text"), in this order."""
    return MappingRow(target, tuple(FixedText(p[1:]) if p.startswith("=") else SourceValue(p) for p in parts), required=required)


def mapping(
    transaction: SetupTransaction,
    name: str,
    rows: Mapping[str, str | Sequence[str]],
    *,
    id: int | None = None,
    subject: Subject = Subject.REGISTRATION,
    kind: MappingKind = MappingKind.PAYLOAD,
    required: Sequence[str] = (),
) -> StoredMapping:
    """A mapping, or with `id` a new version of one. rows: target -> the source, or sources and typed texts ("=text") in order."""
    made = tuple(
        row(target, *([parts] if isinstance(parts, str) else parts), required=target in required) for target, parts in rows.items()
    )
    return save_mapping(transaction, FieldMapping(name, kind, subject, rows=made), id)
