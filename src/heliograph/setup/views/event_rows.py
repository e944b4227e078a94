"""Custom Statuses, Attendee Types, Questions, Sessions and Configure of an event: they share one list, one form and one confirmation page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import Http404, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from heliograph.accounts.kept_form import shows_again
from heliograph.accounts.models import Role
from heliograph.accounts.roles import AccountRequest, needs, require
from heliograph.deliveries.account_reader import account_reader
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.setup.compiled_setup import EventConfig
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.setup.coverage import watched
from heliograph.setup.services import event_setup, usage_counts
from heliograph.setup.services.setup_save import saving
from heliograph.setup.setup_errors import InUse, Invalid, NotThere
from heliograph.setup.views.custom_field_pages import deletion
from heliograph.setup.views.event_kind_forms import KindForm
from heliograph.setup.views.event_kinds import KINDS, SetupKind, UsageCounts
from heliograph.setup.views.setup_frame import event_config, event_page, form_context, readonly
from heliograph.setup.views.tag_chips import TagChoices
from heliograph.setup.views.tag_table import OneTagRow, TagRow, TagRows, is_begun, row_of, rows_context, say_saved
from heliograph.store.django_database import read_database
from heliograph.web.confirmation import is_agreed, mark_changed
from heliograph.web.forms import posted, pressed
from heliograph.web.toasts import say

ADD, ENTER = "add", "enter"
"""Buttons of the list. The Enter key adds a row if something is typed into the fields of a new one; otherwise it saves the tags."""


@shows_again
@require_http_methods(["GET", "HEAD", "POST"])
def listed(request: AccountRequest, event: str, url_name: str) -> HttpResponse:
    """The list with its tags, and the fields that add a row.

    They are one form, so that typed text that the pressed button does not save stays in the page.
    """
    kind, do, data = KINDS[url_name], pressed(request), posted(request)
    current_event, config = _read(request, event)
    choices = _choices(kind, config)
    form = kind.form(data, event=current_event, choices=choices)
    adds = do == ADD or (do == ENTER and is_begun(form))
    tags = _tags(kind, current_event, choices, data)
    if request.method == "POST":
        require(request.user, Role.PLANNER)
        if adds and _saved(request, kind, current_event, form):
            if tags is None or not tags.is_unsaved:
                return HttpResponseRedirect(request.path)
            say(request, _("Your changes to tags are not saved yet."))
            current_event, config = _read(request, event)  # with the new row
            tags, form, adds = _tags(kind, current_event, choices, data), kind.form(None, event=current_event, choices=choices), False
        elif not adds and tags is not None and not tags.refused and _tagged(request, kind, current_event, tags):
            if not is_begun(form):
                return HttpResponseRedirect(request.path)
            say(request, _("The new row is not added yet."))
            current_event, config = _read(request, event)
            tags = _tags(kind, current_event, choices, None)
    if form.is_bound and not adds and not is_begun(form):
        form = kind.form(None, event=current_event, choices=choices)
    refused = bool(tags and tags.refused) or (adds and form.refused)
    with read_database() as db:
        counts = UsageCounts(current_event, usage_counts.in_event(db, request.account.pk, current_event.id, kind.thing))
    return event_page(
        request,
        "setup/rows.html",
        current_event,
        entry=url_name,
        status=422 if refused else 200,
        **_context(request, kind, counts, choices, tags, untagged=_untagged(kind, config)),
        told=(form.draw_callout() if adds else None) or (tags and tags.draw_callout()),
        add=[] if readonly(request, Role.PLANNER) or kind.full(current_event) else form.draw_fields(),
        unsaved=form.is_bound or bool(tags and tags.is_unsaved),
    )


def _read(request: AccountRequest, event: str) -> tuple[EventConfig, AccountConfig]:
    with account_reader(request.account.pk) as reader:
        return event_config(reader, event), reader.config


def _choices(kind: SetupKind, config: AccountConfig) -> TagChoices:
    return TagChoices(config.tags, kind.tag_kind) if kind.tag_kind else TagChoices({}, TagKind.EVENT)


def _untagged(kind: SetupKind, config: AccountConfig) -> str:
    """The text in a row without a tag; "" if nothing depends on the tags of this kind."""
    return str(kind.untagged) if kind.tag_kind and watched(kind.tag_kind, config).is_watched else ""


def _tags(kind: SetupKind, event: EventConfig, choices: TagChoices, data: QueryDict | None) -> TagRows | None:
    """The tags in the list; None for a kind without tags."""
    if kind.tag_kind is None:
        return None
    stored = {id: _tags_of(kind, row) for id, row in kind.list_rows(event).items()}
    return TagRows(OneTagRow if kind.one else TagRow, stored, choices, data)


def _tags_of(kind: SetupKind, row: Any) -> Sequence[int]:
    if kind.one:
        return [row.tag] if row.tag else []
    return tuple(getattr(row, "tags", ()))


def _tagged(request: AccountRequest, kind: SetupKind, event: EventConfig, rows: TagRows) -> bool:
    at, changed = 0, rows.changed
    try:
        with saving(request.account.pk, by=request.user.actor, events=[event.id]) as transaction:
            for at, tags in changed.items():
                kind.set_tags(transaction, at, tags)
            released = len(transaction.tagged)
    except (Invalid, NotThere) as error:
        rows.refuse(at, error)
        return False
    say_saved(request, len(changed), released)
    return True


def _saved(request: AccountRequest, kind: SetupKind, event: EventConfig, form: KindForm, id: int | None = None) -> bool:
    """Saves a form, or adds the service's errors to it. Raises Http404."""
    if not form.is_valid():
        return False
    try:
        with saving(request.account.pk, by=request.user.actor, events=[event.id]) as transaction:
            row = kind.save(transaction, event, form, id)
    except Invalid as error:
        form.refuse(error)
        return False
    message = _("%(name)s saved.") if id else _("%(name)s created.")
    if not form.chosen:
        with account_reader(request.account.pk) as reader:
            message = f"{message} {_untagged(kind, reader.config)}".strip()
    say(request, message % {"name": row})
    return True


def _context(
    request: AccountRequest, kind: SetupKind, counts: UsageCounts, choices: TagChoices, tags: TagRows | None, *, untagged: str
) -> dict[str, Any]:
    event, closed = counts.event, readonly(request, Role.PLANNER)
    warnings = kind.warnings(event, choices)
    rows = []
    for row in kind.list_rows(event).values():
        more: dict[str, Any] = {
            "href": "" if closed else reverse(f"{kind.url_name}-edit", args=(event.code, row.id)),
            "delete_href": reverse(f"{kind.url_name}-delete", args=(event.code, row.id)),
            "in_use": (counts.by_id or {}).get(row.id, 0),
            "warn": warnings.get(row.id, ""),
        }
        form = tags.forms[row.id] if tags else None
        rows.append(row_of(row.id, kind.name(row), kind.cells(row, counts), _tags_of(kind, row), form, untagged=untagged, **more))
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
    return {name: value for name, value in context.items() if name not in ("told", "add", "unsaved")}


def _row(kind: SetupKind, event: EventConfig, id: int) -> Any:
    row = kind.list_rows(event).get(id)
    if row is None:
        raise Http404
    return row


@shows_again
@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.PLANNER)
def edit(request: AccountRequest, event: str, id: int, url_name: str) -> HttpResponse:
    """The form of one thing."""
    kind = KINDS[url_name]
    current_event, config = _read(request, event)
    row = _row(kind, current_event, id)
    choices = _choices(kind, config)
    form = kind.form(posted(request), event=current_event, choices=choices, stored=kind.shown_at_first(row, current_event, choices))
    if request.method == "POST" and _saved(request, kind, current_event, form, id):
        return HttpResponseRedirect(reverse(url_name, args=(event,)))
    return event_page(
        request,
        "setup/form.html",
        current_event,
        entry=url_name,
        **form_context(
            form,
            kind.name(row),
            crumbs=[(current_event.code, reverse("event-details", args=(event,))), (kind.heading, reverse(url_name, args=(event,)))],
            cancel_href=reverse(url_name, args=(event,)),
            actions=[(_("Delete"), reverse(f"{url_name}-delete", args=(event, id)))],
        ),
    )


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.PLANNER)
def delete(request: AccountRequest, event: str, id: int, url_name: str) -> HttpResponse:
    """Asks for confirmation, and deletes a thing that is not in use (P12)."""
    kind = KINDS[url_name]
    current_event, _config = _read(request, event)
    row = _row(kind, current_event, id)
    listed_at = reverse(url_name, args=(event,))
    crumbs = [(current_event.code, reverse("event-details", args=(event,))), (kind.heading, listed_at)]
    uses = event_setup.uses_of(request.account.pk, current_event.id, kind.thing, id)
    confirmation = deletion(kind.name(row), uses, thing=row, cancel_href=listed_at, crumbs=crumbs)
    if is_agreed(request, confirmation):
        try:
            with saving(request.account.pk, by=request.user.actor, events=[current_event.id]) as transaction:
                kind.delete(transaction, current_event.id, id)
        except InUse as error:  # since the uses were read, a registration has got the thing
            confirmation = deletion(kind.name(row), list(error.uses), thing=row, cancel_href=listed_at, crumbs=crumbs)
            mark_changed(confirmation, changed=True)
        else:
            say(request, _("%(name)s is deleted.") % {"name": kind.name(row)})
            return HttpResponseRedirect(listed_at)
    return event_page(request, "confirmation.html", current_event, entry=url_name, **confirmation)
