"""The set-up of an event: custom statuses, attendee types, registration properties, questions, sessions (P3-P6).

Each kind has a dataclass of facts, a `save_…` (id None = a new one) and a `delete_…`. All raise Invalid, NotThere; deleting raises InUse.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, models
from django.db.models import Max
from django.utils.translation import gettext as _

from heliograph.accounts.audit import Deed
from heliograph.domain.setup.compiled_setup import QuestionType
from heliograph.domain.setup.statuses import StatusClass
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.setup.local_times import in_utc
from heliograph.setup.models import AttendeeType, Question, RegistrationProperty, RegistrationStatus, Session
from heliograph.setup.name_fields import CODE_LENGTH, FIELD_CODE_LENGTH, code_for, folded
from heliograph.setup.services import dependents, usage_counts
from heliograph.setup.services.object_tags import usable_tags, write_tags
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.setup_errors import InUse, Invalid, NotThere, check
from heliograph.setup.usage import Tagged, Thing, Use
from heliograph.store.django_database import of_django
from heliograph.store.models import Event


@dataclass(frozen=True, slots=True)
class StatusFacts:
    """A custom registration status (P3)."""

    code: str
    name: str
    cls: StatusClass
    tags: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class TypeFacts:
    """An attendee type (P5)."""

    code: str
    name: str
    tags: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class PropertyFacts:
    """A custom registration property (P4)."""

    code: str
    name: str
    tags: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class QuestionFacts:
    """A registration question (P6)."""

    code: str
    label: str
    type: str = QuestionType.TEXT
    options: tuple[str, ...] = ()
    tag: int | None = None


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """A session (P5). Instants are aware."""

    code: str
    name: str
    start: datetime | None = None
    end: datetime | None = None


def save_status(transaction: SetupTransaction, event: int, facts: StatusFacts, id: int | None = None) -> RegistrationStatus:
    """Saves a custom status of an event.

    Its code and name must also differ from those of the standard statuses, because documents name statuses by either. An empty code is derived
    from the name, as in every `save_…` of this module.
    """
    standard = {folded(text) for row in RegistrationStatus.objects.filter(event=None) for text in (row.code, row.name)}
    for name in ("code", "name"):
        if folded(getattr(facts, name)) in standard:
            raise Invalid({name: [_("This is a standard registration status.")]})
    values = {"code": _code(RegistrationStatus, event, facts.code, facts.name, standard), "name": facts.name, "cls": facts.cls.value}
    return _save(transaction, RegistrationStatus, TagKind.REGISTRATION_STATUS, event, values, facts.tags, id)


def save_type(transaction: SetupTransaction, event: int, facts: TypeFacts, id: int | None = None) -> AttendeeType:
    """Saves an attendee type."""
    values = {"code": _code(AttendeeType, event, facts.code, facts.name), "name": facts.name}
    return _save(transaction, AttendeeType, TagKind.ATTENDEE_TYPE, event, values, facts.tags, id)


def save_property(transaction: SetupTransaction, event: int, facts: PropertyFacts, id: int | None = None) -> RegistrationProperty:
    """Saves a custom registration property; an event has at most 30."""
    if id is None and RegistrationProperty.objects.filter(event=event).count() >= RegistrationProperty.MOST:
        refusal = _("An event has at most %(most)s custom registration properties.")
        raise Invalid({"": [refusal % {"most": RegistrationProperty.MOST}]})
    values = {"code": _code(RegistrationProperty, event, facts.code, facts.name), "name": facts.name}
    return _save(transaction, RegistrationProperty, TagKind.REGISTRATION_PROPERTY, event, values, facts.tags, id)


def save_question(transaction: SetupTransaction, event: int, facts: QuestionFacts, id: int | None = None) -> Question:
    """Saves a question."""
    if facts.tag is not None:
        usable_tags(TagKind.QUESTION, [facts.tag], field="tag")
    code = _code(Question, event, facts.code, facts.label, longest=FIELD_CODE_LENGTH)
    values = {
        "code": code,
        "label": facts.label,
        "type": facts.type,
        "options": [option.strip() for option in facts.options],
        "tag_id": facts.tag,
    }
    return _save(transaction, Question, None, event, values, (), id)


def save_session(transaction: SetupTransaction, event: int, facts: SessionFacts, id: int | None = None) -> Session:
    """Saves a session."""
    times = {name: in_utc(getattr(facts, name), name) for name in ("start", "end")}
    values = {"code": _code(Session, event, facts.code, facts.name), "name": facts.name, **times}
    return _save(transaction, Session, None, event, values, (), id)


def uses_of(account: int, event: int, thing: Thing, id: int) -> list[Use]:
    """The uses of a thing of the event: by registrations, and by all registered dependents (P12)."""
    return [*usage_counts.uses_in_event(of_django(connection), account, event, thing, id), *dependents.uses_above(account, thing, id)]


def delete_status(transaction: SetupTransaction, event: int, id: int) -> None:
    """Deletes a custom status that no registration has."""
    _delete(transaction, RegistrationStatus, event, id, Thing.REGISTRATION_STATUS)


def delete_type(transaction: SetupTransaction, event: int, id: int) -> None:
    """Deletes an attendee type that no registration has."""
    _delete(transaction, AttendeeType, event, id, Thing.ATTENDEE_TYPE)


def delete_property(transaction: SetupTransaction, event: int, id: int) -> None:
    """Deletes a custom registration property that no registration has. Stuck runs that waited for its tag are decided again."""
    _delete(transaction, RegistrationProperty, event, id, Thing.REGISTRATION_PROPERTY)
    transaction.tagged.add(Tagged(TagKind.REGISTRATION_PROPERTY, id))


def delete_question(transaction: SetupTransaction, event: int, id: int) -> None:
    """Deletes a question without answers."""
    _delete(transaction, Question, event, id, Thing.QUESTION)


def delete_session(transaction: SetupTransaction, event: int, id: int) -> None:
    """Deletes a session without registrations."""
    _delete(transaction, Session, event, id, Thing.SESSION)


def row_of[M: models.Model](transaction: SetupTransaction, model: type[M], event: int, id: int) -> M:
    """The row, which must belong to this event. Raises NotThere."""
    transaction.needs_event(event)
    row: M | None = model._default_manager.filter(pk=id, event=event).first()
    if row is None:
        raise NotThere("This event does not have it any more.")
    return row


def _save[M: models.Model](
    transaction: SetupTransaction,
    model: type[M],
    kind: TagKind | None,
    event: int,
    values: Mapping[str, Any],
    tags: tuple[int, ...],
    id: int | None,
) -> M:
    transaction.needs_event(event)
    given = {name: value.strip() if isinstance(value, str) else value for name, value in values.items()}
    if id is None:
        last = model._default_manager.filter(event=event).aggregate(last=Max("position"))["last"]
        row = model(account_id=transaction.account, event_id=event, position=0 if last is None else last + 1, **given)
        before = None
    else:
        row = row_of(transaction, model, event, id)
        before = _audit_values(row, given)
        for name, value in given.items():
            setattr(row, name, value)
    check(row)
    row.save()
    after = _audit_values(row, given)
    if before is None:
        after = _event_of(event) | after
    if kind is not None:
        had, has = write_tags(transaction, kind, row, tags)
        after["tags"] = has
        if before is not None:
            before["tags"] = had
    transaction.note(Deed.CREATED if before is None else Deed.CHANGED, _words(model), row, before, after)
    return row


def _code(model: type[models.Model], event: int, code: str, name: str, also: Iterable[str] = (), *, longest: int = CODE_LENGTH) -> str:
    """The given code, or one derived from the name that is still free in the event.

    also: further codes that are taken.
    """
    if code.strip() or not name.strip():
        return code
    return code_for(name, longest, [*model._default_manager.filter(event=event).values_list("code", flat=True), *also])


def _event_of(event: int) -> dict[str, Any]:
    """The event of a new or deleted object for its audit entry, which stands in one list with those of all events."""
    return {"event": Event.objects.values_list("code", flat=True).get(pk=event)}


def _audit_values(row: models.Model, names: Mapping[str, Any]) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in names}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}


def _delete(transaction: SetupTransaction, model: type[models.Model], event: int, id: int, thing: Thing) -> None:
    row = row_of(transaction, model, event, id)
    uses = uses_of(transaction.account, event, thing, id)
    if uses:
        raise InUse(str(row), uses)
    transaction.note(Deed.DELETED, _words(model), row, _event_of(event) | {"name": str(row)}, None)
    row.delete()


def _words(model: type[models.Model]) -> str:
    return str(model._meta.verbose_name)
