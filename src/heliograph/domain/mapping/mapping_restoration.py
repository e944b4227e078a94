"""A past version of a mapping in a form that can be saved now: without source fields that no longer exist, which are reported (F10, P12).

A row that loses its last field also loses its typed text, and becomes empty. With a field that has no value, a row is empty even beside typed
text (M5); but a row of typed text alone is never empty, and would send half a value. For the same reason, a header whose encrypted text is
gone loses all its parts. Every row stays, with its target and type, so that it can be filled in again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from heliograph.domain.mapping.headers import sealed_field
from heliograph.domain.mapping.mapping import FixedText, Mapping, SourceValue
from heliograph.domain.setup.compiled_setup import AccountSetup
from heliograph.domain.setup.fields import FieldGroup, SourceKey, parse_source


@dataclass(frozen=True, slots=True)
class GonePart:
    """A part that is omitted."""

    row: int
    """The index of its row, from 0."""
    target: str
    key: str
    """Of its source field, "" for an encrypted text."""
    alone: bool = False
    """The row has no other field."""
    text: str = ""
    """The typed text that is lost with it."""


@dataclass(frozen=True, slots=True)
class RestorableMapping:
    """A version as it would be saved now, and what it would lose."""

    mapping: Mapping
    gone: tuple[GonePart, ...] = ()

    @property
    def stops(self) -> tuple[str, ...]:
        """Required targets without a source. Until they get one, every request is a validation error (M5)."""
        return tuple(dict.fromkeys(each.target for each in self.gone if each.alone and self.mapping.rows[each.row].required))


def is_there(key: SourceKey, config: AccountSetup) -> bool:
    """True if the account has the field: a standard one, a custom one, or a tag for this kind of objects."""
    if key.id is None or key.id < 0:
        return True
    if key.tag_kind is not None:
        return key.id in config.tags and key.tag_kind in config.tags[key.id].kinds
    return key.id in (config.event_fields if key.group is FieldGroup.EVENT_CUSTOM else config.profile_fields)


def restorable(mapping: Mapping, config: AccountSetup, sealed: Iterable[str] = ()) -> RestorableMapping:
    """A past version of a mapping in a form that can be saved now.

    sealed: the fields of the vault that have a stored text
    """
    gone: list[GonePart] = []
    stored_texts = set(sealed)
    rows = []
    for number, row in enumerate(mapping.rows):
        # A header whose encrypted text is gone loses all its parts
        if row.target in mapping.typed_secrets and sealed_field(row.target) not in stored_texts:
            gone.append(GonePart(number, row.target, "", alone=True))
            rows.append(replace(row, parts=()))
            continue
        # Any other row loses the parts of missing fields, and its typed text with the last of its fields
        missing = [source.key for source in row.sources if not is_there(parse_source(source.key), config)]
        if not missing:
            rows.append(row)
            continue
        parts = tuple(part for part in row.parts if isinstance(part, FixedText) or part.key not in missing)
        alone = not any(isinstance(part, SourceValue) for part in parts)
        text = "".join(part.text for part in parts if isinstance(part, FixedText)) if alone else ""
        gone += [GonePart(number, row.target, key, alone, text) for key in dict.fromkeys(missing)]
        rows.append(replace(row, parts=() if alone else parts))
    return RestorableMapping(replace(mapping, rows=tuple(rows)), tuple(gone))
