"""Event Data and Profile Data of the account: custom fields with types and options (P6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from heliograph.accounts.kept_form import shows_again
from heliograph.accounts.models import Role
from heliograph.accounts.roles import AccountRequest, needs, require
from heliograph.deliveries.account_reader import account_reader
from heliograph.domain.setup.compiled_setup import Field as Answerable
from heliograph.setup.save_questions import LosesValues
from heliograph.setup.services import custom_fields as services
from heliograph.setup.services import dependents
from heliograph.setup.services.custom_fields import FieldFacts
from heliograph.setup.services.setup_save import saving
from heliograph.setup.setup_errors import InUse, Invalid
from heliograph.setup.usage import Thing, Use
from heliograph.setup.views.answerable_form import AnswerableForm, shown_at_first, type_names
from heliograph.setup.views.confirmed_save import save_confirmed
from heliograph.setup.views.setup_frame import form_page, readonly, settings_page
from heliograph.setup.views.tag_table import Cell, rows_context
from heliograph.setup.views.uses import items_of, losing
from heliograph.web.confirmation import Breaks, is_agreed, mark_changed, question
from heliograph.web.forms import posted
from heliograph.web.toasts import say


@dataclass(frozen=True, slots=True)
class FieldsPage:
    """One of the two pages."""

    url_name: str
    """The name of its URL, and of its entry in the panel."""
    kind: str
    """"profile" or "event", as in FieldFacts."""
    config_field: str
    """The attribute of AccountConfig that lists these fields."""
    heading: Promise
    lead: Promise
    empty: Promise


PAGES = {
    page.url_name: page
    for page in (
        FieldsPage(
            "event-data",
            "event",
            "event_fields",
            gettext_lazy("Event Data"),
            gettext_lazy("Fields of your own for every event. Flows can filter by them, and mappings can send them."),
            gettext_lazy("Your events have the standard fields only: name, code, start, end, timezone, location."),
        ),
        FieldsPage(
            "profile-data",
            "profile",
            "profile_fields",
            gettext_lazy("Profile Data"),
            gettext_lazy("Fields of your own for every profile. Flows can filter by them, and mappings can send them."),
            gettext_lazy("Profiles have the standard fields only: names, e-mail, phone, organization, address and so on."),
        ),
    )
}


@shows_again
@require_http_methods(["GET", "HEAD", "POST"])
def fields(request: AccountRequest, url_name: str) -> HttpResponse:
    """The list of fields, and the form that adds one."""
    fields_page = PAGES[url_name]
    form = AnswerableForm(posted(request))
    if request.method == "POST":
        require(request.user, Role.ADMINISTRATOR)
        if form.is_valid() and _saved(request, form, fields_page):
            say(request, _("Field %(label)s created.") % {"label": form.cleaned_data["label"]})
            return HttpResponseRedirect(request.path)
    fields_by_id = _read_fields(request, fields_page)
    closed = readonly(request, Role.ADMINISTRATOR)
    context = rows_context(
        heading=fields_page.heading,
        lead=fields_page.lead,
        told=form.draw_callout(),
        heads=[_("Label"), _("Code"), _("Type"), _("Options")],
        rows=[_row(f, fields_page, closed=bool(closed)) for f in fields_by_id.values()],
        readonly=closed,
        can_delete=not closed,
        empty_title=_("No fields of your own"),
        empty_text=fields_page.empty,
        add=[] if closed else form.draw_fields(),
        add_title=_("Add a field"),
        unsaved=form.refused,
    )
    return settings_page(request, "setup/rows.html", entry=url_name, status=form.status, **context)


def _saved(request: AccountRequest, form: AnswerableForm, fields_page: FieldsPage, id: int | None = None) -> bool:
    """Saves the field of a form. Returns False, with the errors in the form, if the service refuses it.

    id: the field to change; None for a new one.
    Raises NotThere, LosesValues.
    """
    typed = form.cleaned_data
    facts = FieldFacts(fields_page.kind, typed["code"], typed["label"], form.type_chosen, form.listed)

    def save(confirmed: bool) -> None:
        with saving(request.account.pk, by=request.user.actor, whole_account=True) as transaction:
            services.save_field(transaction, facts, id, confirmed=confirmed)

    try:
        save_confirmed(request, save)
    except Invalid as error:
        form.refuse(error)
    return not form.errors


def _read_fields(request: AccountRequest, fields_page: FieldsPage) -> Mapping[int, Answerable]:
    with account_reader(request.account.pk) as reader:
        rows: Mapping[int, Answerable] = getattr(reader.config, fields_page.config_field)
    return rows


def _row(field: Answerable, fields_page: FieldsPage, *, closed: bool) -> dict[str, Any]:
    return {
        "id": field.id,
        "name": field.label,
        "href": "" if closed else reverse(f"{fields_page.url_name}-edit", args=(field.id,)),
        "cells": [
            Cell(_("Code"), field.code, "code"),
            Cell(_("Type"), type_names()[field.type]),
            Cell(_("Options"), ", ".join(field.options[:12]) + (" …" if len(field.options) > 12 else "")),
        ],
        "delete_href": reverse(f"{fields_page.url_name}-delete", args=(field.id,)),
        "in_use": False,
        "note": "",
    }


def _read_field(request: AccountRequest, fields_page: FieldsPage, id: int) -> Answerable:
    field = _read_fields(request, fields_page).get(id)
    if field is None:
        raise Http404
    return field


@shows_again
@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMINISTRATOR)
def edit(request: AccountRequest, id: int, url_name: str) -> HttpResponse:
    """The form of one field."""
    fields_page = PAGES[url_name]
    row = _read_field(request, fields_page, id)
    form = AnswerableForm(posted(request), stored=shown_at_first(row))
    try:
        if form.is_valid() and _saved(request, form, fields_page, id):
            say(request, _("Field %(label)s saved.") % {"label": form.cleaned_data["label"]})
            return HttpResponseRedirect(reverse(url_name))
    except LosesValues as error:
        confirmation = losing(request, error, crumbs=[(fields_page.heading, reverse(url_name))], cancel_href=request.path)
        return settings_page(request, "confirmation.html", entry=url_name, **confirmation)
    uses = dependents.uses_above(request.account.pk, Thing.CUSTOM_FIELD, id)
    return form_page(
        request,
        form,
        row.label,
        entry=url_name,
        crumbs=[(fields_page.heading, reverse(url_name))],
        lead=_("Flows, mappings and answers keep it when it is renamed."),
        cancel_href=reverse(url_name),
        breaks=[Breaks(_("Used in"), items=items_of(uses))] if uses else [],
    )


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMINISTRATOR)
def delete(request: AccountRequest, id: int, url_name: str) -> HttpResponse:
    """Asks for confirmation, and deletes a field that is not in use (P12)."""
    fields_page = PAGES[url_name]
    row = _read_field(request, fields_page, id)
    crumbs = [(fields_page.heading, reverse(url_name))]
    uses = services.field_uses(request.account.pk, id)
    confirmation = deletion(row.label, uses, thing=row, cancel_href=reverse(url_name), crumbs=crumbs)
    if is_agreed(request, confirmation):
        try:
            with saving(request.account.pk, by=request.user.actor, whole_account=True) as transaction:
                services.delete_field(transaction, id)
        except InUse as error:  # since the uses were read, a registration has got an answer to the field
            confirmation = deletion(row.label, list(error.uses), thing=row, cancel_href=reverse(url_name), crumbs=crumbs)
            mark_changed(confirmation, changed=True)
        else:
            say(request, _("Field %(label)s deleted.") % {"label": row.label})
            return HttpResponseRedirect(reverse(url_name))
    return settings_page(request, "confirmation.html", entry=url_name, **confirmation)


def deletion(name: str, uses: list[Use], *, thing: object, cancel_href: str, crumbs: list[Any]) -> dict[str, Any]:
    """The context of the page before a deletion: its confirmation, or the list of uses if there are any (P12).

    thing: the stored object, for the promise of the page.
    """
    if uses:
        return question(
            _("“%(name)s” is in use") % {"name": name},
            lead=_("You can delete it once nothing uses it any more."),
            crumbs=crumbs,
            breaks=[Breaks(_("Used by"), items=items_of(uses))],
            cancel=_("Back"),
            cancel_href=cancel_href,
        )
    return question(
        _("Delete “%(name)s”?") % {"name": name},
        lead=_("Nothing uses it. This cannot be undone."),
        thing=thing,
        crumbs=crumbs,
        button=_("Delete"),
        button_class="danger",
        cancel=_("Keep it"),
        cancel_href=cancel_href,
    )
