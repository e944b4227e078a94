"""The sections of events, and of what an event is set up with (P2-P6). In the file, the set-up stands below its event."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar

import msgspec

from heliograph.api.configuration.account_names import AccountNames, Mapped, Named, map_event, map_tags
from heliograph.api.configuration.entries import (
    AttendeeTypeEntry,
    CustomStatusEntry,
    EventEntry,
    PropertyEntry,
    QuestionEntry,
    SessionEntry,
)
from heliograph.api.configuration.section import Entry, Saver, Section, StoredEntry
from heliograph.api.documents.event_setup_documents import AttendeeTypeDocument, PropertyDocument, QuestionDocument, SessionDocument
from heliograph.api.documents.status_documents import RegistrationStatusDocument
from heliograph.domain.registration.document import check_answers, named_answers
from heliograph.domain.registration.document_values import DocumentRefused
from heliograph.domain.sentence_template import gettext_noop
from heliograph.domain.setup.compiled_setup import Field
from heliograph.setup.local_times import in_utc
from heliograph.setup.models import AttendeeType, CustomField, EventTag, Question, RegistrationProperty, RegistrationStatus, Session
from heliograph.setup.name_fields import folded
from heliograph.setup.services import event_setup
from heliograph.setup.services.events import new_event, save_event
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.store.models import Event


class Events(Section):
    """The events of the account. Changes by a file are recorded like all others, and no flow acts on them."""

    name = "events"
    label = gettext_noop("Event")
    audited = "event"
    entry = EventEntry
    can_delete = False

    def stored(self, names: AccountNames) -> list[StoredEntry]:
        tags: dict[int, list[str]] = defaultdict(list)
        for event, tag in EventTag.objects.values_list("event_id", "tag__name"):
            tags[event].append(tag)
        fields = {
            row.pk: Field(row.pk, row.code, row.label, row.type, tuple(row.options))
            for row in CustomField.objects.filter(kind=CustomField.Kind.EVENT)
        }
        return [
            StoredEntry(
                row.pk,
                (folded(row.code),),
                row.code,
                {
                    "code": row.code,
                    "name": row.name,
                    **({"status": status} if (status := names.name(Named.EVENT_STATUS, str(row.status_id))) else {}),
                    "start": _instant(row.start, "start"),
                    "end": _instant(row.end, "end"),
                    "timezone": row.timezone,
                    "location": row.location,
                    "custom": _taken(row.custom, fields),
                    "tags": sorted(tags[row.pk]),
                },
            )
            for row in Event.objects.order_by("pk")
        ]

    def mapped(self, raw: dict[str, Any], mapped: Mapped) -> dict[str, Any]:
        return map_event(raw, mapped) | {"custom": {mapped(Named.EVENT_FIELD, code): values for code, values in raw["custom"].items()}}

    def key_of(self, document: Mapping[str, Any]) -> tuple[str, ...]:
        return (folded(document["code"]),)

    def name_of(self, document: Mapping[str, Any]) -> str:
        return str(document["code"])

    def completed(self, struct: msgspec.Struct, document: dict[str, Any]) -> dict[str, Any]:
        times = {name: _instant(getattr(struct, name), name) for name in ("start", "end")}
        setup = {section.name for section in EVENT_SETUP}
        custom = {code: values for code, values in document["custom"].items() if values}
        return {name: value for name, value in (document | times | {"custom": custom}).items() if name not in setup}

    def differs(self, entry: Entry, stored: StoredEntry) -> bool:
        if_absent = {name: stored.document[name] for name in ("status", "timezone") if name in stored.document}
        return if_absent | entry.document != stored.document

    def save(self, saver: Saver, entry: Entry, id: int | None) -> int:
        transaction = saver.transaction
        config = transaction.provider.account(transaction.account)
        if id is not None:
            transaction.lock_more_events([id])
        state = new_event(config) if id is None else transaction.provider.event(id).state
        struct = msgspec.convert(entry.document, EventEntry)
        custom = named_answers(struct.custom, config.event_fields.values(), "custom")
        state = replace(
            state,
            code=struct.code,
            name=struct.name,
            start=struct.start,
            end=struct.end,
            location=struct.location,
            custom={each: custom.get(each, ()) for each in config.event_fields},
            tags=tuple(int(saver.names.id(Named.TAG, tag)) for tag in struct.tags),
            status=int(saver.names.id(Named.EVENT_STATUS, struct.status)) if isinstance(struct.status, str) else state.status,
            timezone=struct.timezone if isinstance(struct.timezone, str) else state.timezone,
        )
        return save_event(transaction, state, id, quiet=True, confirmed=True)


def _taken(custom: Mapping[str, Sequence[str]], fields: Mapping[int, Field]) -> dict[str, list[str]]:
    """The values of an event by the codes of its fields, without those that a field no longer takes: no account would accept them."""
    taken = {}
    for id, values in custom.items():
        field = fields.get(int(id))
        if field is not None and values:
            with suppress(DocumentRefused):
                check_answers({field.id: tuple(values)}, fields, "custom")
                taken[field.code] = list(values)
    return taken


class EventSetup(Section):
    """One kind of what events are set up with. The first part of a key is the code of the event."""

    model: ClassVar[Any]
    document: ClassVar[Any]
    save_it: ClassVar[Any]
    delete_it: ClassVar[Any]

    def stored(self, names: AccountNames) -> list[StoredEntry]:
        rows = self.model.objects.exclude(event=None).select_related("event").order_by("event_id", "position", "pk")
        if hasattr(self.model, "tags"):
            rows = rows.prefetch_related("tags")
        stored = []
        for row in rows:
            document = msgspec.to_builtins(self.document.from_row(row))
            del document["id"]
            document = self.mapped(document, names.name)
            key = (folded(row.event.code), folded(row.code))
            stored.append(StoredEntry(row.pk, key, f"{row} ({row.event.code})", document))
        return stored

    def mapped(self, raw: dict[str, Any], mapped: Mapped) -> dict[str, Any]:
        return map_tags(raw, mapped)

    def key_of(self, document: Mapping[str, Any]) -> tuple[str, ...]:
        return (folded(document["code"]),)

    def name_of(self, document: Mapping[str, Any]) -> str:
        return str(document.get("name") or document.get("label"))

    def save(self, saver: Saver, entry: Entry, id: int | None) -> int:
        event = Event.objects.get(code__iexact=entry.key[0]).pk
        saver.transaction.lock_more_events([event])
        struct = msgspec.convert(self.mapped(entry.document, saver.names.id), self.entry)
        saved: int = type(self).save_it(saver.transaction, event, struct.facts, id).pk  # type: ignore[attr-defined]
        return saved

    def delete(self, transaction: SetupTransaction, stored: StoredEntry) -> None:
        event = self.model.objects.get(pk=stored.id).event_id
        transaction.lock_more_events([event])
        type(self).delete_it(transaction, event, stored.id)


class CustomStatuses(EventSetup):
    """The custom registration statuses of events."""

    name = "registration_statuses"
    label = gettext_noop("Custom registration status")
    audited = "registration status"
    entry = CustomStatusEntry
    model = RegistrationStatus
    document = RegistrationStatusDocument
    save_it = staticmethod(event_setup.save_status)
    delete_it = staticmethod(event_setup.delete_status)


class AttendeeTypes(EventSetup):
    """The attendee types of events."""

    name = "attendee_types"
    label = gettext_noop("Attendee type")
    audited = "attendee type"
    entry = AttendeeTypeEntry
    model = AttendeeType
    document = AttendeeTypeDocument
    save_it = staticmethod(event_setup.save_type)
    delete_it = staticmethod(event_setup.delete_type)


class Properties(EventSetup):
    """The custom registration properties of events."""

    name = "properties"
    label = gettext_noop("Registration property")
    audited = "registration property"
    entry = PropertyEntry
    model = RegistrationProperty
    document = PropertyDocument
    save_it = staticmethod(event_setup.save_property)
    delete_it = staticmethod(event_setup.delete_property)


class Questions(EventSetup):
    """The questions of events."""

    name = "questions"
    label = gettext_noop("Question")
    audited = "question"
    entry = QuestionEntry
    model = Question
    document = QuestionDocument
    save_it = staticmethod(event_setup.save_question)
    delete_it = staticmethod(event_setup.delete_question)


class Sessions(EventSetup):
    """The sessions of events."""

    name = "sessions"
    label = gettext_noop("Session")
    audited = "session"
    entry = SessionEntry
    model = Session
    document = SessionDocument
    save_it = staticmethod(event_setup.save_session)
    delete_it = staticmethod(event_setup.delete_session)

    def completed(self, struct: msgspec.Struct, document: dict[str, Any]) -> dict[str, Any]:
        return document | {name: _instant(getattr(struct, name), name) for name in ("start", "end")}


def _instant(at: datetime | None, member: str) -> str | None:
    """A moment as the documents of the API have it. Raises Invalid, at the member, for one that cannot be stored."""
    in_file: str | None = msgspec.to_builtins(in_utc(at, member))
    return in_file


EVENT_SETUP: tuple[EventSetup, ...] = (CustomStatuses(), AttendeeTypes(), Properties(), Questions(), Sessions())
