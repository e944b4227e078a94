"""Tags on objects (guide: Applying Tags in an Account, Applying Tags in an Event; P11).

An object can only have tags that were created for its kind. When an untagged object gets its first tag, the runs that waited for it are decided
again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from heliograph.accounts.audit import Deed
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.setup.models import (
    AttendeeType,
    AttendeeTypeTag,
    EventStatus,
    EventStatusTag,
    Question,
    RegistrationProperty,
    RegistrationPropertyTag,
    RegistrationStatus,
    RegistrationStatusTag,
    SessionStatus,
    SessionStatusTag,
    Tag,
)
from heliograph.setup.models.tag_models import KIND_NAMES
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.setup_errors import Invalid, NotThere
from heliograph.setup.usage import Tagged

# The tables that assign tags: (object, its table of tags, the column of the object). Questions store their one tag themselves, and events
# are recorded like registrations (`events.save_event`).
TABLES: dict[TagKind, tuple[Any, Any, str]] = {
    TagKind.REGISTRATION_STATUS: (RegistrationStatus, RegistrationStatusTag, "status"),
    TagKind.REGISTRATION_PROPERTY: (RegistrationProperty, RegistrationPropertyTag, "property"),
    TagKind.ATTENDEE_TYPE: (AttendeeType, AttendeeTypeTag, "type"),
    TagKind.SESSION_STATUS: (SessionStatus, SessionStatusTag, "status"),
    TagKind.EVENT_STATUS: (EventStatus, EventStatusTag, "status"),
}

_MISSING: Final[Mapping[TagKind, str]] = {
    TagKind.REGISTRATION_STATUS: gettext_noop("There is no registration status %(id)s."),
    TagKind.REGISTRATION_PROPERTY: gettext_noop("There is no registration property %(id)s."),
    TagKind.ATTENDEE_TYPE: gettext_noop("There is no attendee type %(id)s."),
    TagKind.SESSION_STATUS: gettext_noop("There is no session status %(id)s."),
    TagKind.EVENT_STATUS: gettext_noop("There is no event status %(id)s."),
}


def usable_tags(kind: TagKind, tags: Iterable[int], *, field: str = "tags") -> dict[int, Tag]:
    """The account's tags with these ids. Raises Invalid for one that does not exist or was not created for this kind."""
    tag_ids = list(dict.fromkeys(tags))
    rows: dict[int, Tag] = Tag.objects.in_bulk(tag_ids)
    for id in tag_ids:
        if id not in rows:
            raise Invalid({field: [_("There is no tag %(id)s.") % {"id": id}]})
        if kind not in rows[id].kinds:
            refusal = _("The tag %(label)s is not made for %(kind)s.")
            raise Invalid({field: [refusal % {"label": rows[id].label, "kind": KIND_NAMES[kind]}]})
    return rows


def write_tags(transaction: SetupTransaction, kind: TagKind, row: models.Model, tags: Iterable[int]) -> tuple[list[int], list[int]]:
    """Sets the tags of a row that is being saved. Returns (before, after). Raises Invalid."""
    _, through, owner = TABLES[kind]
    after = sorted(usable_tags(kind, tags))
    before = sorted(through.objects.filter(**{owner: row}).values_list("tag_id", flat=True))
    gone = set(before) - set(after)
    if gone:
        through.objects.filter(**{owner: row}, tag_id__in=gone).delete()
    through.objects.bulk_create(through(account_id=transaction.account, tag_id=tag, **{owner: row}) for tag in after if tag not in before)
    if after and not before:
        transaction.tagged.add(Tagged(kind, row.pk))
    return before, after


def set_tags(transaction: SetupTransaction, kind: TagKind, id: int, tags: Iterable[int]) -> None:
    """Sets the tags of a status, property or attendee type. Raises Invalid, NotThere."""
    row = _object(transaction, kind, id)
    before, after = write_tags(transaction, kind, row, tags)
    transaction.note(Deed.CHANGED, _kind(kind), row, {"tags": before}, {"tags": after})


def add_tag(transaction: SetupTransaction, kind: TagKind, ids: Iterable[int], tag: int) -> None:
    """Adds a tag to many objects (P11). A question that has another tag keeps that. Raises Invalid, NotThere."""
    if kind is TagKind.QUESTION:
        for id in dict.fromkeys(ids):
            question = _question(transaction, id)
            if question.tag_id is None:
                set_question_tag(transaction, id, tag)
        return
    _, through, owner = TABLES[kind]
    for id in dict.fromkeys(ids):
        has = through.objects.filter(**{f"{owner}_id": id}).values_list("tag_id", flat=True)
        set_tags(transaction, kind, id, {*has, tag})


def set_question_tag(transaction: SetupTransaction, id: int, tag: int | None) -> None:
    """Sets or clears the one tag of a question (P6). Raises Invalid, NotThere."""
    question = _question(transaction, id)
    if tag is not None:
        usable_tags(TagKind.QUESTION, [tag], field="tag")
    before, question.tag_id = question.tag_id, tag
    question.save(update_fields=["tag"])
    transaction.note(Deed.CHANGED, "question", question, {"tag": before}, {"tag": tag})


def _question(transaction: SetupTransaction, id: int) -> Question:
    question: Question | None = Question.objects.filter(pk=id).first()
    if question is None:
        raise NotThere(_("There is no question %(id)s.") % {"id": id})
    transaction.needs_event(question.event_id)
    return question


def _object(transaction: SetupTransaction, kind: TagKind, id: int) -> models.Model:
    row: Any = TABLES[kind][0].objects.filter(pk=id).first()
    if row is None:
        raise NotThere(_(_MISSING[kind]) % {"id": id})
    event = getattr(row, "event_id", None)
    if event is None:
        transaction.needs_account()
    else:
        transaction.needs_event(event)
    return row  # type: ignore[no-any-return]


def _kind(kind: TagKind) -> str:
    return kind.value.replace("_", " ")
