"""Saves mappings (guide: Mappings; M1-M9, P12)."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from django.utils import timezone
from django.utils.translation import gettext as _

from heliograph.accounts.audit import Deed
from heliograph.accounts.vault import vault
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.mapping import headers
from heliograph.domain.mapping import mapping_restoration as restoring
from heliograph.domain.mapping.mapping import MAX_NAME, MappingError
from heliograph.domain.mapping.mapping import Mapping as FieldMapping
from heliograph.domain.mapping.mapping_restoration import RestorableMapping, is_there
from heliograph.domain.sentence_template import whole_sentence
from heliograph.domain.setup.fields import parse_source
from heliograph.mappings.mapping_drafts import MappingDraft, SampleProposal
from heliograph.mappings.models import Mapping as StoredMapping
from heliograph.mappings.models import MappingField, MappingTag
from heliograph.setup.save_questions import SavedMeanwhile
from heliograph.setup.services import queue_effects
from heliograph.setup.services.dependents import uses_above
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.services.versions import RESTORED, Version, version, watching_flows, write
from heliograph.setup.setup_errors import InUse, Invalid, NotThere, check
from heliograph.setup.usage import Thing, Use
from heliograph.store.database import Database
from heliograph.store.secrets import SecretPlace, load_secrets, remove_secrets, save_secret

OWNER: Final = "mapping"


def save_mapping(
    transaction: SetupTransaction,
    mapping: FieldMapping,
    id: int | None = None,
    *,
    confirmed: bool = False,
    based_on: int | None = None,
    waiting: Mapping[str, str] | None = None,
    restored: int | None = None,
) -> StoredMapping:
    """Saves a mapping.

    confirmed: the user confirmed what saving does to flows
    based_on: the version from which editing started; a newer one is not overwritten
    waiting: the texts, by field of the vault, that were typed before and are to be stored encrypted. SEALED stands for them in the mapping, as it
        does for stored texts
    restored: the number of the past version that this save makes the newest

    Raises Invalid, NotThere, AsksFirst, SavedMeanwhile.
    """
    transaction.needs_signal()
    row = (
        StoredMapping(account_id=transaction.account, created_by=transaction.by[:60], changed_by=transaction.by[:60])
        if id is None
        else mapping_row(id)
    )
    if based_on is not None and row.number != based_on:
        raise SavedMeanwhile(row.number, row.changed_by)
    body_before, number_before = None if id is None else dict(row.body), row.number
    mapping = replace(mapping, name=mapping.name.strip())
    stored = {} if id is None else sealed_texts(transaction.db, transaction.account, id)
    try:
        texts = headers.sealed_texts(mapping.typed_secrets, {**stored, **(waiting or {})})
    except headers.NotSealed as error:
        raise Invalid({"rows": [_("Type the text again: none is stored for %(names)s.") % {"names": ", ".join(error.names)}]}) from None
    with watching_flows(transaction, confirmed=confirmed, at="rows") as config:
        tags, fields = _named(mapping, config)
        row.name, row.kind, row.subject, row.body = mapping.name, mapping.kind.value, mapping.subject.value, mapping.to_body()
        edition = int((body_before or {}).get("edition", 0)) + (texts != stored)  # a changed encrypted text makes a new version (D7)
        row.body |= ({"edition": edition} if edition else {}) | ({} if restored is None else {RESTORED: restored})
        check(row)
        row.save()
        _keep_texts(transaction, row, stored, texts)
        MappingTag.objects.filter(mapping=row).delete()
        MappingTag.objects.bulk_create(MappingTag(account_id=transaction.account, mapping=row, tag_id=tag) for tag in sorted(tags))
        MappingField.objects.filter(mapping=row).delete()
        MappingField.objects.bulk_create(
            MappingField(account_id=transaction.account, mapping=row, field_id=field) for field in sorted(fields)
        )
        write(transaction, row)
    if row.number != number_before:  # a mapping that did not change cures nothing (D7)
        queue_effects.mapping_saved(transaction, row.pk)
    transaction.note(Deed.CREATED if body_before is None else Deed.CHANGED, "mapping", row, body_before, row.body)
    return row


def entered_mapping(body: object) -> FieldMapping:
    """A mapping as a program sends it: a body in which the texts of encrypted rows may be typed. Raises Invalid, at `rows[0].target`."""
    try:
        mapping = FieldMapping.from_entered(body)
    except MappingError as error:
        where = error.field if error.row is None else f"rows[{error.row - 1}].{error.field}"
        raise Invalid({where: [whole_sentence(error.reason)]}) from None
    return replace(mapping, rows=tuple(row.settled for row in mapping.rows))


def rows_of_sample(text: str, *, values: bool) -> SampleProposal:
    """The rows that a sample of the target makes. Raises Invalid.

    values: whether the rows get the sample's values as typed text
    """
    try:
        return MappingDraft().sample(text, values=values)
    except MappingError as error:
        raise Invalid({"text": [whole_sentence(error.reason)]}) from None


def sealed_texts(db: Database, account: int, id: int) -> dict[str, str]:
    """The encrypted texts of a mapping, by field of the vault."""
    return load_secrets(db, vault(), account, OWNER, [id]).get(id, {})


def _keep_texts(transaction: SetupTransaction, row: StoredMapping, stored: Mapping[str, str], texts: Mapping[str, str]) -> None:
    if stored == texts:
        return
    remove_secrets(transaction.db, transaction.account, OWNER, row.pk, keep=texts)
    for field, text in texts.items():
        if stored.get(field) != text:
            save_secret(transaction.db, vault(), SecretPlace(transaction.account, OWNER, row.pk, field), text)


def _named(mapping: FieldMapping, config: AccountConfig) -> tuple[set[int], set[int]]:
    """The tags and the custom fields that a mapping names. Raises Invalid if the account does not have one of them."""
    tags: set[int] = set()
    fields: set[int] = set()
    for source in sorted(mapping.sources):
        key = parse_source(source)
        if key.id is None or key.id < 0:
            continue
        if not is_there(key, config):
            problem = _("There is no custom field %(id)s.") if key.tag_kind is None else _("There is no tag %(id)s for this.")
            raise Invalid({"rows": [problem % {"id": key.id}]})
        (fields if key.tag_kind is None else tags).add(key.id)
    return tags, fields


def copy_mapping(transaction: SetupTransaction, id: int) -> StoredMapping:
    """Copies a mapping with its encrypted texts. No flow uses the copy. Raises NotThere."""
    mapping = FieldMapping.from_body(mapping_row(id).body)
    taken = {name.casefold() for name in StoredMapping.objects.filter(deleted_at=None).values_list("name", flat=True)}
    base = _("Copy of %(name)s") % {"name": mapping.name[: MAX_NAME - 30]}
    names = itertools.chain([base], (f"{base} {n}" for n in itertools.count(2)))
    name = next(name for name in names if name.casefold() not in taken)
    return save_mapping(transaction, replace(mapping, name=name), waiting=sealed_texts(transaction.db, transaction.account, id))


def restore_mapping(transaction: SetupTransaction, id: int, number: int, *, confirmed: bool = False) -> RestorableMapping:
    """Makes a past version the newest (F10), without fields that no longer exist, and with the current encrypted texts (C5).

    Raises NotThere, AsksFirst, and Invalid if its name is taken by now.
    """
    mapping_row(id)
    stored = sealed_texts(transaction.db, transaction.account, id)
    restorable_mapping = restorable(
        version(transaction.db, transaction.account, "mapping", id, number), transaction.provider.account(transaction.account), stored
    )
    save_mapping(transaction, restorable_mapping.mapping, id, confirmed=confirmed, restored=number)
    return restorable_mapping


def restorable(version: Version, config: AccountConfig, sealed: Iterable[str]) -> RestorableMapping:
    """The mapping that restoring a past version would save now.

    sealed: the fields of the vault for which an encrypted text is stored

    Raises Invalid if an older release wrote the version and it is no longer valid.
    """
    try:
        return restoring.restorable(FieldMapping.from_body(version.body), config, sealed)
    except MappingError as error:
        raise Invalid({"rows": [error.sentence]}) from None


def delete_mapping(transaction: SetupTransaction, id: int) -> None:
    """Deletes a mapping that no flow uses. Raises InUse, NotThere."""
    transaction.needs_signal()
    row = mapping_row(id)
    uses = mapping_uses(transaction.account, id)
    if uses:
        raise InUse(row.name, uses)
    row.deleted_at = timezone.now()
    remove_secrets(transaction.db, transaction.account, OWNER, id)
    MappingTag.objects.filter(mapping=row).delete()
    MappingField.objects.filter(mapping=row).delete()
    write(transaction, row)
    transaction.note(Deed.DELETED, "mapping", row, row.body, None)


def mapping_uses(account: int, id: int) -> list[Use]:
    """The flows that use a mapping; the editor names them (M1)."""
    return uses_above(account, Thing.MAPPING, id)


def mapping_row(id: int) -> StoredMapping:
    """A mapping that is not deleted. Raises NotThere."""
    row: StoredMapping | None = StoredMapping.objects.filter(pk=id, deleted_at=None).first()
    if row is None:
        raise NotThere(f"There is no mapping {id}.")
    return row
