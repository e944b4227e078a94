"""The sections of what the account has for all of its events: tags, statuses, custom fields, and its settings (P1-P6, D5, O4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from heliograph.accounts.models import Account
from heliograph.api.configuration.account_names import AccountNames, Mapped, Named, map_tags
from heliograph.api.configuration.entries import AccountEntry, FieldEntry, StatusEntry, TagEntry
from heliograph.api.configuration.section import Entry, Saver, Section, StoredEntry
from heliograph.api.documents.account_documents import RetentionChange, RetryIntervalsChange, RetryIntervalsDocument
from heliograph.api.documents.custom_field_documents import CustomFieldDocument
from heliograph.api.documents.tag_documents import NewTag, TagDocument
from heliograph.domain.delivery.retry_policy import MINUTE, STANDARD
from heliograph.domain.sentence_template import Sentence, gettext_noop
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.setup.models import CustomField, EventStatus, RegistrationStatus, SessionStatus, Tag
from heliograph.setup.name_fields import folded
from heliograph.setup.services.account_creation import AccountFacts, change_account
from heliograph.setup.services.custom_fields import delete_field, save_field
from heliograph.setup.services.object_tags import set_tags
from heliograph.setup.services.retention_terms import checked_terms, save_terms
from heliograph.setup.services.retry_intervals import FIELDS, save_minutes
from heliograph.setup.services.tags import delete_tag, save_tag
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.setup_errors import Invalid


class Tags(Section):
    """The tags of the account."""

    name = "tags"
    label = gettext_noop("Tag")
    audited = "tag"
    entry = TagEntry
    defines = Named.TAG

    def stored(self, names: AccountNames) -> list[StoredEntry]:
        stored = []
        for row in Tag.objects.order_by("pk"):
            document = msgspec.to_builtins(TagDocument.from_row(row))
            del document["id"]
            stored.append(StoredEntry(row.pk, (folded(row.name),), row.name, document))
        return stored

    def completed(self, struct: msgspec.Struct, document: dict[str, Any]) -> dict[str, Any]:
        return {"name": document["name"], "label": document["label"] or document["name"], "kinds": sorted(document["kinds"])}

    def save(self, saver: Saver, entry: Entry, id: int | None) -> int:
        return save_tag(saver.transaction, msgspec.convert(entry.document, NewTag).facts, id).pk

    def delete(self, transaction: SetupTransaction, stored: StoredEntry) -> None:
        delete_tag(transaction, stored.id)


class Statuses(Section):
    """The standard statuses of one kind: only their tags can be set."""

    entry = StatusEntry
    can_delete = False
    model: ClassVar[type[RegistrationStatus | SessionStatus | EventStatus]]
    kind: ClassVar[TagKind]

    def stored(self, names: AccountNames) -> list[StoredEntry]:
        rows: Any = self.model.objects.prefetch_related("tags").order_by("position", "pk")
        if self.model is RegistrationStatus:
            rows = rows.filter(event=None)
        return [
            StoredEntry(row.pk, (folded(row.name),), row.name, {"name": row.name, "tags": sorted(tag.name for tag in row.tags.all())})
            for row in rows
        ]

    def mapped(self, raw: dict[str, Any], mapped: Mapped) -> dict[str, Any]:
        return map_tags(raw, mapped)

    def save(self, saver: Saver, entry: Entry, id: int | None) -> int:
        if id is None:
            sentence = Sentence("The account has no such status. The standard ones are always the same; an event can have its own.")
            raise Invalid({"name": [sentence]})
        set_tags(saver.transaction, self.kind, id, [int(saver.names.id(Named.TAG, tag)) for tag in entry.document["tags"]])
        return id


class RegistrationStatuses(Statuses):
    """The standard registration statuses."""

    name = "registration_statuses"
    label = gettext_noop("Registration status")
    audited = "registration status"
    model = RegistrationStatus
    kind = TagKind.REGISTRATION_STATUS


class SessionStatuses(Statuses):
    """The session registration statuses."""

    name = "session_statuses"
    label = gettext_noop("Session registration status")
    audited = "session status"
    model = SessionStatus
    kind = TagKind.SESSION_STATUS


class EventStatuses(Statuses):
    """The event statuses."""

    name = "event_statuses"
    label = gettext_noop("Event status")
    audited = "event status"
    model = EventStatus
    kind = TagKind.EVENT_STATUS


class CustomFields(Section):
    """The custom fields of profiles, or of events."""

    entry = FieldEntry
    audited = "custom field"
    kind: ClassVar[CustomField.Kind]

    def stored(self, names: AccountNames) -> list[StoredEntry]:
        stored = []
        for row in CustomField.objects.filter(kind=self.kind).order_by("position", "pk"):
            document = msgspec.to_builtins(CustomFieldDocument.from_row(row))
            del document["id"]
            stored.append(StoredEntry(row.pk, (folded(row.code),), row.label, document))
        return stored

    def key_of(self, document: Mapping[str, Any]) -> tuple[str, ...]:
        return (folded(document["code"]),)

    def name_of(self, document: Mapping[str, Any]) -> str:
        return str(document["label"])

    def save(self, saver: Saver, entry: Entry, id: int | None) -> int:
        facts = msgspec.convert(entry.document, FieldEntry).facts(self.kind)
        return save_field(saver.transaction, facts, id, confirmed=True).pk

    def delete(self, transaction: SetupTransaction, stored: StoredEntry) -> None:
        delete_field(transaction, stored.id)


class ProfileFields(CustomFields):
    """The custom fields of profiles."""

    name = "profile_fields"
    label = gettext_noop("Custom profile field")
    kind = CustomField.Kind.PROFILE
    defines = Named.PROFILE_FIELD


class EventFields(CustomFields):
    """The custom fields of events."""

    name = "event_fields"
    label = gettext_noop("Custom event field")
    kind = CustomField.Kind.EVENT
    defines = Named.EVENT_FIELD


class OfAccount(Section):
    """A section that is one entry: settings of the account. An absent member stays as it is."""

    audited = "account"
    is_list = False
    can_delete = False

    def key_of(self, document: Mapping[str, Any]) -> tuple[str, ...]:
        return ()

    def name_of(self, document: Mapping[str, Any]) -> str:
        return ""

    def differs(self, entry: Entry, stored: StoredEntry) -> bool:
        return any(stored.document.get(name) != value for name, value in entry.document.items())


class AccountSettings(OfAccount):
    """The account's name, time zone and start page."""

    name = "account"
    label = gettext_noop("Account")
    entry = AccountEntry

    def stored(self, names: AccountNames) -> list[StoredEntry]:
        row = Account.objects.get(pk=names.account)
        return [StoredEntry(row.pk, (), "", {"name": row.name, "timezone": row.timezone, "start_page": row.start_page})]

    def save(self, saver: Saver, entry: Entry, id: int | None) -> int:
        row = Account.objects.get(pk=saver.transaction.account)
        settings = {"name": row.name, "timezone": row.timezone, "start_page": row.start_page} | entry.document
        facts = AccountFacts(row.code, settings["name"], settings["timezone"], row.signal_enabled, settings["start_page"])
        return change_account(saver.transaction, facts).pk


class RetryIntervals(OfAccount):
    """When failed deliveries are tried again."""

    name = "retry_intervals"
    label = gettext_noop("Retry intervals")
    entry = RetryIntervalsChange

    def stored(self, names: AccountNames) -> list[StoredEntry]:
        row = Account.objects.get(pk=names.account)
        minutes: dict[str, list[float]] = msgspec.to_builtins(RetryIntervalsDocument.from_row(row))
        return [StoredEntry(row.pk, (), "", {name: [_minutes(each) for each in waits] for name, waits in minutes.items()})]

    def completed(self, struct: msgspec.Struct, document: dict[str, Any]) -> dict[str, Any]:
        standard = {FIELDS[category]: [wait / MINUTE for wait in waits] for category, waits in STANDARD.items()}
        return {name: [_minutes(each) for each in (standard[name] if waits is None else waits)] for name, waits in document.items()}

    def save(self, saver: Saver, entry: Entry, id: int | None) -> int:
        save_minutes(saver.transaction, entry.document)
        return saver.transaction.account


class Retention(OfAccount):
    """How long content and records are kept."""

    name = "retention"
    label = gettext_noop("Retention")
    entry = RetentionChange

    def stored(self, names: AccountNames) -> list[StoredEntry]:
        row = Account.objects.get(pk=names.account)
        return [StoredEntry(row.pk, (), "", {"content": row.content_days, "rows": row.row_days})]

    def save(self, saver: Saver, entry: Entry, id: int | None) -> int:
        row = Account.objects.get(pk=saver.transaction.account)
        days = {"content": row.content_days, "rows": row.row_days} | entry.document
        save_terms(saver.transaction, *checked_terms(days["content"], days["rows"]), seen=False)
        return row.pk


def _minutes(minutes: float) -> float:
    """Whole minutes as a whole number, as people write them."""
    return int(minutes) if float(minutes).is_integer() else minutes
