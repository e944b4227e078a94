"""Creates, changes, merges and deletes tags (guide: Setting Tags Up for an Account; P12)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Count
from django.utils.translation import gettext as _

from heliograph.accounts.audit import Deed
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.setup.models import EventTag, Question, Tag
from heliograph.setup.models.tag_models import KIND_NAMES
from heliograph.setup.services import dependents
from heliograph.setup.services.events import set_event_tags
from heliograph.setup.services.object_tags import TABLES
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.setup_errors import InUse, Invalid, NotThere, check
from heliograph.setup.usage import Thing, Use
from heliograph.store.models import Event


@dataclass(frozen=True, slots=True)
class TagFacts:
    """A tag."""

    name: str
    kinds: frozenset[TagKind]
    label: str = ""
    """"" for the name."""


def save_tag(transaction: SetupTransaction, facts: TagFacts, id: int | None = None) -> Tag:
    """Saves a tag. A kind whose objects use the tag cannot be removed. Raises Invalid, InUse, NotThere."""
    transaction.needs_account()
    if not facts.kinds:
        raise Invalid({"kinds": [_("A tag is made for at least one kind of object.")]})
    row = Tag(account_id=transaction.account) if id is None else _row(id)
    before = None if id is None else _audit_values(row)
    if id is not None:
        for kind in set(row.kinds) - facts.kinds:
            uses = [*_objects(row, TagKind(kind)), *dependents.uses_above(transaction.account, Thing.TAG, id, TagKind(kind))]
            if uses:
                raise InUse(_("%(label)s for %(kind)s") % {"label": row.label, "kind": KIND_NAMES[TagKind(kind)]}, uses)
    row.name, row.label, row.kinds = facts.name.strip(), facts.label.strip() or facts.name.strip(), sorted(facts.kinds)
    check(row)
    row.save()
    transaction.note(Deed.CREATED if before is None else Deed.CHANGED, "tag", row, before, _audit_values(row))
    return row


def carried() -> dict[int, dict[TagKind, int]]:
    """How many objects of each kind have each tag of the account, in one query per kind."""
    counts: dict[int, dict[TagKind, int]] = {}
    through: list[tuple[TagKind, Any]] = [(kind, tables[1]) for kind, tables in TABLES.items()]
    for kind, model in [*through, (TagKind.EVENT, EventTag), (TagKind.QUESTION, Question)]:
        for tag, count in model.objects.exclude(tag=None).order_by().values_list("tag_id").annotate(n=Count("pk")):
            counts.setdefault(tag, {})[kind] = count
    return counts


def objects_of(id: int) -> dict[TagKind, list[Use]]:
    """The objects that have a tag, by kind; empty kinds are omitted. Raises NotThere."""
    row = _row(id)
    uses_by_kind = {kind: _objects(row, kind) for kind in TagKind}
    return {kind: uses for kind, uses in uses_by_kind.items() if uses}


def left_untagged(id: int) -> dict[TagKind, list[Use]]:
    """The objects whose only tag this is: its deletion leaves them without any (P12). Raises NotThere."""
    uses_by_kind = objects_of(id)
    for kind in [k for k in uses_by_kind if k in TABLES]:
        _model, through, owner = TABLES[kind]
        others = set(
            through.objects.filter(**{f"{owner}__in": [use.id for use in uses_by_kind[kind]]}).exclude(tag=id).values_list(owner, flat=True)
        )
        uses_by_kind[kind] = [use for use in uses_by_kind[kind] if use.id not in others]
    uses_by_kind.pop(TagKind.EVENT, None)
    return {kind: uses for kind, uses in uses_by_kind.items() if uses}


def delete_tag(transaction: SetupTransaction, id: int) -> None:
    """Deletes a tag and removes it from everything (P12).

    It is removed from the lists and filters of flows. A flow becomes incomplete if a list or filter loses its last tag, or if a filter excluded
    the tag. A tag that a mapping names cannot be deleted. The changes of its events are recorded, and no flow judges them.
    Raises InUse, NotThere.
    """
    transaction.needs_account()
    row = _row(id)
    for each in dependents.everyone():
        each.tag_deleted(transaction, id)
    _replace_on_objects(transaction, row, None)
    transaction.note(Deed.DELETED, "tag", row, _audit_values(row), None)
    row.delete()


def merge_tags(transaction: SetupTransaction, old: int, into: int) -> Tag:
    """Replaces the tag `old` by `into` everywhere and deletes it. `into` also gets its kinds. Raises Invalid, NotThere."""
    transaction.needs_account()
    if old == into:
        raise Invalid({"into": [_("Choose another tag to merge with.")]})
    row, other = _row(old), _row(into)
    before = _audit_values(other)
    other.kinds = sorted({*other.kinds, *row.kinds})
    other.save()
    for each in dependents.everyone():
        each.tag_replaced(transaction, old, into)
    _replace_on_objects(transaction, row, other)
    transaction.note(Deed.MERGED, "tag", other, before | {"merged": None}, _audit_values(other) | {"merged": row.name})
    row.delete()
    return other


def _replace_on_objects(transaction: SetupTransaction, row: Tag, other: Tag | None) -> None:
    """Removes a tag from every object and puts `other`, if any, in its place."""
    _lock_events(transaction, row)
    for _model, through, owner in TABLES.values():
        rows = through.objects.filter(tag=row)
        if other is not None:
            has = set(through.objects.filter(tag=other).values_list(f"{owner}_id", flat=True))
            through.objects.bulk_create(
                through(account_id=transaction.account, tag=other, **{f"{owner}_id": id})
                for id in rows.values_list(f"{owner}_id", flat=True)
                if id not in has
            )
        rows.delete()
    Question.objects.filter(tag=row).update(tag=other)
    tags_by_event: dict[int, set[int]] = {}
    events = EventTag.objects.filter(tag=row).values("event")
    for event, tag in EventTag.objects.filter(event__in=events).values_list("event_id", "tag_id"):
        tags_by_event.setdefault(event, set()).add(tag)
    for event, tags in tags_by_event.items():
        set_event_tags(transaction, event, sorted({*(tags - {row.pk}), *((other.pk,) if other else ())}), quiet=True)


def _lock_events(transaction: SetupTransaction, row: Tag) -> None:
    events = set(EventTag.objects.filter(tag=row).values_list("event_id", flat=True))
    events |= set(Question.objects.filter(tag=row).values_list("event_id", flat=True))
    for model, _through, _owner in TABLES.values():
        if hasattr(model, "event"):
            events |= set(model.objects.filter(tags=row).exclude(event=None).values_list("event_id", flat=True))
    transaction.lock_more_events(events)


def _objects(row: Tag, kind: TagKind) -> list[Use]:
    """The objects of this kind that have the tag."""
    if kind is TagKind.EVENT:
        return [Use("event", e.pk, e.code, where=e.code) for e in Event.objects.filter(tagged__tag=row).order_by("code")]
    if kind is TagKind.QUESTION:
        questions = Question.objects.filter(tag=row).select_related("event")
        return [Use("question", q.pk, f"{q.label} ({q.event.code})", where=q.event.code) for q in questions]
    model, _through, _owner = TABLES[kind]
    rows: Any = model.objects.filter(tags=row).order_by("pk")
    has_event = hasattr(model, "event")
    if has_event:
        rows = rows.select_related("event")
    return [
        Use(str(model._meta.verbose_name), each.pk, str(each), where=str(each.event.code) if has_event and each.event is not None else "")
        for each in rows
    ]


def _row(id: int) -> Tag:
    row: Tag | None = Tag.objects.filter(pk=id).first()
    if row is None:
        raise NotThere(_("There is no tag %(id)s.") % {"id": id})
    return row


def _audit_values(row: Tag) -> dict[str, object]:
    return {"name": row.name, "label": row.label, "kinds": sorted(row.kinds)}
