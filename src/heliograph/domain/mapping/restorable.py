"""A past version of a mapping as it can be saved now: without chips of fields that no longer exist, which are reported (F10, P12).

A row that loses its last field also loses its typed text and becomes empty: a field without a value makes the row empty even beside typed
text (M5), while typed text alone is never empty and would be sent as half a value. For the same reason, a header whose encrypted text is
gone loses all its parts. Every row stays, with its target and type, to be filled in again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from heliograph.domain.mapping.headers import sealed_field
from heliograph.domain.mapping.mapping import FixedText, Mapping, MappingRow, SourceValue
from heliograph.domain.setup.configuration import AccountSetup
from heliograph.domain.setup.fields import FieldGroup, SourceKey, parse_source


@dataclass(frozen=True, slots=True)
class GonePart:
    """A chip that is omitted. row: its index, from 0; key: of its source field, "" for an encrypted text; alone: the row has no other
    field; text: what is lost with it."""

    row: int
    target: str
    key: str
    alone: bool = False
    text: str = ""


@dataclass(frozen=True, slots=True)
class RestorableMapping:
    """A version as it would be saved now, and what it would lose."""

    mapping: Mapping
    gone: tuple[GonePart, ...] = ()

    @property
    def stops(self) -> tuple[str, ...]:
        """Required targets that would have no source: until they get one, everything is a validation error (M5)."""
        return tuple(dict.fromkeys(each.target for each in self.gone if each.alone and self.mapping.rows[each.row].required))


def is_there(key: SourceKey, config: AccountSetup) -> bool:
    """True if the account has the field: a standard one, a custom one, or a tag for this kind of objects."""
    if key.id is None or key.id < 0:
        return True
    if key.tag_kind is not None:
        return key.id in config.tags and key.tag_kind in config.tags[key.id].kinds
    return key.id in (config.event_fields if key.group is FieldGroup.EVENT_CUSTOM else config.profile_fields)


def restorable(mapping: Mapping, config: AccountSetup, sealed: Iterable[str] = ()) -> RestorableMapping:
    """mapping: a past version. sealed: the fields with currently stored encrypted texts."""
    gone: list[GonePart] = []
    lost = {name for name in mapping.typed_secrets if sealed_field(name) not in set(sealed)}
    rows = tuple(_without_text(n, row, gone) if row.target in lost else _row(n, row, config, gone) for n, row in enumerate(mapping.rows))
    return RestorableMapping(replace(mapping, rows=rows), tuple(gone))


def _without_text(number: int, row: MappingRow, gone: list[GonePart]) -> MappingRow:
    gone.append(GonePart(number, row.target, "", alone=True))
    return replace(row, parts=())


def _row(number: int, row: MappingRow, config: AccountSetup, gone: list[GonePart]) -> MappingRow:
    lost = [source.key for source in row.sources if not is_there(parse_source(source.key), config)]
    if not lost:
        return row
    parts = tuple(part for part in row.parts if isinstance(part, FixedText) or part.key not in lost)
    alone = not any(isinstance(part, SourceValue) for part in parts)
    text = "".join(part.text for part in parts if isinstance(part, FixedText)) if alone else ""
    gone += [GonePart(number, row.target, key, alone, text) for key in dict.fromkeys(lost)]
    return replace(row, parts=() if alone else parts)
