"""Custom Statuses, Attendee Types, Questions, Sessions and Configure of an event: one list, one form and one question for all of them."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.http import Http404, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from heliograph.accounts.models import Role
from heliograph.accounts.roles import AccountRequest, needs
from heliograph.domain.flow.configuration import AccountConfig
from heliograph.domain.ids import read_id
from heliograph.domain.setup.configuration import EventConfig
from heliograph.domain.setup.tags import TagKind
from heliograph.setup.errors import InUse, Invalid, NotThere
from heliograph.setup.services import event_setup, usage_counts
from heliograph.setup.services.saving import saving
from heliograph.setup.views.custom_fields import deletion
from heliograph.setup.views.event_kinds import KINDS, Counts, Kind, Texts
from heliograph.setup.views.frame import account_config, by, check, event_config, event_page, reading, readonly, refused, sentences
from heliograph.setup.views.rows import TagEdits, row_of, rows_context, say_saved
from heliograph.setup.views.tag_chips import TagChoices
from heliograph.web.toasts import say


@require_http_methods(["GET", "HEAD", "POST"])
def listed(request: AccountRequest, event: str, here: str) -> HttpResponse:
    """The list with its tags, and the form that adds one."""
    kind = KINDS[here]
    edits: TagEdits | None = None
    typed: Texts = kind.blank()
    errors, rest = dict[str, str](), list[str]()
    if request.method == "POST":
        check(request, Role.PLANNER)
        with transaction.atomic(using="read"):
            found, config = event_config(request, reading(), event), account_config(request, reading())
        if request.POST.get("do") == "add":
            typed = kind.typed(request.POST)
            errors, rest = _added(request, kind, found, config, typed)
            if not errors and not rest:
                return HttpResponseRedirect(request.path)
        elif kind.tag_kind is not None:
            edits = _edits(request.POST, kind, found, config)
            if not edits.errors and _tagged(request, kind, found, edits):
                return HttpResponseRedirect(request.path)
    with transaction.atomic(using="read"):
        found, config = event_config(request, reading(), event), account_config(request, reading())
        counts = Counts(found, usage_counts.in_event(reading(), request.account.pk, found.id, kind.thing))
        return event_page(
            request,
            "setup/rows.html",
            reading(),
            found,
            here=here,
            status=422 if errors or rest or (edits and edits.errors) else 200,
            **_context(request, kind, counts, config, edits),
            told=refused(len(errors) + (len(edits.errors) if edits else 0), rest),
            add=_adder(request, kind, found, config, typed, errors),
        )


def _edits(form: QueryDict, kind: Kind, event: EventConfig, config: AccountConfig) -> TagEdits:
    """The posted tags. A question's select holds the id of its one tag."""
    assert kind.tag_kind is not None
    choices = TagChoices(config.tags, kind.tag_kind)
    if not kind.one:
        return TagEdits.read(form, kind.found(event), choices)
    edits = TagEdits()
    for id in kind.found(event):
        chosen = form.get(f"tags-{id}")
        if chosen is None:
            continue
        edits.typed[id] = chosen
        if chosen and read_id(chosen) not in choices.shown:
            edits.errors[id] = _("There is no such tag for questions.")
        elif chosen != form.get(f"was-{id}", ""):
            edits.changed[id] = (int(chosen),) if chosen else ()
    return edits


def _tagged(request: AccountRequest, kind: Kind, event: EventConfig, edits: TagEdits) -> bool:
    at = 0
    try:
        with saving(request.account.pk, by=by(request), events=[event.id]) as s:
            for at, tags in edits.changed.items():
                kind.set_tags(s, at, tags)
            released = len(s.tagged)
    except (Invalid, NotThere) as error:
        edits.errors[at] = str(error)
        return False
    say_saved(request, len(edits.changed), released)
    return True


def _tags_of(kind: Kind, config: AccountConfig, typed: Texts) -> tuple[tuple[int, ...], dict[str, str]]:
    """Tags of a form, and why they cannot be."""
    if kind.tag_kind is None:
        return (), {}
    if kind.one:
        chosen = typed.get("tag", "")
        return ((tag,) if (tag := read_id(chosen)) is not None else ()), {}
    found = TagChoices(config.tags, kind.tag_kind).read(typed.get("tags", ""))
    return found.ids, {"tags": found.error} if found.error else {}


def _saved(
    request: AccountRequest, kind: Kind, event: EventConfig, config: AccountConfig, typed: Texts, id: int | None
) -> tuple[dict[str, str], list[str]]:
    """Saves a form; its errors by field, and those of no field. Raises Http404."""
    tags, errors = _tags_of(kind, config, typed)
    if errors:
        return errors, []
    try:
        with saving(request.account.pk, by=by(request), events=[event.id]) as s:
            row = kind.save(s, event, typed, tags, id)
    except NotThere:
        raise Http404 from None
    except Invalid as error:
        return sentences(error, kind.names)
    said = _("%(name)s is saved.") if id else _("%(name)s is there.")
    if kind.tag_kind and not tags:
        said += " " + str(kind.untagged)
    say(request, said % {"name": row})
    return {}, []


def _added(
    request: AccountRequest, kind: Kind, event: EventConfig, config: AccountConfig, typed: Texts
) -> tuple[dict[str, str], list[str]]:
    return _saved(request, kind, event, config, typed, None)


def _adder(request: AccountRequest, kind: Kind, event: EventConfig, config: AccountConfig, typed: Texts, errors: Texts) -> list[Any]:
    if readonly(request, Role.PLANNER) or kind.full(event):
        return []
    return kind.fields(event, typed, errors, TagChoices(config.tags, kind.tag_kind) if kind.tag_kind else None)


def _context(request: AccountRequest, kind: Kind, counts: Counts, config: AccountConfig, edits: TagEdits | None) -> dict[str, Any]:
    event, closed = counts.event, readonly(request, Role.PLANNER)
    choices = TagChoices(config.tags, kind.tag_kind) if kind.tag_kind else TagChoices({}, TagKind.EVENT)
    warnings = kind.warnings(event, choices)
    rows = []
    for row in kind.found(event).values():
        tags = ([row.tag] if row.tag else []) if kind.one else getattr(row, "tags", ())
        more: dict[str, Any] = {
            "href": "" if closed else reverse(f"{kind.here}-edit", args=(event.code, row.id)),
            "delete_href": reverse(f"{kind.here}-delete", args=(event.code, row.id)),
            "in_use": bool(counts.of and counts.of.get(row.id)),
            "warn": warnings.get(row.id, ""),
        }
        found = row_of(row.id, kind.name(row), kind.cells(row, counts), tags, choices, edits, untagged=str(kind.untagged), **more)
        if kind.one:
            was = str(row.tag or "")
            found |= {
                "was": was,
                "value": edits.typed.get(row.id, was) if edits else was,
                "tags_label": _("Tag for %(name)s") % {"name": kind.name(row)},
            }
            found["todo"] = "" if found["value"] else str(kind.untagged)
        rows.append(found)
    context = rows_context(
        heading=kind.heading,
        lead=kind.lead_of(event),
        crumbs=[(event.code, reverse("event-details", args=(event.code,)))],
        section_title=kind.section,
        count_text=kind.counted(event),
        heads=kind.heads(),
        rows=rows,
        tagged=kind.tag_kind is not None,
        one=kind.one,
        tags_head=_("Tag") if kind.one else _("Tags"),
        tag_options=choices.options,
        can_delete=not closed,
        readonly=closed,
        save_note=kind.save_note,
        full=kind.full(event),
        empty_title=kind.empty[0],
        empty_text=kind.empty[1],
        add_title=kind.add_title,
    )
    return {name: value for name, value in context.items() if name not in ("told", "add")}


def _row(kind: Kind, event: EventConfig, id: int) -> Any:
    row = kind.found(event).get(id)
    if row is None:
        raise Http404
    return row


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.PLANNER)
def edit(request: AccountRequest, event: str, id: int, here: str) -> HttpResponse:
    """One thing's form."""
    kind = KINDS[here]
    with transaction.atomic(using="read"):
        found, config = event_config(request, reading(), event), account_config(request, reading())
    row = _row(kind, found, id)
    choices = TagChoices(config.tags, kind.tag_kind) if kind.tag_kind else None
    typed = kind.typed_of(row, found, choices or TagChoices({}, TagKind.EVENT))
    errors, rest = dict[str, str](), list[str]()
    if request.method == "POST":
        typed = kind.typed(request.POST)
        errors, rest = _saved(request, kind, found, config, typed, id)
        if not errors and not rest:
            return HttpResponseRedirect(reverse(here, args=(event,)))
    with transaction.atomic(using="read"):
        return event_page(
            request,
            "setup/form.html",
            reading(),
            found,
            here=here,
            status=422 if errors or rest else 200,
            crumbs=[(found.code, reverse("event-details", args=(event,))), (kind.heading, reverse(here, args=(event,)))],
            heading=kind.name(row),
            lead="",
            told=refused(len(errors), rest),
            fields=kind.fields(found, typed, errors, choices),
            button=_("Save"),
            cancel_href=reverse(here, args=(event,)),
            readonly="",
            facts=[],
            breaks=[],
            actions=[(_("Delete"), reverse(f"{here}-delete", args=(event, id)))],
        )


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.PLANNER)
def delete(request: AccountRequest, event: str, id: int, here: str) -> HttpResponse:
    """Asks and deletes; what is in use is not deletable (P12)."""
    kind = KINDS[here]
    with transaction.atomic(using="read"):
        found = event_config(request, reading(), event)
    row = _row(kind, found, id)
    listed_at = reverse(here, args=(event,))
    try:
        if request.method == "POST":
            with saving(request.account.pk, by=by(request), events=[found.id]) as s:
                kind.delete(s, found.id, id)
            say(request, _("%(name)s is deleted.") % {"name": kind.name(row)})
            return HttpResponseRedirect(listed_at)
        uses = event_setup.uses_of(request.account.pk, found.id, kind.thing, id)
    except InUse as error:
        uses = list(error.uses)
    except NotThere:
        raise Http404 from None
    crumbs = [(found.code, reverse("event-details", args=(event,))), (kind.heading, listed_at)]
    asked = deletion(kind.name(row), uses, cancel_href=listed_at, crumbs=crumbs)
    with transaction.atomic(using="read"):
        return event_page(
            request, "confirmation.html", reading(), found, here=here, status=409 if request.method == "POST" else 200, **asked
        )
