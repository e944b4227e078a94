"""The section of live sources (S1): how their calls prove themselves, or how they are read, and how both become registrations."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from heliograph.api.configuration.account_names import AccountNames, Mapped, Named
from heliograph.api.configuration.entries import SourceEntry
from heliograph.api.configuration.section import Entry, Saver, Section, StoredEntry
from heliograph.domain.mapping.json_bodies import BodyError
from heliograph.domain.mapping.row import MappingError
from heliograph.domain.sentence_template import Sentence, gettext_noop
from heliograph.domain.source.call_mapping import CallMapping
from heliograph.domain.source.handshake import Handshake
from heliograph.domain.source.pretix import PRETIX, PretixSettings
from heliograph.domain.source.pretix_list import mapping_of
from heliograph.domain.source.rest_list import RestList, RestListError
from heliograph.domain.source.source_states import SourceState
from heliograph.domain.source.verification import Verification, VerificationError
from heliograph.domain.source.verification_presets import PRESETS
from heliograph.registrations.imports.columns import ColumnsError
from heliograph.setup.name_fields import folded
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.setup_errors import Invalid
from heliograph.sources.command_job import CommandSettings
from heliograph.sources.folder_columns import FolderReading
from heliograph.sources.models import Source
from heliograph.sources.services import command_runs, list_readings, pretix_readings, source_mappings, source_proof, watched_folders
from heliograph.sources.services import sources as service
from heliograph.sources.services.source_mappings import KeptCalls
from heliograph.sources.services.source_proof import SourceProof
from heliograph.sources.stored_mapping import stored_mapping

LIST: Final = "list"


class Sources(Section):
    """The live sources of the account. Their secrets are not part of the file: they are exchanged with the sender."""

    name = "sources"
    label = gettext_noop("Source")
    audited = "source"
    entry = SourceEntry

    def stored(self, names: AccountNames) -> list[StoredEntry]:
        stored = []
        for row in Source.objects.filter(deleted_at=None).order_by("pk"):
            settings = json.loads(row.settings)
            document = {
                "name": row.name,
                "platform": row.platform,
                "on": row.state == SourceState.ON,
                "verification": settings.get("verification", {}),
                "handshake": settings.get("handshake", {}),
                "list": settings.get("list", {}),
                "folder": settings.get("folder", {}),
                PRETIX: settings.get(PRETIX, {}),
                "command": settings.get("command", {}),
                "mapping": stored_mapping(row).to_body(),
            }
            stored.append(StoredEntry(row.pk, (folded(row.name),), row.name, self.mapped(document, names.name)))
        return stored

    def completed(self, struct: msgspec.Struct, document: dict[str, Any]) -> dict[str, Any]:
        """With the members of verification, handshake, list and mapping as they are stored. Raises Invalid."""
        completed = dict(document)
        if not document["verification"] and document["platform"] in PRESETS:
            preset = service.preset_settings(document["platform"])
            completed["verification"] = preset["verification"]
            completed["handshake"] = document["handshake"] or preset.get("handshake", {})
        for member, kind in (("verification", Verification), ("handshake", Handshake)):
            if completed[member]:
                completed[member] = _read(member, kind, completed[member]).to_body()
        completed["mapping"] = _read("mapping", CallMapping, document["mapping"]).to_body()
        for member, reading in ((LIST, RestList), (PRETIX, PretixSettings)):
            if document[member]:  # its connection is named here; `save` puts its id in
                named = {"connection": document[member]["connection"]} if document[member].get("connection") else {}
                without = {name: value for name, value in document[member].items() if name != "connection"}
                completed[member] = _read(member, reading, without).to_body() | named
        if document[PRETIX]:
            try:
                completed["mapping"] = mapping_of(PretixSettings.from_body(completed[PRETIX] | {"connection": None})).to_body()
            except MappingError as error:
                raise Invalid({PRETIX: [error.sentence]}) from None
        if document["command"]:
            completed["command"] = _read("command", CommandSettings, document["command"]).to_body()
        if document["folder"]:
            completed["folder"] = _read("folder", FolderReading, document["folder"]).to_body()
        return completed

    def mapped(self, raw: dict[str, Any], mapped: Mapped) -> dict[str, Any]:
        connections = {
            member: str(raw[member]["connection"])
            for member in (LIST, PRETIX)
            if isinstance(raw.get(member), Mapping) and raw[member].get("connection") is not None
        }
        return raw | {member: raw[member] | {"connection": mapped(Named.CONNECTION, name)} for member, name in connections.items()}

    def save(self, saver: Saver, entry: Entry, id: int | None) -> int:
        transaction, document = saver.transaction, entry.document
        row = service.add_source(transaction, document["platform"], document["name"]) if id is None else service.source_row(id)
        if row.platform != document["platform"]:
            sentence = Sentence("It stays “%(platform)s”: a source of another platform is another source.", platform=row.platform)
            raise Invalid({"platform": [sentence]})
        if row.name != document["name"]:
            service.rename(transaction, row.pk, document["name"])
        if row.path:
            source_proof.save_proof(transaction, row.pk, SourceProof.from_settings(document))
        if document[LIST]:
            list_readings.save_list(transaction, row.pk, RestList.from_body(self._with_id(document, LIST, saver)))
        if document[PRETIX]:
            pretix_readings.save_pretix(transaction, row.pk, PretixSettings.from_body(self._with_id(document, PRETIX, saver)))
        if document["command"]:
            command_runs.save_command(transaction, row.pk, CommandSettings.from_body(document["command"]))
        if document["folder"]:
            watched_folders.save_reading(transaction, row.pk, FolderReading.from_body(document["folder"]))
        _save_mapping(transaction, row.pk, CallMapping.from_body(document["mapping"]), on=document["on"])
        return row.pk

    def _with_id(self, document: dict[str, Any], member: str, saver: Saver) -> dict[str, Any]:
        """A part of the document with the id of its connection."""
        body: dict[str, Any] = self.mapped(document, saver.names.id)[member]
        return body | {"connection": int(body["connection"])} if body.get("connection") is not None else body

    def delete(self, transaction: SetupTransaction, stored: StoredEntry) -> None:
        service.remove(transaction, stored.id)


def _save_mapping(transaction: SetupTransaction, id: int, mapping: CallMapping, *, on: bool) -> None:
    """Saves the mapping, and switches the source on, resumes or pauses it. Calls that came before it is on are recorded without flows (P9)."""
    row = service.source_row(id)
    if on and row.state == SourceState.DRAFT:
        source_mappings.switch_on(transaction, id, mapping, KeptCalls.QUIET)
        return
    if stored_mapping(row) != mapping:
        source_mappings.save_mapping(transaction, id, mapping)
    if on and row.state == SourceState.PAUSED:
        service.resume(transaction, id)
    elif not on and row.state == SourceState.ON:
        service.pause(transaction, id)


def _read(member: str, kind: Any, body: Any) -> Any:
    """A part of an entry as its class reads it. Raises Invalid, at the member."""
    try:
        return kind.from_body(body)
    except (VerificationError, MappingError) as error:
        raise Invalid({f"{member}.{error.field}" if error.field else member: [error.sentence]}) from None
    except RestListError as error:
        raise Invalid({f"{member}.{error.place}": [error.sentence]}) from None
    except (BodyError, ColumnsError) as error:
        raise Invalid({member: [error.sentence]}) from None
