"""Versions of a mapping in words: the names of fields that are gone, and what restoring a version leaves out (F10)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from django.utils.translation import gettext as _

from heliograph.deliveries.account_reader import AccountReader
from heliograph.domain.mapping.mapping import EmptyPolicy, MappingError, MappingKind
from heliograph.domain.mapping.mapping import Mapping as FieldMapping
from heliograph.domain.mapping.mapping_restoration import GonePart, RestorableMapping
from heliograph.domain.setup.fields import Subject
from heliograph.setup.services.versions import history
from heliograph.setup.source_fields import SourceFields
from heliograph.setup.version_list import MOST_LOOKED_UP


def fields_of_versions(reader: AccountReader, id: int, subject: Subject) -> SourceFields:
    """The account's source fields. A deleted field has the name that it had when a version of the mapping was saved with it."""
    fields = SourceFields.from_config(reader.config, subject)
    gone: dict[str, str] = {}
    looked_up = 0
    for version in history(reader.db, reader.account, "mapping", id):
        try:
            unknown = FieldMapping.from_body(version.body).sources - fields.by_key.keys() - gone.keys() if version.body else frozenset()
        except MappingError:  # a version of an older release that is no longer valid
            continue
        if unknown and looked_up < MOST_LOOKED_UP:
            looked_up += 1
            then = SourceFields.from_config(reader.provider.account(reader.account, version.since), subject)
            gone |= {key: _("%(name)s (deleted)") % {"name": then.label(key)} for key in unknown & then.by_key.keys()}
    return replace(fields, gone=gone)


def gone_texts(restorable_mapping: RestorableMapping, fields: SourceFields) -> list[str]:
    """One text for each thing that the version names but that no longer exists. It says which row names the thing."""
    return [_gone_text(each, fields) for each in restorable_mapping.gone]


def _gone_text(gone: GonePart, fields: SourceFields) -> str:
    if not gone.key:
        return _("%(target)s: the secret that was here, which is no longer stored. The row will have no source") % {"target": gone.target}
    named = {"target": gone.target, "name": fields.label(gone.key), "text": gone.text}
    if gone.text:
        return _("%(target)s: the field %(name)s, and with it the text “%(text)s”. The row will have no source") % named
    if gone.alone:
        return _("%(target)s: the field %(name)s. The row will have no source") % named
    return _("%(target)s: the field %(name)s") % named


def setting_changes(old: FieldMapping, new: FieldMapping) -> Iterator[tuple[str, str, str]]:
    """The settings other than rows in which two versions differ: name, before, after."""
    if old.name != new.name:
        yield _("Mapping name"), old.name, new.name
    if old.empty is not new.empty:
        yield _("If an optional field is empty"), empty_name(old.empty, old.kind), empty_name(new.empty, new.kind)


def empty_name(empty: EmptyPolicy, kind: MappingKind = MappingKind.PAYLOAD) -> str:
    """The words for what is sent for an empty optional field (M6)."""
    if kind is MappingKind.HEADER:
        return _("Leave the header out") if empty is EmptyPolicy.LEAVE_OUT else _("Send it without a value")
    return {
        EmptyPolicy.KEY: _("Send an empty text, or null"),
        EmptyPolicy.LEAVE_OUT: _("Leave the field out"),
        EmptyPolicy.NULL: _("Send null"),
    }[empty]
