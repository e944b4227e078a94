"""Custom profile and event fields of an account (P6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection
from django.db.models import Max

from heliograph.accounts.audit import Deed
from heliograph.domain.flow.filters import plain
from heliograph.domain.setup.compiled_setup import QuestionType
from heliograph.setup.models import CustomField
from heliograph.setup.name_fields import FIELD_CODE_LENGTH, code_for
from heliograph.setup.services import dependents, usage_counts
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.setup_errors import InUse, NotThere, check
from heliograph.setup.usage import Thing, Use
from heliograph.setup.version_bodies import answerable_body
from heliograph.store.django_database import of_django


@dataclass(frozen=True, slots=True)
class FieldFacts:
    """A custom field."""

    kind: str
    """"profile" or "event"; it never changes."""
    code: str
    label: str
    type: str = QuestionType.TEXT
    options: tuple[str, ...] = ()


def save_field(transaction: SetupTransaction, facts: FieldFacts, id: int | None = None, *, confirmed: bool = False) -> CustomField:
    """Saves a custom field. An empty code is derived from the label.

    confirmed: saves even if flows filter by an option that this save removes.
    Raises Invalid, NotThere, LosesValues.
    """
    transaction.needs_account()
    if id is None:
        last = CustomField.objects.filter(kind=facts.kind).aggregate(last=Max("position"))["last"]
        row = CustomField(account_id=transaction.account, kind=facts.kind, position=0 if last is None else last + 1)
        before = None
    else:
        row = _row(id)
        before = answerable_body(row)
    had = options_of(row.type, row.options) if id is not None else []
    code = facts.code.strip()
    if not code and facts.label.strip():
        code = code_for(facts.label, FIELD_CODE_LENGTH, CustomField.objects.filter(kind=facts.kind).values_list("code", flat=True))
    row.code, row.label, row.type, row.options = code, facts.label.strip(), facts.type, [option.strip() for option in facts.options]
    check(row)
    row.save()
    has = {plain(option) for option in options_of(row.type, row.options)}
    dependents.values_gone(
        transaction, f"{row.kind}.custom.{row.pk}", [option for option in had if plain(option) not in has], confirmed=confirmed
    )
    transaction.note(Deed.CREATED if before is None else Deed.CHANGED, "custom field", row, before, answerable_body(row))
    return row


def options_of(type: str, options: Sequence[str]) -> list[str]:
    """The options of a field of this type. A checkbox without options is a Yes or No."""
    if type not in QuestionType.ENUMERATED:
        return []
    return list(options) or (["Yes", "No"] if type == QuestionType.CHECKBOX else [])


def field_uses(account: int, id: int) -> list[Use]:
    """The answers to a custom field, and the flows and mappings that name it. Raises NotThere."""
    row = _row(id)
    counted = usage_counts.uses_of_profile_field if row.kind == CustomField.Kind.PROFILE else usage_counts.uses_of_event_field
    return [*counted(of_django(connection), account, id), *dependents.uses_above(account, Thing.CUSTOM_FIELD, id)]


def delete_field(transaction: SetupTransaction, id: int) -> None:
    """Deletes a custom field that has no answers and that no flow or mapping names. Raises InUse, NotThere."""
    transaction.needs_account()
    row = _row(id)
    uses = field_uses(transaction.account, id)
    if uses:
        raise InUse(str(row), uses)
    transaction.note(Deed.DELETED, "custom field", row, answerable_body(row), None)
    row.delete()


def _row(id: int) -> CustomField:
    row: CustomField | None = CustomField.objects.filter(pk=id).first()
    if row is None:
        raise NotThere(f"There is no custom field {id}.")
    return row
